internal import Synchronization

/// How long one backend's answers have taken of late: the greatest of them at once, and less by and by while they are quicker
/// (Finagle's Peak EWMA). Shared by all workers; a race that is lost is but a worse guess.
public final class Latency: Sendable {
  /// How long the first answer is expected to take, in microseconds.
  public static let prior: UInt64 = 30_000
  /// After how long a sample counts half, in milliseconds: a decay of ten seconds (Finagle's default) halves in so many.
  public static let halfLifeMilliseconds: UInt64 = 6931
  /// The longest that is told apart, in microseconds: an hour.
  static let most: UInt64 = 3_600_000_000

  private let value = Atomic<UInt64>(Latency.prior)
  private let at = Atomic<UInt64>(0)

  /// Nothing is known.
  public init() {}

  /// What is to be expected, in microseconds: with nothing heard of it an old answer counts ever less, so that one that was
  /// slow is tried again.
  public func expected(nowMilliseconds now: UInt64) -> UInt64 {
    let seen = at.load(ordering: .relaxed)
    guard seen > 0 else { return Self.prior }
    return Self.decayed(value.load(ordering: .relaxed), milliseconds: now &- min(seen, now))
  }

  /// An answer has taken so long.
  public func record(microseconds: UInt64, nowMilliseconds now: UInt64) {
    let sample = min(microseconds, Self.most)
    let seen = at.load(ordering: .relaxed)
    let before = value.load(ordering: .relaxed)
    var next = sample
    if seen > 0, sample < before {
      next = sample + Self.decayed(before - sample, milliseconds: now &- min(seen, now))
    }
    value.store(next, ordering: .relaxed)
    at.store(max(1, now), ordering: .relaxed)
  }

  /// A value after so long: halved for each half-life, and straight between.
  static func decayed(_ value: UInt64, milliseconds: UInt64) -> UInt64 {
    let halves = milliseconds / halfLifeMilliseconds
    guard halves < 40 else { return 0 }
    let rest = milliseconds % halfLifeMilliseconds
    let whole = value >> halves
    return whole - whole * rest / halfLifeMilliseconds / 2
  }
}
