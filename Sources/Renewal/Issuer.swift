public import Bytes
public import CertStore
public import PKI

/// A certificate to obtain.
public struct IssueRequest: Sendable {
  /// What it is to be about.
  public var identifiers: [Identifier]
  /// Its key, which is stored already.
  public var key: PrivateKey
  /// One of the CA's profiles, or its default.
  public var profile: String?
  /// The name of the certificate that it replaces (RFC 9773 §5).
  public var replaces: String?
  /// The order of an earlier run to go on with.
  public var resuming: String?
}

/// Why no certificate came.
public struct IssuerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Of which kind the failure is; nil when it was no failure but a cancellation.
  public var kind: LedgerEntry.Failure?
  /// The CA does not want to hear from us before this moment.
  public var retryAfter: UnixTime?
  /// The identifiers that could not be validated, where it is known.
  public var failedIdentifiers: [String]?
  /// Who, what, and what to do.
  public var description: String

  /// A failure.
  public init(
    _ kind: LedgerEntry.Failure?, _ description: String, retryAfter: UnixTime? = nil,
    failedIdentifiers: [String]? = nil
  ) {
    self.failedIdentifiers = failedIdentifiers
    self.kind = kind
    self.description = description
    self.retryAfter = retryAfter
  }
}

/// What an issuer writes down on the way.
public protocol IssueProgress: Sendable {
  /// An order was made; durable on return.
  func orderCreated(url: String) async throws
  /// The order is of no further use.
  func orderClosed(url: String) async
}

/// Which of its certificates an issuer stands by.
public enum Standing: Sendable, Equatable {
  /// All of them.
  case all
  /// Those whose name (RFC 9773 §4.1) begins with this: they are by the root of today.
  case prefix(String)
  /// None whose issuer is known.
  case unknown

  /// Whether it stands by a certificate.
  func covers(_ held: HeldCertificate) -> Bool {
    guard let id = held.certificateID else { return true }
    return switch self {
    case .all: true
    case .prefix(let prefix): id.hasPrefix(prefix)
    case .unknown: false
    }
  }
}

/// Someone who makes certificates.
public protocol Issuer: Sendable {
  /// Obtains a certificate for the request's key. The caller checks it before it is stored. MUST go on with
  /// `resuming` if that order is still good; MUST NOT ask for more than one certificate.
  func issue(
    _ request: IssueRequest, progress: any IssueProgress
  ) async throws(IssuerError) -> any Issued

  /// Whether the issuer tells when to renew.
  var givesAdvice: Bool { get }
  /// When a certificate should be renewed, by its `ariCertID`; nil when the issuer does not tell.
  func advice(certificateID: String) async throws(IssuerError) -> RenewalAdvice?
  /// Which certificates the issuer would issue today: a local CA may have another root.
  func standing() async -> Standing
  /// How far our clock is ahead of the issuer's, in seconds, as last heard; nil when unknown.
  func clockOffsetSeconds() async -> Int64?
}

extension Issuer {
  /// None, unless told otherwise.
  public var givesAdvice: Bool { false }
  /// None, unless told otherwise.
  public func advice(certificateID: String) async throws(IssuerError) -> RenewalAdvice? { nil }
  /// All, unless told otherwise.
  public func standing() async -> Standing { .all }
  /// Unknown, unless told otherwise.
  public func clockOffsetSeconds() async -> Int64? { nil }
}
