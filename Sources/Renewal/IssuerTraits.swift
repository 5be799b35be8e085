/// What the planner knows of an issuer besides its name in the configuration.
public struct IssuerTraits: Sendable, Equatable {
  /// Which CA it is: the authority of its directory. Limits on names count per CA, whatever it is called here.
  public var authority: String
  /// Which account at the CA: limits on orders and failures count per account. Survives a renamed contact and a
  /// renamed issuer.
  public var account: String
  /// What the CA has published about how often it may be asked.
  public var limits: [IssuerLimit]
  /// The issuer at which an attempt is rehearsed after a failed validation; nil when the CA has none.
  public var staging: String?
  /// Whether it is a CA that others run: then no certificate is issued more often in a day than the policy allows.
  public var isRemote: Bool

  /// Traits.
  public init(
    authority: String, account: String? = nil, limits: [IssuerLimit] = [], staging: String? = nil,
    isRemote: Bool = true
  ) {
    self.authority = authority
    self.account = account ?? authority
    self.limits = limits
    self.staging = staging
    self.isRemote = isRemote
  }
}

/// One limit that a CA has published.
public struct IssuerLimit: Sendable, Equatable {
  /// What is counted.
  public enum Subject: String, Sendable, CaseIterable {
    /// Accounts registered, from this machine.
    case registrations = "new accounts"
    /// New orders of one account.
    case orders = "orders"
    /// Certificates of one registered domain for a set of names that had none before.
    case certificatesPerRegisteredDomain = "new certificates of one registered domain"
    /// Certificates for exactly the same names.
    case certificatesPerNameSet = "certificates for the same names"
    /// Failed validations of one name by one account.
    case failedValidations = "failed validations of one name"
  }

  /// What is counted.
  public let subject: Subject
  /// How many are allowed in any window.
  public let most: Int
  /// The window, in seconds.
  public let windowSeconds: Int64

  /// A limit of so many in so many seconds.
  public init(_ subject: Subject, most: Int, windowSeconds: Int64) {
    self.subject = subject
    self.most = most
    self.windowSeconds = windowSeconds
  }

  /// A renewal that the CA suggested is exempt from these (Let's Encrypt's documentation of its limits; RFC 9773 §5
  /// recommends as much).
  public var exemptsAdvisedRenewals: Bool {
    switch subject {
    case .orders, .certificatesPerRegisteredDomain, .certificatesPerNameSet: true
    case .registrations, .failedValidations: false
    }
  }
}
