public import Bytes
internal import COpenSSL

/// An X.509 certificate (RFC 5280), read once: every property is a stored value.
///
/// Immutable; may be shared between threads. Reading one does not mean trusting it.
@safe public final class Certificate: @unchecked Sendable {
  private let handle: OpaquePointer
  /// The certificate as DER.
  public let der: [UInt8]
  /// The subject on one line (RFC 2253 style); empty for none.
  public let subject: String
  /// The issuer on one line.
  public let issuer: String
  /// The subject's common name, for display: it covers no host (RFC 9525 §2).
  public let commonName: String?
  /// The DNS names and IP addresses it speaks for; malformed entries and other kinds are left out.
  public let identifiers: [Identifier]
  /// The first moment of its validity.
  public let notBefore: UnixTime
  /// The last moment of its validity.
  public let notAfter: UnixTime
  /// The serial number, big-endian as encoded, in hexadecimal.
  public let serialHex: String
  /// Whether its basic constraints say that it is a CA.
  public let isCA: Bool
  /// SubjectPublicKeyInfo as DER.
  public let publicKeyInfo: [UInt8]
  /// For instance `ECDSA P-256` or `RSA 2048`.
  public let keyTypeDescription: String
  /// The SHA-256 fingerprint of the DER.
  public let sha256: [UInt8]
  /// The key identifier of the issuer's key, if told.
  public let authorityKeyIdentifier: [UInt8]?
  /// The key identifier of this certificate's key, if told.
  public let subjectKeyIdentifier: [UInt8]?
  /// The name of this certificate for renewal information (RFC 9773 §4.1); nil without a key identifier.
  public let ariCertID: String?

  /// The longest accepted DER.
  public static let maximumDERBytes = 64 * 1024

  /// Reads exactly one certificate; anything after it is refused.
  public convenience init(der: [UInt8]) throws(PKIError) {
    let what = "reading a certificate"
    guard der.count <= Self.maximumDERBytes else {
      throw PKIError(what: what, reason: "longer than \(Self.maximumDERBytes) bytes")
    }
    var consumed = 0
    let handle: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      guard let start = unsafe at, let handle = unsafe d2i_X509(nil, &at, buffer.count), let at = unsafe at
      else {
        return nil
      }
      consumed = unsafe at - start
      return unsafe handle
    }
    guard let handle = unsafe handle else { throw PKIError.drained(what) }
    guard consumed == der.count else {
      unsafe X509_free(handle)
      throw PKIError(what: what, reason: "there are bytes after its end")
    }
    unsafe try self.init(owning: handle)
  }

  /// Reads one or more certificates from PEM, in order: up to 1 MiB and 1000 of them.
  ///
  /// Comments between blocks are allowed; a block of another kind (a private key, say), a cut-off block and
  /// a text without any certificate are errors.
  public static func parse(pem: [UInt8]) throws(PKIError) -> [Certificate] {
    var out: [Certificate] = []
    for der in try PEM.certificates(pem) { out.append(try Certificate(der: der)) }
    return out
  }

  /// Takes ownership of a handle, also when it throws.
  init(owning handle: OpaquePointer) throws(PKIError) {
    do throws(PKIError) {
      let reader = unsafe CertificateReader(handle: handle)
      der = try unsafe encoded("writing a certificate") { unsafe i2d_X509(handle, $0) }
      sha256 = try Digest.sha256(der)
      subject = try unsafe reader.oneLine(X509_get_subject_name(handle))
      issuer = try unsafe reader.oneLine(X509_get_issuer_name(handle))
      notBefore = try unsafe reader.time(X509_get0_notBefore(handle))
      notAfter = try unsafe reader.time(X509_get0_notAfter(handle))
      publicKeyInfo = try reader.publicKeyInfo()
      keyTypeDescription = try reader.keyTypeDescription()
      let serial = try reader.serial()
      serialHex = Hex.encode(serial)
      authorityKeyIdentifier = reader.authorityKeyIdentifier
      ariCertID = authorityKeyIdentifier.map { Base64URL.encode($0) + "." + Base64URL.encode(serial) }
    } catch {
      unsafe X509_free(handle)
      throw error
    }
    let reader = unsafe CertificateReader(handle: handle)
    commonName = reader.commonName
    identifiers = reader.identifiers
    isCA = unsafe X509_check_ca(handle) == 1
    subjectKeyIdentifier = reader.subjectKeyIdentifier
    unsafe self.handle = unsafe handle
    ERR_clear_error()
  }

  deinit { unsafe X509_free(handle) }

  /// The certificate as PEM, ending in a line feed.
  public var pem: [UInt8] { PEM.text(der) }

  /// Whether one of its names speaks for the identifier (RFC 9525 §6; the common name never counts).
  public func covers(_ identifier: Identifier) -> Bool { identifiers.contains { $0.covers(identifier) } }

  /// Whether another certificate issued this one: names and key identifiers agree, the issuer may sign
  /// certificates, and the signature is good. Says nothing about validity in time.
  public func isSigned(by issuer: Certificate) -> Bool {
    defer { ERR_clear_error() }
    guard unsafe X509_check_issued(issuer.handle, handle) == X509_V_OK,
      let key = unsafe X509_get0_pubkey(issuer.handle)
    else {
      return false
    }
    return unsafe X509_verify(handle, key) == 1
  }

  /// Whether the key is the one that this certificate is about.
  public func matches(_ key: PrivateKey) -> Bool {
    defer { ERR_clear_error() }
    guard let own = unsafe X509_get0_pubkey(handle) else { return false }
    return unsafe key.withHandle { unsafe EVP_PKEY_eq(own, $0) == 1 }
  }

  /// The strength of its key or of its signature, whichever is less, in bits as NIST SP 800-57 counts them.
  public var securityBits: Int {
    var ofSignature: Int32 = 0
    guard let key = unsafe X509_get0_pubkey(handle),
      unsafe X509_get_signature_info(handle, nil, nil, &ofSignature, nil) == 1
    else { return 0 }
    return unsafe Int(min(EVP_PKEY_get_security_bits(key), ofSignature))
  }

  /// Lends the `X509`; it must not be changed, nor kept beyond the call without its own reference.
  public func withHandle<R>(_ body: (OpaquePointer) throws -> R) rethrows -> R { try unsafe body(handle) }
}

extension Certificate: Equatable, Hashable {
  /// The same DER.
  public static func == (a: Certificate, b: Certificate) -> Bool { a.der == b.der }
  /// Hashes the fingerprint.
  public func hash(into hasher: inout Hasher) { hasher.combine(sha256) }
}
