internal import Synchronization

/// What one key, or one group, has used. Shared by all workers, and by every set of keys that the key is in: limits may change
/// while it counts on.
///
/// Times are milliseconds since the epoch, so that counts can go on after a restart.
public final class KeyUsage: Sendable {
  // A lock of a few instructions, which nobody holds while waiting: of two workers that ask at once both must not get
  // the last of a limit.
  private let state = Mutex(State())

  private struct State {
    var requests = UsageWindow()
    var tokens = UsageWindow()
    var day = Period()
    var month = Period()
    var concurrent = 0
    /// Something has been counted since it was last asked for.
    var isChanged = false

    mutating func advance(to now: UInt64) {
      requests.advance(to: now)
      tokens.advance(to: now)
      if now >= day.end || now < day.start {
        let start = Calendar.dayStart(now)
        day = Period(start: start, end: start + Calendar.millisecondsOfDay)
      }
      if now >= month.end || now < month.start {
        let (start, end) = Calendar.month(now)
        month = Period(start: start, end: end)
      }
    }

    /// What keeps so many tokens from being used.
    func refusal(_ amount: Int, _ limits: KeyLimits, _ now: UInt64) -> KeyRefusal? {
      if let limit = limits.tokensPerMonth, month.tokens + amount > limit {
        return KeyRefusal(.tokensPerMonth, retryAfterMilliseconds: month.end - now)
      }
      if let limit = limits.tokensPerDay, day.tokens + amount > limit {
        return KeyRefusal(.tokensPerDay, retryAfterMilliseconds: day.end - now)
      }
      if let limit = limits.tokensPerMinute, tokens.sum + amount > limit {
        let wait = tokens.untilFree(tokens.sum + amount - limit, now: now)
        return KeyRefusal(.tokensPerMinute, retryAfterMilliseconds: wait)
      }
      return nil
    }

    mutating func add(_ amount: Int) -> UInt64 {
      day.tokens += amount
      month.tokens += amount
      isChanged = true
      return tokens.add(amount)
    }
  }

  private struct Period {
    var start: UInt64 = 0
    var end: UInt64 = 0
    var tokens = 0
  }

  /// Tokens that have been set aside for a request.
  public struct Reservation: Sendable, BitwiseCopyable {
    /// How many.
    public fileprivate(set) var tokens: Int
    fileprivate let slot: UInt64
    fileprivate let day: UInt64
    fileprivate let month: UInt64
  }

  /// How much is left of what is told to clients.
  public struct Standing: Sendable, Equatable, BitwiseCopyable {
    /// Requests that may still be made this minute.
    public var requests = 0
    /// Tokens that may still be used this minute.
    public var tokens = 0
    /// After how long all requests may be made again, in milliseconds.
    public var requestsReset: UInt64 = 0
    /// The same for tokens.
    public var tokensReset: UInt64 = 0
    /// Tokens used in this day of UTC.
    public var dayTokens = 0
    /// Tokens used in this month of UTC.
    public var monthTokens = 0
    /// Requests that go on.
    public var concurrent = 0
  }

  /// One that has used nothing.
  public init() {}

  // MARK: Requests

  /// Counts a request that begins; `end` gives its place back. Refused, nothing has been counted.
  public func begin(_ limits: KeyLimits, now: UInt64) -> KeyRefusal? {
    state.withLock { state in
      state.advance(to: now)
      if let limit = limits.concurrent, state.concurrent >= limit {
        return KeyRefusal(.concurrent, retryAfterMilliseconds: Self.retryWhenBusy)
      }
      if let limit = limits.requestsPerMinute, state.requests.sum >= limit {
        let wait = state.requests.untilFree(state.requests.sum - limit + 1, now: now)
        return KeyRefusal(.requestsPerMinute, retryAfterMilliseconds: wait)
      }
      // What is used up already is told before anything is read.
      if let refusal = state.refusal(1, limits, now) { return refusal }
      state.requests.add(1)
      state.concurrent += 1
      state.isChanged = true
      return nil
    }
  }

  /// What is said where only another request's end helps, in milliseconds: nobody knows when that is.
  static let retryWhenBusy: UInt64 = 1000

  /// A request that has begun is over.
  public func end() {
    state.withLock { $0.concurrent = max(0, $0.concurrent - 1) }
  }

  /// A request that has begun was refused by something else right away: it does not count.
  public func cancel(now: UInt64) {
    state.withLock { state in
      state.advance(to: now)
      state.concurrent = max(0, state.concurrent - 1)
      // Some slot has it; which one matters little.
      if let slot = state.requests.contents.last?.slot { state.requests.change(slot, by: -1) }
    }
  }

  // MARK: Tokens

  /// Sets tokens aside, or tells why not.
  public func reserve(_ tokens: Int, _ limits: KeyLimits, now: UInt64) -> Result<Reservation, KeyRefusal> {
    let wanted = max(0, min(tokens, KeyLimits.maximum))
    return state.withLock { state in
      state.advance(to: now)
      if let refusal = state.refusal(wanted, limits, now) { return .failure(refusal) }
      let slot = state.add(wanted)
      return .success(
        Reservation(tokens: wanted, slot: slot, day: state.day.start, month: state.month.start))
    }
  }

  /// Sets more aside for a request that needs more than was expected. False when the limits have no room for it.
  public func extend(_ held: inout Reservation, by tokens: Int, _ limits: KeyLimits, now: UInt64) -> Bool {
    let more = max(0, min(tokens, KeyLimits.maximum - held.tokens))
    let fits = state.withLock { state in
      state.advance(to: now)
      guard state.refusal(more, limits, now) == nil else { return false }
      Self.change(&state, held, by: more)
      return true
    }
    if fits { held.tokens += more }
    return fits
  }

  /// What was set aside has come to so many tokens, once for each reservation.
  public func settle(_ held: Reservation, used: Int, now: UInt64) {
    let difference = max(0, min(used, KeyLimits.maximum)) - held.tokens
    guard difference != 0 else { return }
    state.withLock { state in
      state.advance(to: now)
      Self.change(&state, held, by: difference)
    }
  }

  /// More counts now; less counts for when it was set aside.
  private static func change(_ state: inout State, _ held: Reservation, by amount: Int) {
    state.isChanged = true
    if amount > 0 {
      _ = state.add(amount)
      return
    }
    state.tokens.change(held.slot, by: amount)
    if state.day.start == held.day { state.day.tokens = max(0, state.day.tokens + amount) }
    if state.month.start == held.month { state.month.tokens = max(0, state.month.tokens + amount) }
  }

  // MARK: Looking

  /// How much is left.
  public func standing(_ limits: KeyLimits, now: UInt64) -> Standing {
    state.withLock { state in
      state.advance(to: now)
      return Standing(
        requests: max(0, (limits.requestsPerMinute ?? 0) - state.requests.sum),
        tokens: max(0, (limits.tokensPerMinute ?? 0) - state.tokens.sum),
        requestsReset: state.requests.untilFree(state.requests.sum, now: now),
        tokensReset: state.tokens.untilFree(state.tokens.sum, now: now),
        dayTokens: state.day.tokens, monthTokens: state.month.tokens, concurrent: state.concurrent)
    }
  }

  /// What has been used, to be kept over a restart.
  public struct Saved: Sendable, Equatable {
    /// Requests by slot of the last minute, as `slot:amount` with commas between.
    public var requests = ""
    /// Tokens in the same form.
    public var tokens = ""
    /// When the day began, in milliseconds since the epoch.
    public var dayStart: UInt64 = 0
    /// Tokens of that day.
    public var dayTokens = 0
    /// When the month began, in milliseconds since the epoch.
    public var monthStart: UInt64 = 0
    /// Tokens of that month.
    public var monthTokens = 0
    /// Nothing.
    public init() {}
  }

  /// What has been used; nil when it is the same as when it was last asked for.
  public func changes() -> Saved? {
    state.withLock { state in
      guard state.isChanged else { return nil }
      state.isChanged = false
      var saved = Saved()
      saved.requests = Self.text(state.requests.contents)
      saved.tokens = Self.text(state.tokens.contents)
      (saved.dayStart, saved.dayTokens) = (state.day.start, state.day.tokens)
      (saved.monthStart, saved.monthTokens) = (state.month.start, state.month.tokens)
      return saved
    }
  }

  /// What could not be kept is asked for again.
  public func markChanged() { state.withLock { $0.isChanged = true } }

  /// Adds what was used before a restart. What is too old, or cannot be, is left out.
  public func restore(_ saved: Saved, now: UInt64) {
    state.withLock { state in
      state.advance(to: now)
      state.requests.restore(Self.contents(saved.requests), now: now)
      state.tokens.restore(Self.contents(saved.tokens), now: now)
      if saved.dayStart == state.day.start { state.day.tokens += Self.sane(saved.dayTokens) }
      if saved.monthStart == state.month.start { state.month.tokens += Self.sane(saved.monthTokens) }
    }
  }

  private static func sane(_ tokens: Int) -> Int { max(0, min(tokens, KeyLimits.maximum)) }

  private static func text(_ contents: [(slot: UInt64, amount: Int)]) -> String {
    contents.map { "\($0.slot):\($0.amount)" }.joined(separator: ",")
  }

  private static func contents(_ text: String) -> [(slot: UInt64, amount: Int)] {
    text.split(separator: ",").prefix(UsageWindow.slotCount).compactMap { part in
      let sides = part.split(separator: ":")
      guard sides.count == 2, let slot = UInt64(sides[0]), let amount = Int(sides[1]), amount > 0 else {
        return nil
      }
      return (slot, sane(amount))
    }
  }
}
