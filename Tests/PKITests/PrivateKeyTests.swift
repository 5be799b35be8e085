import PKI
import TestRun
import Testing

@Suite("Private keys", .ownThread) struct PrivateKeyTests {
  @Test("a generated key survives its own PEM", arguments: [KeyType.ecP256, .ecP384, .rsa2048])
  func roundTrip(_ type: KeyType) throws {
    let key = try PrivateKey.generate(type)
    let pem = try key.pem()
    let again = try PrivateKey(pem: pem)
    #expect(Sample.text(pem).hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
    #expect(again.type == type)
    #expect(again.publicKeyInfo == key.publicKeyInfo)
  }

  /// The EC key of RFC 7517, appendix A.2.
  private static let jwk = [
    "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
  ]

  @Test("a key in a JWK is read, and is the one that the JWK tells")
  func readsJWK() throws {
    let key = try PrivateKey(jwk: Self.jwk)
    #expect(key.type == .ecP256)
    #expect(try key.jwk().contains(Self.jwk["x"] ?? "-"))
  }

  @Test(
    "a JWK that is not whole, of another kind or of another point is refused",
    arguments: [
      ("kty", nil), ("kty", "oct"), ("crv", "P-521"), ("d", nil), ("d", "AA*"), ("x", "AAAA"), ("y", ""),
    ]
      as [(String, String?)])
  func refusesJWK(_ member: String, _ value: String?) {
    var jwk = Self.jwk
    jwk[member] = value
    #expect(throws: PKIError.self) { try PrivateKey(jwk: jwk) }
  }

  @Test("larger RSA keys have the size they are named for", arguments: [KeyType.rsa3072, .rsa4096])
  func largeRSA(_ type: KeyType) throws { #expect(try PrivateKey.generate(type).type == type) }

  @Test(
    "keys of other tools are read",
    arguments: [
      (KeySample.sec1, KeyType.ecP256), (.pkcs1, .rsa2048), (.ed25519, nil),
    ] as [(KeySample, KeyType?)])
  func foreign(_ sample: KeySample, _ type: KeyType?) throws {
    #expect(try PrivateKey(pem: sample.pem).type == type)
  }

  @Test(
    "a key that cannot be used is refused with its reason",
    arguments: [
      (KeySample.encryptedPKCS8, "it is encrypted; store it without a passphrase"),
      (.encryptedTraditional, "it is encrypted; store it without a passphrase"),
      (.x25519, "it cannot sign, or its private half does not fit its public half"),
      (.empty, "there is no private key in it"), (.nonsense, "there is no private key in it"),
    ])
  func refused(_ sample: KeySample, _ reason: String) {
    let error = #expect(throws: PKIError.self) { try PrivateKey(pem: sample.pem) }
    #expect(error?.reason == reason)
  }

  @Test("a PEM text cut anywhere is refused")
  func truncated() throws {
    let pem = try Sample.key().pem()
    for count in 0..<pem.count - 1 {
      #expect(throws: PKIError.self) { try PrivateKey(pem: Array(pem.prefix(count))) }
    }
  }

  @Test("a private half that does not fit its public half is refused")
  func mismatched() throws {
    let pem = Sample.text(KeySample.sec1.pem).replacing("MHcCAQEEIOHV", with: "MHcCAQEEIOHW")
    #expect(throws: PKIError.self) { try PrivateKey(pem: Array(pem.utf8)) }
  }

  @Test("a description or error shows no key material")
  func secret() throws {
    let key = try Sample.key()
    let body = Sample.text(try key.pem()).split(separator: "\n")[1]
    #expect(!"\(key)".contains(body))
    var dumped = ""
    dump(key, to: &dumped)
    #expect(!dumped.contains(body))
  }

  @Test("random bytes have the wanted length and differ")
  func random() {
    #expect(Random.bytes(0).isEmpty)
    #expect(Random.bytes(-1).isEmpty)
    #expect(Random.bytes(32).count == 32)
    #expect(Random.bytes(32) != Random.bytes(32))
  }
}
