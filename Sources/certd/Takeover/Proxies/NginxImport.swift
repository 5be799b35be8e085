/// Turns nginx's servers, locations and upstreams into routes and services.
struct NginxImport {
  private(set) var made = ImportedProxy()
  private var upstreams: [String: NginxDirective] = [:]
  private let files = ForeignFiles()
  /// What a server refuses to everybody.
  private var closed: [(hosts: [String], paths: [String], line: Int)] = []

  init(_ path: String) throws {
    let slash = path.lastIndex(of: "/")
    var text = NginxText(base: slash.map { String(path[..<$0]) } ?? ".")
    let top = try text.read(path)
    let http = top.filter { $0.name == "http" }.flatMap { $0.block ?? [] }
    for directive in top where directive.name != "http" && !["server", "upstream"].contains(directive.name) {
      refuse(directive)
    }
    // A file of conf.d or sites-enabled begins inside of http.
    let all = http + top.filter { ["server", "upstream"].contains($0.name) }
    for directive in all where directive.name == "upstream" {
      if let name = directive.words.first { upstreams[name] = directive }
    }
    let inherited = all.filter { !["server", "upstream"].contains($0.name) }
    for directive in inherited where !Self.heirs.contains(directive.name) { refuse(directive) }
    for directive in all where directive.name == "server" { server(directive, inherited) }
  }

  /// What locations inherit from outside.
  private static let heirs: Set = [
    "proxy_read_timeout", "proxy_connect_timeout", "proxy_set_header", "gzip", "ssl_certificate",
    "ssl_certificate_key", "add_header",
  ]
  /// What certd does by itself, or what means nothing to it.
  private static let harmless: Set = [
    "user", "worker_processes", "worker_rlimit_nofile", "pid", "events", "error_log", "access_log",
    "log_format",
    "sendfile", "tcp_nopush", "tcp_nodelay", "types_hash_max_size", "default_type", "keepalive_timeout",
    "server_tokens", "proxy_http_version", "proxy_buffering", "proxy_request_buffering", "proxy_cache_bypass",
    "http2", "gzip_types", "gzip_vary", "gzip_proxied", "gzip_comp_level", "gzip_min_length",
    "gzip_http_version",
    "gzip_disable", "gzip_buffers", "ssl_session_cache", "ssl_session_timeout", "ssl_session_tickets",
    "ssl_prefer_server_ciphers", "ssl_dhparam", "ssl_stapling", "ssl_stapling_verify", "resolver",
    "keepalive",
    "keepalive_requests", "zone", "server_names_hash_bucket_size", "proxy_ssl_server_name", "daemon",
    "client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path",
    "proxy_send_timeout", "send_timeout", "client_body_timeout", "client_header_timeout", "proxy_buffers",
    "proxy_buffer_size", "proxy_busy_buffers_size", "chunked_transfer_encoding", "proxy_redirect", "map",
  ]

  private mutating func refuse(_ directive: NginxDirective) {
    guard !Self.harmless.contains(directive.name) else { return }
    let words =
      switch directive.name {
      case "client_max_body_size": "certd passes content as it comes and has no such limit"
      case "ssl_protocols", "ssl_ciphers", "ssl_ecdh_curve":
        "TLS is certd's profile 'modern'; see listeners[].tls"
      case "auth_basic", "auth_basic_user_file", "auth_request", "auth_jwt", "allow", "deny",
        "ssl_verify_client":
        "certd asks for a key of the group \(ImportedProxy.group) in its place (routes[].keys)"
      case "limit_req", "limit_conn", "limit_req_zone", "limit_conn_zone": "limits go with keys: see keys.*"
      case "include": "there is no such file"
      case "return", "rewrite": "certd redirects from HTTP to HTTPS only"
      case "root", "alias", "index", "try_files": "certd serves no files"
      default: "certd has nothing for it"
      }
    made.note(
      directive.file, directive.line, "\(directive.name) \(directive.words.joined(separator: " ")): \(words)")
  }

  private mutating func server(_ server: NginxDirective, _ outer: [NginxDirective]) {
    let block = server.block ?? []
    var hosts: [String] = []
    for directive in block where directive.name == "server_name" { hosts += names(directive) }
    let isRedirect = block.contains { Self.isToHTTPS($0) || ($0.block ?? []).contains(where: Self.isToHTTPS) }
    var addresses = block.filter { $0.name == "listen" }
    if addresses.isEmpty {
      addresses = [NginxDirective(name: "listen", words: ["80"], file: server.file, line: server.line)]
    }
    for directive in addresses { listen(directive, isRedirect) }
    let settings = outer + block
    if let certificate = block.last(where: { $0.name == "ssl_certificate" })?.words.first
      ?? outer.last(where: { $0.name == "ssl_certificate" })?.words.first, !certificate.contains("$")
    {
      take(certificate, key: settings.last { $0.name == "ssl_certificate_key" }?.words.first, server)
    }
    for directive in block {
      switch directive.name {
      case "location": location(directive, hosts, settings)
      case "listen", "server_name", "ssl_certificate", "ssl_certificate_key": break
      case "return" where Self.isToHTTPS(directive): break
      case "if" where (directive.block ?? []).contains(where: Self.isToHTTPS): break
      case let name where Self.heirs.contains(name): break
      default: refuse(directive)
      }
    }
    for one in closed { made.close(one.hosts, one.paths, server.file, one.line) }
    closed = []
  }

  /// Whether a location answers everybody with an error.
  private static func refuses(_ directive: NginxDirective) -> Bool {
    switch (directive.name, directive.words.first ?? "") {
    case ("deny", "all"), ("internal", _): true
    case ("return", let status): status.count == 3 && (status.hasPrefix("4") || status.hasPrefix("5"))
    default: false
    }
  }

  /// Whether not everybody is let in.
  private static func guards(_ settings: [NginxDirective]) -> Bool {
    if let basic = settings.last(where: { $0.name == "auth_basic" }), basic.words.first != "off" {
      return true
    }
    let others: Set = ["auth_request", "auth_jwt", "deny", "ssl_verify_client", "secure_link"]
    return settings.contains { others.contains($0.name) && $0.words.first != "off" }
  }

  /// `return 301 https://…$request_uri`.
  private static func isToHTTPS(_ directive: NginxDirective) -> Bool {
    guard directive.name == "return", let target = directive.words.last else { return false }
    return target.hasPrefix("https://") && target.hasSuffix("$request_uri")
  }

  private mutating func names(_ directive: NginxDirective) -> [String] {
    directive.words.compactMap { word in
      if word == "_" || word.isEmpty { return nil }
      if word.hasPrefix(".") {
        made.note(
          directive.file, directive.line, "server_name \(word): write both \(word.dropFirst()) and *\(word)")
        return String(word.dropFirst())
      }
      guard !word.hasPrefix("~"), !word.hasSuffix("*") else {
        made.note(directive.file, directive.line, "server_name \(word): hosts are names, or *.suffix")
        return nil
      }
      return word.lowercased()
    }
  }

  private mutating func listen(_ directive: NginxDirective, _ isRedirect: Bool) {
    guard let first = directive.words.first, let address = ProxyValue.listenAddress(first) else {
      return made.note(
        directive.file, directive.line,
        "listen \(directive.words.joined(separator: " ")): certd listens at TCP addresses")
    }
    let isTLS = directive.words.contains("ssl") || directive.words.contains("quic")
    if directive.words.contains("quic") {
      return made.note(directive.file, directive.line, "listen \(first) quic: HTTP/3 is not spoken")
    }
    if directive.words.contains("proxy_protocol") {
      made.note(
        directive.file, directive.line, "proxy_protocol: listeners[].proxy_protocol names who is trusted")
    }
    made.listen(
      .init(address: address, isTLS: isTLS, redirects: isRedirect && !isTLS), directive.file, directive.line)
  }

  private mutating func take(_ certificate: String, key: String?, _ server: NginxDirective) {
    guard files.isFile(certificate), key.map(files.isFile) ?? true else {
      return made.note(
        server.file, server.line,
        "ssl_certificate \(certificate) or its key is not there: the hosts get other certificates")
    }
    made.certificate(files.absolute(certificate), key: key.map(files.absolute))
  }

  private mutating func location(_ location: NginxDirective, _ hosts: [String], _ outer: [NginxDirective]) {
    let block = location.block ?? []
    var words = location.words
    let modifier = words.count > 1 ? words.removeFirst() : ""
    guard let path = words.first, path.hasPrefix("/"), !modifier.hasPrefix("~") else {
      return made.note(
        location.file, location.line,
        "location \(location.words.joined(separator: " ")): paths are exact, or beginnings that end in /*")
    }
    for inner in block where inner.name == "location" { self.location(inner, hosts, outer + block) }
    // Redirects to HTTPS are the listener's.
    if block.contains(where: Self.isToHTTPS) { return }
    let settings = outer.filter { Self.heirs.contains($0.name) } + block
    guard let pass = block.first(where: { $0.name == "proxy_pass" || $0.name == "grpc_pass" }),
      let target = pass.words.first
    else {
      if block.contains(where: Self.refuses) {
        closed.append((hosts, modifier == "=" ? [path] : ProxyValue.paths(beginning: path), location.line))
      } else if !block.contains(where: { $0.name == "location" }) {
        made.note(location.file, location.line, "location \(path): it passes nothing on (proxy_pass)")
      }
      block.filter { $0.name != "location" }.forEach { refuse($0) }
      return
    }
    let paths = modifier == "=" ? [path] : ProxyValue.paths(beginning: path)
    if modifier != "=", path != "/", !path.hasSuffix("/") {
      made.note(
        location.file, location.line,
        "location \(path) was also for \(path)x; certd's is for \(path) and what is below it")
    }
    guard let (found, uri) = service(target, pass, settings) else { return }
    var service = found
    var route = ImportedProxy.Route(hosts: hosts, paths: paths, service: "", line: location.line)
    route.isGuarded = Self.guards(outer + block)
    if let uri { rewrite(&route, path, uri, isExact: modifier == "=", pass) }
    fields(settings, &route, &service)
    for directive in block where !["proxy_pass", "grpc_pass", "location"].contains(directive.name) {
      if !Self.heirs.contains(directive.name) { refuse(directive) }
    }
    route.service = made.service(service)
    made.add(route, location.file)
  }

  /// nginx puts the URI of proxy_pass in the place of what the location has matched.
  private mutating func rewrite(
    _ route: inout ImportedProxy.Route, _ path: String, _ uri: String, isExact: Bool, _ pass: NginxDirective
  ) {
    guard path != uri else { return }
    guard !isExact, path.hasSuffix("/") == uri.hasSuffix("/") else {
      return made.note(
        pass.file, pass.line,
        "proxy_pass replaces \(path) by \(uri): that is neither a prefix taken off nor put before")
    }
    func bare(_ text: String) -> String { text.hasSuffix("/") ? String(text.dropLast()) : text }
    if !bare(path).isEmpty { route.strips = bare(path) }
    if !bare(uri).isEmpty { route.adds = bare(uri) }
  }

  private mutating func service(
    _ target: String, _ pass: NginxDirective, _ settings: [NginxDirective]
  ) -> (ImportedProxy.Service, uri: String?)? {
    guard !target.contains("$"),
      let scheme = ["http://", "https://", "grpc://", "grpcs://"].first(where: target.hasPrefix)
    else {
      made.note(pass.file, pass.line, "\(pass.name) \(target): certd's backends are named, not computed")
      return nil
    }
    let rest = target.dropFirst(scheme.count)
    let isUnix = rest.hasPrefix("unix:")
    let authority = isUnix ? rest.prefix { $0 != " " } : rest.prefix { $0 != "/" }
    let uri = rest.count > authority.count ? String(rest.dropFirst(authority.count)) : nil
    var service = ImportedProxy.Service(name: String(authority.prefix { $0 != ":" }))
    let isSecure = scheme == "https://" || scheme == "grpcs://"
    if pass.name == "grpc_pass" { service.isProtocol = isSecure ? "h2" : "h2c" }
    if isSecure {
      service.isProtocol = service.isProtocol ?? "https"
      service.verifiesTLS = settings.last { $0.name == "proxy_ssl_verify" }?.words.first == "on"
    }
    if let upstream = upstreams[String(authority)] {
      read(upstream, &service)
    } else {
      service.backends = [.init(address: Self.address(String(authority), isSecure: isSecure))]
    }
    guard !service.backends.isEmpty else {
      made.note(pass.file, pass.line, "\(pass.name) \(target): none of its servers is left")
      return nil
    }
    if let time = settings.last(where: { $0.name == "proxy_read_timeout" }) {
      if let text = time.words.first.flatMap({ ProxyValue.duration($0) }) {
        for key in ["response_head", "first_byte", "idle"] { service.timeouts[key] = text }
      } else {
        refuse(time)
      }
    }
    if let time = settings.last(where: { $0.name == "proxy_connect_timeout" })?.words.first {
      service.timeouts["connect"] = ProxyValue.duration(time, from: 10)
    }
    if settings.last(where: { $0.name == "gzip" })?.words.first == "on" { service.compresses = true }
    return (service, uri)
  }

  private static func address(_ text: String, isSecure: Bool) -> String {
    if text.hasPrefix("unix:") { return text.hasSuffix(":") ? String(text.dropLast()) : text }
    let hasPort = text.hasSuffix("]") ? false : text.contains(":")
    return hasPort ? text : "\(text):\(isSecure ? 443 : 80)"
  }

  private mutating func read(_ upstream: NginxDirective, _ service: inout ImportedProxy.Service) {
    service.policy = "round-robin"
    for directive in upstream.block ?? [] {
      switch (directive.name, directive.words.first) {
      case ("server", let address?):
        if directive.words.contains("down") { continue }
        var backend = ImportedProxy.Backend(
          address: Self.address(
            address, isSecure: service.isProtocol == "https" || service.isProtocol == "h2"))
        for word in directive.words.dropFirst() {
          if word.hasPrefix("weight="), let weight = Int(word.dropFirst(7)), (1...1000).contains(weight) {
            backend.weight = weight
          } else {
            made.note(
              directive.file, directive.line,
              "server \(address) \(word): see services.*.outlier_detection, max_connections and routes[].models.*.fallback"
            )
          }
        }
        service.backends.append(backend)
      case ("least_conn", _): service.policy = "least-request"
      case ("ip_hash", _): (service.policy, service.hash) = ("ring-hash", "address")
      case ("random", _): service.policy = directive.words.contains("two") ? "p2c" : "random"
      case ("hash", "$remote_addr"?), ("hash", "$binary_remote_addr"?):
        (service.policy, service.hash) = ("ring-hash", "address")
      case ("hash", let key?) where key.hasPrefix("$http_"):
        let field = key.dropFirst(6).split(separator: "_").joined(separator: "-")
        (service.policy, service.hash) = ("ring-hash", "{ header: \(field) }")
      case ("hash", let key?) where key.hasPrefix("$cookie_"):
        (service.policy, service.hash) = ("ring-hash", "{ cookie: \(key.dropFirst(8)) }")
      default: refuse(directive)
      }
    }
  }

  /// Fields that certd does not set by itself; a level that sets any of its own inherits none.
  private mutating func fields(
    _ settings: [NginxDirective], _ route: inout ImportedProxy.Route, _ service: inout ImportedProxy.Service
  ) {
    service.host = "backend"
    for directive in settings where directive.name == "proxy_set_header" || directive.name == "add_header" {
      guard directive.words.count > 1 else { continue }
      let (field, value) = (directive.words[0], directive.words[1])
      let isRequest = directive.name == "proxy_set_header"
      switch field.lowercased() {
      case "host" where isRequest:
        let isClients = ["$host", "$http_host", "$host:$server_port"].contains(value)
        service.host = isClients ? "client" : value.contains("$") ? "backend" : value
      case "upgrade", "connection", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
        "x-forwarded-port":
        break
      case "accept-encoding" where isRequest && value.isEmpty: break
      case _ where value.contains("$"):
        made.note(
          directive.file, directive.line, "\(directive.name) \(field) \(value): fields have fixed values")
      case _ where isRequest && value.isEmpty: route.removedRequestFields.append(field)
      case _ where isRequest: route.requestFields[field] = value
      default: route.responseFields[field] = value
      }
    }
  }
}
