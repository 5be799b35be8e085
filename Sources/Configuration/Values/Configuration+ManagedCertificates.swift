internal import ACME
internal import PKI
internal import Proxy

/// Which certificates certd has to obtain.
extension Configuration {
  /// The managed certificates: the entries of `certificates`, and one for each host of a route that neither
  /// they nor `covered` (asked with `llm.example.com` or `*.example.com`) account for. With them come the
  /// hosts for which no certificate can be had, as errors at their places.
  public func managedCertificates(
    covered: (String) -> Bool
  ) -> (certificates: [WantedCertificate], errors: [ConfigurationError]) {
    var found: [WantedCertificate] = []
    var errors: [ConfigurationError] = []
    for case .managed(let certificate) in certificates { found.append(certificate) }
    let hosts = listeners.contains { $0.tls != .off } ? routes.flatMap(\.hosts) : []
    for host in hosts where host.value != .any {
      let name = host.value.description
      guard !covered(name), !found.contains(where: { $0.covers(name) }) else { continue }
      found.append(
        WantedCertificate(
          name: WantedCertificate.storeName(of: name), names: [name], issuer: nil,
          keyType: acme.keyTypes.first ?? .ecP256, moreKeyTypes: Array(acme.keyTypes.dropFirst()),
          origin: host.origin))
    }
    errors += namesakes(found)
    for certificate in found { errors += problems(of: certificate) }
    let needy = found.lazy.compactMap { one in acme.issuer(named: one.issuer).map { (one, $0) } }.first {
      $1.isPublic
    }
    if !acme.agreeTOS, let (certificate, issuer) = needy {
      let isAsked = certificates.contains { if case .managed(certificate) = $0 { true } else { false } }
      let hasFiles = certificates.contains { if case .files = $0 { true } else { false } }
      errors.append(
        isAsked || !hasFiles
          ? agreementError(issuer, for: isAsked ? nil : certificate) : coverageError(certificate, issuer))
    }
    return (found.flatMap { [$0] + $0.siblings }, errors)
  }

  /// Two certificates of one name.
  private func namesakes(_ found: [WantedCertificate]) -> [ConfigurationError] {
    var owners: [String: Origin] = [:]
    var errors: [ConfigurationError] = []
    for certificate in found {
      for name in [certificate.name] + certificate.siblings.map(\.name) {
        if let other = owners[name] {
          errors.append(
            error(
              at: certificate.origin, "has the name \(quoted(name)) of \(other.path)",
              hint: "set another name"))
        }
        owners[name] = owners[name] ?? certificate.origin
      }
    }
    return errors
  }

  /// The error for a host that needs a certificate which nobody has asked for in so many words.
  private func coverageError(_ certificate: WantedCertificate, _ issuer: IssuerSettings) -> ConfigurationError
  {
    error(
      at: certificate.origin,
      "no certificate of a file covers \(certificate.names.first ?? certificate.name), and \(issuer.name) issues one "
        + "only to those who agree to its terms of service",
      hint: "add a file that covers it, or read the terms and set acme.agree_tos: true")
  }

  /// The error for an issuer whose terms have not been agreed to.
  func agreementError(_ issuer: IssuerSettings, for wanted: WantedCertificate? = nil) -> ConfigurationError {
    let reason = wanted.map { ", and \($0.names.first ?? $0.name) needs a certificate" } ?? ""
    let origin = Origin(position: acme.origin.position, path: "acme.agree_tos")
    return error(
      at: origin, "\(issuer.name) issues only to those who agree to its terms of service\(reason)",
      hint: "read them and set agree_tos: true")
  }

  private func problems(of certificate: WantedCertificate) -> [ConfigurationError] {
    guard let issuer = acme.issuer(named: certificate.issuer), issuer.kind != .local else { return [] }
    return certificate.names.compactMap { name in
      if name.hasPrefix("*."), !acme.challenges.contains(.dns01) {
        return error(
          at: certificate.origin, "the wildcard \(quoted(name)) can be proven by dns-01 only",
          hint: "add acme.dns01, name the hosts, or give cert and key files")
      }
      guard issuer.isPublic, Self.isPrivate(name) else { return nil }
      return error(
        at: certificate.origin, "no public CA certifies \(quoted(name))",
        hint: "use the issuer \(IssuerPreset.localName), or give cert and key files")
    }
  }

  /// Names that the public cannot reach: single labels, special-use domains (RFC 6761, RFC 6762, RFC 8375)
  /// and private addresses (RFC 1918, RFC 4193).
  public static func isPrivate(_ name: String) -> Bool {
    if let address = IPAddress(name) {
      return privateRanges.contains { $0.contains(address.bytes) }
    }
    let special = ["localhost", "local", "internal", "test", "invalid", "example", "home.arpa"]
    return !name.contains(".") || special.contains { name == $0 || name.hasSuffix(".\($0)") }
  }

  private static let privateRanges = [
    "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7",
    "fe80::/10",
  ].compactMap { try? AddressRange.parse($0) }
}

extension WantedCertificate {
  /// Whether a host of a route is in it, by name or by wildcard (RFC 6125 §6.4.3).
  func covers(_ host: String) -> Bool {
    if names.contains(host) { return true }
    guard let dot = host.firstIndex(of: "."), !host.hasPrefix("*") else { return false }
    return IPAddress(host) == nil && names.contains("*\(host[dot...])")
  }

  /// A name for the store's directory made from a host.
  public static func storeName(of host: String) -> String {
    let hasSpecial = host.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: ":") }
    guard hasSpecial else { return host }
    let name = host.replacing("*", with: "_wildcard").replacing(":", with: "-")
    return name.hasPrefix("-") ? "0\(name)" : name
  }
}
