internal import COpenSSL

/// A public key by which signatures of JOSE are verified (RFC 7518 §3, RFC 8037). Any thread may use it.
@safe public final class SignatureKey: @unchecked Sendable {
  /// How a signature is made. There is no `none`, and nothing that a shared secret verifies.
  public enum Algorithm: String, Sendable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// RSASSA-PSS with SHA-256.
    case ps256 = "PS256"
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
    /// Ed25519.
    case edDSA = "EdDSA"
  }

  private let key: OpaquePointer
  private let kind: Kind

  private enum Kind { case rsa, p256, ed25519 }

  /// The smallest and the largest RSA modulus that is taken, in bits.
  public static let rsaBits = 2048...8192

  private init(_ info: [UInt8], _ kind: Kind, _ what: String) throws(PKIError) {
    let made: OpaquePointer? = unsafe info.withUnsafeBufferPointer {
      var at = $0.baseAddress
      return unsafe d2i_PUBKEY(nil, &at, $0.count)
    }
    unsafe key = try PKI.made(made, what)
    self.kind = kind
  }

  deinit { unsafe EVP_PKEY_free(key) }

  /// An RSA key of modulus and exponent, big-endian (RFC 7518 §6.3).
  public convenience init(modulus: [UInt8], exponent: [UInt8]) throws(PKIError) {
    let what = "reading an RSA key"
    let n = Array(modulus.drop { $0 == 0 })
    let bits = n.count * 8 - (n.first?.leadingZeroBitCount ?? 0)
    guard Self.rsaBits.contains(bits), (1...8).contains(exponent.count) else {
      throw PKIError(what: what, reason: "\(bits) bits are not taken")
    }
    let numbers = DER.sequence(Self.integer(n), Self.integer(exponent))
    // rsaEncryption, parameters NULL (RFC 3279 §2.3.1).
    let algorithm = DER.sequence(
      DER.object([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]), [0x05, 0x00])
    try self.init(DER.sequence(algorithm, DER.tagged(0x03, [0] + numbers)), .rsa, what)
  }

  /// A key on P-256 of its coordinates, 32 bytes each (RFC 7518 §6.2).
  public convenience init(p256 x: [UInt8], _ y: [UInt8]) throws(PKIError) {
    let what = "reading a key on P-256"
    guard x.count == 32, y.count == 32 else {
      throw PKIError(what: what, reason: "coordinates have 32 bytes")
    }
    // id-ecPublicKey, prime256v1 (RFC 5480 §2.1.1).
    let algorithm = DER.sequence(
      DER.object([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]),
      DER.object([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]))
    try self.init(DER.sequence(algorithm, DER.tagged(0x03, [0, 4] + x + y)), .p256, what)
  }

  /// An Ed25519 key, 32 bytes (RFC 8037 §2).
  public convenience init(ed25519 x: [UInt8]) throws(PKIError) {
    let what = "reading an Ed25519 key"
    guard x.count == 32 else { throw PKIError(what: what, reason: "such keys have 32 bytes") }
    // id-Ed25519 (RFC 8410 §3).
    let algorithm = DER.sequence(DER.object([0x2B, 0x65, 0x70]))
    try self.init(DER.sequence(algorithm, DER.tagged(0x03, [0] + x)), .ed25519, what)
  }

  private static func integer(_ bytes: [UInt8]) -> [UInt8] {
    DER.tagged(0x02, (bytes.first ?? 0) & 0x80 != 0 || bytes.isEmpty ? [0] + bytes : bytes)
  }

  /// Whether a signature of JOSE is right. False as well for an algorithm that is not for this kind of key.
  public func verifies(_ signature: [UInt8], of text: [UInt8], _ algorithm: Algorithm) -> Bool {
    defer { ERR_clear_error() }
    switch (kind, algorithm) {
    case (.rsa, .rs256): return verify(signature, text, pss: false)
    case (.rsa, .ps256): return verify(signature, text, pss: true)
    case (.p256, .es256): return Self.der(signature).map { verify($0, text, pss: false) } ?? false
    case (.ed25519, .edDSA): return verify(signature, text, pss: false)
    default: return false
    }
  }

  private func verify(_ signature: [UInt8], _ text: [UInt8], pss: Bool) -> Bool {
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer { unsafe EVP_MD_CTX_free(context) }
    var options: OpaquePointer?
    let digest = unsafe kind == .ed25519 ? nil : EVP_sha256()
    guard unsafe EVP_DigestVerifyInit(context, &options, digest, nil, key) == 1 else { return false }
    if pss {
      // The salt is as long as the hash (RFC 7518 §3.5).
      guard unsafe EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1,
        unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1
      else { return false }
    }
    return unsafe EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
  }

  /// An ECDSA signature of two numbers side by side as DER (RFC 3279 §2.2.3).
  private static func der(_ signature: [UInt8]) -> [UInt8]? {
    guard signature.count == 64 else { return nil }
    func number(_ bytes: ArraySlice<UInt8>) -> [UInt8] { integer(Array(bytes.drop { $0 == 0 })) }
    return DER.sequence(number(signature[..<32]), number(signature[32...]))
  }
}
