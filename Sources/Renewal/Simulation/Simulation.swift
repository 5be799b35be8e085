import Bytes
import CertStore
public import PKI

/// Years of renewals in seconds: the real planner, ledger and executor over a store, CAs and clocks in memory.
public struct Simulation: Sendable {
  /// What is simulated.
  public struct Scenario: Sendable {
    /// How long, in days.
    public var days: Int
    /// How many certificates: a third each of 160 hours, of 45 and of 90 days.
    public var certificates: Int
    /// The same seed gives the same story.
    public var seed: UInt64

    /// A scenario.
    public init(days: Int = 3653, certificates: Int = 1000, seed: UInt64 = 1) {
      self.days = days
      self.certificates = certificates
      self.seed = seed
    }
  }

  /// How it went.
  public struct Outcome: Sendable, Equatable, Codable {
    /// Certificates that had expired before they were renewed, or at the end.
    public var expiries = 0
    /// Times at which a CA was asked for more than it allows, each with what it was.
    public var violations: [String] = []
    /// Certificates issued.
    public var issued = 0
    /// Orders, failed ones included.
    public var orders = 0
    /// Validations that failed.
    public var failedValidations = 0
    /// Requests that CAs refused for load.
    public var refusals = 0
    /// Accounts registered.
    public var accounts = 0
    /// Times at which the process was killed.
    public var kills = 0
    /// Days on which some CA could not be reached.
    public var outageDays = 0
    /// Times at which this machine's clock was set wrong.
    public var clockJumps = 0
    /// The most orders for renewals in one hour, over all CAs.
    public var peakOrdersPerHour = 0
    /// The orders for renewals in an hour on average, from the day on which every certificate had been issued once.
    public var meanOrdersPerHour = 0.0

    /// Peak to mean.
    public var peakToMean: Double {
      meanOrdersPerHour > 0 ? Double(peakOrdersPerHour) / meanOrdersPerHour : 0
    }
    /// Whether nothing expired and no limit was broken.
    public var isGood: Bool { expiries == 0 && violations.isEmpty }
  }

  private let scenario: Scenario
  private let world: SimulatedWorld
  private let store: SimulatedStore
  private let cas: [SimulatedCA]
  private let managed: [ManagedCertificate]
  private let executor: Executor
  private let jumps: [(from: UnixTime, to: UnixTime, seconds: Int64)]
  private let beginning: UnixTime

  /// A simulation. Throws when no key can be made.
  public init(_ scenario: Scenario) throws(PKIError) {
    self.scenario = scenario
    beginning = UnixTime(seconds: 1_800_000_000)
    let world = SimulatedWorld(time: beginning, seed: scenario.seed)
    self.world = world
    let story = SimulatedStory(scenario, world)
    let issuers = Dictionary(story.characters.map { ($0.name, $0.traits) }, uniquingKeysWith: { $1 })
    let store = SimulatedStore(world, issuers: issuers)
    self.store = store
    cas = story.characters.map { SimulatedCA($0, world, store) }
    jumps = story.jumps
    managed = story.managed
    let key = try PrivateKey.generate(.ecP256)
    var environment = Executor.Environment(
      now: { world.wall }, random: { world.random() }, hookEnvironment: [:])
    environment.parallelIssuances = 1
    environment.makeKey = { _ in key }
    executor = Executor(
      planningOver: store, queue: nil,
      issuers: Dictionary(cas.map { ($0.character.name, $0 as any Issuer) }, uniquingKeysWith: { $1 }),
      policy: Policy(builtAt: beginning - 86_400, issuers: issuers), environment: environment)
  }

  /// Lives through all of it.
  public func run() async -> Outcome {
    let end = beginning + Int64(scenario.days) * 86_400
    var agenda = SimulatedAgenda(managed.count)
    var jump = 0
    var isWrong = false
    var steady: (perHour: Double, until: UnixTime) = (0, beginning)
    while world.time < end {
      if world.time >= steady.until { steady = (Pace.steadyPerHour(store.held), world.time + 86_400) }
      if jump < jumps.count, !isWrong, world.time >= jumps[jump].from {
        world.setClockError(jumps[jump].seconds)
        isWrong = true
        agenda.lookAtAll(world.time)
      } else if isWrong, world.time >= jumps[jump].to {
        world.setClockError(0)
        isWrong = false
        jump += 1
        agenda.lookAtAll(world.time)
      }
      await look(&agenda, steady.perHour)
      if world.isDead { restart(&agenda) }
      var next = max(agenda.next, world.time + 1)
      if jump < jumps.count { next = min(next, isWrong ? jumps[jump].to : jumps[jump].from) }
      world.advance(to: min(max(next, world.time + 1), end))
    }
    return outcome(end)
  }

  /// One wake: everything whose time has come.
  private func look(_ agenda: inout SimulatedAgenda, _ steady: Double) async {
    let due = agenda.due(world.time)
    guard !due.isEmpty else { return }
    let report = await executor.run(due.map { managed[$0] }, steadyOrdersPerHour: steady)
    guard !world.isDead else { return }
    let indices = Dictionary(due.map { (managed[$0].name, $0) }, uniquingKeysWith: { $1 })
    let (time, wall) = (world.time, world.wall)
    for entry in report.certificates {
      guard let index = indices[entry.name] else { continue }
      var next: UnixTime
      switch entry.outcome {
      case .notDue(let until), .waiting(let until, _): next = time + max(1, until - wall)
      case .wouldRenew: next = time + 1
      case .renewed:
        // A CA that gives advice is asked for it at once; without, nothing happens before it is due.
        let isAdvised = cas.contains { $0.character.name == entry.issuer && $0.givesAdvice }
        next = isAdvised ? time + 1 : store.held(entry.name, now: wall).map(DueRule.lifetimeDue) ?? time + 1
      case .skipped: next = time + 60
      case .failed: next = time + (world.clockError == 0 ? 60 : Policy.wakeSeconds)
      }
      if let record = store.renewalRecord(entry.name) {
        next = min(next, time + max(60, record.askAgainAt - wall))
      }
      agenda.set(index, min(next, time + SimulatedAgenda.longestSeconds))
    }
  }

  /// The process is started again after a while, and looks at everything.
  private func restart(_ agenda: inout SimulatedAgenda) {
    world.revive()
    store.releaseLocks()
    for ca in cas { ca.forgetClock() }
    world.advance(Int64(world.below(60)) + 1)
    agenda.lookAtAll(world.time)
  }

  private func outcome(_ end: UnixTime) -> Outcome {
    var outcome = Outcome()
    let held = store.held
    outcome.expiries = store.gaps + held.filter { $0.notAfter < end }.count + (managed.count - held.count)
    outcome.kills = world.kills
    outcome.clockJumps = jumps.count
    var byHour: [Int: Int] = [:]
    for ca in cas {
      let seen = ca.statistics
      outcome.violations += seen.violations
      outcome.issued += seen.issued
      outcome.orders += seen.orders
      outcome.failedValidations += seen.failedValidations
      outcome.refusals += seen.refusals
      outcome.accounts += seen.accounts
      outcome.outageDays += ca.character.outages.reduce(0) { $0 + Int(($1.to - $1.from) / 86_400) }
      byHour.merge(seen.renewalsByHour, uniquingKeysWith: +)
    }
    outcome.peakOrdersPerHour = byHour.values.max() ?? 0
    let hours = Double(scenario.days) * 24
    outcome.meanOrdersPerHour = Double(byHour.values.reduce(0, +)) / max(1, hours)
    return outcome
  }
}

/// When to look at each certificate again.
struct SimulatedAgenda {
  /// The longest time that nobody looks at a certificate, in seconds.
  static let longestSeconds: Int64 = 400 * 86_400
  private var times: [Int64]

  init(_ count: Int) { times = Array(repeating: .min, count: count) }

  var next: UnixTime { UnixTime(seconds: times.min() ?? 0) }
  func due(_ time: UnixTime) -> [Int] { times.indices.filter { times[$0] <= time.seconds } }
  mutating func set(_ index: Int, _ time: UnixTime) { times[index] = time.seconds }
  mutating func lookAtAll(_ time: UnixTime) { for index in times.indices { times[index] = time.seconds } }
}
