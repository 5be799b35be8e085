public import ACME
public import CertStore
public import PKI

/// How certificates are obtained and what is done with them.
public struct ACMESettings: Sendable, Equatable {
  /// Contact for the CA (RFC 8555 §7.3); nil for none.
  public var email: String?
  /// Whether the operator agreed to the CA's terms of service.
  public var agreeTOS = false
  /// Who issues, first choice first; never empty.
  public var issuers: [IssuerSettings] = []
  /// How names are proven, the preferred way first; never empty.
  public var challenges: [ChallengeType] = []
  /// How DNS-01 is answered; nil for not at all.
  public var dns01: DNSSettings?
  /// How TLS-ALPN-01 is answered.
  public var tlsALPN01 = TLSALPN01Settings()
  /// How HTTP-01 is answered.
  public var http01 = HTTP01Settings()
  /// Common name of the root that the served chain should lead to (RFC 8555 §7.4.2); nil for the CA's choice.
  public var preferredChain: String?
  /// How long after the order certificates shall end; nil for the CA's choice.
  public var notAfter: Duration?
  /// The keys of a certificate that does not say otherwise, one certificate for each; never empty.
  public var keyTypes: [KeyType] = []
  /// Commands run after each renewal.
  public var deployHooks: [String] = []
  /// Commands run once before anything is ordered.
  public var preHooks: [String] = []
  /// Commands run once when all orders have ended.
  public var postHooks: [String] = []
  /// What else is done after each renewal.
  public var deploys: [DeployAction] = []
  /// How often one certificate may be issued in a day.
  public var issuancesPerDay = 24
  /// Lifetime of certificates from the built-in CA.
  public var localLifetime = Duration.seconds(7 * 86_400)
  /// Where the section stands.
  public var origin = Origin.none

  /// The issuer of that name, or the first one when none is given; nil for an unknown name.
  public func issuer(named name: String?) -> IssuerSettings? {
    guard let name else { return issuers.first }
    return issuers.first { $0.name == name }
  }

  /// Who may issue a certificate, first choice first: the issuer of that name alone, or, when none is given, all of
  /// them. The built-in CA and staging environments never stand in for another CA: nobody trusts what they issue.
  public func choices(named name: String?) -> [IssuerSettings] {
    guard name == nil, let first = issuers.first, !first.isUntrusted else {
      return issuer(named: name).map { [$0] } ?? []
    }
    return issuers.filter { !$0.isUntrusted }
  }
}

/// How TLS-ALPN-01 challenges are answered.
public struct TLSALPN01Settings: Sendable, Equatable {
  /// Where commands answer, while no daemon has the port.
  public var address = ListenAddress(host: nil, port: 443)
}

/// How HTTP-01 challenges are answered.
public struct HTTP01Settings: Sendable, Equatable {
  /// Where they are answered when no listener of ours holds that port.
  public var address = ListenAddress(host: nil, port: 80)
  /// The folder of another web server's files, in which answers are put; absolute. Nil for none.
  public var webroot: String?
}

/// Who issues certificates.
public struct IssuerSettings: Sendable, Equatable {
  /// Its name: a preset's, or one given in the file.
  public var name: String
  /// What it is.
  public var kind: Kind
  /// Where it was written.
  public var origin: Origin

  /// What an issuer is.
  public enum Kind: Sendable, Equatable {
    /// The CA built into certd; its root lies in the store.
    case local
    /// A CA that speaks ACME.
    case acme(ACMEIssuerSettings)
  }

  /// Whether its certificates are trusted by nobody who was not told to.
  fileprivate var isUntrusted: Bool {
    guard case .acme(let issuer) = kind else { return true }
    return IssuerPreset.all.contains { $0.staging == issuer.directory }
  }

  /// Whether it is a CA that the public trusts, bound by the CA/Browser Forum's rules for names.
  public var isPublic: Bool {
    guard case .acme(let issuer) = kind else { return false }
    return IssuerPreset.all.contains { $0.directory == issuer.directory }
  }
}

/// A CA that speaks ACME (RFC 8555).
public struct ACMEIssuerSettings: Sendable, Equatable {
  /// URL of the directory.
  public var directory: String
  /// PEM files with roots that are trusted for the directory, besides the system's; absolute paths.
  public var roots: [String] = []
  /// Credentials that tie the account to one at the CA (RFC 8555 §7.3.4); nil for none.
  public var externalAccount: ExternalAccount?
  /// Who hands out such credentials by itself; nil for nobody.
  public var externalAccountOrigin: ExternalAccountOrigin?
  /// Certificate profile to ask for; nil for the CA's default.
  public var profile: String?
  /// URL of the directory of its staging environment, where attempts are rehearsed after a failed validation; nil for
  /// none.
  public var staging: String?
}

/// An external account binding (RFC 8555 §7.3.4). The MAC key itself stays in its file.
public struct ExternalAccount: Sendable, Equatable {
  /// The key identifier that the CA gave out.
  public var keyIdentifier: String
  /// The file with the MAC key in base64url; absolute path.
  public var keyFile: String
  /// How the binding is signed (RFC 7518 §3.2).
  public var algorithm = ExternalAccountBinding.Algorithm.hs256
}

/// Who hands out external accounts' keys when one is needed.
public enum ExternalAccountOrigin: String, Sendable, CaseIterable {
  /// Google's public CA, for the project of the section `gcp`.
  case google
  /// ZeroSSL, for the mail address of the contact.
  case zerossl
}

/// A CA known by a short name.
public struct IssuerPreset: Sendable, Equatable {
  /// The short name.
  public let name: String
  /// URL of its directory.
  public let directory: String
  /// URL of the directory of its staging environment, if it has one that needs nothing else.
  public let staging: String?
  /// Who hands out the external account that it wants, if it wants one.
  public let externalAccountOrigin: ExternalAccountOrigin?
  /// Whether it wants an external account binding.
  public var needsExternalAccount: Bool { externalAccountOrigin != nil }

  /// Every preset except `local`.
  public static let all: [IssuerPreset] = [
    IssuerPreset(
      name: "letsencrypt", directory: "https://acme-v02.api.letsencrypt.org/directory",
      staging: "https://acme-staging-v02.api.letsencrypt.org/directory", externalAccountOrigin: nil),
    IssuerPreset(
      name: "letsencrypt-staging", directory: "https://acme-staging-v02.api.letsencrypt.org/directory",
      staging: nil, externalAccountOrigin: nil),
    IssuerPreset(
      name: "google", directory: "https://dv.acme-v02.api.pki.goog/directory", staging: nil,
      externalAccountOrigin: .google),
    IssuerPreset(
      name: "zerossl", directory: "https://acme.zerossl.com/v2/DV90", staging: nil,
      externalAccountOrigin: .zerossl),
  ]

  /// The name of the built-in CA.
  public static let localName = "local"
}
