import Bytes
import COpenSSL
import TestRun
import Testing

@testable import PKI

@Suite("Keys that verify signatures of JOSE", .ownThread) struct SignatureKeyTests {
  @Test("Ed25519, by the example of RFC 8037 A.4")
  func ed25519() throws {
    let x = try #require(Base64URL.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
    let key = try SignatureKey(ed25519: x)
    let text = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
    var signature = try #require(
      Base64URL.decode(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"))
    #expect(key.verifies(signature, of: text, .edDSA))
    #expect(!key.verifies(signature, of: text, .es256))
    signature[3] ^= 1
    #expect(!key.verifies(signature, of: text, .edDSA))
  }

  @Test("RSA by PKCS#1 v1.5 and PSS, neither for the other")
  func rsa() throws {
    let made = try #require(certd_EVP_RSA_gen(2048))
    defer { EVP_PKEY_free(made) }
    func number(_ name: String) -> [UInt8] {
      var value: OpaquePointer?
      EVP_PKEY_get_bn_param(made, name, &value)
      defer { BN_free(value) }
      var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(value) + 7) / 8)
      BN_bn2bin(value, &bytes)
      return bytes
    }
    let key = try SignatureKey(modulus: number("n"), exponent: number("e"))
    let text = Array("text".utf8)
    func sign(pss: Bool) -> [UInt8] {
      let context = EVP_MD_CTX_new()
      defer { EVP_MD_CTX_free(context) }
      var options: OpaquePointer?
      EVP_DigestSignInit(context, &options, EVP_sha256(), nil, made)
      if pss {
        EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING)
        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST)
      }
      var out = [UInt8](repeating: 0, count: 256)
      var count = out.count
      EVP_DigestSign(context, &out, &count, text, text.count)
      return out
    }
    #expect(key.verifies(sign(pss: false), of: text, .rs256))
    #expect(key.verifies(sign(pss: true), of: text, .ps256))
    #expect(!key.verifies(sign(pss: true), of: text, .rs256))
    #expect(!key.verifies(sign(pss: false), of: text, .ps256))
    #expect(throws: PKIError.self) {
      try SignatureKey(modulus: [UInt8](repeating: 255, count: 128), exponent: [3])
    }
  }

  @Test("points that are not on the curve, and numbers of other lengths, are no keys")
  func curve() {
    #expect(throws: PKIError.self) {
      try SignatureKey(p256: [UInt8](repeating: 1, count: 32), [UInt8](repeating: 1, count: 32))
    }
    #expect(throws: PKIError.self) { try SignatureKey(p256: [1], [1]) }
    #expect(throws: PKIError.self) { try SignatureKey(ed25519: [1]) }
  }

  @Test("one hash after another is what the digest of each is")
  func repeated() throws {
    let hash = RepeatedHash()
    for text in ["", "a", "abc", String(repeating: "x", count: 1000)] {
      var out = [UInt8](repeating: 0, count: RepeatedHash.length)
      let isDone = Array(text.utf8).withUnsafeBytes { hash.write(prefix: "p", $0, to: &out) }
      #expect(isDone)
      #expect(try out == Digest.sha256(Array("p\(text)".utf8)))
    }
  }
}
