internal import GCP

extension Configuration {
  /// Google Cloud's section; nil when it is not written.
  static func readGCP(_ top: Section) -> GCPSettings? {
    guard top.has("gcp") else { return nil }
    let section = top.section("gcp")
    var settings: GCPSettings = section.settings()
    settings.origin = section.origin
    if let project = section.text("project", projectIdentifier) { settings.project = project }
    if let prefix = section.text("name_prefix", namePrefix) { settings.namePrefix = prefix }
    settings.endpoints = section.section("endpoints").settings()
    settings.targets = readTargets(section, settings.target)
    settings.loadBalancer = readLoadBalancer(section, settings.target)
    return settings
  }

  private static func readTargets(_ section: Section, _ route: Target.Route) -> [GCPTarget] {
    var targets: [GCPTarget] = []
    for one in section.sections("targets") ?? [] {
      let kind: Target.Kind? = one.choice("kind")
      let name = one.text("name", resourceName)
      let region = one.text("region", resourceName)
      let certificates = one.texts("certificates", nonEmpty: true, Word.name)
      let ownRoute: Target.Route? = one.choice("target")
      let address = one.text("address", Word.line)
      for (index, certificate) in (certificates ?? []).enumerated()
      where certificates?.prefix(index).contains(certificate) ?? false {
        one.report.error(certificate.origin, "\(quoted(certificate.value)) stands twice")
      }
      guard let kind, let name, let certificates else { continue }
      if kind == .sslProxy, region != nil {
        one.report.error(
          one.origin(of: "region"), "target SSL proxies are global", "remove it, or use a target-https-proxy")
      }
      if let other = targets.first(where: { $0.kind == kind && $0.name == name && $0.region == region }) {
        one.report.error(
          one.origin, "is the target of \(other.origin.path) in line \(other.origin.position.line)",
          "put the certificates together")
      }
      targets.append(
        GCPTarget(
          kind: kind, name: name, region: region, certificates: certificates, route: ownRoute ?? route,
          address: address, origin: one.origin))
    }
    return targets
  }

  /// A project's identifier, which may belong to a domain: `example.com:project`.
  private static func projectIdentifier(_ text: String) throws(Invalid) -> String {
    let isOne = text.utf8.allSatisfy {
      isLowerOrDigit($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x3A
    }
    guard isOne, (1...100).contains(text.utf8.count) else {
      throw Invalid("\(quoted(text)) is no project identifier", "write it as 'gcloud projects list' shows it")
    }
    return text
  }

  /// What Google takes for a name.
  private static func resourceName(_ text: String) throws(Invalid) -> String {
    let letters = Array(text.utf8)
    guard (1...63).contains(letters.count), (0x61...0x7A).contains(letters[0]), letters.last != 0x2D,
      letters.allSatisfy({ isLowerOrDigit($0) || $0 == 0x2D })
    else {
      throw Invalid(
        "\(quoted(text)) is no name of a resource",
        "a lower-case letter, then letters, digits and hyphens, at most 63")
    }
    return text
  }

  private static func namePrefix(_ text: String) throws(Invalid) -> String {
    guard text.utf8.count <= 20 else { throw Invalid("\(quoted(text)) is longer than 20 characters") }
    return try resourceName(text)
  }

  private static func isLowerOrDigit(_ c: UInt8) -> Bool {
    (0x61...0x7A).contains(c) || (0x30...0x39).contains(c)
  }
}

extension Word {
  /// An address of an API. Plain HTTP goes no further than this machine: tokens and keys are sent.
  static func endpoint(_ text: String) throws(Invalid) -> String {
    let lowered = text.lowercased()
    if lowered.hasPrefix("http://") {
      let authority = String(lowered.dropFirst(7).prefix { $0 != "/" })
      let host =
        authority.hasPrefix("[") ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
      let isLocal =
        ["localhost", "[::1]"].contains(String(host))
        || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
      guard isLocal else {
        throw Invalid(
          "\(quoted(text)) would send keys in the clear", "use https, or an address of this machine")
      }
      return text
    }
    return try directory(text)
  }
}
