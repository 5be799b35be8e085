public import CertStore
public import PKI

/// One entry of `certificates`.
public enum CertificateEntry: Sendable, Equatable {
  /// Served from files that somebody else keeps up to date.
  case files(CertificateFiles)
  /// Obtained and renewed by certd.
  case managed(WantedCertificate)
}

/// A certificate served from files, watched for changes.
public struct CertificateFiles: Sendable, Equatable {
  /// File of the chain: PEM in any order, DER, PKCS#12 or PKCS#7; absolute path.
  public var certificate: String
  /// File of the private key, which may be the same; absolute path.
  public var key: String
  /// File whose first line opens what is encrypted; absolute path, nil for none.
  public var passwordFile: String?
  /// Whether issuers that the chain lacks are fetched from where its certificates say.
  public var fetchesIssuers = false
  /// The name that load balancers know it by; nil when none shall.
  public var name: String?
  /// Where the entry stands.
  public var origin: Origin
}

/// A certificate that certd obtains and renews.
public struct WantedCertificate: Sendable, Equatable {
  /// Its name in the store: given, or the first of its names.
  public var name: String
  /// Host names and addresses in it, lower-cased; never empty.
  public var names: [String]
  /// Name of its issuer; nil for the first one.
  public var issuer: String?
  /// Its key.
  public var keyType: KeyType
  /// Further keys: for each one there is a certificate beside this one.
  public var moreKeyTypes: [KeyType] = []
  /// Certificate profile to ask for; nil for the issuer's.
  public var profile: String?
  /// Commands run after each renewal, besides those of `acme.deploy_hooks`.
  public var deployHooks: [String] = []
  /// What else is done after each renewal, besides what `acme.deploy` says.
  public var deploys: [DeployAction] = []
  /// Where it stands: its entry, or the host of a route.
  public var origin: Origin

  /// The certificates for its further keys.
  var siblings: [WantedCertificate] {
    moreKeyTypes.map { type in
      var sibling = self
      sibling.name = "\(name).\(type.rawValue)"
      sibling.keyType = type
      sibling.moreKeyTypes = []
      sibling.isSibling = true
      return sibling
    }
  }
  /// Whether another certificate has the same names and another kind of key, and comes first.
  public var isSibling = false
}
