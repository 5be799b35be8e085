import Bytes
import PKI
import TestRun
import Testing

@Suite("Certificates", .ownThread) struct CertificateTests {
  let rootKey: PrivateKey
  let root: Certificate
  let key: PrivateKey
  let leaf: Certificate

  init() throws {
    rootKey = try Sample.key()
    root = try Sample.root(key: rootKey)
    key = try Sample.key()
    leaf = try Sample.leaf(
      ["a.example", "*.b.example", "127.0.0.1", "::1"], key: key, root: root, rootKey: rootKey)
  }

  @Test("a leaf tells what it was issued with")
  func properties() throws {
    #expect(leaf.identifiers.map(\.description) == ["a.example", "*.b.example", "127.0.0.1", "::1"])
    #expect(leaf.notBefore == Sample.now)
    #expect(leaf.notAfter == Sample.now + 86_400)
    #expect(leaf.issuer == "CN=Test Root")
    #expect(leaf.subject == "")
    #expect(leaf.commonName == nil)
    #expect(leaf.serialHex == "0087654321")
    #expect(!leaf.isCA)
    #expect(leaf.keyTypeDescription == "ECDSA P-256")
    #expect(leaf.publicKeyInfo == key.publicKeyInfo)
    #expect(leaf.authorityKeyIdentifier == root.subjectKeyIdentifier)
    #expect(leaf.sha256.count == 32)
    #expect(root.isCA)
    #expect(root.commonName == "Test Root")
  }

  @Test("the name for renewal information is key identifier and serial number with its sign byte")
  func renewalName() throws {
    let keyIdentifier = Base64URL.encode(try #require(leaf.authorityKeyIdentifier))
    #expect(leaf.ariCertID == keyIdentifier + ".AIdlQyE")
  }

  @Test("a certificate survives DER and PEM")
  func roundTrip() throws {
    #expect(try Certificate(der: leaf.der) == leaf)
    #expect(try Certificate.parse(pem: leaf.pem + root.pem) == [leaf, root])
  }

  @Test("comments and carriage returns around blocks are fine")
  func comments() throws {
    let text = "subject=a\r\n" + Sample.text(leaf.pem).replacing("\n", with: "\r\n") + "# end\n"
    #expect(try Certificate.parse(pem: Array(text.utf8)) == [leaf])
  }

  @Test("a PEM text cut anywhere is refused")
  func truncatedPEM() {
    for count in 0..<leaf.pem.count - 1 {
      #expect(throws: PKIError.self) { try Certificate.parse(pem: Array(leaf.pem.prefix(count))) }
    }
  }

  @Test("a chain cut anywhere but between two certificates is refused")
  func truncatedChain() {
    let pem = leaf.pem + root.pem
    for count in leaf.pem.count + 1..<pem.count - 1 {
      #expect(throws: PKIError.self) { try Certificate.parse(pem: Array(pem.prefix(count))) }
    }
  }

  @Test("DER cut anywhere, or with something after it, is refused")
  func truncatedDER() {
    for count in 0..<leaf.der.count {
      #expect(throws: PKIError.self) { try Certificate(der: Array(leaf.der.prefix(count))) }
    }
    #expect(throws: PKIError.self) { try Certificate(der: leaf.der + [0]) }
  }

  @Test("DER with any byte changed is read or refused, never more")
  func mutated() {
    for index in leaf.der.indices {
      for change: UInt8 in [0x01, 0x80, 0xFF] {
        var der = leaf.der
        der[index] ^= change
        guard let read = try? Certificate(der: der) else { continue }
        #expect(!read.isSigned(by: root) || read.der == leaf.der || read.publicKeyInfo == leaf.publicKeyInfo)
      }
    }
  }

  @Test(
    "garbage is refused with its reason",
    arguments: [
      ("", "there is no certificate in it"), ("<html>502</html>", "there is no certificate in it"),
      ("-----BEGIN PRIVATE KEY-----\n", "a block that is not a certificate"),
      ("-----BEGIN CERTIFICATE-----\nAAAA\n", "the last block is cut off"),
      ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "bad base64 in a block"),
      ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "bad base64 in a block"),
      ("-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN CERTIFICATE-----\n", "a block without its end"),
    ])
  func garbage(_ text: String, _ reason: String) {
    let error = #expect(throws: PKIError.self) { try Certificate.parse(pem: Array(text.utf8)) }
    #expect(error?.reason == reason)
  }

  @Test("a text, block or DER beyond its limit is refused")
  func tooLong() {
    let lines = "-----BEGIN CERTIFICATE-----\n" + String(repeating: "AAAAAAAA\n", count: 20_000)
    for text in [lines, lines + "-----END CERTIFICATE-----\n", String(repeating: "\n", count: 1 << 20) + " "]
    {
      #expect(throws: PKIError.self) { try Certificate.parse(pem: Array(text.utf8)) }
    }
    #expect(throws: PKIError.self) { try Certificate(der: [UInt8](repeating: 0x30, count: 70_000)) }
    #expect(throws: PKIError.self) { try PrivateKey(pem: [UInt8](repeating: 0x2D, count: 70_000)) }
  }

  @Test("only the issuer's signature counts, not its name")
  func signature() throws {
    #expect(leaf.isSigned(by: root))
    #expect(root.isSigned(by: root))
    #expect(!leaf.isSigned(by: leaf))
    #expect(!leaf.isSigned(by: try Sample.root(key: try Sample.key())))
  }

  @Test("a key matches its own certificate only")
  func matching() throws {
    #expect(leaf.matches(key))
    #expect(!leaf.matches(rootKey))
    #expect(!leaf.matches(try Sample.key(.rsa2048)))
  }

  @Test("every key type can be certified", arguments: [KeyType.ecP384, .rsa2048])
  func types(_ type: KeyType) throws {
    let key = try Sample.key(type)
    let root = try Sample.root(key: key)
    let leaf = try Sample.leaf(key: key, root: root, rootKey: key)
    #expect(leaf.matches(key))
    #expect(leaf.isSigned(by: root))
    #expect(leaf.keyTypeDescription == (type == .ecP384 ? "ECDSA P-384" : "RSA 2048"))
  }

  @Test("a leaf never outlives its issuer")
  func outliving() throws {
    let leaf = try Sample.leaf(key: key, root: root, rootKey: rootKey, lifetime: 86_400 * 365)
    #expect(leaf.notAfter == root.notAfter)
  }

  @Test("nothing is issued by another key, without names, or without validity")
  func refusedIssuance() throws {
    #expect(throws: PKIError.self) { try Sample.leaf(key: key, root: root, rootKey: key) }
    #expect(throws: PKIError.self) { try Sample.leaf([], key: key, root: root, rootKey: rootKey) }
    #expect(throws: PKIError.self) { try Sample.leaf(key: key, root: root, rootKey: rootKey, lifetime: 0) }
    #expect(throws: PKIError.self) { try Sample.leaf(key: key, root: leaf, rootKey: key) }
  }

  @Test("a validity beyond 2049 is encoded and read", arguments: [2_600_000_000, 4_200_000_000])
  func farFuture(_ lifetime: Int64) throws {
    #expect(try Sample.root(key: rootKey, lifetime: lifetime).notAfter == Sample.now + lifetime)
  }
}
