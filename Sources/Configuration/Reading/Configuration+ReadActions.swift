internal import Exchange
internal import HTTP
internal import Proxy
internal import Upstream

/// What a route does with requests besides passing them to a service.
extension Configuration {
  /// Reads into the rules what stands in the route's sections. `paths`: the route's own.
  static func readActions(
    _ route: Section, _ paths: [Located<Settings.PathMatch>], _ rules: inout Settings.RouteRules
  ) -> RouteFiles {
    var files = RouteFiles()
    if route.has("redirect") { readRedirect(route.section("redirect"), paths, &rules) }
    if route.has("respond") { readRespond(route.section("respond"), &rules, &files) }
    readErrors(route, &rules, &files)
    if route.has("rewrite") { readRewrite(route, paths, &rules) }
    rules.limits = route.section("limits").settings()
    checkLimits(route.section("limits"), rules.limits)
    rules.overrides = readOverrides(route)
    let answers = ["redirect", "respond"].filter { route.has($0) }
    for key in answers {
      let others = ["service", "models", "rewrite"].filter { route.has($0) } + answers.filter { $0 != key }
      for other in others where other != "respond" {
        route.report.error(
          route.origin(of: other), "nobody has what the route answers by \(key)", "remove it, or \(key)")
      }
    }
    return files
  }

  private static func readRedirect(
    _ section: Section, _ paths: [Located<Settings.PathMatch>], _ rules: inout Settings.RouteRules
  ) {
    var redirect: Settings.Redirect = section.settings()
    redirect.path = section.has("path") ? readPath(section, paths) : nil
    redirect.prefix = section.text("prefix", Settings.PathMatch.parsePrefix)
    if let prefix = redirect.prefix { replacePrefix(by: prefix, section, paths, &rules) }
    if section.has("path"), section.has("prefix") {
      section.report.error(
        section.origin(of: "prefix"), "the whole path is said already", "remove one of both")
    }
    if ![301, 302, 303, 307, 308].contains(redirect.status) {
      section.report.error(
        section.origin(of: "status"), "\(redirect.status) sends nobody elsewhere",
        "write 301, 302, 303, 307 or 308")
    }
    let isSame =
      redirect.scheme == nil && redirect.host == nil && redirect.port == nil && redirect.path == nil
      && redirect.prefix == nil && !redirect.stripQuery
    if isSame, !section.report.hasErrors {
      section.report.error(
        section.origin, "leads to where it comes from", "say scheme, host, port, path or prefix")
    }
    rules.redirect = redirect
  }

  private static func readRespond(
    _ section: Section, _ rules: inout Settings.RouteRules, _ files: inout RouteFiles
  ) {
    var answer: Settings.DirectAnswer = section.settings()
    answer.page = readPage(section) { files.respond = $0 }
    if answer.status == 204 || answer.status == 304, section.has("body") || section.has("file") {
      section.report.error(section.origin(of: "status"), "an answer \(answer.status) has no content")
    }
    rules.respond = answer
  }

  private static func readErrors(
    _ route: Section, _ rules: inout Settings.RouteRules, _ files: inout RouteFiles
  ) {
    if rules.interceptErrors, !route.has("errors") {
      route.report.error(route.origin(of: "intercept_errors"), "nothing stands in their place", "add errors")
    }
    guard route.has("errors") else { return }
    for member in route.members("errors") {
      let path = Section.join(route.origin(of: "errors").path, member.key)
      let section = Section(member.value, tablePath: "routes[].errors.*", path: path, report: route.report)
      let page = readPage(section) { file in
        if let status = decimal(member.key) { files.errors[status] = file }
      }
      guard let status = decimal(member.key), (400...599).contains(status) else {
        route.report.error(
          Origin(position: member.position, path: path), "\(quoted(member.key)) is no status of an error",
          "write one from 400 to 599")
        continue
      }
      rules.errors[status] = page
    }
  }

  /// Content that stands in the file itself, or in one that is named.
  private static func readPage(_ section: Section, file: (Located<String>) -> Void) -> Settings.Page {
    var page = Settings.Page()
    if section.has("body"), section.has("file") {
      section.report.error(section.origin(of: "file"), "the content is said already", "remove body or file")
    }
    if let path = section.path("file") { file(Located(path, origin: section.origin(of: "file"))) }
    page.contentType = section.text("content_type", FieldText.value) ?? page.contentType
    let body = section.text("body") { text throws(Invalid) -> String in
      guard text.utf8.count <= Settings.DirectAnswer.maximumBytes else {
        throw Invalid("the content is longer than \(Settings.DirectAnswer.maximumBytes) bytes")
      }
      return text
    }
    page.body = Array((body ?? "").utf8)
    return page
  }

  private static func readRewrite(
    _ route: Section, _ paths: [Located<Settings.PathMatch>], _ rules: inout Settings.RouteRules
  ) {
    let section = route.section("rewrite")
    rules.rewritePath = section.has("path") ? readPath(section, paths) : nil
    let prefix = section.text("prefix", Settings.PathMatch.parsePrefix)
    if let prefix { replacePrefix(by: prefix, section, paths, &rules) }
    for key in ["strip_prefix", "add_prefix"] where route.has(key) && (section.has("path") || prefix != nil) {
      route.report.error(route.origin(of: key), "rewrite says the path already", "remove one of both")
    }
    if section.has("path"), section.has("prefix") {
      section.report.error(
        section.origin(of: "prefix"), "the whole path is said already", "remove one of both")
    }
    if let host = section.text("host", HostName.parse) {
      rules.headers.request.set.append(Fields.Field("Host", host))
    }
  }

  /// A whole path, which may have variables of the route's.
  private static func readPath(_ section: Section, _ paths: [Located<Settings.PathMatch>]) -> String? {
    section.text("path") { text throws(Invalid) -> String in
      guard text.hasPrefix("/"), text.utf8.count <= 1024,
        text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3F && $0 != 0x23 })
      else { throw Invalid("\(quoted(text)) is no path", "begin with /, without query and fragment") }
      let value = ValueText(text)
      for part in value.parts {
        switch part {
        case .text: continue
        case .variable(let name): try check(variable: name, paths)
        default:
          throw Invalid("\(quoted(text)) has values that no path has", "only {path.NAME} stands in a path")
        }
      }
      if let unknown = value.unknown { throw Invalid("{\(unknown.word)} is no value", "write {path.NAME}") }
      return text
    }
  }

  static func check(variable name: String, _ paths: [Located<Settings.PathMatch>]) throws(Invalid) {
    guard paths.map(\.value).place(ofVariable: name) == nil else { return }
    throw Invalid("the paths of the route have no variable {\(name)} in one place", "add it to each of paths")
  }

  /// The one path of the route says what is replaced.
  private static func replacePrefix(
    by prefix: String, _ section: Section, _ paths: [Located<Settings.PathMatch>],
    _ rules: inout Settings.RouteRules
  ) {
    guard paths.count == 1, case .prefix(let old)? = paths.first?.value else {
      return section.report.error(
        section.origin(of: "prefix"),
        "takes the place of what the route's path begins with, and it has not one such",
        "give the route one path such as /old/*")
    }
    (rules.stripPrefix, rules.addPrefix) = (String(old.dropLast()), prefix)
  }

  private static func checkLimits(_ section: Section, _ limits: Settings.RouteLimits) {
    for key in ["burst", "header"] where section.has(key) && !section.has("requests_per_second") {
      section.report.error(
        section.origin(of: key), "goes with requests_per_second, which is not set", "add it, or remove \(key)"
      )
    }
  }

  private static func readOverrides(_ route: Section) -> Settings.ServiceOverrides {
    var overrides = Settings.ServiceOverrides()
    let (timeouts, retries) = (route.section("timeouts"), route.section("retries"))
    func time(_ key: String) -> Milliseconds? { timeouts.has(key) ? timeouts.read(key) : nil }
    retries.fill(&overrides)
    overrides.connect = time("connect")
    overrides.responseHead = time("response_head")
    overrides.firstByte = time("first_byte")
    overrides.idle = time("idle")
    if retries.has("on"), let conditions: [RetryCondition] = retries.read("on") {
      var rule = RetryRule()
      rule.onConnectFailure = conditions.contains(.connectFailure)
      rule.onReset = conditions.contains(.reset)
      rule.onResponseTimeout = conditions.contains(.responseTimeout)
      for case .status(let code) in conditions { rule.insert(status: code) }
      rule.onUnavailable = rule.covers(503)
      overrides.rule = rule
    }
    return overrides
  }

  // MARK: Values in fields

  /// Tells values that there are not, at their columns.
  static func checkValue(
    _ text: String, _ node: YAMLNode, _ origin: Origin, _ paths: [Located<Settings.PathMatch>]?,
    _ report: Report
  ) {
    let value = ValueText(text)
    if let unknown = value.unknown {
      var column = node.position.column + unknown.offset
      if case .scalar(_, plain: false) = node.content { column += 1 }
      let place = Position(line: node.position.line, column: column, file: node.position.file)
      report.error(
        Origin(position: place, path: origin.path), "{\(unknown.word)} is no value of a request",
        Nearest.hint(for: unknown.word, among: ValueText.names) ?? "known: \(alternatives(ValueText.names))")
    }
    for name in value.variables {
      do throws(Invalid) { try check(variable: name, paths ?? []) } catch { report.error(origin, error) }
    }
  }
}
