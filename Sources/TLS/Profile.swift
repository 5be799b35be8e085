/// Which versions and algorithms a server accepts. Every profile offers forward secrecy only.
public struct Profile: Sendable, Equatable {
  /// Whether TLS 1.2 is accepted beside 1.3.
  public var allowsTLS12: Bool
  /// TLS 1.2 cipher suites in OpenSSL's notation.
  public var cipherList: String
  /// TLS 1.3 cipher suites.
  public var cipherSuites: String
  /// Key exchange groups, best first; those that the linked OpenSSL lacks are left out.
  public var groups: [String]
  /// Protocols offered by ALPN, best first.
  public var applicationProtocols: [String]

  /// TLS 1.3 and 1.2 with AEAD suites (Mozilla's "intermediate" without the finite-field groups).
  public static let modern = Profile(
    allowsTLS12: true,
    cipherList: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
      + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
      + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
    cipherSuites: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
    groups: ["X25519MLKEM768", "X25519", "P-256", "P-384"],
    applicationProtocols: ["h2", "http/1.1", "http/1.0"])

  /// As `modern`, and CBC suites with forward secrecy for old TLS 1.2 clients.
  public static let compatible = Profile(
    allowsTLS12: true,
    cipherList: modern.cipherList
      + ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
      + ":ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA",
    cipherSuites: modern.cipherSuites, groups: modern.groups + ["P-521"],
    applicationProtocols: ["http/1.1", "http/1.0"])

  /// TLS 1.3 only.
  public static let restricted = Profile(
    allowsTLS12: false, cipherList: modern.cipherList, cipherSuites: modern.cipherSuites,
    groups: modern.groups, applicationProtocols: ["http/1.1", "http/1.0"])
}
