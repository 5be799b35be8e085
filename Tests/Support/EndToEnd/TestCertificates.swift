import Bytes
import OS
public import PKI

/// A CA of the test's own, for servers' certificates in files.
public struct TestCertificates: Sendable {
  /// Its root.
  public let rootPEM: [UInt8]
  /// The path of its root.
  public let rootPath: String
  private let root: Certificate
  private let key: PrivateKey
  private let place: Place

  /// A CA with a new key.
  public init(_ place: Place, _ name: String) throws {
    self.place = place
    key = try PrivateKey.generate(.ecP256)
    root = try CertificateAuthority.makeRoot(
      commonName: "Root of \(name)", key: key, notBefore: Self.now - 3600, lifetimeSeconds: 86_400,
      serial: Random.bytes(16))
    rootPEM = root.pem
    rootPath = try place.write("\(name)-root.pem", String(decoding: rootPEM, as: UTF8.self))
  }

  private static var now: UnixTime { UnixTime(seconds: Clock.wallSeconds()) }

  /// Files with a certificate and its key.
  public struct Files: Sendable {
    /// Path of the chain.
    public let certificate: String
    /// Path of the key.
    public let key: String
  }

  /// Writes `<name>.crt` and `<name>.key`, replacing what is there.
  public func issue(_ names: [String], called name: String, type: KeyType = .ecP256) throws -> Files {
    let leafKey = try PrivateKey.generate(type)
    let leaf = try CertificateAuthority.issue(
      identifiers: names.compactMap { Identifier($0) }, publicKey: leafKey, issuer: root, issuerKey: key,
      notBefore: Self.now - 3600, lifetimeSeconds: 80_000, serial: Random.bytes(16))
    return Files(
      certificate: try place.write("\(name).crt", String(decoding: leaf.pem + rootPEM, as: UTF8.self)),
      key: try place.write("\(name).key", String(decoding: leafKey.pem(), as: UTF8.self)))
  }
}
