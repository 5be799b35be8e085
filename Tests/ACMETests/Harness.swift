import ACME
import Bytes
import HTTP
import PKI
import Synchronization

/// A clock that only moves when somebody sleeps, and chance that is always the same.
final class TestClock: Sendable {
  static let start = UnixTime(seconds: 1_800_000_000)
  private let seconds = Mutex(0.0)
  private let naps = Mutex<[Double]>([])

  var now: UnixTime { Self.start + Int64(seconds.withLock { $0 }) }
  /// Every wait so far, in seconds.
  var waits: [Double] { naps.withLock { $0 } }

  func sleep(_ time: Double) {
    seconds.withLock { $0 += time }
    naps.withLock { $0.append(time) }
  }

  var environment: Environment {
    Environment(now: { self.now }, sleep: { self.sleep($0) }, random: { 0.5 })
  }
}

/// A responder and a journal in memory that remember what they were told.
final class Notebook: ChallengeResponder, IssuanceJournal {
  struct Notes {
    var published: [String: String] = [:]
    var everPublished: Set<ChallengeAnswer> = []
    var accounts: [String] = []
    var orders: [String] = []
    var closed: [String] = []
  }
  struct Broken: Error {}

  private let notes = Mutex(Notes())

  /// What happened so far.
  var record: Notes { notes.withLock { $0 } }
  let challengeTypes: [ChallengeType]
  let isBroken: Bool
  let objections: [ChallengeType: String]

  init(
    challengeTypes: [ChallengeType] = [.http01], isBroken: Bool = false,
    objections: [ChallengeType: String] = [:]
  ) {
    self.objections = objections
    self.challengeTypes = challengeTypes
    self.isBroken = isBroken
  }

  func publish(_ answer: ChallengeAnswer) async throws {
    if isBroken { throw Broken() }
    notes.withLock {
      $0.published[answer.token] = answer.keyAuthorization
      $0.everPublished.insert(answer)
    }
  }
  func objection(to answer: ChallengeAnswer) async -> String? { objections[answer.type] }
  func withdraw(_ answer: ChallengeAnswer) async { notes.withLock { $0.published[answer.token] = nil } }
  func accountFound(url: String) async throws { notes.withLock { $0.accounts.append(url) } }
  func orderCreated(url: String) async throws {
    if isBroken { throw Broken() }
    notes.withLock { $0.orders.append(url) }
  }
  func orderClosed(url: String) async { notes.withLock { $0.closed.append(url) } }

  func answer(_ token: String) -> String? { notes.withLock { $0.published[token] } }
}

/// One constructor for tests: a CA of some dialect, faults in front of it, and a client that speaks to both.
struct Harness {
  /// Made once: key generation is not what is tested.
  static let accountKey = try? PrivateKey.generate(.ecP256)
  static let leafKey = try? PrivateKey.generate(.ecP256)

  let clock = TestClock()
  let notebook: Notebook
  let ca: FakeCA
  let wire: FaultyWire
  let client: Client
  let request: IssuanceRequest

  struct NoKey: Error {}

  init(
    _ dialect: Dialect = Dialect(), faults: [Int: Fault] = [:], names: [String] = ["a.example", "b.example"],
    replaces: String? = nil, profile: String? = nil, preferredIssuer: String? = nil,
    notebook: Notebook = Notebook(), sharing other: FakeCA? = nil, leafKey: PrivateKey? = nil,
    accountKey: PrivateKey? = nil,
    directory: String = FakeCA.base + "/directory",
    options change: (inout Options) -> Void = { _ in }
  ) throws {
    guard let account = accountKey ?? Self.accountKey, let leaf = leafKey ?? Self.leafKey else {
      throw NoKey()
    }
    self.notebook = notebook
    let clock = clock
    ca = try other ?? FakeCA(dialect, now: { clock.now }, answer: { notebook.answer($0) })
    wire = FaultyWire(ca, faults)
    var options = Options()
    options.contacts = ["mailto:ops@example.com"]
    options.agreesToTerms = true
    change(&options)
    guard let directory = URL(directory) else { throw NoKey() }
    client = Client(
      directoryURL: directory, transport: wire, signer: try KeySigner(account),
      environment: clock.environment,
      options: options)
    request = IssuanceRequest(
      identifiers: names.compactMap(Identifier.init), key: leaf, profile: profile, replaces: replaces,
      preferredIssuer: preferredIssuer)
  }

  /// Issues and checks what must hold for every certificate.
  @discardableResult
  func issue(resuming order: String? = nil) async throws(ACMEError) -> CertificateChain {
    try await client.issue(request, resuming: order, journal: notebook, responder: notebook)
  }

  /// The error of an issuance that must fail.
  func failure(resuming order: String? = nil) async -> ACMEError? {
    do throws(ACMEError) {
      try await issue(resuming: order)
      return nil
    } catch { return error }
  }
}
