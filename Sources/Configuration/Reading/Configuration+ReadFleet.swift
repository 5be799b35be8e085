internal import Bytes
internal import CertStore
internal import HTTP

extension Configuration {
  /// The longest prefix of keys at etcd, in bytes.
  static let maximumFleetPrefixInBytes = 200

  static func readFleet(_ top: Section) -> FleetSettings? {
    guard top.has("fleet") else { return nil }
    let section = top.section("fleet")
    var fleet = FleetSettings()
    fleet.origin = top.origin(of: "fleet")
    if section.has("etcd") {
      readEtcd(section.section("etcd"), &fleet)
    } else {
      section.report.error(section.origin, "the key \"etcd\" is missing")
    }
    if section.has("prefix") {
      fleet.prefix = section.text("prefix", fleetPrefix) ?? fleet.prefix
    }
    fleet.sealKey = section.text("seal_key", sealKey) ?? []
    fleet.oldSealKeys =
      section.has("old_seal_keys") ? (section.texts("old_seal_keys", sealKey) ?? []).map(\.value) : []
    fleet.sharesKeys = section.boolean("share_keys")
    fleet.follows = section.boolean("follow")
    let node = section.text("node") { text throws(Invalid) -> String in
      guard LineageName(text) != nil, text.utf8.count <= 64 else {
        throw Invalid(
          "\(quoted(text)) is no name of a node",
          "write up to 64 letters, digits, dots, hyphens and underscores, a letter or digit first")
      }
      return text
    }
    fleet.node = node ?? ""
    return fleet
  }

  private static func readEtcd(_ section: Section, _ fleet: inout FleetSettings) {
    let endpoints = section.texts("endpoints", nonEmpty: true) { text throws(Invalid) -> URL in
      guard let url = URL(try Word.endpoint(text)), url.target == "/" else {
        throw Invalid("\(quoted(text)) is no member of etcd", "write https://10.0.0.1:2379")
      }
      return url
    }
    fleet.endpoints = (endpoints ?? []).map(\.value)
    func path(_ key: String) -> String? { section.has(key) ? section.path(key) : nil }
    (fleet.ca, fleet.cert, fleet.key) = (path("ca"), path("cert"), path("key"))
    if (fleet.cert == nil) != (fleet.key == nil) {
      section.report.error(section.origin, "cert and key belong together", "name both or neither")
    }
    if section.has("user") { fleet.user = section.text("user", Word.line) }
    if section.has("password") { fleet.password = section.text("password", Word.line) }
    if (fleet.user == nil) != (fleet.password == nil) {
      section.report.error(section.origin, "user and password belong together", "write both or neither")
    }
  }

  private static func fleetPrefix(_ text: String) throws(Invalid) -> String {
    let allowed = text.utf8.allSatisfy { c in
      (0x61...0x7A).contains(c) || (0x41...0x5A).contains(c) || (0x2D...0x39).contains(c) || c == 0x5F
    }
    guard allowed, text.hasPrefix("/"), text.utf8.count > 1, text.utf8.count <= maximumFleetPrefixInBytes,
      !text.contains("//")
    else {
      throw Invalid(
        "\(quoted(text)) is no prefix",
        "write a slash, then letters, digits, slashes, dots and hyphens: /certd/edge")
    }
    return text
  }

  /// Never shown, not even where it is wrong.
  private static func sealKey(_ text: String) throws(Invalid) -> [UInt8] {
    let bytes = text.utf8.count == 64 ? Hex.decode(text) : Base64.decode(text)
    guard let bytes, bytes.count == 32 else {
      throw Invalid(
        "it is no key of 32 bytes in base64 or hexadecimal", "make one: openssl rand -hex 32 > seal.key")
    }
    return bytes
  }
}
