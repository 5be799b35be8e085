public import Bytes
public import CertStore
public import PKI

/// A CA for tests: certificates of any age for any name.
public struct TestAuthority: Sendable {
  /// Its root.
  public let root: Certificate
  private let rootKey: PrivateKey

  /// A moment that tests call now.
  public static let now = UnixTime(seconds: 1_800_000_000)
  /// Ninety days.
  public static let lifetimeSeconds: Int64 = 90 * 86_400

  /// A CA with a new key.
  public init() throws {
    rootKey = try PrivateKey.generate(.ecP256)
    root = try CertificateAuthority.makeRoot(
      commonName: "Test root", key: rootKey, notBefore: Self.now - 86_400 * 365,
      lifetimeSeconds: 86_400 * 3650, serial: Random.bytes(16))
  }

  /// A key and a chain for some names.
  public func issue(
    _ names: [String] = ["example.com"], notBefore: UnixTime = now - 3600,
    lifetimeSeconds: Int64 = lifetimeSeconds
  ) throws -> Issued {
    let key = try PrivateKey.generate(.ecP256)
    let identifiers = names.compactMap { Identifier($0) }
    return Issued(
      key: key,
      chain: try chain(for: key, identifiers, notBefore: notBefore, lifetimeSeconds: lifetimeSeconds),
      meta: CertificateMeta(
        identifiers: identifiers, keyType: .ecP256, issuer: "test", storedAt: Self.now))
  }

  /// A chain for a key.
  public func chain(
    for key: PrivateKey, _ identifiers: [Identifier], notBefore: UnixTime = now - 3600,
    lifetimeSeconds: Int64 = lifetimeSeconds
  ) throws -> CertificateChain {
    let leaf = try CertificateAuthority.issue(
      identifiers: identifiers, publicKey: key, issuer: root, issuerKey: rootKey, notBefore: notBefore,
      lifetimeSeconds: lifetimeSeconds, serial: Random.bytes(16))
    return CertificateChain(leaf: leaf, intermediates: [root])
  }

  /// Something that can be published.
  public struct Issued: Sendable {
    /// The key of the leaf.
    public var key: PrivateKey
    /// Leaf and root.
    public var chain: CertificateChain
    /// What belongs to it.
    public var meta: CertificateMeta
  }
}

extension CertStore {
  /// Publishes under the lineage's lock.
  @discardableResult
  public func publish(
    _ name: LineageName, _ issued: TestAuthority.Issued, deploys: [DeployTask] = [],
    now: UnixTime = TestAuthority.now
  ) throws -> StoredCertificate {
    guard let lock = try lock(name) else { throw StoreError.busy(name.description) }
    return try publish(
      lock, key: issued.key, chain: issued.chain, meta: issued.meta, deploys: deploys, now: now)
  }
}
