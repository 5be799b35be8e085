/// How fast a service gets through its requests while others wait, and what one that is turned away may be told from it. Pure:
/// it is given the time.
public struct DrainRate: Sendable, BitwiseCopyable {
  /// What counts as recent, in milliseconds: older samples weigh less and less.
  public static let windowMilliseconds: UInt64 = 5000
  /// The shortest time that says something, in milliseconds.
  public static let sampleMilliseconds: UInt64 = 250
  /// What a client is told to wait at most, in seconds: much may change until then.
  public static let maximumSeconds: UInt64 = 60

  /// Requests that come to their end in a second; 0 while nobody knows.
  public private(set) var perSecond = 0.0
  private var total: UInt64 = 0
  private var milliseconds: UInt64 = 0

  /// Nothing is known.
  public init() {}

  /// From now on requests wait, so many having come to their end so far: what was before says nothing about how fast the
  /// service is when it has all that it can do.
  public mutating func begin(total: UInt64, nowMilliseconds now: UInt64) {
    (self.total, milliseconds) = (total, now)
  }

  /// So many have come to their end by now.
  public mutating func update(total: UInt64, nowMilliseconds now: UInt64) {
    guard now >= milliseconds &+ Self.sampleMilliseconds, total >= self.total else { return }
    let passed = Double(now - milliseconds)
    let sample = Double(total - self.total) * 1000 / passed
    let share = perSecond == 0 ? 1 : passed / (passed + Double(Self.windowMilliseconds))
    perSecond += (sample - perSecond) * share
    begin(total: total, nowMilliseconds: now)
  }

  /// After how many seconds, one at least, so many that wait will be done; `unknown` where nobody can tell.
  public func seconds(waiting: Int, unknown: UInt64) -> UInt64 {
    guard perSecond > 0 else { return min(max(1, unknown), Self.maximumSeconds) }
    let seconds = (Double(max(0, waiting)) / perSecond).rounded(.up)
    return UInt64(min(max(1, seconds), Double(Self.maximumSeconds)))
  }
}
