// ACME: the client's side of RFC 8555 and its kin (RFC 8738 addresses, RFC 9773 renewal information,
// profiles), a file for each object of the protocol.
//
// It does not touch files or sockets, read a clock, choose when to renew, keep keys, or answer challenges:
// a `Transport`, a `Signer`, an `Environment`, an `IssuanceJournal` and a `ChallengeResponder` are given.
// It promises: every request may be lost, refused for a moment, or answered with nonsense once or a few
// times, and the operation goes on within the same call (`RetryPolicy`, the only retry layer); nothing is
// believed before it is decoded, bounded and, for certificates, verified; no chain is returned that does not
// match its key and names; an order can be resumed from its URL after a crash at any point; errors tell who,
// where, what and when to try again, and never hold a secret.

internal import Bytes
public import HTTP

/// What a client is configured with.
public struct Options: Sendable {
  /// Where the CA may write to, as URIs: `mailto:ops@example.com`.
  public var contacts: [String] = []
  /// Whether the operator has agreed to the CA's terms of service.
  public var agreesToTerms = false
  /// The account that the CA gave us elsewhere, if it wants one.
  public var externalAccount: ExternalAccountBinding?
  /// Who hands out such an account when one is needed and none is given.
  public var externalAccountSource: (any ExternalAccountSource)?
  /// The account's URL from an earlier run; saves looking it up. If the CA has lost it, a new one is made.
  public var accountURL: String?
  /// Sent with every request (RFC 8555 §6.1).
  public var userAgent = "certd"
  /// What is accepted and how long it may take.
  public var limits = Limits()
  /// Whether the CA may be spoken to without TLS. For tests only (RFC 8555 §6.1).
  public var allowsPlainHTTP = false

  /// The defaults.
  public init() {}
}

/// One account's dealings with one CA. May be used by several tasks at once.
public actor Client {
  let directoryURL: URL
  let transport: any Transport
  var signer: any Signer
  let environment: Environment
  let options: Options

  var knownDirectory: (Directory, readAt: UnixTime)?
  var nonces = Nonces()
  /// The account's URL once known: the `kid` of its requests.
  public internal(set) var accountURL: URL?

  /// A client that has not said anything yet.
  public init(
    directoryURL: URL, transport: any Transport, signer: any Signer, environment: Environment,
    options: Options = Options()
  ) {
    self.directoryURL = directoryURL
    self.transport = transport
    self.signer = signer
    self.environment = environment
    self.options = options
    accountURL = options.accountURL.flatMap { URL($0) }
  }
}
