public import CertStore
public import PKI

/// A certificate as the operator wants it.
public struct ManagedCertificate: Sendable, Equatable {
  /// Its name through all renewals.
  public var name: LineageName
  /// What it is to be about, in this order; at least one.
  public var identifiers: [Identifier] { didSet { identifierTexts = Self.texts(identifiers) } }
  /// The type of its key.
  public var keyType: KeyType
  /// Who may issue it, first choice first; never empty. The next one is asked while those before it are down, refuse
  /// or limit us.
  public var issuers: [IssuerChoice]
  /// What to do once after each renewal.
  public var deploys: [DeployAction]

  /// A certificate to keep valid.
  public init(
    name: LineageName, identifiers: [Identifier], keyType: KeyType = .ecP256, issuers: [IssuerChoice],
    deploys: [DeployAction] = []
  ) {
    self.name = name
    self.identifiers = identifiers
    identifierTexts = Self.texts(identifiers)
    self.keyType = keyType
    self.issuers = issuers
    self.deploys = deploys
  }

  /// A certificate to keep valid by one issuer.
  public init(
    name: LineageName, identifiers: [Identifier], keyType: KeyType = .ecP256, issuer: String,
    deploys: [DeployAction] = [], profile: String? = nil
  ) {
    self.init(
      name: name, identifiers: identifiers, keyType: keyType,
      issuers: [IssuerChoice(issuer, profile: profile)], deploys: deploys)
  }

  /// Whether somebody of that name may issue it.
  func isIssued(by issuer: String) -> Bool { issuers.contains { $0.name == issuer } }

  /// The identifiers as the ledger has them.
  private(set) var identifierTexts: Set<String>

  private static func texts(_ identifiers: [Identifier]) -> Set<String> {
    Set(identifiers.map(\.description))
  }
}

/// One who may issue a certificate.
public struct IssuerChoice: Sendable, Hashable {
  /// The issuer, by the configuration's name.
  public var name: String
  /// One of the CA's profiles, or its default.
  public var profile: String?

  /// A choice.
  public init(_ name: String, profile: String? = nil) {
    self.name = name
    self.profile = profile
  }
}
