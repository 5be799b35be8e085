internal import Synchronization

/// What all workers share of one service. It outlives configurations that keep the service.
public final class ServiceState: Sendable {
  private let comparedAt = Atomic<UInt64>(0)

  private let counts = InlineArray<4, Atomic<Int>> { _ in Atomic(0) }
  private let hits = InlineArray<4, Atomic<Int>> { _ in Atomic(0) }

  /// Nothing is known.
  public init() {}

  // MARK: Circuit breakers

  /// Counts one more under a limit unless there are so many already, which is counted as a hit; nil for no limit. Never more
  /// at any moment, whoever asks.
  public func begin(_ limit: CircuitBreakers.Limit, atMost maximum: Int?) -> Bool {
    let place = Int(limit.rawValue)
    guard let maximum else {
      counts[place].wrappingAdd(1, ordering: .relaxed)
      return true
    }
    var known = counts[place].load(ordering: .relaxed)
    while known < maximum {
      let (done, now) = counts[place].weakCompareExchange(
        expected: known, desired: known + 1, ordering: .relaxed)
      if done { return true }
      known = now
    }
    hit(limit)
    return false
  }

  /// Counts one less.
  public func end(_ limit: CircuitBreakers.Limit) {
    counts[Int(limit.rawValue)].wrappingSubtract(1, ordering: .relaxed)
  }

  /// A limit has kept a request from going on.
  public func hit(_ limit: CircuitBreakers.Limit) {
    hits[Int(limit.rawValue)].wrappingAdd(1, ordering: .relaxed)
  }

  /// How many there are under a limit now.
  public func count(_ limit: CircuitBreakers.Limit) -> Int {
    counts[Int(limit.rawValue)].load(ordering: .relaxed)
  }

  /// How often a limit has kept a request from going on.
  public func hits(_ limit: CircuitBreakers.Limit) -> Int {
    hits[Int(limit.rawValue)].load(ordering: .relaxed)
  }

  // MARK: Comparing backends

  /// Whether an interval is over and its backends are to be compared: true for one caller of each interval alone. The first
  /// call begins the first interval.
  public func isIntervalOver(_ interval: Milliseconds, nowMilliseconds now: UInt64) -> Bool {
    let last = comparedAt.load(ordering: .relaxed)
    guard last == 0 || now &- min(last, now) >= interval.count else { return false }
    return comparedAt.compareExchange(expected: last, desired: max(1, now), ordering: .relaxed).exchanged
      && last != 0
  }
}
