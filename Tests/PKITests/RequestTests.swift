import COpenSSL
import PKI
import TestRun
import Testing

@Suite("Certificate requests", .ownThread) struct RequestTests {
  @Test("a request verifies and carries its key and names", arguments: [KeyType.ecP256, .ecP384, .rsa2048])
  func request(_ type: KeyType) throws {
    let key = try PrivateKey.generate(type)
    let names = ["a.example", "*.b.example", "192.0.2.1", "2001:db8::1"].compactMap(Identifier.init)
    let der = try CertificateRequest.der(identifiers: names, key: key)
    let request = der.withUnsafeBufferPointer {
      var at = $0.baseAddress
      return d2i_X509_REQ(nil, &at, $0.count)
    }
    defer { X509_REQ_free(request) }
    let publicKey = X509_REQ_get0_pubkey(request)
    #expect(X509_REQ_verify(request, publicKey) == 1)
    #expect(key.withHandle { EVP_PKEY_eq($0, publicKey) } == 1)
    let written = String(decoding: der, as: Unicode.ASCII.self)
    #expect(written.contains("a.example"))
    #expect(written.contains("*.b.example"))
    #expect(der.contains([192, 0, 2, 1]))
  }

  @Test("a request without names is refused")
  func empty() throws {
    let key = try PrivateKey.generate(.ecP256)
    #expect(throws: PKIError.self) { try CertificateRequest.der(identifiers: [], key: key) }
  }
}
