internal import Synchronization

/// What is known of one model engine beside its health: what its cache may hold, what it has still to read, and how fast it
/// reads. Shared by all workers; a race that is lost is but a worse guess.
public final class EngineState: Sendable {
  /// What its cache is likely to hold.
  public let index = PrefixIndex()
  /// The models that it says it has.
  public let models = ListedModels()
  /// What it tells of its cache as it changes.
  public let cache = CacheEvents()
  /// What it has told of itself.
  public let report = EngineReport()
  private let prefillValue = Atomic<Int>(0)
  private let streamingValue = Atomic<Int>(0)
  private let rateValue = Atomic<Int>(EngineState.priorRate)
  private let seenRateValue = Atomic<Int>(EngineState.priorRate)
  private let progressValue = Atomic<UInt64>(0)
  private let suspendedUntilValue = Atomic<UInt64>(0)

  /// How fast an engine is thought to read prompts of which nothing has been seen, in tokens a second.
  public static let priorRate = 10_000
  /// How far from that one sample may lead, either way: one bad sample must not starve an engine.
  public static let rateSpan = 4
  /// What each request under way adds to the wait, in microseconds.
  public static let waitOfRequest: UInt64 = 5000
  /// How long an engine that stood still gets no requests, in milliseconds, unless it gives something before.
  public static let suspensionMilliseconds: UInt64 = 30_000
  /// How much longer than expected reading prompts may take.
  static let patienceFactor: UInt64 = 3
  /// What each token of an answer that comes as a whole may take, in milliseconds.
  static let tokenMilliseconds: UInt64 = 100
  /// Fewer tokens in flight than these say nothing about the rate.
  public static let leastSample = 512

  /// One that has nothing to do.
  public init() {}

  /// Tokens in flight that are not in its cache and whose requests have had no answer yet.
  public var prefill: Int { max(0, prefillValue.load(ordering: .relaxed)) }

  /// Tokens of prompts that it reads in a second, as learnt.
  public var rate: Int { rateValue.load(ordering: .relaxed) }

  /// Goes on with what another process has learnt, as far as one may lead from what nothing is known of.
  public func adopt(rate: Int) {
    let (least, most) = (Self.priorRate / Self.rateSpan, Self.priorRate * Self.rateSpan)
    rateValue.store(min(max(rate, least), most), ordering: .relaxed)
  }

  /// How long a request with so many tokens that it does not know would wait beside so many others, in microseconds.
  public func wait(uncached: Int, requests: Int, nowMilliseconds: UInt64) -> UInt64 {
    let tokens = UInt64(min(prefill + max(0, uncached), 1 << 40))
    return tokens * 1_000_000 / UInt64(max(1, rate)) + UInt64(min(max(0, requests), 1 << 30))
      * Self.waitOfRequest + report.wait(nowMilliseconds: nowMilliseconds)
  }

  // MARK: Standing still

  /// When something of an answer has come from it last, in monotonic milliseconds.
  public var lastProgress: UInt64 { progressValue.load(ordering: .relaxed) }

  /// Something of an answer has come from it: it does not stand still.
  public func progressed(nowMilliseconds: UInt64) {
    progressValue.store(nowMilliseconds, ordering: .relaxed)
    if suspendedUntilValue.load(ordering: .relaxed) != 0 { resume() }
  }

  /// Whether it stands still although its health says that it is well: it gets no requests for a while.
  public func isSuspended(nowMilliseconds: UInt64) -> Bool {
    suspendedUntilValue.load(ordering: .relaxed) > nowMilliseconds
  }

  /// It stands still.
  public func suspend(nowMilliseconds: UInt64) {
    suspendedUntilValue.store(nowMilliseconds &+ Self.suspensionMilliseconds, ordering: .relaxed)
  }

  /// It does not, or not any more.
  public func resume() { suspendedUntilValue.store(0, ordering: .relaxed) }

  /// How long after a request was sent with so many tokens in flight, its own included, an engine that works has given
  /// something to somebody, in milliseconds: `milliseconds`, and a multiple of what reading takes. `wholeTokens`: the most
  /// that the answer has, where it comes as a whole.
  public func patience(inFlight tokens: Int, wholeTokens: Int, atLeast milliseconds: UInt64) -> UInt64 {
    let slow = min(rate, seenRateValue.load(ordering: .relaxed))
    let reading = UInt64(min(max(0, tokens), 1 << 40)) * 1000 / UInt64(max(1, slow))
    return milliseconds + Self.patienceFactor * reading
      + UInt64(min(max(0, wholeTokens), 1 << 20)) * Self.tokenMilliseconds
  }

  /// A request with so many unknown tokens is sent to it. Its answer `streams`, so that one sees when they have been read: how
  /// many of such requests are in flight now, its own included.
  public func begin(tokens: Int, streams: Bool) -> Int {
    prefillValue.wrappingAdd(tokens, ordering: .relaxed)
    return streamingValue.wrappingAdd(streams ? tokens : 0, ordering: .relaxed).newValue
  }

  /// They are not in flight any more: they have been read, or the request has gone elsewhere.
  public func end(tokens: Int, streams: Bool) {
    prefillValue.wrappingSubtract(tokens, ordering: .relaxed)
    if streams { streamingValue.wrappingSubtract(tokens, ordering: .relaxed) }
  }

  /// Its answer began so long after a request was sent that found so many tokens in flight, its own included.
  public func answered(inFlight tokens: Int, microseconds: UInt64) {
    guard tokens > Self.leastSample else { return }
    let seen = UInt64(tokens) * 1_000_000 / max(1, microseconds)
    let prior = UInt64(Self.priorRate)
    let sample = Int(min(max(seen, prior / UInt64(Self.rateSpan)), prior * UInt64(Self.rateSpan)))
    rateValue.store((rate * 9 + sample) / 10, ordering: .relaxed)
    // However slow it is: who waits for it has to be as patient.
    let most = prior * UInt64(Self.rateSpan)
    let seenRate = seenRateValue.load(ordering: .relaxed)
    seenRateValue.store((seenRate * 9 + Int(min(seen, most))) / 10, ordering: .relaxed)
  }
}
