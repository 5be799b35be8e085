internal import COpenSSL

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

  /// A profile of one's own; `check` tells whether the linked OpenSSL can speak it.
  public init(
    allowsTLS12: Bool, cipherList: String, cipherSuites: String, groups: [String],
    applicationProtocols: [String] = ["h2", "http/1.1", "http/1.0"]
  ) {
    self.allowsTLS12 = allowsTLS12
    self.cipherList = cipherList
    self.cipherSuites = cipherSuites
    self.groups = groups
    self.applicationProtocols = applicationProtocols
  }

  /// TLS 1.3 and 1.2 with AEAD suites (Mozilla's "intermediate" without the finite-field groups).
  public static let modern = Profile(
    allowsTLS12: true,
    cipherList: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
      + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
      + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
    cipherSuites: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
    groups: ["X25519MLKEM768", "X25519", "P-256", "P-384"])

  /// As `modern`, and CBC suites with forward secrecy for old TLS 1.2 clients.
  public static let compatible = Profile(
    allowsTLS12: true,
    cipherList: modern.cipherList
      + ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
      + ":ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA",
    cipherSuites: modern.cipherSuites, groups: modern.groups + ["P-521"])

  /// TLS 1.3 only (Mozilla's "modern").
  public static let restricted = Profile(
    allowsTLS12: false, cipherList: modern.cipherList, cipherSuites: modern.cipherSuites,
    groups: modern.groups)

  /// Whether the linked OpenSSL can speak it: it knows every cipher suite, and at least one of the groups.
  /// Throws `ContextError` naming what it does not know.
  public func check() throws(ContextError) {
    let step = "set the TLS profile"
    guard let probe = unsafe SSL_CTX_new(TLS_server_method()) else { throw ContextError(step) }
    defer {
      unsafe SSL_CTX_free(probe)
      Failure.clear()
    }
    for name in cipherList.split(separator: ":").map(String.init)
    where unsafe SSL_CTX_set_cipher_list(probe, name) != 1 {
      throw ContextError(step, "\(Self.library) does not offer \(name)")
    }
    for name in cipherSuites.split(separator: ":").map(String.init)
    where unsafe SSL_CTX_set_ciphersuites(probe, name) != 1 {
      throw ContextError(step, "\(Self.library) does not offer \(name)")
    }
    guard !usableGroups.isEmpty else {
      throw ContextError(step, "\(Self.library) offers none of \(groups.joined(separator: ", "))")
    }
  }

  /// The groups that the linked OpenSSL offers, best first.
  public var usableGroups: [String] { Groups.available(groups) }

  /// The linked OpenSSL, for instance `OpenSSL 3.0.16`.
  private static var library: String {
    let text = unsafe String(cString: OpenSSL_version(OPENSSL_VERSION))
    return text.split(separator: " ").prefix(2).joined(separator: " ")
  }

  /// What sessions begun under it have in common, so that a ticket of another one is not taken for one of its own.
  var fingerprint: [UInt8] {
    Array("\(allowsTLS12) \(cipherList) \(cipherSuites) \(groups.joined(separator: ":"))".utf8)
  }
}

/// Key exchange groups that the linked OpenSSL knows, found out by trying: hybrid post-quantum ones need 3.5.
enum Groups {
  static func available(_ wanted: [String]) -> [String] {
    guard let probe = unsafe SSL_CTX_new(TLS_server_method()) else { return wanted }
    defer {
      unsafe SSL_CTX_free(probe)
      Failure.clear()
    }
    return wanted.filter { unsafe certd_SSL_CTX_set1_groups_list(probe, $0) == 1 }
  }
}
