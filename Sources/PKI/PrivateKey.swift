// PKI: keys, certificates, requests and JOSE as values.
//
// It does not open files or sockets, read a clock, prompt for a passphrase, decide about renewal, or know
// TLS sessions. It promises: bytes from outside never trap, whatever they are, and never get past a parser
// half understood; every failure is a `PKIError` with OpenSSL's reason in words, its error queue left empty;
// no key material in any description or error. OpenSSL 3.0 is the floor; nothing deprecated is called.

internal import COpenSSL

/// A private key (an `EVP_PKEY`). Immutable; may be shared between threads. Its description tells nothing.
@safe public final class PrivateKey: @unchecked Sendable {
  private let handle: OpaquePointer
  /// The public half as SubjectPublicKeyInfo DER (RFC 5280 §4.1.2.7).
  public let publicKeyInfo: [UInt8]
  /// Which of our key types it is; nil for another size, curve or algorithm.
  public let type: KeyType?

  /// The longest accepted PEM text.
  public static let maximumPEMBytes = 64 * 1024

  /// Takes ownership of a handle, also when it throws.
  private init(owning handle: OpaquePointer) throws(PKIError) {
    do throws(PKIError) {
      publicKeyInfo = try unsafe encoded("reading a public key") { unsafe i2d_PUBKEY(handle, $0) }
    } catch {
      unsafe EVP_PKEY_free(handle)
      throw error
    }
    type = unsafe keyType(of: handle)
    unsafe self.handle = unsafe handle
  }

  deinit { unsafe EVP_PKEY_free(handle) }

  /// A new key from OpenSSL's random generator.
  public static func generate(_ type: KeyType) throws(PKIError) -> PrivateKey {
    let handle =
      switch type {
      case .ecP256: unsafe certd_EVP_EC_gen("P-256")
      case .ecP384: unsafe certd_EVP_EC_gen("P-384")
      case .rsa2048: unsafe certd_EVP_RSA_gen(2048)
      case .rsa3072: unsafe certd_EVP_RSA_gen(3072)
      case .rsa4096: unsafe certd_EVP_RSA_gen(4096)
      }
    return try unsafe PrivateKey(owning: try made(handle, "generating a key of type \(type.rawValue)"))
  }

  /// Reads the first private key of a PEM text: PKCS#8, SEC1 or PKCS#1 (RFC 5958, 5915, 8017).
  ///
  /// Throws when there is none, when it is encrypted (nothing ever prompts), when it cannot sign, and when
  /// its private half does not belong to its public half.
  public convenience init(pem: [UInt8]) throws(PKIError) { try self.init(pem: pem, password: nil) }

  /// The same of a key that a password may open.
  convenience init(pem: [UInt8], password: String?) throws(PKIError) {
    let what = "reading a private key"
    guard pem.count <= Self.maximumPEMBytes else {
      throw PKIError(what: what, reason: "longer than \(Self.maximumPEMBytes) bytes")
    }
    // OpenSSL would only say "unsupported".
    guard String(decoding: pem, as: UTF8.self).contains("PRIVATE KEY-----") else {
      throw PKIError(what: what, reason: "there is no private key in it")
    }
    var asked = false
    let handle: OpaquePointer? = unsafe pem.withUnsafeBytes { bytes in
      guard let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
      defer { unsafe BIO_free_all(bio) }
      if let password {
        // Without a callback of ours OpenSSL takes the last argument for the password.
        return unsafe password.withCString {
          unsafe PEM_read_bio_PrivateKey(bio, nil, nil, UnsafeMutableRawPointer(mutating: $0))
        }
      }
      return unsafe withUnsafeMutablePointer(to: &asked) {
        unsafe PEM_read_bio_PrivateKey(bio, nil, refusePassphrase, $0)
      }
    }
    guard let handle = unsafe handle else {
      let error = PKIError.drained(what)
      throw asked
        ? PKIError(what: what, reason: "it is encrypted; store it without a passphrase") : error
    }
    unsafe try self.init(checking: handle)
  }

  /// Reads a key from DER: PKCS#8, SEC1 or PKCS#1.
  public convenience init(der: [UInt8]) throws(PKIError) {
    let handle: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      return unsafe d2i_AutoPrivateKey(nil, &at, buffer.count)
    }
    unsafe try self.init(checking: try made(handle, "reading a private key"))
  }

  /// Takes ownership of a handle, also when it throws, and sees whether the key can be used.
  convenience init(checking handle: OpaquePointer) throws(PKIError) {
    unsafe try self.init(owning: handle)
    ERR_clear_error()
    guard signsForItself() else {
      throw PKIError(
        what: "reading a private key",
        reason: "it cannot sign, or its private half does not fit its public half")
    }
  }

  /// The key as unencrypted PKCS#8 PEM (RFC 7468 §10). A secret: for the store only.
  public func pem() throws(PKIError) -> [UInt8] {
    try unsafe printed("writing a private key") {
      unsafe PEM_write_bio_PKCS8PrivateKey($0, handle, nil, nil, 0, nil, nil) == 1 ? 1 : -1
    }
  }

  /// Lends the `EVP_PKEY`; it must not be kept beyond the call without its own reference.
  public func withHandle<R>(_ body: (OpaquePointer) throws -> R) rethrows -> R { try unsafe body(handle) }

  /// The signature of a message as OpenSSL makes it: DER for ECDSA, PKCS#1 v1.5 for RSA.
  func sign(_ message: [UInt8], digest: OpaquePointer?) throws(PKIError) -> [UInt8] {
    let what = "signing"
    let context = try unsafe made(EVP_MD_CTX_new(), what)
    defer { unsafe EVP_MD_CTX_free(context) }
    try unsafe succeeded(EVP_DigestSignInit(context, nil, digest, nil, handle), what)
    var count = 0
    try unsafe succeeded(EVP_DigestSign(context, nil, &count, message, message.count), what)
    var signature = [UInt8](repeating: 0, count: count)
    try unsafe succeeded(EVP_DigestSign(context, &signature, &count, message, message.count), what)
    return Array(signature.prefix(count))
  }

  /// A probe signature verified by the public half: finds a damaged private half before a client does.
  private func signsForItself() -> Bool {
    let probe = Array("certd".utf8)
    let digest = unsafe usesBuiltInDigest ? nil : EVP_sha256()
    guard let signature = try? unsafe sign(probe, digest: digest), let context = unsafe EVP_MD_CTX_new()
    else {
      return false
    }
    defer { unsafe EVP_MD_CTX_free(context) }
    let good =
      unsafe EVP_DigestVerifyInit(context, nil, digest, nil, handle) == 1
      && EVP_DigestVerify(context, signature, signature.count, probe, probe.count) == 1
    ERR_clear_error()
    return good
  }

  /// Ed25519 and Ed448 hash by themselves (RFC 8032).
  private var usesBuiltInDigest: Bool {
    unsafe EVP_PKEY_is_a(handle, "ED25519") == 1 || EVP_PKEY_is_a(handle, "ED448") == 1
  }

  /// The digest that certificates and requests are signed with by this key.
  var certificateDigest: OpaquePointer? {
    if usesBuiltInDigest { return nil }
    return unsafe type == .ecP384 ? EVP_sha384() : EVP_sha256()
  }
}

/// Answers OpenSSL's wish for a passphrase: there is none, and nobody is asked. Remembers that it was asked.
private func refusePassphrase(
  _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _ asked: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe asked?.assumingMemoryBound(to: Bool.self).pointee = true
  return -1
}

/// Which of our types a key is.
private func keyType(of handle: OpaquePointer) -> KeyType? {
  if unsafe EVP_PKEY_is_a(handle, "RSA") == 1 {
    return KeyType(rawValue: unsafe "rsa-\(EVP_PKEY_get_bits(handle))")
  }
  switch unsafe groupName(of: handle) {
  case "prime256v1", "P-256": return .ecP256
  case "secp384r1", "P-384": return .ecP384
  default: return nil
  }
}

/// OpenSSL's name of an elliptic curve key's group; nil for other keys.
func groupName(of handle: OpaquePointer) -> String? {
  guard unsafe EVP_PKEY_is_a(handle, "EC") == 1 else { return nil }
  var name = [CChar](repeating: 0, count: 80)
  var count = 0
  guard unsafe EVP_PKEY_get_group_name(handle, &name, name.count, &count) == 1, count < name.count else {
    return nil
  }
  return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
