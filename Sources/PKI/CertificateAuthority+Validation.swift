public import Bytes
internal import COpenSSL

extension CertificateAuthority {
  /// The self-signed certificate that answers TLS-ALPN-01: the identifier alone as its name, and the SHA-256 of the key
  /// authorization in a critical acmeIdentifier (RFC 8737 §3).
  public static func makeValidation(
    _ identifier: Identifier, keyAuthorizationSHA256: [UInt8], key: PrivateKey, notBefore: UnixTime,
    lifetimeSeconds: Int64, serial: [UInt8]
  ) throws(PKIError) -> Certificate {
    guard keyAuthorizationSHA256.count == 32, !identifier.isWildcard else {
      throw PKIError(what: what, reason: "TLS-ALPN-01 proves single names by a SHA-256")
    }
    let certificate = try unsafe draft(
      publicKeyInfo: key.publicKeyInfo, serial: serial, notBefore: notBefore,
      notAfter: notBefore + lifetimeSeconds)
    do throws(PKIError) {
      try unsafe add(
        [
          .subjectAlternativeName([identifier], isCritical: true),
          .acmeIdentifier(keyAuthorizationSHA256),
        ], to: certificate)
      try unsafe sign(certificate, key)
    } catch {
      unsafe X509_free(certificate)
      throw error
    }
    return try unsafe Certificate(owning: certificate)
  }
}

extension Identifier {
  /// The server name by which a CA asks for it in TLS-ALPN-01: a name itself, an address by its reverse name
  /// (RFC 8738 §6).
  public var validationServerName: String {
    switch self {
    case .dns(let name): return name
    case .ip(let address) where address.count == 4:
      return address.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa"
    case .ip(let address):
      let digits = address.reversed().flatMap { [$0 & 0x0F, $0 >> 4] }
      return digits.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa"
    }
  }
}
