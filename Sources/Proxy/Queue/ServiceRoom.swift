internal import Synchronization
public import Telemetry
internal import Upstream

/// The waiting room of one service, for all workers: whose turn it is does not depend on which of them a client has come to.
///
/// It is entered under a lock, by requests that no backend has room for alone; how many wait is an atomic, so that nobody
/// else takes the lock. It outlives configurations that keep the service.
public final class ServiceRoom: Sendable {
  private struct State {
    var room = WaitingRoom()
    var rate = DrainRate()
  }

  private let state = Mutex(State())
  private let awaited = Atomic<Int>(0)
  private let maximumValue = Atomic<Int>(0)
  private let sizeValue = Atomic<Int>(0)
  private let timeoutValue = Atomic<UInt64>(0)
  private let completedValue = Atomic<UInt64>(0)
  private let enteredValue = Atomic<UInt64>(0)
  private let refusedFullValue = Atomic<UInt64>(0)
  private let refusedLateValue = Atomic<UInt64>(0)
  /// Recorded under the lock.
  private let times = Histogram()

  /// Nobody waits.
  public init() {}

  /// What is seen of it from outside.
  public struct Standing: Sendable {
    /// How many wait now.
    public let waiting: Int
    /// How many have ever.
    public let entered: UInt64
    /// How many were turned away because as many waited as may.
    public let refusedFull: UInt64
    /// How many were after they had waited as long as they may.
    public let refusedLate: UInt64
    /// How long those have waited that were called to a backend, in microseconds.
    public let times: HistogramSnapshot
  }

  /// How it stands now.
  public var standing: Standing {
    Standing(
      waiting: awaited.load(ordering: .relaxed), entered: enteredValue.load(ordering: .relaxed),
      refusedFull: refusedFullValue.load(ordering: .relaxed),
      refusedLate: refusedLateValue.load(ordering: .relaxed), times: Histogram.snapshot(of: [times]))
  }

  /// Whether anybody waits.
  var isAwaited: Bool { awaited.load(ordering: .sequentiallyConsistent) > 0 }
  /// Requests that one backend may have under way; 0 for no limit any more.
  var maximum: Int { maximumValue.load(ordering: .relaxed) }
  /// How long one may wait, in milliseconds.
  var timeoutMilliseconds: UInt64 { timeoutValue.load(ordering: .relaxed) }

  /// What holds from now on, for those that wait as well. Over HTTP/1 a request under way is a connection with work.
  func obey(_ rules: Settings.ServiceRules, isHTTP2: Bool) {
    let connections = isHTTP2 ? .max : rules.maxConnections ?? .max
    let maximum = rules.maxRequestsPerBackend.map { min($0, connections) } ?? 0
    maximumValue.store(maximum, ordering: .relaxed)
    sizeValue.store(rules.queue.size, ordering: .relaxed)
    timeoutValue.store(rules.queue.timeout.count, ordering: .relaxed)
  }

  /// Somebody comes to wait; nil, and counted, where there is no place.
  func enter(
    _ waiter: WaitingRoom.Waiter, _ claim: WaitingRoom.Claim, nowMilliseconds now: UInt64
  ) -> (ticket: WaitingRoom.Ticket, turnedAway: WaitingRoom.Waiter?)? {
    let size = sizeValue.load(ordering: .relaxed)
    let entry = state.withLock { state in
      measure(&state, now)
      let entry = state.room.enter(waiter, claim, capacity: size)
      awaited.store(state.room.count, ordering: .sequentiallyConsistent)
      return entry
    }
    if case .entered = entry {} else { refusedFullValue.wrappingAdd(1, ordering: .relaxed) }
    switch entry {
    case .full: return nil
    case .entered(let ticket):
      enteredValue.wrappingAdd(1, ordering: .relaxed)
      return (ticket, nil)
    case .tookPlace(let ticket, let other):
      enteredValue.wrappingAdd(1, ordering: .relaxed)
      return (ticket, other)
    }
  }

  /// Somebody waits no more, of its own accord or because it may not. Nothing happens where it has been called already.
  func leave(_ ticket: WaitingRoom.Ticket) {
    state.withLock { state in
      _ = state.room.leave(ticket)
      awaited.store(state.room.count, ordering: .sequentiallyConsistent)
    }
  }

  /// Who gets the room of a backend; how long it has waited is recorded.
  func next(for status: BackendStatus, nowMicroseconds now: UInt64) -> WaitingRoom.Waiter? {
    state.withLock { state in
      guard let waiter = state.room.next(for: Self.number(status)) else { return nil }
      awaited.store(state.room.count, ordering: .sequentiallyConsistent)
      times.record(now > waiter.sinceMicroseconds ? now - waiter.sinceMicroseconds : 0)
      return waiter
    }
  }

  /// What tells backends apart here.
  static func number(_ status: BackendStatus) -> UInt { UInt(bitPattern: ObjectIdentifier(status).hashValue) }

  /// A request has come to its end at a backend.
  func countEnd() { completedValue.wrappingAdd(1, ordering: .relaxed) }

  /// One has waited as long as it may.
  func countLate() { refusedLateValue.wrappingAdd(1, ordering: .relaxed) }

  /// Looks how fast those who wait come up.
  func measure(nowMilliseconds now: UInt64) { state.withLock { measure(&$0, now) } }

  private func measure(_ state: inout State, _ now: UInt64) {
    let total = completedValue.load(ordering: .relaxed)
    if state.room.count == 0 {
      state.rate.begin(total: total, nowMilliseconds: now)
    } else {
      state.rate.update(total: total, nowMilliseconds: now)
    }
  }

  /// After how many seconds whoever is turned away may find room: those who wait will have been served by then.
  var retryAfterSeconds: UInt64 {
    let unknown = (timeoutMilliseconds + 999) / 1000
    return state.withLock { $0.rate.seconds(waiting: $0.room.count + 1, unknown: unknown) }
  }
}
