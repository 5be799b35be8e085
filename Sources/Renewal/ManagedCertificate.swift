public import CertStore
public import PKI

/// A certificate as the operator wants it.
public struct ManagedCertificate: Sendable, Equatable {
  /// Its name through all renewals.
  public var name: LineageName
  /// What it is to be about, in this order; at least one.
  public var identifiers: [Identifier]
  /// The type of its key.
  public var keyType: KeyType
  /// Who issues it, by the configuration's name.
  public var issuer: String
  /// What to do once after each renewal.
  public var deploys: [DeployAction]
  /// One of the CA's profiles, or its default.
  public var profile: String?

  /// A certificate to keep valid.
  public init(
    name: LineageName, identifiers: [Identifier], keyType: KeyType = .ecP256, issuer: String,
    deploys: [DeployAction] = [], profile: String? = nil
  ) {
    self.name = name
    self.identifiers = identifiers
    self.keyType = keyType
    self.issuer = issuer
    self.deploys = deploys
    self.profile = profile
  }

  /// The identifiers as the ledger has them.
  var identifierTexts: Set<String> { Set(identifiers.map(\.description)) }
}
