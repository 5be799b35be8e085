import Bytes
import COpenSSL
import FoundationEssentials
import PKI

/// The CA's side of JOSE, independent of ours: parses and verifies a flattened JWS.
struct JWS {
  struct Key: Codable, Equatable {
    let kty: String
    let crv: String
    let x: String
    let y: String
  }
  struct Header: Decodable {
    let alg: String
    let kid: String?
    let jwk: Key?
    let nonce: String?
    let url: String
  }
  private struct Flat: Decodable {
    let protected: String
    let payload: String
    let signature: String
  }
  struct Bad: Error {}

  let header: Header
  let payload: [UInt8]
  private let input: [UInt8]
  private let signature: [UInt8]

  init(_ body: [UInt8]) throws {
    let flat = try JSONDecoder().decode(Flat.self, from: Data(body))
    guard let protected = Base64URL.decode(flat.protected), let payload = Base64URL.decode(flat.payload),
      let signature = Base64URL.decode(flat.signature)
    else { throw Bad() }
    header = try JSONDecoder().decode(Header.self, from: Data(protected))
    self.payload = payload
    self.signature = signature
    input = Array("\(flat.protected).\(flat.payload)".utf8)
  }

  func isSigned(by key: Key) -> Bool {
    guard header.alg == "ES256", key.crv == "P-256", signature.count == 64, let x = Base64URL.decode(key.x),
      let y = Base64URL.decode(key.y), x.count == 32, y.count == 32
    else { return false }
    let info = Self.p256 + x + y
    let handle = info.withUnsafeBufferPointer {
      var at = $0.baseAddress
      return d2i_PUBKEY(nil, &at, $0.count)
    }
    guard let handle else { return false }
    defer { EVP_PKEY_free(handle) }
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    let der = Self.der(signature)
    return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, handle) == 1
      && EVP_DigestVerify(context, der, der.count, input, input.count) == 1
  }

  /// Checks an HMAC (RFC 7518 §3.2).
  func isSigned(with secret: [UInt8]) -> Bool {
    let hashes: [String: Digest.HMACHash] = ["HS256": .sha256, "HS384": .sha384, "HS512": .sha512]
    guard let hash = hashes[header.alg] else { return false }
    return (try? Digest.hmac(hash, key: secret, input)) == signature
  }

  /// SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point.
  private static let p256: [UInt8] =
    [0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08]
    + [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04]

  private static func der(_ raw: [UInt8]) -> [UInt8] {
    func integer(_ half: ArraySlice<UInt8>) -> [UInt8] {
      let digits = Array(half.drop { $0 == 0 })
      let content = (digits.first ?? 0x80) >= 0x80 ? [0] + digits : digits
      return [0x02, UInt8(content.count)] + content
    }
    let content = integer(raw.prefix(32)) + integer(raw.suffix(32))
    return [0x30, UInt8(content.count)] + content
  }
}

/// A certificate request as the CA sees it.
struct ParsedRequest {
  let publicKeyInfo: [UInt8]
  let names: Set<Identifier>

  init?(_ der: [UInt8]) {
    let request = der.withUnsafeBufferPointer {
      var at = $0.baseAddress
      return d2i_X509_REQ(nil, &at, $0.count)
    }
    guard let request else { return nil }
    defer { X509_REQ_free(request) }
    guard let key = X509_REQ_get0_pubkey(request), X509_REQ_verify(request, key) == 1 else { return nil }
    var info = [UInt8](repeating: 0, count: Int(i2d_PUBKEY(key, nil)))
    info.withUnsafeMutableBufferPointer {
      var at = $0.baseAddress
      _ = i2d_PUBKEY(key, &at)
    }
    publicKeyInfo = info
    let extensions = X509_REQ_get_extensions(request)
    defer { certd_sk_X509_EXTENSION_pop_free(extensions) }
    guard let raw = X509V3_get_d2i(extensions, NID_subject_alt_name, nil, nil) else { return nil }
    let stack = OpaquePointer(raw)
    defer { GENERAL_NAMES_free(stack) }
    var names: Set<Identifier> = []
    for index in 0..<certd_sk_GENERAL_NAME_num(stack) {
      var type: Int32 = 0
      guard let name = certd_sk_GENERAL_NAME_value(stack, index),
        let value = GENERAL_NAME_get0_value(name, &type)?.assumingMemoryBound(to: ASN1_STRING.self),
        let start = ASN1_STRING_get0_data(value)
      else { return nil }
      let content = Array(UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(value))))
      names.insert(type == GEN_IPADD ? .ip(content) : .dns(String(decoding: content, as: UTF8.self)))
    }
    self.names = names
  }
}
