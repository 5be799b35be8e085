internal import HTTP
internal import Proxy

extension Configuration {
  static func readRoutes(_ top: Section) -> [Route] {
    (top.sections("routes") ?? []).compactMap { section in
      let hosts =
        section.has("hosts")
        ? section.texts("hosts", nonEmpty: true, HostPattern.parse)
        : [Located(HostPattern.any, origin: section.origin)]
      let paths =
        section.has("paths")
        ? section.texts("paths", nonEmpty: true, Settings.PathMatch.parse)
        : [Located(Settings.PathMatch.prefix("/"), origin: section.origin)]
      let answersItself = section.has("redirect") || section.has("respond")
      let split = readSplit(section)
      let splitKey = readSplitKey(section)
      let root = section.path("root")
      for key in ["service", "split", "redirect", "respond", "models"]
      where section.has("root") && section.has(key) {
        section.report.error(
          section.origin(of: key), "stands beside root, which answers by files", "give it a route of its own")
      }
      if !answersItself, !section.has("root"), !section.has("service"), !section.has("split") {
        section.report.error(section.origin, "the key \"service\" is missing")
      }
      let service =
        section.has("service")
        ? section.text("service", Word.name)
        : answersItself ? "" : root.map { Self.serviceName(ofRoot: $0) } ?? split.first?.service.value
      let auth = section.section("auth")
      let keyFile = auth.path("api_keys").map { Located($0, origin: auth.origin(of: "api_keys")) }
      let others = readAuth(auth)
      if section.has("auth"), !auth.has("api_keys"), !auth.has("basic"), !auth.has("forward") {
        section.report.error(
          auth.origin, "asks for nothing", "write api_keys, basic or forward, or remove it")
      }
      var rules: Settings.RouteRules = section.settings()
      rules.headers = readHeaders(section.section("headers"), paths ?? [])
      let files = readActions(section, paths ?? [], &rules)
      rules.cors = readCrossOrigin(section, rules.headers)
      if section.has("strip_prefix") { checkPrefix(rules.stripPrefix, section, paths ?? []) }
      let match = readMatch(section.section("match"))
      let models = readModels(section)
      let keyGroups = readKeyGroups(section)
      for key in ["model_header", "model_path"] where section.has(key) && models.isEmpty {
        section.report.error(
          section.origin(of: key), "names a model, and no service is chosen by it", "add models")
      }
      guard let hosts, let paths, let service else { return nil }
      return Route(
        hosts: hosts, paths: paths, match: match,
        service: Located(service, origin: section.origin(of: "service")),
        rules: rules, keyFile: keyFile, auth: others, keyGroups: keyGroups, models: models, split: split,
        splitKey: splitKey,
        files: files,
        origin: section.origin)
    }
  }

  /// What the service of a directory's files is called.
  static func serviceName(ofRoot directory: String) -> String { "files:\(directory)" }

  /// The services of the directories that routes give out.
  static func fileServices(_ top: Section) -> [Service] {
    var found: [Service] = []
    for section in top.sections("routes") ?? [] {
      guard section.has("root"), let root = section.path("root") else { continue }
      let name = serviceName(ofRoot: root)
      guard !found.contains(where: { $0.name == name }) else { continue }
      var service = Service(name: name, origin: section.origin(of: "root"))
      service.backends = [Backend(address: .files(directory: root), origin: section.origin(of: "root"))]
      service.rules.timeouts = Settings.ServiceRules().timeouts
      found.append(service)
    }
    return found
  }

  /// A path that has nothing to take off is a mistake.
  private static func checkPrefix(_ strip: String, _ section: Section, _ paths: [Located<Settings.PathMatch>])
  {
    for path in paths where section.has("paths") && !strip.isEmpty {
      let text =
        switch path.value {
        case .exact(let text), .prefix(let text), .template(let text): text
        }
      if text != strip, !text.hasPrefix(strip + "/") {
        section.report.error(
          path.origin, "\(quoted(text)) does not begin with the strip_prefix \(quoted(strip))",
          "give it a route of its own")
      }
    }
  }

  // MARK: Matches

  private static func readMatch(_ section: Section) -> Settings.RequestMatch {
    var match: Settings.RequestMatch = section.settings()
    match.headers = readValues(section, "headers", FieldText.name)
    match.query = readValues(section, "query", Word.line)
    return match
  }

  /// Names with what is asked of their values: a text for the whole value, or a section.
  private static func readValues(
    _ section: Section, _ key: String, _ name: (String) throws(Invalid) -> String
  ) -> [Settings.ValueMatch] {
    guard section.has(key) else { return [] }
    return section.members(key).compactMap { member in
      let path = Section.join(section.origin(of: key).path, member.key)
      let origin = Origin(position: member.position, path: path)
      do throws(Invalid) { _ = try name(member.key) } catch {
        section.report.error(origin, error)
        return nil
      }
      guard case .mapping = member.value.content else {
        return section.text(member.value, at: origin, FieldText.value).map {
          Settings.ValueMatch(member.key, .exact($0))
        }
      }
      let one = Section(
        member.value, tablePath: "\(section.tablePath).\(key).*", path: path, report: section.report)
      let present: Bool? = one.has("present") ? one.read("present") : nil
      let beginning = one.has("prefix") ? one.text("prefix", FieldText.value) : nil
      guard one.has("present") != one.has("prefix") else {
        section.report.error(
          origin, "asks for nothing, or for two things", "write prefix: TEXT, or present: true")
        return nil
      }
      return beginning.map { Settings.ValueMatch(member.key, .prefix($0)) }
        ?? present.map { Settings.ValueMatch(member.key, $0 ? .present : .absent) }
    }
  }
}
