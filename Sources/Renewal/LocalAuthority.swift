public import Bytes
public import CertStore
public import PKI

/// The built-in CA: a root kept in the store, made when it is first needed.
public struct LocalAuthority: Issuer {
  /// How long the root is valid, in seconds.
  public static let rootLifetimeSeconds: Int64 = 3650 * 86_400
  /// How long a certificate is valid unless told otherwise, in seconds.
  public static let defaultLeafLifetimeSeconds: Int64 = 7 * 86_400
  /// How far certificates begin in the past, for clients whose clock is slow, in seconds.
  public static let backdatedSeconds: Int64 = 3600
  /// The length of serial numbers, in bytes: random ones of 128 bits.
  private static let serialInBytes = 16

  private let store: CertStore
  private let now: @Sendable () -> UnixTime
  private let commonName: String
  private let leafLifetimeSeconds: Int64

  /// A CA whose root is, or will be, in this store. The common name is what trust stores show, 1 to 64 bytes.
  public init(
    store: CertStore, commonName: String = "certd local CA",
    leafLifetimeSeconds: Int64 = defaultLeafLifetimeSeconds, now: @escaping @Sendable () -> UnixTime
  ) {
    self.leafLifetimeSeconds = leafLifetimeSeconds
    self.store = store
    self.commonName = commonName
    self.now = now
  }

  /// The root to trust, made if there is none yet.
  public func root() throws(IssuerError) -> Certificate { try loadedRoot().certificate }

  /// A leaf for the request's key. The chain holds nothing else: clients have the root.
  public func issue(
    _ request: IssueRequest, progress: any IssueProgress
  ) async throws(IssuerError) -> any Issued {
    let root = try loadedRoot()
    let time = now()
    guard root.certificate.notAfter > time else {
      throw IssuerError(.other, "the local CA's root expired at \(root.certificate.notAfter); remove it")
    }
    do {
      let leaf = try CertificateAuthority.issue(
        identifiers: request.identifiers, publicKey: request.key, issuer: root.certificate,
        issuerKey: root.key, notBefore: time - Self.backdatedSeconds,
        lifetimeSeconds: leafLifetimeSeconds + Self.backdatedSeconds,
        serial: Self.serial())
      return CertificateChain(leaf: leaf, intermediates: [])
    } catch { throw IssuerError(.other, "local CA: \(error)") }
  }

  /// Those by the root of today.
  public func standing() async -> Standing {
    // The name of a certificate begins with its issuer's key identifier (RFC 9773 §4.1).
    guard let root = try? store.localRoot(now: now()), let own = root.certificate.subjectKeyIdentifier else {
      return .unknown
    }
    return .prefix(Base64URL.encode(own) + ".")
  }

  private func loadedRoot() throws(IssuerError) -> LocalRoot {
    do {
      let time = now()
      if let root = try store.localRoot(now: time) { return root }
      let key = try PrivateKey.generate(.ecP256)
      let certificate = try CertificateAuthority.makeRoot(
        commonName: commonName, key: key, notBefore: time - Self.backdatedSeconds,
        lifetimeSeconds: Self.rootLifetimeSeconds, serial: Self.serial())
      return try store.createLocalRoot(key: key, certificate: certificate, now: time)
    } catch { throw IssuerError(.other, "local CA: \(error)") }
  }

  /// Positive and never zero (RFC 5280 §4.1.2.2).
  private static func serial() -> [UInt8] {
    var bytes = Random.bytes(serialInBytes)
    bytes[0] = bytes[0] & 0x7F | 0x40
    return bytes
  }
}
