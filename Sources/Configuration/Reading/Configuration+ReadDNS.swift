extension Configuration {
  /// How DNS-01 is answered; nil when nothing is said, or nothing that could be meant.
  static func readDNS(_ acme: Section) -> DNSSettings? {
    guard acme.has("dns01") else { return nil }
    let section = acme.section("dns01")
    // A nonsense beside it is told also where the provider is not known.
    let provider = readProvider(section)
    var settings: DNSSettings = section.settings()
    settings.origin = section.origin
    if let provider { settings.provider = provider }
    return provider == nil ? nil : settings
  }

  private static func readProvider(_ section: Section) -> DNSSettings.Provider? {
    let kinds = ["exec", "rfc2136", "google_cloud_dns"].filter(section.has)
    guard kinds.count == 1 else {
      section.report.error(
        section.origin,
        kinds.isEmpty
          ? "says nobody who changes the zones" : "says \(kinds.joined(separator: " and ")) at once",
        "write one of exec, rfc2136 and google_cloud_dns")
      return nil
    }
    if kinds != ["exec"], section.has("timeout") {
      section.report.error(section.origin(of: "timeout"), "goes with exec only", "remove it")
    }
    switch kinds[0] {
    case "exec":
      return section.path("exec").map { .hook(path: $0) }
    case "rfc2136": return .update(readUpdate(section.section("rfc2136")))
    default:
      let cloud = section.section("google_cloud_dns")
      return .googleCloud(
        project: cloud.text("project", CloudText.name), zone: cloud.text("zone", CloudText.name))
    }
  }

  private static func readUpdate(_ section: Section) -> DNSUpdateSettings {
    let settings: DNSUpdateSettings = section.settings()
    if settings.keyFile == nil {
      for key in ["key_name", "algorithm"] where section.has(key) {
        section.report.error(section.origin(of: key), "goes with key_file", "add key_file, or remove it")
      }
    }
    return settings
  }
}

extension ServerAddress: ParsedText {
  /// A name server: port 53 where none is given.
  static func parse(_ text: String) throws(Invalid) -> ServerAddress {
    guard case .tcp(let host, let port) = try BackendText.tcp(text, defaultPort: 53) else {
      throw Invalid("\(quoted(text)) is no server")
    }
    return ServerAddress(host: host, port: port)
  }
}
