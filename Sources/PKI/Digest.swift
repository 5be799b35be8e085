internal import COpenSSL

/// Hashes.
public enum Digest {
  /// SHA-256 (FIPS 180-4), 32 bytes.
  public static func sha256(_ bytes: [UInt8]) throws(PKIError) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    try unsafe succeeded(
      EVP_Digest(bytes, bytes.count, &out, &count, EVP_sha256(), nil), "hashing with SHA-256")
    return out
  }

  /// SHA-1 (FIPS 180-4), 20 bytes: for protocols that name it where nothing depends on its strength, such as
  /// WebSocket's handshake (RFC 6455 §4.2.2).
  public static func sha1(_ bytes: [UInt8]) throws(PKIError) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 20)
    var count: UInt32 = 0
    try unsafe succeeded(EVP_Digest(bytes, bytes.count, &out, &count, EVP_sha1(), nil), "hashing with SHA-1")
    return out
  }

  /// The hashes of an HMAC.
  public enum HMACHash: String, Sendable, CaseIterable {
    case sha256, sha384, sha512

    fileprivate var algorithm: OpaquePointer? {
      switch self {
      case .sha256: unsafe EVP_sha256()
      case .sha384: unsafe EVP_sha384()
      case .sha512: unsafe EVP_sha512()
      }
    }
  }

  /// HMAC (RFC 2104), as long as its hash: 32, 48 or 64 bytes.
  public static func hmac(
    _ hash: HMACHash = .sha256, key: [UInt8], _ bytes: [UInt8]
  ) throws(PKIError) -> [UInt8] {
    let what = "computing an HMAC"
    guard !key.isEmpty, key.count <= 4096 else {
      throw PKIError(what: what, reason: "the key has no usable length")
    }
    var out = [UInt8](repeating: 0, count: 64)
    var count: UInt32 = 0
    _ = try unsafe made(HMAC(hash.algorithm, key, Int32(key.count), bytes, bytes.count, &out, &count), what)
    return Array(out.prefix(Int(count)))
  }
}
