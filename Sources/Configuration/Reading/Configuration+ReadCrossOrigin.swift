internal import HTTP
internal import Proxy

extension Configuration {
  /// What pages of other origins may do with a route; nil where nothing is said or something is wrong.
  static func readCrossOrigin(_ route: Section, _ headers: Settings.FieldEdits) -> Settings.CrossOrigin? {
    guard route.has("cors") else { return nil }
    let section = route.section("cors")
    let origins = section.texts("origins", nonEmpty: true, webOrigin) ?? []
    var rules: Settings.CrossOrigin = section.settings()
    let isForAll = origins.contains { $0.value == "*" }
    if isForAll, origins.count > 1 {
      section.report.error(
        section.origin(of: "origins"), "\"*\" is every origin already", "remove the others, or \"*\"")
    }
    if isForAll, rules.credentials {
      section.report.error(
        section.origin(of: "credentials"), "browsers send no credentials where \"*\" is allowed",
        "name the origins")
    }
    if let double = headers.response.set.first(where: {
      $0.name.lowercased().hasPrefix("access-control-")
    }) {
      section.report.error(
        route.origin(of: "headers"), "\(double.name) is set here and by cors", "remove one of them")
    }
    if rules.methods.isEmpty { section.report.error(section.origin(of: "methods"), "the list is empty") }
    rules.origins = origins.map(\.value)
    return rules.origins.isEmpty ? nil : rules
  }

  /// An origin as browsers send it (RFC 6454 section 6.2): scheme, host, and a port that is not the scheme's own.
  private static func webOrigin(_ text: String) throws(Invalid) -> String {
    if text == "*" { return text }
    let lower = text.lowercased()
    let parts = lower.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    let allowed =
      parts.last?.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/?#@*,\"'".utf8.contains($0) } ?? false
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, allowed, lower.utf8.count <= 512 else {
      throw Invalid(
        "\(quoted(text)) is no origin", "write scheme and host, such as https://chat.example.com, or \"*\"")
    }
    let isDefault =
      lower.hasPrefix("https:") && lower.hasSuffix(":443")
      || lower.hasPrefix("http:") && lower.hasSuffix(":80")
    return isDefault ? String(lower.dropLast(lower.hasSuffix(":80") ? 3 : 4)) : lower
  }
}
