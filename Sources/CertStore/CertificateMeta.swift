public import Bytes
public import PKI

/// What is known of a generation beyond its PEM files; rebuilt from the leaf when lost.
public struct CertificateMeta: Codable, Sendable, Equatable {
  /// The identifiers that were asked for, canonical text.
  public var identifiers: [String]
  /// The raw value of a `KeyType`; nil for another kind.
  public var keyType: String?
  /// Who issued it, by the configuration's name; nil when unknown.
  public var issuer: String?
  /// When it was stored; nil when unknown.
  public var storedAt: UnixTime?
  /// Its order at the CA, if there is one.
  public var orderURL: String?
  /// Its number among a fleet's generations; nil for one that is of this store alone.
  public var fleetGeneration: Int?

  /// Meta data of a new generation.
  public init(
    identifiers: [Identifier], keyType: KeyType?, issuer: String?, storedAt: UnixTime?,
    orderURL: String? = nil
  ) {
    self.identifiers = identifiers.map(\.description)
    self.keyType = keyType?.rawValue
    self.issuer = issuer
    self.storedAt = storedAt
    self.orderURL = orderURL
  }

  /// What can be told from the certificate alone.
  init(rebuiltFrom leaf: Certificate, _ key: PrivateKey) {
    self.init(identifiers: leaf.identifiers, keyType: key.type, issuer: nil, storedAt: nil)
  }
}
