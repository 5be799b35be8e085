public import Bytes
internal import COpenSSL

/// Makes certificates: the root and the leaves of the built-in local CA.
///
/// Keeps no state: keys, times and serial numbers are given. A serial number is 1 to 20 bytes, big-endian,
/// not zero (RFC 5280 §4.1.2.2); 16 random bytes are right.
public enum CertificateAuthority {
  static let what = "making a certificate"
  private static let digitalSignature: UInt8 = 0x80
  private static let keyEncipherment: UInt8 = 0x20
  private static let signsCertificatesAndLists: UInt8 = 0x06

  /// A self-signed CA certificate.
  public static func makeRoot(
    commonName: String, key: PrivateKey, notBefore: UnixTime, lifetimeSeconds: Int64, serial: [UInt8]
  ) throws(PKIError) -> Certificate {
    let certificate = try unsafe draft(
      publicKeyInfo: key.publicKeyInfo, serial: serial, notBefore: notBefore,
      notAfter: notBefore + lifetimeSeconds)
    do throws(PKIError) {
      let subject = unsafe X509_get_subject_name(certificate)
      let name = Array(commonName.utf8)
      guard (1...64).contains(name.count) else {
        throw PKIError(what: what, reason: "a common name has 1 to 64 bytes")
      }
      try unsafe succeeded(
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, name, Int32(name.count), -1, 0),
        what)
      try unsafe succeeded(X509_set_issuer_name(certificate, subject), what)
      let identifier = try unsafe keyIdentifier(certificate)
      try unsafe add(
        [
          .basicConstraints(isCA: true), .keyUsage(signsCertificatesAndLists),
          .subjectKeyIdentifier(identifier), .authorityKeyIdentifier(identifier),
        ], to: certificate)
      try unsafe sign(certificate, key)
    } catch {
      unsafe X509_free(certificate)
      throw error
    }
    return try unsafe Certificate(owning: certificate)
  }

  /// A server's certificate for some identifiers, valid no longer than its issuer.
  ///
  /// Only the public half of `publicKey` is used. Throws when the issuer's key is not the issuer's, when
  /// there is no identifier, and when no validity remains.
  public static func issue(
    identifiers: [Identifier], publicKey: PrivateKey, issuer: Certificate, issuerKey: PrivateKey,
    notBefore: UnixTime, lifetimeSeconds: Int64, serial: [UInt8]
  ) throws(PKIError) -> Certificate {
    try issue(
      identifiers: identifiers, publicKeyInfo: publicKey.publicKeyInfo, issuer: issuer, issuerKey: issuerKey,
      notBefore: notBefore, lifetimeSeconds: lifetimeSeconds, serial: serial)
  }

  /// The same for a public key known only as SubjectPublicKeyInfo DER, from a request for instance.
  public static func issue(
    identifiers: [Identifier], publicKeyInfo: [UInt8], issuer: Certificate, issuerKey: PrivateKey,
    notBefore: UnixTime, lifetimeSeconds: Int64, serial: [UInt8]
  ) throws(PKIError) -> Certificate {
    guard issuer.matches(issuerKey), issuer.isCA, let issuerIdentifier = issuer.subjectKeyIdentifier else {
      throw PKIError(what: what, reason: "the issuer is no CA or its key is another one")
    }
    guard (1...CertificateRequest.maximumIdentifiers).contains(identifiers.count) else {
      throw PKIError(what: what, reason: "it needs 1 to \(CertificateRequest.maximumIdentifiers) identifiers")
    }
    let certificate = try unsafe draft(
      publicKeyInfo: publicKeyInfo, serial: serial, notBefore: max(notBefore, issuer.notBefore),
      notAfter: min(notBefore + lifetimeSeconds, issuer.notAfter))
    do throws(PKIError) {
      try unsafe succeeded(
        issuer.withHandle { unsafe X509_set_issuer_name(certificate, X509_get_subject_name($0)) }, what)
      let usage = unsafe keyUsage(certificate)
      try unsafe add(
        [
          .basicConstraints(isCA: false), .keyUsage(usage), .serverAuthentication,
          .subjectKeyIdentifier(try keyIdentifier(certificate)), .authorityKeyIdentifier(issuerIdentifier),
          // Critical because the subject is empty (RFC 5280 §4.2.1.6).
          .subjectAlternativeName(identifiers, isCritical: true),
        ], to: certificate)
      try unsafe sign(certificate, issuerKey)
    } catch {
      unsafe X509_free(certificate)
      throw error
    }
    return try unsafe Certificate(owning: certificate)
  }

  /// A certificate with everything but names, extensions and signature; the caller owns it.
  static func draft(
    publicKeyInfo: [UInt8], serial: [UInt8], notBefore: UnixTime, notAfter: UnixTime
  ) throws(PKIError) -> OpaquePointer {
    guard (1...20).contains(serial.count), serial.contains(where: { $0 != 0 }),
      serial.count < 20 || serial[0] < 0x80
    else { throw PKIError(what: what, reason: "a serial number has 1 to 20 bytes and is not zero") }
    guard notBefore < notAfter else { throw PKIError(what: what, reason: "it would never be valid") }
    let certificate = try unsafe made(X509_new(), what)
    do throws(PKIError) {
      try unsafe succeeded(X509_set_version(certificate, 2), what)
      let number = try unsafe made(BN_bin2bn(serial, Int32(serial.count), nil), what)
      defer { unsafe BN_free(number) }
      _ = try unsafe made(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)), what)
      try unsafe set(X509_getm_notBefore(certificate), notBefore)
      try unsafe set(X509_getm_notAfter(certificate), notAfter)
      let key: OpaquePointer? = unsafe publicKeyInfo.withUnsafeBufferPointer {
        var at = $0.baseAddress
        return unsafe d2i_PUBKEY(nil, &at, $0.count)
      }
      defer { unsafe EVP_PKEY_free(key) }
      try unsafe succeeded(X509_set_pubkey(certificate, try made(key, what)), what)
    } catch {
      unsafe X509_free(certificate)
      throw error
    }
    return unsafe certificate
  }

  /// UTCTime to 2049, GeneralizedTime after it (RFC 5280 §4.1.2.5); OpenSSL chooses.
  private static func set(_ field: UnsafeMutablePointer<ASN1_TIME>?, _ time: UnixTime) throws(PKIError) {
    guard (0...lastEncodableSecond).contains(time.seconds) else {
      throw PKIError(what: what, reason: "its validity leaves the years 1970 to 9999")
    }
    let digits = time.description.filter { ("0"..."9").contains($0) }
    try unsafe succeeded(ASN1_TIME_set_string_X509(field, digits + "Z"), what)
  }

  private static let lastEncodableSecond: Int64 = 253_402_300_799

  /// RSA may also carry a key, for TLS 1.2 clients without ephemeral key exchange.
  private static func keyUsage(_ certificate: OpaquePointer) -> UInt8 {
    guard let key = unsafe X509_get0_pubkey(certificate), unsafe EVP_PKEY_is_a(key, "RSA") == 1 else {
      return digitalSignature
    }
    return digitalSignature | keyEncipherment
  }

  /// The leftmost 160 bits of the public key's SHA-256 (RFC 7093 §2).
  private static func keyIdentifier(_ certificate: OpaquePointer) throws(PKIError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    try unsafe succeeded(X509_pubkey_digest(certificate, EVP_sha256(), &digest, &count), what)
    return Array(digest.prefix(20))
  }

  static func add(_ values: [ExtensionValue], to certificate: OpaquePointer) throws(PKIError) {
    for value in values {
      try unsafe value.with { (value) throws(PKIError) in
        try unsafe succeeded(X509_add_ext(certificate, value, -1), what)
      }
    }
  }

  static func sign(_ certificate: OpaquePointer, _ key: PrivateKey) throws(PKIError) {
    try unsafe succeeded(key.withHandle { unsafe X509_sign(certificate, $0, key.certificateDigest) }, what)
  }
}
