import Bytes
import GCP
import OS
import PKI

/// Makes certificates for tests: a root of its own, leaves valid around now.
struct Maker: Sendable {
  let root: Certificate
  private let rootKey: PrivateKey

  init() throws {
    rootKey = try PrivateKey.generate(.ecP256)
    root = try CertificateAuthority.makeRoot(
      commonName: "Test root", key: rootKey, notBefore: Self.now - 10 * 86_400,
      lifetimeSeconds: 1000 * 86_400, serial: [1])
  }

  static var now: UnixTime { UnixTime(seconds: Clock.wallSeconds()) }

  func leaf(_ names: [String], key: PrivateKey, startDaysAgo: Int64 = 1, days: Int64 = 30) throws
    -> Certificate
  {
    try CertificateAuthority.issue(
      identifiers: names.compactMap { Identifier($0) }, publicKey: key, issuer: root, issuerKey: rootKey,
      notBefore: Self.now - startDaysAgo * 86_400, lifetimeSeconds: days * 86_400, serial: Random.bytes(9))
  }

  /// A certificate to deploy, called by its first name unless it is called something else.
  func deployment(
    _ names: String..., called: String? = nil, type: KeyType = .ecP256, startDaysAgo: Int64 = 1,
    days: Int64 = 30, intermediates: [Certificate] = []
  ) throws -> Deployment {
    try deployment(
      named: names, called: called ?? names.first ?? "", type: type, startDaysAgo: startDaysAgo, days: days,
      intermediates: intermediates)
  }

  func deployment(
    named names: [String], called: String, type: KeyType = .ecP256, startDaysAgo: Int64 = 1, days: Int64 = 30,
    intermediates: [Certificate] = []
  ) throws -> Deployment {
    let key = try PrivateKey.generate(type)
    let leaf = try leaf(names, key: key, startDaysAgo: startDaysAgo, days: days)
    return Deployment(
      name: called, chain: CertificateChain(leaf: leaf, intermediates: intermediates),
      key: key)
  }
}
