import Bytes
import CertStore
import PKI
import Synchronization

/// A CA in a simulation: it counts what it is asked for by its own clock, enforces its limits, and has bad days.
final class SimulatedCA: Issuer {
  /// What it is like.
  struct Character: Sendable {
    var name: String
    var traits: IssuerTraits
    var givesAdvice = false
    /// The lifetime of what it issues, in seconds, from each moment on; the first one from the beginning.
    var lifetimes: [(from: UnixTime, seconds: Int64)]
    /// When it cannot be reached.
    var outages: [(from: UnixTime, to: UnixTime)] = []
    /// Requests of a thousand that it refuses for load, with a wish when to come back.
    var refusedPerMille = 2
    /// Validations of a thousand that fail.
    var failedPerMille = 3
    /// Moments at which it loses all accounts.
    var losesAccountsAt: [UnixTime] = []
  }

  private struct Order {
    let identifiers: Set<String>
    var certificate: SimulatedCertificate?
    var isOver = false
  }

  private struct State {
    var orders: [String: Order] = [:]
    var marks: [String: [UnixTime]] = [:]
    var hasAccount = false
    var lost = 0
    var statistics = Statistics()
  }

  /// What it has seen.
  struct Statistics: Sendable {
    var orders = 0
    var issued = 0
    var violations: [String] = []
    /// Orders for renewals by hour since the beginning.
    var renewalsByHour: [Int: Int] = [:]
    var refusals = 0
    var failedValidations = 0
    var accounts = 0
  }

  private let world: SimulatedWorld
  private let store: SimulatedStore
  let character: Character
  private let beginning: UnixTime
  private let state = Mutex(State())
  /// What this machine knows of the CA's clock; forgotten when the process dies.
  private let clock = Mutex<ClockReference?>(nil)

  init(_ character: Character, _ world: SimulatedWorld, _ store: SimulatedStore) {
    self.character = character
    self.world = world
    self.store = store
    beginning = world.time
  }

  var statistics: Statistics { state.withLock { $0.statistics } }
  var givesAdvice: Bool { character.givesAdvice }
  func forgetClock() { clock.withLock { $0 = nil } }

  func clockOffsetSeconds() async -> Int64? {
    let (wall, uptime) = (world.wall, world.time.seconds)
    return clock.withLock { $0 }?.offset(now: wall, uptime: uptime)
  }

  func advice(certificateID: String) async throws(IssuerError) -> RenewalAdvice? {
    try reach()
    let number = Int(certificateID.dropFirst(4)) ?? 0
    let held = state.withLock { $0.orders["\(number)"]?.certificate }
    guard let held else { return nil }
    let life = held.notAfter - held.notBefore
    return RenewalAdvice(
      start: held.notBefore + life * 60 / 100, end: held.notBefore + life * 66 / 100,
      askAgainAt: world.wall + 86_400)
  }

  func issue(
    _ request: IssueRequest, progress: any IssueProgress
  ) async throws(IssuerError) -> any Issued {
    try reach()
    let offset = world.clockError
    guard offset.magnitude <= UInt64(Policy.maximumClockOffsetSeconds) else {
      throw IssuerError(.other, "the system's clock is \(offset) s away from the CA's; set the clock")
    }
    try account()
    let identifiers = Set(request.identifiers.map(\.description))
    let id = try await order(request, identifiers, progress)
    world.advance(Int64(world.below(20)) + 2)
    if let ready = state.withLock({ $0.orders[id]?.certificate }) { return ready }
    try await validate(id, identifiers, progress)
    let certificate = finalize(id, identifiers)
    try live()
    return certificate
  }

  /// An outage, or a request too many, in the CA's eyes.
  private func reach() throws(IssuerError) {
    try live()
    let time = world.time
    if character.outages.contains(where: { $0.from <= time && time < $0.to }) {
      world.advance(25)
      throw IssuerError(.unavailable, "no answer")
    }
    clock.withLock { $0 = ClockReference(time: time, uptime: time.seconds) }
    guard world.below(1000) < character.refusedPerMille else { return }
    state.withLock { $0.statistics.refusals += 1 }
    throw IssuerError(.rateLimited, "busy", retryAfter: world.wall + Int64(world.below(7200)) + 60)
  }

  private func live() throws(IssuerError) {
    do throws(SimulatedWorld.Killed) { try world.step() } catch { throw IssuerError(nil, "killed") }
  }

  /// Registers when there is no account, or no longer.
  private func account() throws(IssuerError) {
    let time = world.time
    let isNew = state.withLock { state in
      let lost = character.losesAccountsAt.filter { $0 <= time }.count
      if lost > state.lost {
        state.lost = lost
        state.hasAccount = false
      }
      guard !state.hasAccount else { return false }
      state.hasAccount = true
      state.statistics.accounts += 1
      count(&state, .registrations, "")
      return true
    }
    guard isNew else { return }
    var entry = LedgerEntry(
      at: world.wall, event: .registered, name: nil, issuer: character.name, identifiers: [])
    entry.authority = character.traits.authority
    do { try store.append(entry) } catch { throw IssuerError(nil, "killed") }
  }

  /// The order of an earlier run, or a new one.
  private func order(
    _ request: IssueRequest, _ identifiers: Set<String>, _ progress: any IssueProgress
  ) async throws(IssuerError) -> String {
    if let url = request.resuming {
      let isGood = state.withLock {
        $0.orders[url].map { !$0.isOver && $0.identifiers == identifiers } ?? false
      }
      if isGood { return url }
      await progress.orderClosed(url: url)
    }
    let hour = Int((world.time - beginning) / 3600)
    let key = identifiers.sorted().joined(separator: " ")
    let id = state.withLock { state in
      state.statistics.orders += 1
      count(&state, .orders, "")
      if state.marks["issued \(key)"] != nil { state.statistics.renewalsByHour[hour, default: 0] += 1 }
      let id = "\(state.statistics.orders)"
      state.orders[id] = Order(identifiers: identifiers)
      return id
    }
    do { try await progress.orderCreated(url: id) } catch { throw IssuerError(nil, "killed") }
    return id
  }

  private func validate(
    _ id: String, _ identifiers: Set<String>, _ progress: any IssueProgress
  ) async throws(IssuerError) {
    guard world.below(1000) < character.failedPerMille else { return }
    state.withLock { state in
      state.orders[id]?.isOver = true
      state.statistics.failedValidations += 1
      for identifier in identifiers { count(&state, .failedValidations, identifier) }
    }
    await progress.orderClosed(url: id)
    throw IssuerError(.validation, "it could not be reached")
  }

  private func finalize(_ id: String, _ identifiers: Set<String>) -> SimulatedCertificate {
    let time = world.time
    let life = character.lifetimes.last { $0.from <= time }?.seconds ?? 90 * 86_400
    let key = identifiers.sorted().joined(separator: " ")
    return state.withLock { state in
      let certificate = SimulatedCertificate(
        notBefore: time - 3600, notAfter: time - 3600 + life, number: Int(id) ?? 0)
      state.orders[id]?.certificate = certificate
      state.statistics.issued += 1
      if state.marks["issued \(key)"] == nil {
        for domain in Set(identifiers.compactMap(RegisteredDomain.of)) {
          count(&state, .certificatesPerRegisteredDomain, domain)
        }
      }
      state.marks["issued \(key)"] = [time]
      count(&state, .certificatesPerNameSet, key)
      // Nobody asks for the orders of last year.
      if state.statistics.issued % 5000 == 0 { forgetOrders(&state, before: time - 200 * 86_400) }
      return certificate
    }
  }

  private func forgetOrders(_ state: inout State, before time: UnixTime) {
    state.orders = state.orders.filter { $0.value.certificate.map { $0.notAfter > time } ?? !$0.value.isOver }
  }

  /// Counts by the CA's own clock, and notes when it is too much.
  private func count(_ state: inout State, _ subject: IssuerLimit.Subject, _ about: String) {
    guard let limit = character.traits.limits.first(where: { $0.subject == subject }) else { return }
    let time = world.time
    let key = "\(subject.rawValue) \(about)"
    var moments = (state.marks[key] ?? []).filter { $0 > time - limit.windowSeconds }
    moments.append(time)
    if moments.count > limit.most {
      state.statistics.violations.append(
        "\(character.name): \(moments.count) \(subject.rawValue) \(about) at \(time)")
    }
    state.marks[key] = moments
  }
}
