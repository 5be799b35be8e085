import Bytes
import PKI

/// What the tests issue unless they say otherwise.
enum Sample {
  static let now = UnixTime(seconds: 1_800_000_000)
  static let serial: [UInt8] = [0x87, 0x65, 0x43, 0x21]

  static func key(_ type: KeyType = .ecP256) throws -> PrivateKey { try PrivateKey.generate(type) }

  static func root(key: PrivateKey, commonName: String = "Test Root", lifetime: Int64 = 86_400 * 30) throws
    -> Certificate
  {
    try CertificateAuthority.makeRoot(
      commonName: commonName, key: key, notBefore: now, lifetimeSeconds: lifetime, serial: [1])
  }

  static func leaf(
    _ names: [String] = ["a.example", "127.0.0.1"], key: PrivateKey, root: Certificate, rootKey: PrivateKey,
    notBefore: UnixTime = now, lifetime: Int64 = 86_400
  ) throws -> Certificate {
    try CertificateAuthority.issue(
      identifiers: names.compactMap(Identifier.init), publicKey: key, issuer: root, issuerKey: rootKey,
      notBefore: notBefore, lifetimeSeconds: lifetime, serial: serial)
  }

  static func text(_ pem: [UInt8]) -> String { String(decoding: pem, as: UTF8.self) }
}
