/// How many requests may be sent once more: a share of the recent ones, so that retries cannot multiply the
/// load of backends that are failing because of their load. Pure: it is given the time.
///
/// A budget belongs to one service and one worker. Time is in milliseconds of the monotonic clock.
public struct RetryBudget: Sendable, BitwiseCopyable {
  /// What counts as recent, in seconds.
  public static let windowSeconds = 10
  /// Retries that are always allowed in one second, so that a quiet service may retry at all.
  public static let defaultMinimumPerSecond = 3
  /// The default share, in percent.
  public static let defaultPercent = 20

  /// Retries for a hundred requests of the window, 0 to 100.
  public let percent: Int
  /// Retries that are always allowed in one second.
  public let minimumPerSecond: Int

  // One slot a second, used again when its second has left the window.
  private var requests = InlineArray<10, UInt32>(repeating: 0)
  private var retries = InlineArray<10, UInt32>(repeating: 0)
  private var requestSum: UInt64 = 0
  private var retrySum: UInt64 = 0
  private var second: UInt64 = 0

  /// A budget that has seen nothing; values out of range are taken for the nearest.
  public init(percent: Int = defaultPercent, minimumPerSecond: Int = defaultMinimumPerSecond) {
    self.percent = min(max(percent, 0), 100)
    self.minimumPerSecond = min(max(minimumPerSecond, 0), 1_000_000)
  }

  /// Counts a request that is sent for the first time.
  public mutating func recordRequest(nowMilliseconds now: UInt64) {
    advance(to: now / 1000)
    let slot = Int(second % UInt64(Self.windowSeconds))
    guard requests[slot] < .max else { return }
    requests[slot] += 1
    requestSum += 1
  }

  /// Whether one retry may be made now; it is not counted.
  public mutating func mayRetry(nowMilliseconds now: UInt64) -> Bool {
    advance(to: now / 1000)
    let slot = Int(second % UInt64(Self.windowSeconds))
    guard retries[slot] < .max else { return false }
    return retries[slot] < minimumPerSecond || (retrySum + 1) * 100 <= requestSum * UInt64(percent)
  }

  /// Whether one retry may be made now; if so it is counted.
  public mutating func tryRetry(nowMilliseconds now: UInt64) -> Bool {
    guard mayRetry(nowMilliseconds: now) else { return false }
    let slot = Int(second % UInt64(Self.windowSeconds))
    retries[slot] += 1
    retrySum += 1
    return true
  }

  /// Forgets the seconds that have left the window. A clock that stands still or goes back forgets nothing.
  private mutating func advance(to now: UInt64) {
    guard now > second else { return }
    let steps = min(now - second, UInt64(Self.windowSeconds))
    for step in 1...steps {
      let slot = Int((second + step) % UInt64(Self.windowSeconds))
      requestSum -= UInt64(requests[slot])
      retrySum -= UInt64(retries[slot])
      requests[slot] = 0
      retries[slot] = 0
    }
    second = now
  }
}
