internal import Proxy

// How backends are found ready or not.
extension Configuration {
  static func readHealth(_ section: Section, _ kind: ServiceKind, _ spoken: ServiceProtocol) -> HealthCheck? {
    let probe = readProbe(section, kind, spoken)
    var check = HealthCheck()
    let wrong = section.fill(&check)
    check.probe = probe
    let expected = section.section("expected")
    check.statuses = (expected.texts("status", nonEmpty: true, StatusRange.parse) ?? []).map(\.value)
    check.text = expected.text("body", bodyText)
    if section.has("expected") {
      if case .get = probe {
      } else {
        section.report.error(
          expected.origin, "the check asks for no page whose answer could be expected", "add a path")
      }
      if expected.has("status"), section.has("expect") {
        section.report.error(
          section.origin(of: "expect"), "stands beside expected.status", "remove one of both")
      }
    }
    if section.has("interval") || section.has("timeout"), wrong.isDisjoint(with: ["interval", "timeout"]),
      check.timeout > check.interval
    {
      let key = section.has("timeout") ? "timeout" : "interval"
      section.report.error(section.origin(of: key), "the timeout is longer than the interval")
    }
    return section.boolean("enabled") ? check : nil
  }

  private static func bodyText(_ text: String) throws(Invalid) -> String {
    guard !text.isEmpty, text.utf8.count <= 1024 else {
      throw Invalid("has \(text.utf8.count) bytes", "write a part of the answer, from 1 to 1024 bytes")
    }
    return text
  }

  /// What is done; of several ways one may be written.
  private static func readProbe(
    _ section: Section, _ kind: ServiceKind, _ spoken: ServiceProtocol
  ) -> HealthProbe {
    let command = (section.texts("command", nonEmpty: true, Word.line) ?? []).map(\.value)
    let ways = ["command", "grpc", "tls", "path"].filter { key in
      key == "grpc" || key == "tls" ? section.boolean(key) : section.has(key)
    }
    if ways.count > 1, let second = ways.last, second != "path" || ways.first != "grpc" {
      section.report.error(
        section.origin(of: second), "a check is made in one way, and \(ways[0]) is written",
        "remove one of both")
    }
    if let program = command.first, !program.hasPrefix("/") {
      section.report.error(
        section.origin(of: "command"), "\(quoted(program)) is no absolute path", "write where the program is")
    }
    if section.boolean("tls"), !spoken.isSecure {
      section.report.error(
        section.origin(of: "tls"), "the backends are spoken to without TLS", "set protocol: https, h2 or tls")
    }
    if !command.isEmpty { return .command(command) }
    let asked = readAsked(section, kind)
    if let grpc = readGRPC(section, spoken) { return grpc }
    return section.boolean("tls") ? .handshake : asked
  }

  private static func readAsked(_ section: Section, _ kind: ServiceKind) -> HealthProbe {
    let defaults = HealthDefaults.of(kind)
    let path = section.text("path") { text throws(Invalid) in
      guard case .exact(let path) = try Settings.PathMatch.parse(text) else {
        throw Invalid("\(quoted(text)) is a pattern", "a health check asks for one path")
      }
      return path
    }
    let expect = section.text("expect", StatusRange.parse)
    if let path { return .get(path: path, expect: expect ?? defaults.expect, body: defaults.body) }
    guard let expect, !section.has("path") else { return defaults.probe }
    guard case .get(let path, _, let body) = defaults.probe else {
      section.report.error(
        section.origin(of: "expect"), "kind \(kind.rawValue) is checked by connecting only", "add a path")
      return defaults.probe
    }
    return .get(path: path, expect: expect, body: body)
  }

  private static func readGRPC(_ section: Section, _ spoken: ServiceProtocol) -> HealthProbe? {
    let name = section.text("grpc_service", GRPCServiceName.parse)
    guard section.boolean("grpc") else {
      if section.has("grpc_service") {
        section.report.error(
          section.origin(of: "grpc_service"), "names a service for gRPC's health protocol", "add grpc: true")
      }
      return nil
    }
    if !spoken.isHTTP2 {
      section.report.error(
        section.origin(of: "grpc"), "gRPC needs HTTP/2, the service speaks \(spoken.rawValue)",
        "set protocol: h2c, or h2 over TLS")
    }
    for key in ["path", "expect"] where section.has(key) {
      section.report.error(
        section.origin(of: key), "a gRPC health check has no \(key)", "remove it or grpc")
    }
    return .grpc(service: name ?? "")
  }
}
