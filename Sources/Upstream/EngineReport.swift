internal import Synchronization

/// What an engine has told of itself last. It corrects what is known by own counts, within bounds and only while it is new: one
/// that tells nothing, something old or something false is chosen as it would be without, or nearly so.
public final class EngineReport: Sendable {
  /// Figures of an engine; nil for what it does not tell.
  public struct Figures: Sendable, Equatable {
    /// Requests that it works on, whoever sent them.
    public var running: Int?
    /// Requests that wait in it.
    public var waiting: Int?
    /// Tokens that its cache holds.
    public var cacheTokens: Int?
    /// How much of its cache is in use, from 0 to 1.
    public var cacheUse: Double?
    /// Tokens of prompts that it has found in its cache since it began.
    public var cachedTokens: Int?
    /// Nothing.
    public init() {}
  }

  /// How long what an engine tells counts, in milliseconds.
  public static let validMilliseconds: UInt64 = 15_000
  /// How much longer a request may seem to wait for what an engine tells of others, in microseconds: what it tells may be false.
  public static let largestWait: UInt64 = 1_000_000

  private let others = Atomic<Int>(0)
  private let toldAt = Atomic<UInt64>(0)
  private let known = Mutex(Figures())

  /// Nothing has been told.
  init() {}

  /// It has told something. `own`: how many of its requests are ours.
  public func tell(_ figures: Figures, own: Int, nowMilliseconds: UInt64) {
    known.withLock { $0 = figures }
    let requests = min(max(figures.running ?? 0, 0), 1 << 40) + min(max(figures.waiting ?? 0, 0), 1 << 40)
    others.store(max(0, requests - max(0, own)), ordering: .relaxed)
    toldAt.store(max(1, nowMilliseconds), ordering: .releasing)
  }

  /// Whether something has been told that still counts.
  public func isNew(nowMilliseconds: UInt64) -> Bool {
    let at = toldAt.load(ordering: .acquiring)
    return at != 0 && nowMilliseconds < at &+ Self.validMilliseconds
  }

  /// Requests in it that are not ours; 0 where it does not tell.
  public func others(nowMilliseconds: UInt64) -> Int {
    let count = others.load(ordering: .relaxed)
    return count == 0 || !isNew(nowMilliseconds: nowMilliseconds) ? 0 : count
  }

  /// How much longer a request waits for those, in microseconds.
  func wait(nowMilliseconds: UInt64) -> UInt64 {
    let count = UInt64(min(others(nowMilliseconds: nowMilliseconds), 1 << 20))
    return min(count * EngineState.waitOfRequest, Self.largestWait)
  }

  /// What it has told, as long as that counts.
  public func figures(nowMilliseconds: UInt64) -> Figures {
    isNew(nowMilliseconds: nowMilliseconds) ? known.withLock { $0 } : Figures()
  }
}
