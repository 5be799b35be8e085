internal import Bytes
internal import COpenSSL

/// The part of JSON Object Signing that ACME uses: keys (RFC 7517, 7518), thumbprints (RFC 7638) and
/// flattened signatures (RFC 7515 §7.2.2).
public enum JOSE {
  /// The base64url SHA-256 of a JWK's canonical text (RFC 7638 §3).
  public static func thumbprint(ofCanonicalJWK text: String) throws(PKIError) -> String {
    Base64URL.encode(try Digest.sha256(Array(text.utf8)))
  }

  /// A flattened JWS as JSON text. `header` is the protected header's JSON; `sign` gets the signing input.
  /// A nil payload is the empty string of POST-as-GET (RFC 8555 §6.3).
  public static func flattened(
    header: String, payload: [UInt8]?, sign: ([UInt8]) throws(PKIError) -> [UInt8]
  ) throws(PKIError) -> [UInt8] {
    let protected = Base64URL.encode(Array(header.utf8))
    let content = payload.map(Base64URL.encode) ?? ""
    let signature = Base64URL.encode(try sign(Array("\(protected).\(content)".utf8)))
    return Array(#"{"protected":"\#(protected)","payload":"\#(content)","signature":"\#(signature)"}"#.utf8)
  }
}

extension PrivateKey {
  /// The algorithm that `signJOSE` uses: `ES256`, `ES384` or `RS256`; nil when the key has none.
  public var joseAlgorithm: String? {
    switch type {
    case .ecP256: "ES256"
    case .ecP384: "ES384"
    case .rsa2048, .rsa3072, .rsa4096: "RS256"
    case nil: nil
    }
  }

  /// An ES256 signature: r and s, 32 bytes each (RFC 7518 §3.4). Throws unless the key is on P-256.
  public func signES256(_ message: [UInt8]) throws(PKIError) -> [UInt8] {
    guard type == .ecP256 else {
      throw PKIError(what: "signing with ES256", reason: "the key is not on P-256")
    }
    return try signJOSE(message)
  }

  /// A signature as JOSE wants it (RFC 7518 §3.3, §3.4): r and s side by side for ECDSA, PKCS#1 v1.5 for RSA.
  public func signJOSE(_ message: [UInt8]) throws(PKIError) -> [UInt8] {
    switch type {
    case .ecP256: try unsafe sideBySide(sign(message, digest: EVP_sha256()), halfBytes: 32)
    case .ecP384: try unsafe sideBySide(sign(message, digest: EVP_sha384()), halfBytes: 48)
    case .rsa2048, .rsa3072, .rsa4096: try unsafe sign(message, digest: EVP_sha256())
    case nil: throw PKIError(what: "signing for JOSE", reason: "no algorithm for this type of key")
    }
  }

  /// The public half as a JWK of only the required members in lexicographic order: what RFC 7638 §3 hashes.
  public func jwk() throws(PKIError) -> String {
    func member(_ name: String, _ bytes: Int?) throws(PKIError) -> String {
      Base64URL.encode(try number(name, bytes))
    }
    switch type {
    case .ecP256:
      return #"{"crv":"P-256","kty":"EC","x":"\#(try member("qx", 32))","y":"\#(try member("qy", 32))"}"#
    case .ecP384:
      return #"{"crv":"P-384","kty":"EC","x":"\#(try member("qx", 48))","y":"\#(try member("qy", 48))"}"#
    case .rsa2048, .rsa3072, .rsa4096:
      return #"{"e":"\#(try member("e", nil))","kty":"RSA","n":"\#(try member("n", nil))"}"#
    case nil: throw PKIError(what: "writing a JWK", reason: "no form for this type of key")
    }
  }

  /// The base64url SHA-256 thumbprint of the JWK (RFC 7638).
  public func thumbprint() throws(PKIError) -> String {
    try JOSE.thumbprint(ofCanonicalJWK: try jwk())
  }

  /// A number of the key as big-endian bytes: of a fixed length, or as few as it needs.
  private func number(_ name: String, _ count: Int?) throws(PKIError) -> [UInt8] {
    var value: OpaquePointer?
    defer { unsafe BN_free(value) }
    let what = "reading a public key"
    try unsafe succeeded(withHandle { unsafe EVP_PKEY_get_bn_param($0, name, &value) }, what)
    return try unsafe fixed(value, count ?? Int(BN_num_bits(value) + 7) / 8, what)
  }

  private func sideBySide(_ der: [UInt8], halfBytes: Int) throws(PKIError) -> [UInt8] {
    let what = "signing for JOSE"
    let signature: OpaquePointer? = unsafe der.withUnsafeBufferPointer {
      var at = $0.baseAddress
      return unsafe d2i_ECDSA_SIG(nil, &at, $0.count)
    }
    guard let signature = unsafe signature else { throw PKIError.drained(what) }
    defer { unsafe ECDSA_SIG_free(signature) }
    return try unsafe fixed(ECDSA_SIG_get0_r(signature), halfBytes, what)
      + fixed(ECDSA_SIG_get0_s(signature), halfBytes, what)
  }

  private func fixed(_ value: OpaquePointer?, _ count: Int, _ what: String) throws(PKIError) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: count)
    try unsafe succeeded(BN_bn2binpad(value, &out, Int32(count)), what)
    return out
  }
}
