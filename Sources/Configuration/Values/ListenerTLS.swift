/// Versions and algorithms that an operator has chosen one by one, in the order of preference.
public struct CustomTLS: Sendable, Equatable {
  /// Whether TLS 1.2 is accepted beside 1.3.
  public var allowsTLS12: Bool
  /// TLS 1.2 cipher suites by OpenSSL's names; nil for those of `modern`.
  public var ciphers: [String]?
  /// TLS 1.3 cipher suites; nil for those of `modern`.
  public var cipherSuites: [String]?
  /// Key exchange groups by OpenSSL's names; nil for those of `modern`.
  public var groups: [String]?
  /// Where it was written.
  public var origin: Origin
}

/// What a listener asks of its clients' certificates.
public struct ClientCertificates: Sendable, Equatable {
  /// Whether a client needs one.
  public enum Mode: String, Sendable, CaseIterable {
    /// None is asked for.
    case off
    /// One is asked for; a client without is let in, one whose certificate does not verify is not.
    case request
    /// Nobody is let in without.
    case require
  }

  /// Whether a client needs one.
  public var mode = Mode.require
  /// PEM files of the authorities; absolute paths, never empty.
  public var ca: [Located<String>] = []
  /// Files of revocation lists; absolute paths.
  public var crl: [Located<String>] = []
  /// Whether backends are told subject and alternative names beside the certificate.
  public var names = false
  /// Where it was written.
  public var origin = Origin.none
}

/// Algorithms of TLS as they are called in the file, each with OpenSSL's name.
public struct TLSAlgorithm: Sendable, Equatable {
  /// The name in IANA's registry.
  public let name: String
  /// Other names that are understood.
  public let aliases: [String]
  /// OpenSSL's name.
  public let openSSL: String

  init(_ name: String, _ openSSL: String? = nil, aliases: [String] = []) {
    self.name = name
    self.openSSL = openSSL ?? name
    self.aliases = aliases
  }

  /// Every name that is understood, IANA's first.
  var allNames: [String] { [name] + (openSSL == name ? [] : [openSSL]) + aliases }

  /// TLS 1.2 cipher suites, all with forward secrecy, best first.
  public static let ciphers: [TLSAlgorithm] =
    [
      ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"), ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
      ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"), ("AES_128_CBC_SHA256", "AES128-SHA256"),
      ("AES_256_CBC_SHA384", "AES256-SHA384"), ("AES_128_CBC_SHA", "AES128-SHA"),
      ("AES_256_CBC_SHA", "AES256-SHA"),
    ].flatMap { (iana, openSSL) in
      ["ECDSA", "RSA"].map { TLSAlgorithm("TLS_ECDHE_\($0)_WITH_\(iana)", "ECDHE-\($0)-\(openSSL)") }
    }

  /// TLS 1.3 cipher suites.
  public static let cipherSuites: [TLSAlgorithm] = [
    TLSAlgorithm("TLS_AES_128_GCM_SHA256"), TLSAlgorithm("TLS_CHACHA20_POLY1305_SHA256"),
    TLSAlgorithm("TLS_AES_256_GCM_SHA384"), TLSAlgorithm("TLS_AES_128_CCM_SHA256"),
  ]

  /// Key exchange groups; the hybrid ones come with OpenSSL 3.5.
  public static let groups: [TLSAlgorithm] = [
    TLSAlgorithm("X25519MLKEM768"), TLSAlgorithm("SecP256r1MLKEM768"), TLSAlgorithm("SecP384r1MLKEM1024"),
    TLSAlgorithm("X25519"), TLSAlgorithm("X448"),
    TLSAlgorithm("secp256r1", "P-256", aliases: ["prime256v1"]), TLSAlgorithm("secp384r1", "P-384"),
    TLSAlgorithm("secp521r1", "P-521"),
  ]

  /// Finds one by any of its names.
  static func find(_ text: String, among all: [TLSAlgorithm], _ what: String) throws(Invalid) -> TLSAlgorithm
  {
    if let found = all.first(where: { $0.allNames.contains(text) }) { return found }
    if text.hasPrefix("TLS_RSA_WITH_") || text.hasPrefix("TLS_DH") || text.hasPrefix("DHE-") {
      throw Invalid(
        "\(quoted(text)) is not offered", "only ECDHE suites are: forward secrecy, without weak groups")
    }
    let known = all.map(\.name)
    throw Invalid(
      "\(quoted(text)) is no \(what)",
      Nearest.hint(for: text, among: all.flatMap(\.allNames)) ?? "known: \(alternatives(known))")
  }
}
