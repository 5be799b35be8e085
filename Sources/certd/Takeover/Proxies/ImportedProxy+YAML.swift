import Configuration

extension ImportedProxy {
  /// The configuration; `agreesToTerms` asks Let's Encrypt for what no file covers, otherwise certd's own CA does it.
  func yaml(heading: String, agreesToTerms: Bool) -> String {
    var lines = ["# \(heading)"]
    let hosts = Set(routes.flatMap(\.hosts))
    if agreesToTerms {
      lines.append("acme:")
      if let email { lines.append("  email: \(YAMLText.quoted(email))") }
      lines.append("  agree_tos: true")
      lines.append("  issuers: [letsencrypt\(localHosts.isEmpty ? "" : ", local")]")
    } else {
      lines.append(
        "acme: { issuers: [local] }    # for hosts that no file covers: certd's own CA, until one is named")
    }
    let own = agreesToTerms ? localHosts.filter(hosts.contains) : []
    if !certificates.isEmpty || !own.isEmpty { lines.append("certificates:") }
    for file in certificates {
      let key = file.key.map { [("key", YAMLText.quoted($0))] } ?? []
      lines.append("  - " + YAMLText.map([("cert", YAMLText.quoted(file.certificate))] + key))
    }
    for host in own {
      lines.append("  - " + YAMLText.map([("names", YAMLText.list([host])), ("issuer", "local")]))
    }
    if !listeners.isEmpty { lines.append("listeners:") }
    for listener in listeners {
      var members = [("address", "\"\(listener.address)\"")]
      if listener.redirects { members.append(("redirect", "https")) }
      if !listener.isTLS, !listener.redirects { members.append(("tls", "off")) }
      lines.append("  - " + YAMLText.map(members))
    }
    lines.append("routes:")
    for route in routes { lines += text(route) }
    if routes.contains(where: \.isGuarded) {
      lines.append("keys:")
      lines.append(
        "  \(Self.group): { file: certd-keys }    # certd key create --group \(Self.group) --name NAME")
    }
    lines.append("services:")
    for service in services { lines += text(service) }
    return lines.joined(separator: "\n")
  }

  private func text(_ route: Route) -> [String] {
    var lines = ["  - service: \(route.service)"]
    if !route.hosts.isEmpty { lines.append("    hosts: \(YAMLText.list(route.hosts))") }
    if !route.paths.isEmpty { lines.append("    paths: \(YAMLText.list(route.paths))") }
    if route.isGuarded { lines.append("    keys: \(Self.group)    # nobody is let in before a key is made") }
    if let prefix = route.strips { lines.append("    strip_prefix: \(YAMLText.quoted(prefix))") }
    if let prefix = route.adds { lines.append("    add_prefix: \(YAMLText.quoted(prefix))") }
    func fields(_ set: [String: String], _ removed: [String]) -> String? {
      var members: [(String, String)] = []
      if !set.isEmpty {
        let sorted = set.sorted { $0.key < $1.key }
        members.append(
          ("set", YAMLText.map(sorted.map { (YAMLText.quoted($0.key), YAMLText.quoted($0.value)) })))
      }
      if !removed.isEmpty { members.append(("remove", YAMLText.list(removed))) }
      return members.isEmpty ? nil : YAMLText.map(members)
    }
    let request = fields(route.requestFields, route.removedRequestFields)
    let response = fields(route.responseFields, route.removedResponseFields)
    if request != nil || response != nil { lines.append("    headers:") }
    if let request { lines.append("      request: \(request)") }
    if let response { lines.append("      response: \(response)") }
    return lines
  }

  private func text(_ service: Service) -> [String] {
    var lines = ["  \(service.name):"]
    if let name = service.isProtocol { lines.append("    protocol: \(name)") }
    if let policy = service.policy { lines.append("    policy: \(policy)") }
    if let hash = service.hash { lines.append("    hash: \(hash)") }
    if let host = service.host { lines.append("    host: \(YAMLText.quoted(host))") }
    let backends = service.backends.map { backend in
      backend.weight == 1
        ? YAMLText.quoted(backend.address)
        : YAMLText.map([("address", YAMLText.quoted(backend.address)), ("weight", "\(backend.weight)")])
    }
    lines.append("    backends: [\(backends.joined(separator: ", "))]")
    func section(_ name: String, _ members: [String: String]) {
      guard !members.isEmpty else { return }
      lines.append(
        "    \(name): " + YAMLText.map(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
    }
    section("timeouts", service.timeouts)
    section("health", service.health)
    if !service.verifiesTLS {
      lines.append("    tls: { verify: false }    # as it was: only for a network that you trust")
    }
    if service.compresses { lines.append("    compression: true") }
    return lines
  }
}

/// Values of other proxies in certd's form.
enum ProxyValue {
  /// `60s`, `300ms`, `1m`, `90` with `unit` for bare numbers; nil for what certd does not take, and for less than a floor.
  static func duration(_ text: some StringProtocol, unit: String = "s", from least: Int = 100) -> String? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits), number > 0, number < 1_000_000_000 else { return nil }
    let suffix = text.dropFirst(digits.count)
    let scale: Int
    switch suffix.isEmpty ? unit : String(suffix) {
    case "ms": scale = 1
    case "s": scale = 1000
    case "m": scale = 60_000
    case "h": scale = 3_600_000
    case "d": scale = 86_400_000
    default: return nil
    }
    let milliseconds = min(max(number.multipliedReportingOverflow(by: scale).partialValue, least), 86_400_000)
    return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
  }

  /// What `duration` gives, in milliseconds.
  static func milliseconds(_ text: String) -> Int? {
    if text.hasSuffix("ms") { return Int(text.dropLast(2)) }
    return Int(text.dropLast()).map { $0 * 1000 }
  }

  /// A beginning of paths: `/v1/` is all below it, `/v1` also itself; other programs take `/v1x` for it too.
  static func paths(beginning prefix: String) -> [String] {
    if prefix == "/" || prefix.isEmpty { return [] }
    return prefix.hasSuffix("/") ? [prefix + "*"] : [prefix, prefix + "/*"]
  }

  /// `443`, `*:443`, `0.0.0.0:443` and `[::]:443` are every address; nil for a Unix socket and anything else.
  static func listenAddress(_ text: some StringProtocol, defaultPort: Int = 80) -> String? {
    guard !text.hasPrefix("unix"), !text.hasPrefix("/") else { return nil }
    var (host, port) = ("", "\(defaultPort)")
    if let number = Int(text) {
      port = "\(number)"
    } else if text.hasSuffix("]") {
      host = String(text)
    } else if let colon = text.lastIndex(of: ":") {
      (host, port) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
    } else {
      host = String(text)
    }
    guard let number = Int(port), (1...65535).contains(number) else { return nil }
    return ["", "*", "0.0.0.0", "[::]", "::", "v4v6", "v4"].contains(host)
      ? ":\(number)" : "\(host):\(number)"
  }
}
