/// Turns a Caddyfile's sites into routes and services.
struct CaddyfileImport {
  private(set) var made = ImportedProxy()
  private let file: String
  private let files = ForeignFiles()
  private var hasPlain = false
  private var httpPort = 80
  private var httpsPort = 443
  private var hasAutomaticHTTPS = true
  private var hasTLS = false

  /// Hosts, and what a matcher adds to them.
  private struct Match {
    var hosts: [String]
    var paths: [String] = []
    var strips: String?
    var isGuarded = false
  }

  init(_ path: String) throws {
    file = path
    let lines = try CaddyText(try files.text(path), path).lines
    for line in lines {
      if line.words.isEmpty {
        for option in line.block ?? [] { global(option) }
      } else if line.words[0] == "import" {
        note(line, "name the other file itself")
      } else {
        site(line)
      }
    }
    // Caddy redirects to HTTPS by itself where it has certificates.
    if hasTLS, hasAutomaticHTTPS, !hasPlain {
      made.listen(.init(address: ":\(httpPort)", isTLS: false, redirects: true), path, 1)
    }
  }

  private mutating func note(_ line: CaddyLine, _ words: String) {
    made.note(file, line.number, "\(line.text): \(words)")
  }

  private mutating func global(_ line: CaddyLine) {
    let value = line.words.count > 1 ? line.words[1] : ""
    switch line.words[0] {
    case "email": made.email = value
    case "http_port": httpPort = Int(value) ?? httpPort
    case "https_port": httpsPort = Int(value) ?? httpsPort
    case "auto_https" where value == "off" || value == "disable_redirects": hasAutomaticHTTPS = false
    case "local_certs": note(line, "without --agree-tos certd's own CA issues all that no file covers")
    case "admin", "log", "grace_period", "persist_config", "debug": break
    case "storage": note(line, "'certd import caddy' takes the certificates over")
    case "acme_ca", "acme_ca_root", "acme_eab", "acme_dns": note(line, "see acme.issuers and acme.dns01")
    default: note(line, "certd has nothing for it")
    }
  }

  private mutating func site(_ site: CaddyLine) {
    let addresses = site.words.flatMap { $0.split(separator: ",") }.filter { !$0.isEmpty }
    var hosts: [String] = []
    for address in addresses {
      var text = String(address)
      var isTLS = true
      if text.hasPrefix("http://") { (text, isTLS) = (String(text.dropFirst(7)), false) }
      if text.hasPrefix("https://") { text = String(text.dropFirst(8)) }
      let host = String(text.prefix { $0 != ":" && $0 != "/" }).lowercased()
      var port = isTLS ? httpsPort : httpPort
      if let colon = text.firstIndex(of: ":"),
        let number = Int(text[text.index(after: colon)...].prefix { $0 != "/" })
      {
        port = number
        // A port alone, or that of plain HTTP, has no certificate.
        if port == httpPort || (host.isEmpty && port != httpsPort) { isTLS = false }
      }
      guard !host.contains("*") || host.hasPrefix("*."), !text.contains("{"), !text.contains("/") else {
        note(site, "\(address): hosts are names, or *.suffix")
        continue
      }
      if !host.isEmpty { hosts.append(host) }
      if !isTLS, port == httpPort { hasPlain = true }
      hasTLS = hasTLS || isTLS
      let redirects = !isTLS && (site.block ?? []).contains(where: Self.isToHTTPS)
      made.listen(.init(address: ":\(port)", isTLS: isTLS, redirects: redirects), file, site.number)
    }
    var matchers: [String: Match?] = [:]
    for line in site.block ?? [] where line.words.first?.hasPrefix("@") ?? false {
      matchers[line.words[0]] = .some(matcher(line))
    }
    let compresses = (site.block ?? []).contains { $0.words.first == "encode" && $0.words.contains("gzip") }
    body(site.block ?? [], Match(hosts: hosts), matchers, compresses)
  }

  private static func isToHTTPS(_ line: CaddyLine) -> Bool {
    line.words.first == "redir" && line.words.contains { $0.hasPrefix("https://") && $0.hasSuffix("{uri}") }
  }

  private mutating func body(
    _ lines: [CaddyLine], _ match: Match, _ matchers: [String: Match?], _ compresses: Bool
  ) {
    var response: [String: String] = [:]
    for line in lines where line.words.first == "header" && line.block == nil && line.words.count == 3 {
      if !line.words[1].hasPrefix("@"), !line.words[1].hasPrefix("/"), !line.words[2].contains("{"),
        !line.words[1].hasPrefix("-"), !line.words[1].hasPrefix("?")
      {
        response[line.words[1].replacing("+", with: "")] = line.words[2]
      }
    }
    // Caddy looks at handles before reverse_proxy: one for everything leaves nothing for what stands beside it.
    var match = match
    var closed: [(paths: [String], line: Int)] = []
    for line in lines where Self.guards(line) {
      if let paths = guardedPaths(line, matchers) {
        closed.append((paths, line.number))
      } else {
        match.isGuarded = true
      }
    }
    defer { for one in closed { made.close(match.hosts, one.paths, file, one.line) } }
    let takesAll = lines.contains { ["handle", "route"].contains($0.words.first) && $0.words.count == 1 }
    for line in lines {
      let name = line.words.first ?? ""
      switch name {
      case "reverse_proxy" where takesAll:
        note(line, "it was never reached: a handle beside it takes everything")
      case "reverse_proxy": proxy(line, match, matchers, compresses, response)
      case "handle", "route", "handle_path":
        guard var inner = narrowed(match, line, matchers, isOnlyWord: true) else { continue }
        if name == "handle_path" {
          guard let prefix = line.words.dropFirst().first, prefix.hasSuffix("/*"), inner.strips == nil else {
            note(line, "the prefix that is taken off ends in /*")
            continue
          }
          inner.strips = String(prefix.dropLast(2))
        }
        body(line.block ?? [], inner, matchers, compresses)
      case "tls": tls(line, match.hosts)
      case "redir" where Self.isToHTTPS(line): break
      case "header" where line.words.count == 3 && response[line.words[1].replacing("+", with: "")] != nil:
        break
      case "encode", "log":
        if name == "encode", !line.words.contains("gzip") { note(line, "certd compresses with gzip") }
      case _ where name.hasPrefix("@"): break
      case "basicauth", "basic_auth", "forward_auth":
        note(line, "certd asks for a key of the group \(ImportedProxy.group) in its place (routes[].keys)")
      case "root", "file_server", "try_files", "php_fastcgi": note(line, "certd serves no files")
      case "redir": note(line, "certd redirects from HTTP to HTTPS only")
      default: note(line, "certd has nothing for it")
      }
    }
  }

  /// Whether a line lets not everybody in; a refusal of some paths counts for all of the site, as it may be for anybody.
  private static func guards(_ line: CaddyLine) -> Bool {
    switch line.words.first ?? "" {
    case "basicauth", "basic_auth", "forward_auth", "abort": true
    case "respond", "error":
      line.words.dropFirst().contains { ($0.hasPrefix("4") || $0.hasPrefix("5")) && $0.count == 3 }
        && !(line.words.dropFirst().first == "404")
    case "tls": (line.block ?? []).contains { $0.words.first == "client_auth" }
    default: false
    }
  }

  /// The paths that a guard is for, by its matcher; nil where it may be for everything.
  private mutating func guardedPaths(_ line: CaddyLine, _ matchers: [String: Match?]) -> [String]? {
    guard let word = line.words.dropFirst().first else { return nil }
    if word.hasPrefix("/") {
      let paths = paths(word, line)
      return paths.isEmpty ? nil : paths
    }
    guard word.hasPrefix("@"), let known = matchers[word] ?? nil, known.hosts.isEmpty, !known.paths.isEmpty
    else {
      return nil
    }
    return known.paths
  }

  private mutating func matcher(_ line: CaddyLine) -> Match? {
    var match = Match(hosts: [])
    let conditions = line.block ?? [CaddyLine(words: Array(line.words.dropFirst()), number: line.number)]
    for condition in conditions {
      switch condition.words.first {
      case "path": match.paths += condition.words.dropFirst().flatMap { self.paths($0, condition) }
      case "host": match.hosts += condition.words.dropFirst()
      default:
        note(
          condition.words.isEmpty ? line : condition,
          "routes go by host and path: what uses it is not carried")
        return nil
      }
    }
    return match
  }

  /// `/api/*` is also for `/api/` alone; `/api*` for what begins so.
  private mutating func paths(_ text: String, _ line: CaddyLine) -> [String] {
    if text == "*" || text == "/*" { return [] }
    guard text.hasSuffix("*") else { return [text] }
    let beginning = String(text.dropLast())
    if beginning.contains("*") {
      note(line, "\(text): paths are exact, or beginnings that end in /*")
      return []
    }
    if !beginning.hasSuffix("/") {
      note(line, "\(text) was also for \(beginning)x; certd's is for \(beginning) and what is below it")
    }
    return ProxyValue.paths(beginning: beginning)
  }

  /// What is left of a match under a line's own matcher; nil where that is not carried.
  private mutating func narrowed(
    _ match: Match, _ line: CaddyLine, _ matchers: [String: Match?], isOnlyWord: Bool
  ) -> Match? {
    guard let word = line.words.dropFirst().first else { return match }
    var inner = match
    var more = Match(hosts: [])
    if word.hasPrefix("@") {
      guard let known = matchers[word] ?? nil else {
        note(line, "its matcher is not carried")
        return nil
      }
      more = known
    } else if word.hasPrefix("/") {
      more.paths = paths(word, line)
    } else if word != "*" {
      return match
    }
    if !more.hosts.isEmpty { inner.hosts = more.hosts }
    if !more.paths.isEmpty {
      guard match.strips == nil else {
        note(line, "a path inside of handle_path is not carried")
        return nil
      }
      inner.paths = match.paths.isEmpty ? more.paths : more.paths.filter { Self.isInside($0, match.paths) }
      guard !inner.paths.isEmpty else {
        note(line, "no path is in both matchers")
        return nil
      }
    }
    return inner
  }

  private static func isInside(_ path: String, _ outer: [String]) -> Bool {
    outer.contains { $0 == path || ($0.hasSuffix("/*") && path.hasPrefix($0.dropLast())) }
  }

  private mutating func tls(_ line: CaddyLine, _ hosts: [String]) {
    let words = line.words.dropFirst()
    if words.first == "internal" {
      made.localHosts += hosts
    } else if words.count == 2 {
      let (certificate, key) = (line.words[1], line.words[2])
      guard files.isFile(certificate), files.isFile(key) else {
        return note(line, "its files are not there: the hosts get other certificates")
      }
      made.certificate(files.absolute(certificate), key: files.absolute(key))
    } else if let mail = words.first, mail.contains("@") {
      made.email = made.email ?? mail
    }
    for option in line.block ?? [] { note(option, "see acme, and listeners[].tls") }
  }

  // MARK: reverse_proxy

  private mutating func proxy(
    _ line: CaddyLine, _ outer: Match, _ matchers: [String: Match?], _ compresses: Bool,
    _ response: [String: String]
  ) {
    guard let match = narrowed(outer, line, matchers, isOnlyWord: false) else { return }
    var words = Array(line.words.dropFirst())
    if let first = words.first, first.hasPrefix("@") || first.hasPrefix("/") || first == "*" {
      words.removeFirst()
    }
    var service = ImportedProxy.Service(name: match.hosts.first ?? "site")
    service.host = "client"
    service.compresses = compresses
    var route = ImportedProxy.Route(
      hosts: match.hosts, paths: match.paths, service: "", strips: match.strips, line: line.number)
    route.responseFields = response
    route.isGuarded = match.isGuarded
    for option in line.block ?? [] { read(option, &service, &route, &words) }
    for word in words { backend(word, &service, line) }
    // Caddy's own choice where several are named.
    if service.backends.count > 1, service.policy == nil { service.policy = "random" }
    if service.health.isEmpty { service.health = ["enabled": "false"] }
    guard !service.backends.isEmpty else { return note(line, "it has no backend left") }
    route.service = made.service(service)
    made.add(route, file)
  }

  private mutating func backend(_ text: String, _ service: inout ImportedProxy.Service, _ line: CaddyLine) {
    var address = text
    if text.hasPrefix("unix/") {
      address = "unix:\(text.dropFirst(text.hasPrefix("unix//") ? 5 : 4))"
    } else if text.hasPrefix("h2c://") {
      (address, service.isProtocol) = (String(text.dropFirst(6)), "h2c")
    } else if text.hasPrefix("https://") {
      (address, service.isProtocol) = (String(text.dropFirst(8)), service.isProtocol ?? "https")
    } else if text.hasPrefix("http://") {
      address = String(text.dropFirst(7))
    }
    guard !address.contains("{"), !address.contains("/") || address.hasPrefix("unix:") else {
      return note(line, "\(text): certd's backends are named, not computed")
    }
    if address.hasPrefix(":") { address = "127.0.0.1\(address)" }
    if !address.contains(":") { address += service.isProtocol == "https" ? ":443" : ":80" }
    service.backends.append(.init(address: address))
  }

  private mutating func read(
    _ option: CaddyLine, _ service: inout ImportedProxy.Service, _ route: inout ImportedProxy.Route,
    _ backends: inout [String]
  ) {
    let value = option.words.count > 1 ? option.words[1] : ""
    switch option.words.first ?? "" {
    case "to": backends += option.words.dropFirst()
    case "lb_policy": policy(option, value, &service)
    case "health_uri", "health_path": service.health["path"] = YAMLText.quoted(value)
    case "health_interval": service.health["interval"] = ProxyValue.duration(value)
    case "health_timeout": service.health["timeout"] = ProxyValue.duration(value)
    case "health_status": service.health["expect"] = value == "2xx" ? "200-299" : value
    case "health_port": service.health["port"] = value
    case "flush_interval", "trusted_proxies", "buffer_requests", "stream_close_delay": break
    case "header_up": field(option, isRequest: true, &service, &route)
    case "header_down": field(option, isRequest: false, &service, &route)
    case "transport" where value == "http":
      for inner in option.block ?? [] { transport(inner, &service) }
    default: note(option, "certd has nothing for it")
    }
  }

  private mutating func policy(_ line: CaddyLine, _ name: String, _ service: inout ImportedProxy.Service) {
    switch name {
    case "random": service.policy = "random"
    case "random_choose": service.policy = "p2c"
    case "round_robin": service.policy = "round-robin"
    case "least_conn": service.policy = "least-request"
    case "ip_hash", "client_ip_hash": (service.policy, service.hash) = ("ring-hash", "address")
    case "header" where line.words.count > 2:
      (service.policy, service.hash) = ("ring-hash", "{ header: \(line.words[2]) }")
    case "cookie" where line.words.count > 2:
      (service.policy, service.hash) = ("ring-hash", "{ cookie: \(line.words[2]) }")
    default: note(line, "there is no such policy")
    }
  }

  private mutating func field(
    _ line: CaddyLine, isRequest: Bool, _ service: inout ImportedProxy.Service,
    _ route: inout ImportedProxy.Route
  ) {
    guard line.words.count > 1 else { return }
    let name = line.words[1]
    let value = line.words.count > 2 ? line.words[2] : ""
    let lower = name.lowercased()
    if isRequest, lower == "host" {
      switch value {
      case "{host}", "{http.request.host}": service.host = "client"
      case "{upstream_hostport}", "{http.reverse_proxy.upstream.hostport}": service.host = "backend"
      default: if value.contains("{") { note(line, "see services.*.host") } else { service.host = value }
      }
    } else if isRequest, lower.hasPrefix("x-forwarded-") {
      return
    } else if name.hasPrefix("-") {
      if isRequest {
        route.removedRequestFields.append(String(name.dropFirst()))
      } else {
        route.removedResponseFields.append(String(name.dropFirst()))
      }
    } else if value.contains("{") || line.words.count > 3 {
      note(line, "fields have fixed values")
    } else {
      let bare = name.hasPrefix("+") ? String(name.dropFirst()) : name
      if isRequest { route.requestFields[bare] = value } else { route.responseFields[bare] = value }
    }
  }

  private mutating func transport(_ line: CaddyLine, _ service: inout ImportedProxy.Service) {
    let value = line.words.count > 1 ? line.words[1] : ""
    switch line.words.first ?? "" {
    case "tls": service.isProtocol = "https"
    case "tls_insecure_skip_verify": (service.isProtocol, service.verifiesTLS) = ("https", false)
    case "versions" where value == "h2c": service.isProtocol = "h2c"
    case "dial_timeout": service.timeouts["connect"] = ProxyValue.duration(value, from: 10)
    case "response_header_timeout": service.timeouts["response_head"] = ProxyValue.duration(value)
    case "read_timeout": service.timeouts["idle"] = ProxyValue.duration(value)
    case "keepalive", "compression", "write_timeout", "read_buffer", "write_buffer", "versions": break
    default: note(line, "certd has nothing for it")
    }
  }
}
