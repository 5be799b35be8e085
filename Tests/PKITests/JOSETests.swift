import Bytes
import COpenSSL
import PKI
import TestRun
import Testing

@Suite("JOSE", .ownThread) struct JOSETests {
  @Test("the thumbprint is that of RFC 7638 §3.1")
  func thumbprint() throws {
    let modulus =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
      + "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
      + "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
      + "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    let text = #"{"e":"AQAB","kty":"RSA","n":"\#(modulus)"}"#
    #expect(try JOSE.thumbprint(ofCanonicalJWK: text) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
  }

  @Test("the JWK of a P-256 key holds the coordinates of its public key")
  func jwk() throws {
    let key = try PrivateKey(pem: KeySample.sec1.pem)
    let point = key.publicKeyInfo.suffix(64)
    let x = Base64URL.encode(Array(point.prefix(32)))
    let y = Base64URL.encode(Array(point.suffix(32)))
    #expect(try key.jwk() == #"{"crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}"#)
  }

  @Test(
    "a signature has its algorithm's form and verifies",
    arguments: [(KeyType.ecP256, "ES256", 64), (.ecP384, "ES384", 96), (.rsa2048, "RS256", 256)])
  func signature(_ type: KeyType, _ algorithm: String, _ count: Int) throws {
    let key = try PrivateKey.generate(type)
    let message = Array("header.payload".utf8)
    let signature = try key.signJOSE(message)
    #expect(key.joseAlgorithm == algorithm)
    #expect(signature.count == count)
    let der = type == .rsa2048 ? signature : ecdsaDER(signature)
    let digest = type == .ecP384 ? EVP_sha384() : EVP_sha256()
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    #expect(key.withHandle { EVP_DigestVerifyInit(context, nil, digest, nil, $0) } == 1)
    #expect(EVP_DigestVerify(context, der, der.count, message, message.count) == 1)
  }

  @Test("short halves of a signature are padded")
  func padding() throws {
    let key = try PrivateKey.generate(.ecP256)
    for round in 0..<600 { #expect(try key.signES256([UInt8(round & 255), UInt8(round >> 8)]).count == 64) }
  }

  @Test("other keys refuse ES256 and keys without a form refuse JOSE")
  func refused() throws {
    let key = try PrivateKey.generate(.ecP384)
    #expect(throws: PKIError.self) { try key.signES256([]) }
    let ed25519 = try PrivateKey(pem: KeySample.ed25519.pem)
    #expect(ed25519.joseAlgorithm == nil)
    #expect(throws: PKIError.self) { try ed25519.signJOSE([]) }
    #expect(throws: PKIError.self) { try ed25519.jwk() }
  }

  @Test("the HMAC is that of RFC 4231 §4.3")
  func hmac() throws {
    let mac = try Digest.hmac(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
    #expect(Hex.encode(mac) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  @Test("a flattened JWS signs header and payload, and an absent payload is the empty string")
  func flattened() throws {
    var inputs: [String] = []
    func sign(_ input: [UInt8]) -> [UInt8] {
      inputs.append(String(decoding: input, as: UTF8.self))
      return [1, 2, 3]
    }
    let full = try JOSE.flattened(header: "{}", payload: Array("{}".utf8), sign: sign)
    let empty = try JOSE.flattened(header: "{}", payload: nil, sign: sign)
    #expect(inputs == ["e30.e30", "e30."])
    #expect(
      String(decoding: full, as: UTF8.self) == #"{"protected":"e30","payload":"e30","signature":"AQID"}"#)
    #expect(String(decoding: empty, as: UTF8.self) == #"{"protected":"e30","payload":"","signature":"AQID"}"#)
  }
}

/// r and s side by side as the DER that OpenSSL verifies.
private func ecdsaDER(_ raw: [UInt8]) -> [UInt8] {
  func integer(_ half: ArraySlice<UInt8>) -> [UInt8] {
    let digits = Array(half.drop { $0 == 0 })
    let content = (digits.first ?? 0x80) >= 0x80 ? [0] + digits : digits
    return [0x02, UInt8(content.count)] + content
  }
  let content = integer(raw.prefix(raw.count / 2)) + integer(raw.suffix(raw.count / 2))
  return [0x30, UInt8(content.count)] + content
}
