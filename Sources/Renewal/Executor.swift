public import Bytes
public import CertStore
import OS
public import PKI

/// Carries out plans. Every step may be the last one before a kill: what was written down is taken up by the
/// next run, here or in another process.
public struct Executor: Sendable {
  /// Time, chance and surroundings.
  public struct Environment: Sendable {
    /// The wall clock.
    public var now: @Sendable () -> UnixTime
    /// At least 0 and less than 1.
    public var random: @Sendable () -> Double
    /// The environment that hooks get besides their own variables.
    public var hookEnvironment: [String: String]
    /// Brings a certificate to Google Cloud and says why it could not; nil where none is configured: then what is
    /// queued for it is left to whoever has that configuration.
    public var pushToGoogleCloud: (@Sendable (StoredCertificate) async -> Pushed)?
    /// Brings a certificate to a place of another provider; nil where nobody can.
    public var deliver: (@Sendable (StoredCertificate, Destination) async -> Pushed)?
    /// Whether the server at a host and port presents the certificate, and why not; nil when it does.
    public var prove: (@Sendable (StoredCertificate, _ host: String, _ port: UInt16) async -> String?)?
    /// Called before a CA is asked for anything in a run that obtains certificates of an ACME CA: what answers its
    /// challenges has to be there from then on.
    public var beginOrders: @Sendable () async -> Void = {}
    /// Called when such a run's orders have come to an end, one way or another.
    public var endOrders: @Sendable () async -> Void = {}
    /// Other nodes that renew the same certificates; nil for none.
    public var companions: (any Companions)?
    /// How many certificates are obtained at a time.
    public var parallelIssuances = Executor.maximumParallelIssuances
    /// A key that nobody else has.
    public var makeKey: @Sendable (KeyType) async throws -> PrivateKey = { type in
      try await OwnThread.run { Result { try PrivateKey.generate(type) } }.get()
    }
    /// Hears of each outcome as soon as it is known.
    public var progress: @Sendable (Report.Entry) -> Void

    /// Surroundings.
    public init(
      now: @escaping @Sendable () -> UnixTime, random: @escaping @Sendable () -> Double,
      hookEnvironment: [String: String], progress: @escaping @Sendable (Report.Entry) -> Void = { _ in }
    ) {
      self.now = now
      self.random = random
      self.hookEnvironment = hookEnvironment
      self.progress = progress
    }
  }

  /// How many certificates are obtained at a time.
  public static let maximumParallelIssuances = 4

  let store: any RenewalStore
  /// The store that also queues deployments; nil where there are none.
  let queue: CertStore?
  let issuers: [String: any Issuer]
  let policy: Policy
  let environment: Environment

  /// An executor over a store, with issuers by the configuration's names.
  public init(
    store: CertStore, issuers: [String: any Issuer], policy: Policy, environment: Environment
  ) {
    self.init(
      planningOver: IndexedStore(store), queue: store, issuers: issuers, policy: policy,
      environment: environment)
  }

  init(
    planningOver store: any RenewalStore, queue: CertStore?, issuers: [String: any Issuer], policy: Policy,
    environment: Environment
  ) {
    self.store = store
    self.queue = queue
    self.issuers = issuers
    self.policy = policy
    self.environment = environment
  }

  /// One look at all certificates: asks for advice, plans, obtains what is due, deploys.
  ///
  /// Never throws: one certificate's failure stops neither the others nor any deployment. A dry run only plans: it
  /// asks no CA and writes nothing but the index of what it has read.
  public func run(
    _ managed: [ManagedCertificate], force: Situation.Force = .none, isDryRun: Bool = false,
    steadyOrdersPerHour: Double? = nil
  ) async -> Report {
    store.beginRun()
    defer { store.endRun() }
    let now = environment.now()
    let regularWake = now + Policy.wakeInterval(random: environment.random())
    var report = Report(nextWakeAt: regularWake)
    await store.prepare(managed.map(\.name))
    if !isDryRun { await refreshAdvice(managed, &report) }
    let plan: Plan
    do {
      var now = try await situation(managed, force, nextWakeAt: regularWake)
      now.steadyOrdersPerHour = steadyOrdersPerHour
      plan = Plan.make(now, policy)
    } catch {
      report.certificates = managed.map { finish(.init(name: $0.name, outcome: .failed(why: "\(error)"))) }
      return report
    }
    if isDryRun {
      report.certificates = plan.actions.map(Self.preview)
    } else {
      let ordersFromCA = plan.actions.contains(where: ordersFromCA)
      if ordersFromCA { await environment.beginOrders() }
      report.certificates = await carryOut(plan, force, regularWake)
      if ordersFromCA { await environment.endOrders() }
      if let queue {
        report.deploys = await deploy(queue, managed, evenIfEarly: force != .none, &report)
        queue.challenges.purge(now: environment.now())
      }
    }
    report.nextWakeAt = min(await nextWake(plan, managed, report, regularWake), report.nextWakeAt)
    return report
  }

  private func ordersFromCA(_ action: Action) -> Bool {
    guard case .renew = action.decision else { return false }
    return action.certificate.issuers.contains { issuers[$0.name] is ACMEIssuer }
  }

  /// Whether a run would do nothing that the dry run just now has not done: nothing is due, nobody is to be asked for
  /// advice, nothing is to be deployed.
  public func isAtRest(
    after preview: Report, _ managed: [ManagedCertificate], force: Situation.Force
  ) -> Bool {
    let isDue = preview.certificates.contains { entry in
      switch entry.outcome {
      case .notDue, .waiting: false
      case .renewed, .wouldRenew, .failed, .skipped: true
      }
    }
    guard !isDue, force != .all, let deploys = try? queue?.deploys(now: environment.now()) ?? [] else {
      return false
    }
    return deploys.isEmpty && !managed.contains { adviceIsDue($0) != nil }
  }

  /// Everything that a decision depends on, as it is now.
  func situation(
    _ managed: [ManagedCertificate], _ force: Situation.Force, nextWakeAt: UnixTime
  ) async throws(StoreError) -> Situation {
    let now = environment.now()
    var situation = Situation(managed: managed, force: force, now: now, nextWakeAt: nextWakeAt)
    var standings: [String: Standing] = [:]
    for wanted in managed {
      if var held = store.held(wanted.name, now: now) {
        // Only its own issuer can disown it.
        if let name = held.issuer ?? wanted.issuers.first?.name, wanted.isIssued(by: name) {
          if standings[name] == nil { standings[name] = await issuers[name]?.standing() }
          held.isStale = !(standings[name]?.covers(held) ?? true)
        }
        situation.held[wanted.name] = held
      }
      situation.records[wanted.name] = store.renewalRecord(wanted.name)
      for choice in wanted.issuers where situation.clockOffsets[choice.name] == nil {
        situation.clockOffsets[choice.name] = await issuers[choice.name]?.clockOffsetSeconds()
      }
    }
    // What happened before matters only where something is due.
    if situation.hasSomethingDue {
      situation.history = try store.history(issuers: policy.issuers, now: now)
    }
    return situation
  }

  /// One certificate to obtain, and where its result stands.
  private typealias Job = (place: Int, action: Action, reason: RenewalReason)

  /// Certificates that expire first are begun first, a few at a time; results stand in the plan's order. Those for
  /// the same names are obtained one after the other: at a time, their orders would take down each other's answers,
  /// and later ones find the names proven.
  private func carryOut(
    _ plan: Plan, _ force: Situation.Force, _ nextWakeAt: UnixTime
  ) async -> [Report.Entry] {
    var done: [Int: Report.Entry] = [:]
    if environment.parallelIssuances == 1 { return await carryOutInTurn(plan, force, nextWakeAt) }
    var queues: [[Job]] = []
    var queueOf: [Set<String>: Int] = [:]
    for (place, action) in plan.actions.enumerated() {
      guard case .renew(let reason, _) = action.decision else {
        done[place] = finish(Self.preview(action))
        continue
      }
      let names = action.certificate.identifierTexts
      if let queue = queueOf[names] {
        queues[queue].append((place, action, reason))
      } else {
        queueOf[names] = queues.count
        queues.append([(place, action, reason)])
      }
    }
    await withTaskGroup(of: [(Int, Report.Entry)].self) { group in
      for (index, queue) in queues.enumerated() {
        if index >= environment.parallelIssuances, let results = await group.next() {
          for (place, entry) in results { done[place] = entry }
        }
        group.addTask {
          var results: [(Int, Report.Entry)] = []
          for job in queue {
            results.append((job.place, finish(await renew(job.action, job.reason, force, nextWakeAt))))
          }
          return results
        }
      }
      for await results in group { for (place, entry) in results { done[place] = entry } }
    }
    return plan.actions.indices.compactMap { done[$0] }
  }

  /// The same, one after another.
  private func carryOutInTurn(
    _ plan: Plan, _ force: Situation.Force, _ nextWakeAt: UnixTime
  ) async -> [Report.Entry] {
    var done: [Report.Entry] = []
    for action in plan.actions {
      if case .renew(let reason, _) = action.decision {
        done.append(finish(await renew(action, reason, force, nextWakeAt)))
      } else {
        done.append(finish(Self.preview(action)))
      }
    }
    return done
  }

  private func finish(_ entry: Report.Entry) -> Report.Entry {
    environment.progress(entry)
    return entry
  }

  /// When something can be done again, given what has just happened: decided anew only for those that it happened to.
  private func nextWake(
    _ plan: Plan, _ managed: [ManagedCertificate], _ report: Report, _ regular: UnixTime
  ) async -> UnixTime {
    let now = environment.now()
    let before = plan.nextWake(regular: regular, now: now)
    let changed = Set(
      report.certificates.compactMap { entry in
        switch entry.outcome {
        case .renewed, .failed, .skipped: entry.name
        case .wouldRenew, .notDue, .waiting: nil
        }
      })
    let again = managed.filter { changed.contains($0.name) }
    guard !again.isEmpty, let situation = try? await situation(again, .none, nextWakeAt: regular) else {
      return before
    }
    return min(before, Plan.make(situation, policy).nextWake(regular: regular, now: now))
  }

  /// What the report tells of a decision that is not acted on.
  static func preview(_ action: Action) -> Report.Entry {
    let outcome: Report.Outcome =
      switch action.decision {
      case .renew(let reason, _): .wouldRenew(reason)
      case .idle(let until): .notDue(until: until)
      case .wait(let until, let why): .waiting(until: until, why: why)
      case .refuse(let why): .failed(why: why)
      }
    return Report.Entry(name: action.certificate.name, outcome: outcome)
  }
}
