internal import JSON

/// A chain as the text of `certd.yaml`.
struct ImportedText {
  private let chain: ImportedChain
  private let format: ChainImport.Format

  init(_ chain: ImportedChain, _ format: ChainImport.Format) {
    self.chain = chain
    self.format = format
  }

  var text: String {
    let blocks = [head, routes, services, cloud]
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n")
  }

  private var head: [String] {
    var lines = [
      "# Made by 'certd gcp import \(format.rawValue)'. Then: certd check; certd renew; certd gcp plan --adopt;",
      "# certd gcp apply --adopt. When it is taken over, let the program forget its resources and not destroy them.",
      "acme:",
      "  agree_tos: true          # by this you agree to the CA's terms of service; read them first",
      "# email: ops@example.com   # contact for the CA, if you like",
    ]
    if let drain = chain.drain, drain > 0 { lines += ["limits:", "  drain_timeout: \(drain)s"] }
    return lines
  }

  private var routes: [String] {
    ["routes:"]
      + chain.routes.map { route in
        let hosts = route.hosts.map(quoted).joined(separator: ", ")
        let paths = route.paths.map(quoted).joined(separator: ", ")
        return
          "  - { hosts: [\(hosts)], \(paths.isEmpty ? "" : "paths: [\(paths)], ")service: \(quoted(route.service)) }"
      }
  }

  private var services: [String] {
    var lines = ["services:"]
    for service in chain.services {
      lines.append("  \(quoted(service.name)):")
      if service.proto != "http1" { lines.append("    protocol: \(service.proto)") }
      if let policy = service.policy { lines.append("    policy: \(policy)") }
      lines.append(
        "    backends: [\"127.0.0.1:\(service.port)\"]   # only for certd's own proxy; Google uses the groups below"
      )
      var health = [
        "interval: \(service.interval)s", "timeout: \(service.timeout)s",
        "healthy_threshold: \(service.healthy)", "unhealthy_threshold: \(service.unhealthy)",
      ]
      if let path = service.healthPath { health.insert("path: \(quoted(path))", at: 0) }
      if service.healthPath != nil { health.append("expect: 200") }
      if let name = service.grpc {
        health.insert("grpc: true", at: 0)
        if !name.isEmpty { health.append("grpc_service: \(quoted(name))") }
      }
      if let port = service.healthPort { health.append("port: \(port)") }
      lines.append("    health: { \(health.joined(separator: ", ")) }")
    }
    return lines
  }

  private var cloud: [String] {
    var lines = [
      "gcp:", "  project: \(quoted(chain.project))", "  load_balancer:", "    name: \(quoted(chain.name))",
    ]
    func add(_ key: String, _ value: String?) { if let value { lines.append("    \(key): \(value)") } }
    if chain.isSSL { add("kind", "ssl") }
    add("region", chain.region.map(quoted))
    if chain.region != nil { add("network", chain.network.map(quoted)) }
    add("address", chain.address.map(quoted))
    add("ipv6_address", chain.ipv6Address.map(quoted))
    if chain.redirects { add("redirect", "true") }
    add("ssl_policy", chain.sslPolicy.map(quoted))
    if chain.usesManager { add("target", "certificate-manager") }
    add("session_affinity", chain.affinity)
    if chain.timeout > 0 { add("timeout", "\(chain.timeout)s") }
    if !chain.names.isEmpty {
      lines.append("    names:")
      lines += chain.names.sorted { $0.key < $1.key }.map { "      \($0.key): \(quoted($0.value))" }
    }
    let placed = chain.services.filter { !$0.groups.isEmpty }
    if !placed.isEmpty { lines.append("    groups:") }
    for service in placed {
      lines.append("      \(quoted(service.name)):")
      for group in service.groups {
        var members = ["\(group.key): \(quoted(group.path))"]
        if let port = group.namedPort { members.append("named_port: \(quoted(port))") }
        if let measure = group.measure { members.append("\(measure.key): \(measure.value)") }
        lines.append("        - { \(members.joined(separator: ", ")) }")
      }
    }
    return lines
  }

  /// Plain where YAML takes it so, else in double quotes.
  private func quoted(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { c in
      (0x61...0x7A).contains(c) || (0x41...0x5A).contains(c) || (0x30...0x39).contains(c)
        || [0x2D, 0x2E, 0x2F, 0x5F].contains(c)
    }
    let isWord =
      plain && text.contains { $0.isLetter }
      && !["true", "false", "null", "yes", "no", "on", "off"].contains(text.lowercased())
    return isWord && !text.hasPrefix("-") ? text : JSONValue.string(text).text
  }
}
