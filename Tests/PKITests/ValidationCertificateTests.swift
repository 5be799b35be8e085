import Bytes
import PKI
import TestRun
import Testing

@Suite("TLS-ALPN-01 certificates", .ownThread) struct ValidationCertificateTests {
  @Test(
    "the server name of a validation is the name, or the address's reverse name",
    arguments: [
      ("a.example.com", "a.example.com"), ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
      (
        "2001:db8::1",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
      ),
    ])
  func serverName(_ row: (String, String)) throws {
    #expect(try #require(Identifier(row.0)).validationServerName == row.1)
  }

  private func make(_ identifier: Identifier, _ digest: [UInt8]) throws -> Certificate {
    let key = try PrivateKey.generate(.ecP256)
    return try CertificateAuthority.makeValidation(
      identifier, keyAuthorizationSHA256: digest, key: key, notBefore: UnixTime(seconds: 1_800_000_000),
      lifetimeSeconds: 86_400, serial: [7])
  }

  @Test("the digest stands in a critical acmeIdentifier, and the name alone in the subject alternative name")
  func content() throws {
    let digest = (0..<32).map { UInt8($0) }
    let certificate = try make(.dns("a.example.com"), digest)
    #expect(certificate.identifiers == [.dns("a.example.com")])
    // RFC 8737 §3: 1.3.6.1.5.5.7.1.31, critical, an OCTET STRING in an OCTET STRING.
    let wanted: [UInt8] =
      [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1F, 0x01, 0x01, 0xFF, 0x04, 0x22, 0x04, 0x20]
      + digest
    let found = certificate.der.indices.contains { certificate.der[$0...].starts(with: wanted) }
    #expect(found)
  }

  @Test("a wildcard or another digest than SHA-256 is refused")
  func refused() {
    #expect(throws: PKIError.self) { try make(.dns("*.example.com"), Array(repeating: 0, count: 32)) }
    #expect(throws: PKIError.self) { try make(.dns("a.example.com"), [1, 2, 3]) }
  }
}
