import Exchange
import TestSupport
import TestRun
import Testing

/// A shell that does what a machine says and lets anything happen, and watches what must hold whatever does.
private struct Walk {
  private var machine: Machine
  private var random: SeededGenerator
  private let limit: Int
  private var services: Int
  private var isOpen = false
  private var hasEarlier = false
  private var isWaiting = false
  private var entered = 0
  private var leftRoom = 0
  private var opened = 0
  private var ended = 0
  private var chosen = 0
  private var retries = 0
  private var last = 0
  private var relays = 0
  private var budget: Int
  private(set) var events = 0
  private(set) var problem: String?

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    limit = Int.random(in: 1...4, using: &random)
    budget = Int.random(in: 0...3, using: &random)
    services = Int.random(in: 0...2, using: &random)
    machine = Machine(maximumAttempts: limit, isPassage: Int.random(in: 0..<10, using: &random) == 0)
  }

  mutating func run() {
    perform(machine.on(.admitted))
    for _ in 0..<Int.random(in: 1...24, using: &random) where problem == nil {
      step()
    }
    if last == 0, problem == nil { tell(.clientLeft) }
    check(last == 1, "not one end")
    check(opened == ended && !isOpen && !hasEarlier, "an attempt that was not ended once")
    check(entered == leftRoom && !isWaiting, "a wait that was not ended once")
    for event in [Machine.Event.clientLeft, .ended(isClean: true), .malformed] {
      check(machine.on(event) == .nothing, "something after the end")
    }
  }

  private mutating func step() {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: machine.requestComplete = true
    case 1: if machine.requestComplete { machine.requestSent = true }
    case 2: machine.forgetsRequest()
    case 3: _ = machine.holdsHead(canGoElsewhere: Bool.random(using: &random))
    case 4: machine.releaseHead()
    default: tell(anything())
    }
  }

  private mutating func anything() -> Machine.Event {
    switch Int.random(in: isWaiting ? 0..<40 : 0..<24, using: &random) {
    case 24...31: return .room
    case 32...33: return .queueFull
    case 34...35: return .waitedTooLong
    case 36...39: return .nobody
    case 0...3: return .connected
    case 4: return .connectFailed
    case 5: return .interim(bytes: UInt32.random(in: 1...40_000, using: &random))
    case 6...8: return .status([200, 204, 404, 429, 500, 502, 503].randomElement(using: &random) ?? 200)
    case 9: return .switched(ResponseFacts(status: 101))
    case 10: return .malformed
    case 11: return .timedOut
    case 12...14:
      return .broken(
        .init(
          isUntouched: Bool.random(using: &random), isSilent: Bool.random(using: &random),
          isStream: Bool.random(using: &random)))
    case 15: return .unsupported
    case 16...18: return .ended(isClean: Bool.random(using: &random))
    case 19:
      return .refused([.badRequest, .overloaded, .requestTimeout].randomElement(using: &random) ?? .noRoute)
    case 20: return hasEarlier ? .earlierAnswers : .bothEnded
    case 21: return .tunnelBroken
    case 22: return hasEarlier ? .earlierFailed : .tunnelIdle
    case 23 where Bool.random(using: &random): return .slow
    default: return Int.random(in: 0..<3, using: &random) == 0 ? .clientLeft : .connected
    }
  }

  private func facts() -> Facts {
    var rule = RetryRule()
    rule.repeatsAll = limit % 2 == 0
    for status in [429, 500, 503] { rule.insert(status: status) }
    var facts = Facts(rule: rule, isIdempotent: limit > 2, hasAnother: budget > 0)
    facts.hasNextService = services > 0
    return facts
  }

  private mutating func tell(_ event: Machine.Event) {
    events += 1
    let before = machine
    let known = facts()
    let action = machine.on(event) { known }
    if case .again(.elsewhere) = action {
      check(before.hasAttemptsLeft && known.hasAnother, "another attempt without another backend")
      check(!before.hasSpoken && before.isReplayable, "repeated what had an answer or is forgotten")
      check(before.attempt.interimHeads == 0, "repeated what a backend works on")
    }
    if action == .fallBack {
      check(known.hasNextService, "a service that there is not")
      check(!before.hasSpoken && before.isReplayable, "fell back with what had an answer or is forgotten")
      check(before.attempt.interimHeads == 0, "fell back from a backend that works on it")
    }
    if action == .hedge {
      check(before.hasAttemptsLeft && known.hasAnother, "asked twice without another backend")
      check(!before.hasSpoken && before.isReplayable && before.requestSent, "asked twice what is not whole")
    }
    if case .answer = action { check(!before.hasSpoken, "an answer on top of another") }
    if before.phase == .over { check(action == .nothing, "something after the end") }
    perform(action)
  }

  private mutating func perform(_ action: Action) {
    switch action {
    case .nothing, .send, .join, .pass: break
    case .hedge:
      check(isOpen && !hasEarlier, "two attempts beside nothing, or three")
      (hasEarlier, isOpen) = (true, false)
      budget -= 1
      check(budget >= 0, "the budget is exceeded")
      machine.rewind()
      open(elsewhere: true)
    case .goBack:
      check(hasEarlier, "back to nothing")
      end(keepsEarlier: true)
      (hasEarlier, isOpen) = (false, true)
    case .endEarlier:
      check(hasEarlier, "an end of nothing")
      endEarlier()
    case .relay, .tunnel:
      relays += 1
      endEarlier()
      check(relays == 1, "two responses")
      check(isOpen, "a response of no attempt")
      if Bool.random(using: &random) { machine.headLeaves() }
    case .wait:
      check(!isWaiting && !isOpen, "waits twice, or with a backend")
      check(relays == 0, "waits behind a response")
      isWaiting = true
      entered += 1
      check(machine.phase == .waiting, "waits in another phase")
    case .choose:
      leaveRoom()
      open(elsewhere: true)
    case .fallBack:
      leaveRoom()
      services -= 1
      chosen = 0
      machine.fallsBack(maximumAttempts: limit)
      open(elsewhere: true)
    case .again(let place):
      if place == .elsewhere {
        retries += 1
        budget -= 1
        check(budget >= 0, "the budget is exceeded")
      }
      open(elsewhere: place == .elsewhere)
    default:
      check(action.isLast, "not a last action")
      last += 1
      end()
    }
  }

  private mutating func leaveRoom() {
    guard isWaiting else { return }
    isWaiting = false
    leftRoom += 1
  }

  private mutating func endEarlier() {
    if hasEarlier { ended += 1 }
    hasEarlier = false
  }

  private mutating func end(keepsEarlier: Bool = false) {
    leaveRoom()
    if !keepsEarlier { endEarlier() }
    guard isOpen else { return }
    isOpen = false
    ended += 1
  }

  private mutating func open(elsewhere: Bool) {
    end(keepsEarlier: true)
    if elsewhere, !machine.isPassage, Int.random(in: 0..<6, using: &random) == 0 { return tell(.full) }
    if elsewhere {
      chosen += 1
      check(chosen <= limit, "more backends chosen than allowed")
    }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: tell(.nobody)
    case 1: tell(.unopened)
    case 2...3: begin(.kept)
    case 4: begin(.stream)
    default: begin(.connecting)
    }
  }

  private mutating func begin(_ opening: Machine.Event.Opening) {
    isOpen = true
    opened += 1
    tell(.opened(opening))
  }

  private mutating func check(_ holds: Bool, _ words: String) {
    if !holds, problem == nil { problem = words }
  }
}

@Suite(.ownThread) struct MachineWalkTests {
  @Test("whatever happens in whatever order, a request has one end, and each attempt one")
  func walks() {
    var events = 0
    for seed in 0..<UInt64(60_000) {
      var walk = Walk(seed: seed)
      walk.run()
      events += walk.events
      guard walk.problem == nil else {
        Issue.record("seed \(seed): \(walk.problem ?? "")")
        return
      }
    }
    #expect(events > 400_000)
  }
}
