import Testing

/// How one CA differs from another within what RFC 8555 allows, and a little beyond.
struct Dialect: Sendable, CustomTestStringConvertible {
  var name = "plain"
  /// `finalize` answers with a valid order at once.
  var finalizesAtOnce = false
  /// `finalize` and reads of the order carry no Location.
  var tellsOrderLocation = true
  /// An invalid challenge leaves its authorization pending.
  var leavesFailedAuthorizationPending = false
  /// Link comes as one line for each relation.
  var sendsSeveralLinkLines = true
  /// How many validations of a name may fail with the challenge left pending beside its error, as step-ca does.
  var lenience = 0
  /// How many of these fail, whatever is published.
  var failuresAtFirst = 0
  /// How many reads an authorization needs before it is settled.
  var validationReads = 1
  /// How many reads an order stays processing.
  var issuanceReads = 1
  /// The Retry-After of an object that is not settled yet.
  var pollRetryAfter: String?
  /// A challenge being validated shows as processing.
  var showsProcessingChallenges = false
  /// The authorization stays pending when its challenge is valid until the order is ready.
  var isLateWithAuthorizations = false
  /// The CA forgets every account and order when it has seen so many requests.
  var forgetsAt: Int?
  /// The directory offers renewal information.
  var hasRenewalInfo = true
  /// How `replaces` is refused, if it is: a status, and the problem's kind or none.
  var refusesReplaces: (status: Int, kind: String?)?
  /// The profiles on offer; nil for a CA that knows of none.
  var profiles: [String]? = ["short"]
  /// Whether a profile that is on offer is refused nevertheless.
  var refusesProfiles = false
  /// The directory offers a change of accounts' keys.
  var hasKeyChange = true
  /// It answers 501 there.
  var lacksKeyChange = false
  /// New accounts need an external account binding with this key, good for one use.
  var externalKey: [UInt8]?
  /// Names that the CA cannot validate.
  var unreachable: Set<String> = []
  /// What the certificate is cut to or replaced with, so many times.
  var wrongCertificates = 0
  /// Orders are invalid after finalize.
  var refusesIssuance = false

  var testDescription: String { name }

  static let good: [Dialect] = [
    Dialect(),
    Dialect(name: "synchronous", finalizesAtOnce: true, tellsOrderLocation: false),
    Dialect(
      name: "slow", validationReads: 3, issuanceReads: 3, pollRetryAfter: "4", showsProcessingChallenges: true
    ),
    Dialect(name: "terse", tellsOrderLocation: false, isLateWithAuthorizations: true, hasRenewalInfo: false),
    Dialect(name: "external", externalKey: Array("a key of the CA's customer".utf8)),
  ]
}
