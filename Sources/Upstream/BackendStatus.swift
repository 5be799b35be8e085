public import Synchronization

/// What all threads know of one backend: its health, written by the checker, and its load, written by the workers.
///
/// It outlives configurations: a reload that keeps the backend keeps this object.
public final class BackendStatus: Sendable {
  /// Whether requests are sent to a backend.
  public enum Health: UInt8, Sendable, AtomicRepresentable {
    /// Not checked yet: used as if healthy, so that a start does not wait for the first check.
    case unknown
    /// Ready.
    case healthy
    /// Not ready: no request is sent to it.
    case unhealthy
  }

  /// The service and the address, for messages.
  public let name: String
  /// A hash of that, the same over reloads.
  public let nameHash: UInt64
  /// What is known of it as a model engine.
  public let engine = EngineState()
  /// How long its answers take.
  public let latency = Latency()
  /// What its requests came to of late, where backends are compared.
  public let window = OutlierWindow()
  /// What the control plane knows; workers read what follows from it.
  private struct Known: Sendable {
    var checked = Health.unknown
    var isDrained = false
    var failure: String?
    var pause: Pause?
  }

  /// Why a check that has not passed is no failure.
  public enum Pause: Sendable {
    /// It loads what it serves, and says so: it gets no requests until it has.
    case loading
    /// It answers no checks in time, and requests get their answers: it has much to do.
    case busy
  }

  private let known = Mutex(Known())
  private let healthValue = Atomic<Health>(.unknown)
  private let inFlightValue = Atomic<Int>(0)
  private let connectionsValue = Atomic<Int>(0)
  private let failuresValue = Atomic<Int>(0)
  private let gatewayFailuresValue = Atomic<Int>(0)
  private let ejectionsValue = Atomic<Int>(0)
  private let reasonValue = Atomic<UInt8>(0)
  private let ejectedUntilValue = Atomic<UInt64>(0)
  private let failedAtValue = Atomic<UInt64>(0)
  private let refusedUntilValue = Atomic<UInt64>(0)
  private let readyAtValue = Atomic<UInt64>(0)
  private let ejectedByConnection = Atomic<Bool>(false)

  /// A backend that nothing is known of.
  public init(name: String) {
    self.name = name
    nameHash = Rendezvous.hash(name.utf8)
  }

  /// The health as workers see it: one that an operator has taken out is not ready, whatever checks say. Checks set it.
  public var health: Health {
    get { healthValue.load(ordering: .relaxed) }
    set { publish { $0.checked = newValue } }
  }

  /// What checks have said last.
  public var checkedHealth: Health { known.withLock { $0.checked } }

  /// An operator has taken it out: what runs goes on, no new request is sent to it.
  public var isDrained: Bool {
    get { known.withLock { $0.isDrained } }
    set { publish { $0.isDrained = newValue } }
  }

  /// Why the last check has failed; nil where it has not.
  public var failure: String? {
    get { known.withLock { $0.failure } }
    set { known.withLock { $0.failure = newValue } }
  }

  /// Why the last check that has not passed was no failure; nil where it was one, or has passed.
  public var pause: Pause? {
    get { known.withLock { $0.pause } }
    set { publish { $0.pause = newValue } }
  }

  private func publish(_ change: (inout Known) -> Void) {
    known.withLock { known in
      change(&known)
      healthValue.store(
        known.isDrained || known.pause == .loading ? .unhealthy : known.checked, ordering: .relaxed)
    }
  }

  /// It has become ready at a time, in monotonic milliseconds.
  public func becameReady(nowMilliseconds: UInt64) { readyAtValue.store(nowMilliseconds, ordering: .relaxed) }

  /// The least part of its weight that a backend begins with, in percent.
  public static let slowStartPercent: UInt64 = 10

  /// How much of its weight counts, in percent: less for a while after it has become ready, or an ejection is over, and more
  /// with every millisecond of that.
  public func warmth(nowMilliseconds now: UInt64, slowStart: UInt64) -> Int {
    let ejected = ejectedUntilValue.load(ordering: .relaxed)
    let from = max(readyAtValue.load(ordering: .relaxed), ejected > now ? 0 : ejected)
    guard from > 0, now &- min(from, now) < slowStart else { return 100 }
    let least = Self.slowStartPercent
    return Int(least + (100 - least) * (now &- min(from, now)) / max(1, slowStart))
  }

  /// Exchanges under way on all workers.
  @inlinable
  public var inFlight: Int { _inFlight }

  @usableFromInline
  var _inFlight: Int { inFlightValue.load(ordering: .relaxed) }

  /// How long a failed request counts as load, in milliseconds, and how many exchanges each one weighs: a backend that fails
  /// at once is never busy, and would draw all requests to itself.
  public static let failureMilliseconds: UInt64 = 2000
  static let failureWeight = 4

  /// What a backend weighs that has said that it is busy, in exchanges.
  static let refusalWeight = 16

  /// Exchanges under way, and what recent failures and refusals count as.
  @inline(__always)
  public func load(nowMilliseconds now: UInt64) -> Int {
    var load = inFlight
    let failures = failuresValue.load(ordering: .relaxed)
    if failures > 0, now &- failedAtValue.load(ordering: .relaxed) < Self.failureMilliseconds {
      load += min(failures, 1000) * Self.failureWeight
    }
    if now < refusedUntilValue.load(ordering: .relaxed) { load += Self.refusalWeight }
    return load
  }

  /// It has refused a request because it has too much to do (429): no failure, but others come first for a moment.
  public func refused(nowMilliseconds: UInt64) {
    refusedUntilValue.store(nowMilliseconds &+ Self.failureMilliseconds, ordering: .relaxed)
  }

  /// Counts one exchange more.
  public func begin() { inFlightValue.wrappingAdd(1, ordering: .relaxed) }

  /// Counts one exchange less.
  public func end() { inFlightValue.wrappingSubtract(1, ordering: .relaxed) }

  /// Counts one exchange more unless there are `maximum` already; 0 for no limit. Never more at any moment, whoever asks.
  public func begin(atMost maximum: Int) -> Bool {
    guard maximum > 0 else {
      begin()
      return true
    }
    var known = inFlightValue.load(ordering: .relaxed)
    while known < maximum {
      let (done, now) = inFlightValue.weakCompareExchange(
        expected: known, desired: known + 1, ordering: .sequentiallyConsistent)
      if done { return true }
      known = now
    }
    return false
  }

  /// Counts one exchange less where others may wait: whoever comes to wait after it sees the room, and whoever waited before
  /// it is seen by the caller afterwards.
  public func endInOrder() { inFlightValue.wrappingSubtract(1, ordering: .sequentiallyConsistent) }

  /// Connections of all workers, idle ones included.
  public var connections: Int { connectionsValue.load(ordering: .relaxed) }

  /// Counts one connection more unless there are `maximum` already; 0 for no limit.
  public func openConnection(maximum: Int) -> Bool {
    let before = connectionsValue.wrappingAdd(1, ordering: .relaxed).oldValue
    guard maximum > 0, before >= maximum else { return true }
    closeConnection()
    return false
  }

  /// Counts one connection less.
  public func closeConnection() { connectionsValue.wrappingSubtract(1, ordering: .relaxed) }

  // MARK: Passive health

  /// Whether answers to real requests have taken it out for now (monotonic milliseconds).
  public func isEjected(nowMilliseconds: UInt64) -> Bool {
    ejectedUntilValue.load(ordering: .relaxed) > nowMilliseconds
  }

  /// How long it is still out because of answers to real requests, in milliseconds; 0 where it is not.
  public func ejectedMilliseconds(nowMilliseconds now: UInt64) -> UInt64 {
    let until = ejectedUntilValue.load(ordering: .relaxed)
    return until > now ? until - now : 0
  }

  /// Why it was ejected last.
  public var ejectionReason: OutlierDetection.Reason {
    OutlierDetection.Reason(rawValue: reasonValue.load(ordering: .relaxed)) ?? .gatewayErrors
  }

  /// How many of its ejections count by now.
  public func ejections(_ rule: OutlierDetection, nowMilliseconds: UInt64) -> Int {
    rule.ejectionsThatCount(
      ejectionsValue.load(ordering: .relaxed), overMilliseconds: ejectedUntilValue.load(ordering: .relaxed),
      nowMilliseconds: nowMilliseconds)
  }

  /// A request was answered well: the failures before it were no row.
  public func succeeded() {
    guard failuresValue.load(ordering: .relaxed) != 0 else { return }
    failuresValue.store(0, ordering: .relaxed)
    gatewayFailuresValue.store(0, ordering: .relaxed)
  }

  /// A request failed: for how long the backend is ejected from now on, in milliseconds, and why, if this was one too many.
  /// `isGateway`: as a gateway would report it, not by an answer of the backend's own.
  public func failed(
    nowMilliseconds now: UInt64, rule: OutlierDetection, ejected: Int, count: Int, isConnection: Bool = false,
    isGateway: Bool = true
  ) -> (milliseconds: UInt64, reason: OutlierDetection.Reason)? {
    failedAtValue.store(now, ordering: .relaxed)
    let errors = failuresValue.wrappingAdd(1, ordering: .relaxed).newValue
    var gateway = 0
    if isGateway {
      gateway = gatewayFailuresValue.wrappingAdd(1, ordering: .relaxed).newValue
    } else {
      gatewayFailuresValue.store(0, ordering: .relaxed)
    }
    guard let reason = rule.reason(errors: errors, gatewayErrors: gateway),
      let long = eject(
        nowMilliseconds: now, rule: rule, ejected: ejected, count: count, reason, isConnection: isConnection)
    else { return nil }
    return (long, reason)
  }

  /// Spares it for a while: for how long, in milliseconds; nil where it may not be, or is already.
  public func eject(
    nowMilliseconds now: UInt64, rule: OutlierDetection, ejected: Int, count: Int,
    _ reason: OutlierDetection.Reason, isConnection: Bool = false
  ) -> UInt64? {
    let before = ejections(rule, nowMilliseconds: now)
    guard !isEjected(nowMilliseconds: now),
      let long = rule.ejection(before: before, ejected: ejected, count: count)
    else { return nil }
    ejectedByConnection.store(isConnection, ordering: .relaxed)
    reasonValue.store(reason.rawValue, ordering: .relaxed)
    ejectedUntilValue.store(now &+ long, ordering: .relaxed)
    ejectionsValue.store(before + 1, ordering: .relaxed)
    failuresValue.store(0, ordering: .relaxed)
    gatewayFailuresValue.store(0, ordering: .relaxed)
    return long
  }

  /// Whether it is spared because connections to it failed: only then does a check say more than the requests did.
  public func awaitsCheck(nowMilliseconds: UInt64) -> Bool {
    isEjected(nowMilliseconds: nowMilliseconds) && ejectedByConnection.load(ordering: .relaxed)
  }

  /// A check that began at a time has passed: an ejection for failed connections that began before it is over.
  public func checkPassed(beganMilliseconds: UInt64, nowMilliseconds: UInt64) {
    guard awaitsCheck(nowMilliseconds: nowMilliseconds),
      failedAtValue.load(ordering: .relaxed) <= beganMilliseconds
    else { return }
    failuresValue.store(0, ordering: .relaxed)
    gatewayFailuresValue.store(0, ordering: .relaxed)
    // Over from now on, not for ever: how often it was ejected counts on.
    ejectedUntilValue.store(nowMilliseconds, ordering: .relaxed)
  }
}
