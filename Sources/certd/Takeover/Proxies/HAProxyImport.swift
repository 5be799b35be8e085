/// Turns HAProxy's frontends, backends and listens into routes and services.
struct HAProxyImport {
  private(set) var made = ImportedProxy()
  private let file: String
  private let files = ForeignFiles()
  /// The largest number of lines.
  private static let maximumLines = 200_000

  struct Line {
    let number: Int
    let words: [String]
    var text: String { words.joined(separator: " ") }
  }

  private struct Section {
    let kind: String
    let name: String
    let number: Int
    var lines: [Line] = []
  }

  /// What an acl looks at.
  private enum Rule {
    case hosts([String])
    case paths([String])
  }

  /// Whether the frontend at hand lets not everybody in.
  private var isGuarded = false
  private var defaults: [Line] = []
  private var backends: [String: Section] = [:]

  init(_ path: String) throws {
    file = path
    let sections = try Self.sections(try files.text(path), path)
    for section in sections {
      switch section.kind {
      case "defaults": defaults = section.lines
      case "backend", "listen": backends[section.name] = section
      default: break
      }
    }
    for line in defaults { checkDefault(line) }
    for section in sections where section.kind == "frontend" || section.kind == "listen" { frontend(section) }
    for section in sections
    where !["global", "defaults", "frontend", "backend", "listen"].contains(section.kind) {
      made.note(path, section.number, "\(section.kind) \(section.name): certd has nothing for it")
    }
  }

  private static let kinds: Set = [
    "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "cache",
    "program",
    "mailers", "ring", "http-errors", "fcgi-app", "log-forward", "crt-store", "traces",
  ]

  private static func sections(_ text: String, _ file: String) throws -> [Section] {
    var found: [Section] = []
    for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
    {
      guard index < maximumLines else { throw NotUnderstood(file, index, "more than \(maximumLines) lines") }
      let words = words(raw)
      guard let first = words.first else { continue }
      if kinds.contains(first) {
        found.append(Section(kind: first, name: words.count > 1 ? words[1] : "", number: index + 1))
      } else if found.isEmpty {
        throw NotUnderstood(file, index + 1, "\(first) stands before any section")
      } else {
        found[found.count - 1].lines.append(Line(number: index + 1, words: words))
      }
    }
    return found
  }

  /// Words with quotes and backslashes resolved, up to a comment.
  static func words(_ line: some StringProtocol) -> [String] {
    var found: [String] = []
    var current = ""
    var hasWord = false
    var quote: Character?
    var isEscaped = false
    for character in line {
      if isEscaped {
        current.append(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        (isEscaped, hasWord) = (true, true)
      } else if let open = quote {
        if character == open { quote = nil } else { current.append(character) }
      } else if character == "\"" || character == "'" {
        (quote, hasWord) = (character, true)
      } else if character == "#" {
        break
      } else if character.isWhitespace {
        if hasWord { found.append(current) }
        (current, hasWord) = ("", false)
      } else {
        current.append(character)
        hasWord = true
      }
    }
    return hasWord ? found + [current] : found
  }

  private mutating func note(_ line: Line, _ words: String) {
    made.note(file, line.number, "\(line.text): \(words)")
  }

  /// What certd does by itself, or what means nothing to it.
  private static let harmless: Set = [
    "log", "maxconn", "no", "description", "id", "unique-id-format", "log-format", "log-tag", "retries",
    "fullconn",
    "http-reuse", "errorfile", "stats", "default-server", "hash-type", "load-server-state-from-file",
    "capture",
  ]
  private static let harmlessOptions: Set = [
    "httplog", "dontlognull", "http-server-close", "forwardfor", "redispatch", "http-keep-alive", "tcplog",
    "splice-auto", "http-buffer-request", "log-health-checks", "tcp-smart-connect", "tcpka", "clitcpka",
    "srvtcpka",
    "contstats", "abortonclose", "http-use-htx",
  ]

  private mutating func checkDefault(_ line: Line) {
    switch line.words[0] {
    case "timeout", "mode", "balance", "option", "default_backend", "compression": break
    case let word where Self.harmless.contains(word): break
    default: note(line, "certd has nothing for it")
    }
  }

  // MARK: Frontends

  private mutating func frontend(_ section: Section) {
    if (defaults + section.lines).last(where: { $0.words[0] == "mode" })?.words.last == "tcp" {
      return made.note(
        file, section.number,
        "\(section.kind) \(section.name) passes TCP on: services.*.protocol 'tcp' or 'tls' of a route for every path"
      )
    }
    isGuarded = section.lines.contains(where: Self.guards)
    var rules: [String: [Rule]?] = [:]
    var isRedirect = false
    for line in section.lines where line.words[0] == "acl" && line.words.count > 2 {
      let rule = self.rule(Array(line.words.dropFirst(2)), line)
      let name = line.words[1]
      // Lines of one name are alternatives; one that is not understood spoils all of them.
      if let known = rules[name], let rule {
        rules[name] = known.map { $0 + [rule] }
      } else if rules[name] == nil {
        rules[name] = .some(rule.map { [$0] })
      } else {
        rules[name] = .some(nil)
      }
    }
    var fields: [(Line, isRequest: Bool)] = []
    for line in section.lines where ["http-request", "http-response", "redirect"].contains(line.words[0]) {
      if Self.isToHTTPS(line) {
        isRedirect = true
      } else if line.words.count > 3, line.words[1].hasSuffix("-header") {
        fields.append((line, line.words[0] == "http-request"))
      } else {
        note(
          line,
          Self.guards(line)
            ? "certd asks for a key of the group \(ImportedProxy.group) in its place (routes[].keys)"
            : "certd redirects from HTTP to HTTPS, and sets or removes fields; nothing else")
      }
    }
    for line in section.lines where line.words[0] == "bind" { bind(line, isRedirect) }
    for line in section.lines {
      switch (line.words[0], line.words.count > 1 ? line.words[1] : "") {
      case ("use_backend", let name): use(name, Array(line.words.dropFirst(2)), rules, fields, line)
      case ("default_backend", let name): route(to: name, [], [], fields, line)
      case ("acl", _), ("bind", _), ("mode", _), ("http-request", _), ("http-response", _), ("redirect", _):
        break
      case ("timeout", _), ("option", _), ("server", _), ("balance", _), ("compression", _),
        ("http-check", _):
        break
      case (let word, _) where Self.harmless.contains(word): break
      default: note(line, "certd has nothing for it")
      }
    }
    if section.kind == "listen", section.lines.contains(where: { $0.words[0] == "server" }) {
      route(to: section.name, [], [], fields, Line(number: section.number, words: ["listen", section.name]))
    }
  }

  private static func guards(_ line: Line) -> Bool {
    let second = line.words.count > 1 ? line.words[1] : ""
    return switch line.words[0] {
    case "http-request": ["deny", "auth", "reject", "tarpit", "silent-drop", "return"].contains(second)
    case "tcp-request": true
    case "bind": line.words.contains("verify") && line.words.contains("required")
    default: false
    }
  }

  /// `redirect scheme https` under no condition but that TLS is missing.
  private static func isToHTTPS(_ line: Line) -> Bool {
    guard let at = line.words.firstIndex(of: "scheme"), line.words.indices.contains(at + 1),
      line.words[at + 1] == "https", line.words.contains("redirect")
    else { return false }
    let rest = line.words.dropFirst(at + 2).joined(separator: " ")
    return !rest.contains("if ") && !rest.contains("unless ") || rest.contains("ssl_fc")
  }

  private mutating func bind(_ line: Line, _ isRedirect: Bool) {
    let isTLS = line.words.contains("ssl")
    for text in (line.words.count > 1 ? line.words[1] : "").split(separator: ",") {
      guard let address = ProxyValue.listenAddress(text) else {
        note(line, "certd listens at TCP addresses")
        continue
      }
      made.listen(.init(address: address, isTLS: isTLS, redirects: isRedirect && !isTLS), file, line.number)
    }
    for (index, word) in line.words.enumerated() where word == "crt" && line.words.indices.contains(index + 1)
    {
      let path = line.words[index + 1]
      let paths =
        files.isDirectory(path)
        ? ((try? files.list(path)) ?? []).filter { $0.hasSuffix(".pem") }.map { "\(path)/\($0)" } : [path]
      for path in paths {
        guard files.isFile(path) else {
          note(line, "\(path) is not there: the hosts get other certificates")
          continue
        }
        let own = path + ".key"
        made.certificate(files.absolute(path), key: files.isFile(own) ? files.absolute(own) : nil)
      }
    }
    for word in ["crt-list", "ca-file", "ciphers", "ssl-min-ver", "accept-proxy", "verify"]
    where line.words.contains(word) {
      note(line, "\(word): see listeners[].tls, client_certificates and proxy_protocol")
    }
  }

  private mutating func rule(_ words: [String], _ line: Line) -> Rule? {
    var words = words
    let fetch = words.removeFirst()
    words.removeAll { $0 == "-i" || $0 == "--" }
    guard !words.contains(where: { $0.hasPrefix("-") }) else {
      note(line, "certd has no lists in files for routes")
      return nil
    }
    switch fetch {
    case "hdr(host)", "req.hdr(host)", "hdr(Host)", "req.hdr(Host)", "ssl_fc_sni", "hdr_dom(host)":
      return .hosts(words.map { String($0.lowercased().prefix { $0 != ":" }) })
    case "hdr_end(host)", "req.hdr_end(host)":
      return .hosts(words.map { $0.hasPrefix(".") ? "*\($0)" : $0 })
    case "path": return .paths(words)
    case "path_beg":
      for word in words where !word.hasSuffix("/") {
        note(line, "was also for \(word)x; certd's is for \(word) and what is below it")
      }
      return .paths(words.flatMap { $0 == "/" ? ["/*"] : ProxyValue.paths(beginning: $0) })
    default:
      note(line, "routes go by host and path: the lines that use it are not carried")
      return nil
    }
  }

  private mutating func use(
    _ name: String, _ condition: [String], _ rules: [String: [Rule]?],
    _ fields: [(Line, isRequest: Bool)], _ line: Line
  ) {
    guard condition.first == "if" else {
      return condition.isEmpty ? route(to: name, [], [], fields, line) : note(line, "only 'if' is carried")
    }
    for alternative in condition.dropFirst().split(whereSeparator: { $0 == "or" || $0 == "||" }) {
      var (hosts, paths): ([String], [String]) = ([], [])
      var isUnderstood = true
      var words = Array(alternative)[...]
      while let word = words.popFirst() {
        var parts: [Rule]?
        if word == "{", let end = words.firstIndex(of: "}") {
          parts = rule(Array(words[words.startIndex..<end]), line).map { [$0] }
          words = words[(end + 1)...]
        } else {
          parts = rules[word] ?? nil
        }
        for part in parts ?? [] {
          switch part {
          case .hosts(let more): hosts += more
          case .paths(let more): paths += more
          }
        }
        if parts == nil { isUnderstood = false }
      }
      guard isUnderstood else {
        note(line, "its condition is more than hosts and paths")
        continue
      }
      route(to: name, hosts, paths, fields, line)
    }
  }

  // MARK: Backends

  private mutating func route(
    to name: String, _ hosts: [String], _ paths: [String], _ fields: [(Line, isRequest: Bool)], _ line: Line
  ) {
    guard let section = backends[name] else { return note(line, "there is no backend \(name)") }
    var route = ImportedProxy.Route(hosts: hosts, paths: paths, service: "", line: line.number)
    route.isGuarded = isGuarded || section.lines.contains(where: Self.guards)
    guard let service = service(section, &route, fields) else {
      return note(line, "the backend has no server left")
    }
    route.service = made.service(service)
    made.add(route, file)
  }

  private mutating func service(
    _ section: Section, _ route: inout ImportedProxy.Route, _ outer: [(Line, isRequest: Bool)]
  ) -> ImportedProxy.Service? {
    var service = ImportedProxy.Service(name: section.name)
    service.policy = "round-robin"
    service.host = "client"
    var (fields, isChecked) = (outer, false)
    for line in defaults + section.lines {
      let second = line.words.count > 1 ? line.words[1] : ""
      switch line.words[0] {
      case "server" where line.words.count > 2: server(line, &service, &isChecked)
      case "balance": balance(line, &service)
      case "timeout": timeout(line, &service)
      case "option" where second == "httpchk":
        service.health["path"] = YAMLText.quoted(line.words.first { $0.hasPrefix("/") } ?? "/")
      case "option": if !Self.harmlessOptions.contains(second) { note(line, "certd has nothing for it") }
      case "http-check":
        if line.words.contains("expect"), let status = line.words.last, Int(status) != nil {
          service.health["expect"] = status
        } else if line.words.contains("send"), let at = line.words.firstIndex(of: "uri"),
          at + 1 < line.words.count
        {
          service.health["path"] = YAMLText.quoted(line.words[at + 1])
        } else {
          note(line, "see services.*.health")
        }
      case "compression": service.compresses = true
      case "http-request", "http-response":
        if section.kind == "backend", line.words.count > 2, second.hasSuffix("-header") {
          fields.append((line, line.words[0] == "http-request"))
        } else if section.kind == "backend" {
          note(line, "certd sets or removes fields; nothing else")
        }
      case "mode" where second == "tcp": note(line, "see services.*.protocol")
      case "mode", "acl", "bind", "use_backend", "default_backend", "redirect": break
      case let word where Self.harmless.contains(word): break
      default: if section.kind == "backend" { note(line, "certd has nothing for it") }
      }
    }
    if service.health["path"] == nil { service.health["expect"] = nil }
    if !isChecked { service.health = ["enabled": "false"] }
    for (line, isRequest) in fields { field(line, isRequest, &route) }
    return service.backends.isEmpty ? nil : service
  }

  private mutating func server(_ line: Line, _ service: inout ImportedProxy.Service, _ isChecked: inout Bool)
  {
    let options = line.words.dropFirst(3)
    if options.contains("disabled") || options.contains("backup") {
      return note(line, "is left out: see routes[].models.*.fallback for services that stand in")
    }
    let isSecure = options.contains("ssl")
    var address = line.words[2]
    if address.hasPrefix("/") { address = "unix:\(address)" }
    if address.hasPrefix("unix@") { address = "unix:\(address.dropFirst(5))" }
    if !address.hasPrefix("unix:"), !address.contains(":") { address += isSecure ? ":443" : ":80" }
    var backend = ImportedProxy.Backend(address: address)
    if isSecure { service.isProtocol = "https" }
    for (index, word) in options.enumerated() {
      let next = options.dropFirst(index + 1).first ?? ""
      switch word {
      case "check": isChecked = true
      case "weight": if let weight = Int(next), weight > 0 { backend.weight = min(weight, 1000) }
      case "verify" where next == "none": service.verifiesTLS = false
      case "inter": service.health["interval"] = ProxyValue.duration(next, unit: "ms")
      case "fall":
        if let count = Int(next), (1...100).contains(count) { service.health["unhealthy_threshold"] = next }
      case "rise":
        if let count = Int(next), (1...100).contains(count) { service.health["healthy_threshold"] = next }
      case "proto" where next == "h2": service.isProtocol = isSecure ? "h2" : "h2c"
      case "send-proxy", "send-proxy-v2", "ca-file", "cookie", "maxconn", "maxqueue", "crt", "sni",
        "resolvers", "slowstart":
        note(line, "\(word) is not carried: see services.* in docs/configuration.md")
      default: break
      }
    }
    service.backends.append(backend)
  }

  private mutating func balance(_ line: Line, _ service: inout ImportedProxy.Service) {
    switch line.words.dropFirst().first ?? "" {
    case "roundrobin", "static-rr": service.policy = "round-robin"
    case "leastconn": service.policy = "least-request"
    case "source": (service.policy, service.hash) = ("ring-hash", "address")
    case "random": service.policy = "random"
    case "random(2)": service.policy = "p2c"
    case let text where text.hasPrefix("hdr(") && text.hasSuffix(")"):
      (service.policy, service.hash) = ("ring-hash", "{ header: \(text.dropFirst(4).dropLast()) }")
    default: note(line, "there is no such policy; round-robin stands in")
    }
  }

  private mutating func timeout(_ line: Line, _ service: inout ImportedProxy.Service) {
    guard line.words.count > 2 else { return }
    switch line.words[1] {
    case "server":
      guard let text = ProxyValue.duration(line.words[2], unit: "ms") else {
        return note(line, "is no time from 100ms to 1d")
      }
      for key in ["response_head", "first_byte", "idle"] { service.timeouts[key] = text }
    case "connect": service.timeouts["connect"] = ProxyValue.duration(line.words[2], unit: "ms", from: 10)
    case "check": service.health["timeout"] = ProxyValue.duration(line.words[2], unit: "ms")
    case "client", "http-request", "http-keep-alive", "queue", "client-fin", "server-fin", "tunnel": break
    default: note(line, "certd has nothing for it")
    }
  }

  private mutating func field(_ line: Line, _ isRequest: Bool, _ route: inout ImportedProxy.Route) {
    guard line.words.count > 2 else { return }
    let name = line.words[2]
    if name.lowercased().hasPrefix("x-forwarded-") { return }
    let value = line.words.count > 3 ? line.words[3] : ""
    if line.words.contains("if") || line.words.contains("unless") || value.contains("%[") {
      return note(line, "fields have fixed values, and no conditions")
    }
    switch (line.words[1], isRequest) {
    case ("set-header", true), ("add-header", true): route.requestFields[name] = value
    case ("set-header", false), ("add-header", false): route.responseFields[name] = value
    case ("del-header", true): route.removedRequestFields.append(name)
    case ("del-header", false): route.removedResponseFields.append(name)
    default: note(line, "certd has nothing for it")
    }
  }
}
