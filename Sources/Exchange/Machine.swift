// Exchange: what happens to one request: the machine that decides, its rules of retrying, and the bytes of heads and own answers.
//
// It does not know sockets, clocks, connections or pointers to any. It promises one answer for each request, nothing after
// the last action, every attempt ended once, and a retry budget that is never exceeded.

/// What happens to one request, from its head to the last byte of its response: an event and the facts about it go in,
/// one action comes out. It knows no socket, no clock and no pointer; bytes never pass it.
///
/// The shell performs each action, and tells what has come of it by the next event. A last action (`Action.isLast`)
/// comes once; after it nothing more does.
public struct Machine: Sendable, BitwiseCopyable {
  /// How far a request is.
  public enum Phase: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Its head has come, and nothing has been tried.
    case head
    /// A backend is looked for, connected to, or works on it; nothing of a response has been passed on.
    case attempting
    /// No backend has room for it: it waits until one has.
    case waiting
    /// Its response passes to the client.
    case relaying
    /// Bytes pass both ways, unread.
    case tunnel
    /// It is over.
    case over
  }

  /// How far it is.
  public private(set) var phase = Phase.head
  /// The try that is under way, or was last.
  public internal(set) var attempt = Attempt()
  /// Backends that have been chosen.
  public private(set) var attempts: UInt16 = 0
  /// How often a backend has had it again that had refused it untouched.
  private var refusals: UInt8 = 0
  /// The next attempt is on the backend that was chosen last.
  private var staysWithBackend = false
  private var maximumAttempts: UInt16
  /// Another attempt has been made beside an earlier one, whose answer is still waited for.
  public internal(set) var hasEarlier = false
  /// No request at all: a connection is passed on in TCP.
  public private(set) var isPassage: Bool

  /// The client's connection can carry another request afterwards.
  public var keepsClient = true
  /// All of the request has been received.
  public var requestComplete = false
  /// All of the request has been sent.
  public var requestSent = false
  /// All bytes of the request so far are at hand: it can be sent once more.
  public var isReplayable = true
  /// Something of a final response has gone to the client.
  public private(set) var hasSpoken = false

  /// How often one request goes back to a backend that has refused it untouched.
  public static let maximumRefusals: UInt8 = 2

  /// A request for which at most so many backends are chosen, one at least.
  public init(maximumAttempts: Int = 1, isPassage: Bool = false) {
    self.maximumAttempts = UInt16(clamping: max(1, maximumAttempts))
    self.isPassage = isPassage
    guard isPassage else { return }
    // There is no request that could be sent once more, nor a response that ends.
    isReplayable = false
    requestComplete = true
    keepsClient = false
  }

  /// The same as a new one, in its place.
  @inline(__always)
  public mutating func begin(maximumAttempts: Int, keepsClient: Bool) {
    self.maximumAttempts = UInt16(clamping: max(1, maximumAttempts))
    self.keepsClient = keepsClient
  }

  /// Another service has it, by its own number of attempts; before the first one only.
  public mutating func changesService(maximumAttempts: Int) {
    if attempts == 0 { self.maximumAttempts = UInt16(clamping: max(1, maximumAttempts)) }
  }

  /// The next service of its chain has it, from its beginning: what was tried before does not count there.
  public mutating func fallsBack(maximumAttempts: Int) {
    self.maximumAttempts = UInt16(clamping: max(1, maximumAttempts))
    attempts = 0
    refusals = 0
    staysWithBackend = false
    attempt = Attempt()
    requestSent = false
  }

  /// Whether another backend may be chosen.
  public var hasAttemptsLeft: Bool { attempts < maximumAttempts }

  /// The response's head is on its way to the client: from here on there is no other answer.
  public mutating func headLeaves() { hasSpoken = true }

  /// A byte of the response's content has come.
  public mutating func contentCame() { attempt.hasContent = true }

  /// All that was at hand of the request has been sent and is forgotten: it cannot be sent once more.
  public mutating func forgetsRequest() { isReplayable = false }

  /// The request is to be sent from its beginning.
  public mutating func rewind() { requestSent = false }

  /// Whether a head that has come without content is held back: as long as the request may still go elsewhere.
  /// `canGoElsewhere`: the service repeats such requests, and has another backend.
  public mutating func holdsHead(canGoElsewhere: Bool) -> Bool {
    guard canGoElsewhere, !attempt.isReleased, isReplayable, hasAttemptsLeft, attempt.interimHeads == 0 else {
      return false
    }
    attempt.isHeld = true
    return true
  }

  /// A head that is held back has waited long enough.
  public mutating func releaseHead() {
    attempt.isHeld = false
    attempt.isReleased = true
  }

  /// What an event leads to. `facts` is asked at most once, and must not ask the machine.
  public mutating func on(_ event: Event, facts: () -> Facts = { Facts() }) -> Action {
    switch phase {
    case .head: return beforeAttempts(event)
    case .attempting:
      if hasEarlier, let action = besideEarlier(event) { return action }
      return whileAttempting(event, facts)
    case .waiting: return whileWaiting(event, facts)
    case .relaying: return whileRelaying(event)
    case .tunnel: return whileTunnelling(event)
    case .over: return .nothing
    }
  }

  private mutating func beforeAttempts(_ event: Event) -> Action {
    switch event {
    case .admitted:
      phase = .attempting
      return .choose
    case .refused(let answer): return give(up: answer)
    case .clientLeft: return end(.abandon)
    default: return .nothing
    }
  }

  private mutating func whileAttempting(_ event: Event, _ facts: () -> Facts) -> Action {
    switch event {
    case .opened(let opening): return begin(opening)
    case .unopened:
      countAttempt()
      return chooseAgain(facts)
    case .nobody: return fallBack(facts, or: .noBackend)
    case .overLimit(let limit): return fallBack(facts, or: .overLimit(limit))
    case .full where !isPassage:
      phase = .waiting
      return .wait
    case .connected:
      attempt.isConnected = true
      guard isPassage else { return .send }
      phase = .tunnel
      hasSpoken = true
      return .join
    case .connectFailed:
      let facts = facts()
      // The addresses of one name are tried in turn: together they are one attempt.
      if facts.hasOtherAddress {
        attempts -= min(attempts, 1)
        return .choose
      }
      return facts.rule.onConnectFailure ? chooseAgain { facts } : fallBack({ facts }, or: .noBackend)
    case .interim(let bytes): return attempt.count(interim: Int(bytes)) ? .pass : give(up: .badGateway)
    case .head(let head): return accept(head, facts)
    case .switched(let head):
      take(head)
      phase = .tunnel
      requestComplete = true
      keepsClient = false
      return .tunnel
    case .malformed: return give(up: .badGateway)
    case .timedOut:
      let facts = facts()
      if mayRepeat(after: .responseTimeout, facts) { return .again(.elsewhere) }
      return allows(.responseTimeout, facts)
        ? fallBack({ facts }, or: .backendTimeout) : give(up: .backendTimeout)
    case .broken(let end): return recover(from: end, facts)
    case .unsupported: return isUnanswered && hasAnother(facts()) ? .again(.elsewhere) : give(up: .noTunnel)
    case .refused(let answer): return give(up: answer)
    case .clientLeft: return end(.abandon)
    case .tunnelIdle where isPassage: return end(.expire)
    case .slow: return hedge(facts)
    default: return .nothing
    }
  }

  /// What a request that waits can come to, whoever may have it then.
  private mutating func whileWaiting(_ event: Event, _ facts: () -> Facts) -> Action {
    switch event {
    case .room:
      phase = .attempting
      return .choose
    case .queueFull: return leaveQueue(facts, or: .queueFull)
    case .waitedTooLong: return leaveQueue(facts, or: .queueTimeout)
    case .nobody: return leaveQueue(facts, or: .noBackend)
    case .refused(let answer): return give(up: answer)
    case .clientLeft: return end(.abandon)
    default: return .nothing
    }
  }

  private mutating func whileRelaying(_ event: Event) -> Action {
    switch event {
    case .ended(let isClean):
      return end(
        .finish(
          keepsBackend: isClean && requestSent && attempt.keepsAlive,
          keepsClient: keepsClient && requestComplete))
    case .malformed, .broken: return give(up: .badGateway)
    case .timedOut: return give(up: .backendTimeout)
    case .refused(let answer): return give(up: answer)
    case .clientLeft: return end(.abandon)
    default: return .nothing
    }
  }

  private mutating func whileTunnelling(_ event: Event) -> Action {
    switch event {
    case .bothEnded: return end(.close)
    case .broken, .tunnelBroken: return end(.severed)
    case .timedOut, .tunnelIdle: return end(.expire)
    case .refused, .malformed: return end(.breakOff)
    case .clientLeft: return end(.abandon)
    default: return .nothing
    }
  }

  mutating func countAttempt() {
    if !staysWithBackend { attempts += 1 }
    staysWithBackend = false
  }

  private mutating func begin(_ opening: Event.Opening) -> Action {
    countAttempt()
    attempt = Attempt()
    attempt.opening = opening
    attempt.isConnected = opening != .connecting
    return attempt.isConnected ? .send : .nothing
  }

  private mutating func accept(_ head: ResponseFacts, _ facts: () -> Facts) -> Action {
    if head.status >= 400 || head.isUnavailable, isUnanswered {
      let facts = facts()
      let isUnavailable = head.isUnavailable && facts.rule.onUnavailable && hasAnother(facts)
      if mayRepeat(after: .status(Int(head.status)), facts) || isUnavailable {
        return .again(.elsewhere)
      }
      if facts.hasNextService, head.status == 429 || head.status >= 500 { return .fallBack }
    }
    take(head)
    phase = .relaying
    return .relay
  }

  private mutating func take(_ head: ResponseFacts) {
    attempt.hasHead = true
    attempt.isHeld = false
    attempt.keepsAlive = head.keepsAlive
  }

  /// Nothing has come of the request that the client, or anybody else, could have seen.
  var isUnanswered: Bool { isReplayable && attempt.interimHeads == 0 && !isPassage }

  private func hasAnother(_ facts: Facts) -> Bool { hasAttemptsLeft && facts.hasAnother }

  private func mayRepeat(after failure: RetryRule.Failure, _ facts: Facts) -> Bool {
    isUnanswered && hasAnother(facts) && allows(failure, facts)
  }

  private func allows(_ failure: RetryRule.Failure, _ facts: Facts) -> Bool {
    facts.rule.mayRepeat(after: failure, isIdempotent: facts.isIdempotent)
  }

  /// The service has no answer: the next one of the chain has the request, where there is one and nobody has heard anything.
  private mutating func fallBack(_ facts: () -> Facts, or answer: OwnAnswer) -> Action {
    isUnanswered && !hasSpoken && facts().hasNextService ? .fallBack : give(up: answer)
  }

  private mutating func leaveQueue(_ facts: () -> Facts, or answer: OwnAnswer) -> Action {
    phase = .attempting
    return fallBack(facts, or: answer)
  }

  /// A connection that ends without a byte of the response was most likely closed while it was kept; else another backend
  /// has the request. Where only this one is left, it has but closed one connection, or taken enough on it
  /// (RFC 9113 §8.7).
  private mutating func recover(from end: Event.Break, _ facts: () -> Facts) -> Action {
    let failure = RetryRule.Failure.reset(untouched: end.isUntouched)
    let facts = facts()
    guard isUnanswered, facts.rule.mayRepeat(after: failure, isIdempotent: facts.isIdempotent) else {
      return give(up: .badGateway)
    }
    if attempt.opening == .kept, end.isSilent, !end.isStream {
      staysWithBackend = true
      return .again(.fresh)
    }
    if hasAnother(facts) { return .again(.elsewhere) }
    guard end.isUntouched, end.isSilent, refusals < Self.maximumRefusals else {
      return fallBack({ facts }, or: .badGateway)
    }
    refusals += 1
    staysWithBackend = true
    return .again(.same)
  }

  private mutating func chooseAgain(_ facts: () -> Facts) -> Action {
    hasAttemptsLeft ? .choose : fallBack(facts, or: .noBackend)
  }

  /// The client gets an answer of ours, if it has had none.
  private mutating func give(up answer: OwnAnswer) -> Action {
    if hasSpoken { return end(.breakOff) }
    return end(isPassage ? .turnAway(answer) : .answer(answer))
  }

  private mutating func end(_ action: Action) -> Action {
    phase = .over
    return action
  }
}
