internal import Synchronization

/// What all workers share of one service. It outlives configurations that keep the service.
public final class ServiceState: Sendable {
  private let comparedAt = Atomic<UInt64>(0)

  /// Nothing is known.
  public init() {}

  /// Whether an interval is over and its backends are to be compared: true for one caller of each interval alone. The first
  /// call begins the first interval.
  public func isIntervalOver(_ interval: Milliseconds, nowMilliseconds now: UInt64) -> Bool {
    let last = comparedAt.load(ordering: .relaxed)
    guard last == 0 || now &- min(last, now) >= interval.count else { return false }
    return comparedAt.compareExchange(expected: last, desired: max(1, now), ordering: .relaxed).exchanged
      && last != 0
  }
}
