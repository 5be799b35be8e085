import Bytes
import OS
public import PKI
public import TLS

/// A certification authority for tests, its leaves valid around now.
public struct TestAuthority: Sendable {
  /// Its certificate.
  public let root: Certificate
  private let key: PrivateKey

  /// A new root.
  public init(_ name: String = "Test root") throws {
    key = try PrivateKey.generate(.ecP256)
    let start = UnixTime(seconds: Clock.wallSeconds() - 10 * 86_400)
    root = try CertificateAuthority.makeRoot(
      commonName: name, key: key, notBefore: start, lifetimeSeconds: 100 * 86_400, serial: [1])
  }

  /// What trusts this root and nothing else.
  public var trust: ClientContext.Trust { .init(system: false, extraPEM: [root.pem]) }

  /// A server's certificate with its key, valid from a day ago for so many days.
  public func credential(
    _ names: String..., type: KeyType = .ecP256, days: Int64 = 30, startDaysAgo: Int64 = 1,
    label: String? = nil
  ) throws -> Credential {
    let leafKey = try PrivateKey.generate(type)
    let leaf = try CertificateAuthority.issue(
      identifiers: names.compactMap { Identifier($0) }, publicKey: leafKey, issuer: root, issuerKey: key,
      notBefore: UnixTime(seconds: Clock.wallSeconds() - startDaysAgo * 86_400),
      lifetimeSeconds: days * 86_400, serial: Random.serial())
    return Credential(
      label: label ?? names.first ?? "", chain: [leaf.der], privateKeyPEM: try leafKey.pem(),
      names: names.filter { if case .dns = Identifier($0) { true } else { false } })
  }
}

enum Random {
  static func serial() -> [UInt8] {
    var system = SystemRandomNumberGenerator()
    return [1] + (0..<8).map { _ in UInt8(truncatingIfNeeded: system.next()) }
  }
}
