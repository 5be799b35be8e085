internal import Synchronization

/// What is known of one model engine beside its health: what its cache may hold, what it has still to read, and how fast it
/// reads. Shared by all workers; a race that is lost is but a worse guess.
public final class EngineState: Sendable {
  /// What its cache is likely to hold.
  public let index = PrefixIndex()
  private let prefillValue = Atomic<Int>(0)
  private let rateValue = Atomic<Int>(EngineState.priorRate)
  private let othersValue = Atomic<Int>(0)
  private let progressValue = Atomic<UInt64>(0)
  private let suspendedValue = Atomic<Bool>(false)

  /// How fast an engine is thought to read prompts of which nothing has been seen, in tokens a second.
  public static let priorRate = 10_000
  /// How far from that one sample may lead, either way: one bad sample must not starve an engine.
  public static let rateSpan = 4
  /// What each request under way adds to the wait, in microseconds.
  public static let waitOfRequest: UInt64 = 5000
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

  /// Requests in it that are not ours, as it has told last; 0 where it does not tell.
  public var others: Int {
    get { othersValue.load(ordering: .relaxed) }
    set { othersValue.store(newValue, ordering: .relaxed) }
  }

  /// How long a request with so many tokens that it does not know would wait beside so many others, in microseconds.
  public func wait(uncached: Int, requests: Int) -> UInt64 {
    let tokens = UInt64(min(prefill + max(0, uncached), 1 << 40))
    return tokens * 1_000_000 / UInt64(max(1, rate)) + UInt64(min(max(0, requests) + others, 1 << 30))
      * Self.waitOfRequest
  }

  // MARK: Standing still

  /// When something of an answer has come from it last, in monotonic milliseconds.
  public var lastProgress: UInt64 { progressValue.load(ordering: .relaxed) }

  /// Something of an answer has come from it: it does not stand still.
  public func progressed(nowMilliseconds: UInt64) {
    progressValue.store(nowMilliseconds, ordering: .relaxed)
    if isSuspended { isSuspended = false }
  }

  /// It stands still although its health says that it is well: it gets no requests until one has been answered.
  public var isSuspended: Bool {
    get { suspendedValue.load(ordering: .relaxed) }
    set { suspendedValue.store(newValue, ordering: .relaxed) }
  }

  /// How long after a request was sent with so many tokens in flight, its own included, an engine that works has given
  /// something to somebody, in milliseconds: `milliseconds`, and a multiple of what reading takes. `wholeTokens`: the most
  /// that the answer has, where it comes as a whole.
  public func patience(inFlight tokens: Int, wholeTokens: Int, atLeast milliseconds: UInt64) -> UInt64 {
    let reading = UInt64(max(0, tokens)) * 1000 / UInt64(max(1, rate))
    return milliseconds + Self.patienceFactor * reading
      + UInt64(min(max(0, wholeTokens), 1 << 20)) * Self.tokenMilliseconds
  }

  /// A request with so many unknown tokens is sent to it: how many are in flight now, its own included.
  public func begin(tokens: Int) -> Int { prefillValue.wrappingAdd(tokens, ordering: .relaxed).newValue }

  /// They are not in flight any more: they have been read, or the request has gone elsewhere.
  public func end(tokens: Int) { prefillValue.wrappingSubtract(tokens, ordering: .relaxed) }

  /// Its answer began so long after a request was sent that found so many tokens in flight, its own included.
  public func answered(inFlight tokens: Int, microseconds: UInt64) {
    guard tokens > Self.leastSample else { return }
    let seen = UInt64(tokens) * 1_000_000 / max(1, microseconds)
    let prior = UInt64(Self.priorRate)
    let sample = Int(min(max(seen, prior / UInt64(Self.rateSpan)), prior * UInt64(Self.rateSpan)))
    rateValue.store((rate * 9 + sample) / 10, ordering: .relaxed)
  }
}
