import Bytes
import CertStore
import OS
import PKI
import Renewal
import Scratch
import StoreFixtures
import Synchronization

/// An issuer in memory that does as it is told and remembers what it was asked.
final class FakeIssuer: Issuer {
  enum Behaviour: Sendable {
    case good
    case fails(IssuerError)
    /// The chain of a certificate for another key.
    case foreignKey
    /// Told an order, then lost.
    case cutOffAfterOrder
  }

  let authority: TestAuthority
  private let behaviours: Mutex<[String: Behaviour]>
  private let asked = Mutex<[IssueRequest]>([])
  private let advised: RenewalAdvice?
  private let questions = Mutex(0)
  let onIssue: @Sendable (IssueRequest) -> Void
  /// What every question for advice fails with.
  let silence: Mutex<IssuerError?> = Mutex(nil)
  /// Whether every question for advice is answered with nothing.
  let isWithoutAdvice = Mutex(false)

  init(
    _ behaviours: [String: Behaviour] = [:], advice: RenewalAdvice? = nil,
    onIssue: @escaping @Sendable (IssueRequest) -> Void = { _ in }
  ) throws {
    authority = try TestAuthority()
    self.behaviours = Mutex(behaviours)
    advised = advice
    self.onIssue = onIssue
  }

  var requests: [IssueRequest] { asked.withLock { $0 } }
  var adviceQuestions: Int { questions.withLock { $0 } }
  func behave(_ name: String, _ behaviour: Behaviour) { behaviours.withLock { $0[name] = behaviour } }

  var givesAdvice: Bool { advised != nil }

  func advice(certificateID: String) async throws(IssuerError) -> RenewalAdvice? {
    questions.withLock { $0 += 1 }
    if let error = silence.withLock({ $0 }) { throw error }
    return isWithoutAdvice.withLock { $0 } ? nil : advised
  }

  func issue(
    _ request: IssueRequest, progress: any IssueProgress
  ) async throws(IssuerError) -> any Issued {
    asked.withLock { $0.append(request) }
    onIssue(request)
    let name = request.identifiers.first?.description ?? ""
    do {
      try await progress.orderCreated(url: "https://ca.test/order/\(name)")
      switch behaviours.withLock({ $0[name] ?? .good }) {
      case .good: return try authority.chain(for: request.key, request.identifiers)
      case .foreignKey:
        return try authority.chain(for: try PrivateKey.generate(.ecP256), request.identifiers)
      case .cutOffAfterOrder: throw IssuerError(nil, "cancelled")
      case .fails(let error):
        await progress.orderClosed(url: "https://ca.test/order/\(name)")
        throw error
      }
    } catch { throw error as? IssuerError ?? IssuerError(.other, "\(error)") }
  }
}

/// A store and an executor over it; a test names what matters to it.
struct Bench {
  let scratch: ScratchDirectory
  let store: CertStore
  let issuer: FakeIssuer
  private let clock = ClockBox()

  final class ClockBox: Sendable { let time = Mutex(TestAuthority.now) }

  init(_ issuer: FakeIssuer) throws {
    scratch = try ScratchDirectory()
    store = try CertStore.open(root: scratch("store"))
    self.issuer = issuer
  }

  var time: UnixTime { clock.time.withLock { $0 } }
  func pass(seconds: Int64) { clock.time.withLock { $0 = $0 + seconds } }

  func executor(
    store other: CertStore? = nil, issuers: [String: any Issuer]? = nil, environment: [String: String] = [:],
    policy: Policy = Policy(builtAt: now - day),
    googleCloud: (@Sendable (StoredCertificate) async -> String?)? = nil
  ) -> Executor {
    var surroundings = Executor.Environment(
      now: { [clock] in clock.time.withLock { $0 } }, random: { 0.5 }, hookEnvironment: environment)
    if let googleCloud {
      surroundings.pushToGoogleCloud = { await googleCloud($0).map { .failed($0) } ?? .done }
    }
    return Executor(
      store: other ?? store, issuers: issuers ?? ["ca": issuer], policy: policy,
      environment: surroundings)
  }

  func run(
    _ managed: [ManagedCertificate], force: Situation.Force = .none, isDryRun: Bool = false
  ) async -> Report {
    await executor().run(managed, force: force, isDryRun: isDryRun)
  }
}

extension Report {
  func outcome(_ name: String) -> Outcome? {
    certificates.first { $0.name.description == name }?.outcome
  }
  func isRenewed(_ name: String) -> Bool {
    if case .renewed = outcome(name) { true } else { false }
  }
}
