import Exchange
import Testing

/// A machine that has come to a phase, by name, and what there is to know when something has failed.
enum Start: String, CaseIterable {
  case head, choosing, waiting, connecting, kept, sent, twice, twiceSent, held, interim, streamed, relaying,
    speaking, tunnel,
    passage,
    over

  var machine: Machine {
    var machine = Machine(maximumAttempts: 3, isPassage: self == .passage)
    func drive(_ events: Machine.Event...) { for event in events { _ = machine.on(event) } }
    guard self != .head else { return machine }
    drive(.admitted)
    switch self {
    case .head, .choosing: break
    case .waiting: drive(.full)
    case .connecting, .passage: drive(.opened(.connecting))
    case .kept: drive(.opened(.kept))
    case .sent, .twice, .twiceSent, .interim, .held, .relaying, .speaking, .tunnel, .over:
      drive(.opened(.connecting), .connected)
    case .streamed: drive(.opened(.stream))
    }
    if self != .connecting, self != .choosing, self != .waiting, self != .passage {
      machine.requestComplete = true
      machine.requestSent = true
    }
    switch self {
    case .twice, .twiceSent:
      _ = machine.on(.slow) { Row.elsewhere }
      machine.rewind()
      if self == .twiceSent {
        drive(.opened(.connecting), .connected)
        machine.requestSent = true
      }
    case .interim: drive(.interim(bytes: 25))
    case .held: _ = machine.holdsHead(canGoElsewhere: true)
    case .relaying: drive(.head(ResponseFacts(status: 200)))
    case .speaking:
      drive(.head(ResponseFacts(status: 200)))
      machine.headLeaves()
    case .tunnel:
      drive(.switched(ResponseFacts(status: 101)))
      machine.headLeaves()
    case .over: drive(.clientLeft)
    default: break
    }
    return machine
  }
}

/// What fails, and what is known then.
struct Row: CustomTestStringConvertible, Sendable {
  let start: Start
  let event: Machine.Event
  let facts: Facts
  let action: Action
  let phase: Machine.Phase

  init(
    _ start: Start, _ event: Machine.Event, _ action: Action, _ phase: Machine.Phase, _ facts: Facts = Facts()
  ) {
    (self.start, self.event, self.facts, self.action, self.phase) = (start, event, facts, action, phase)
  }

  var testDescription: String { "\(start), \(event)" }

  /// A service of model servers that has another backend.
  static let elsewhere = Facts(rule: model, isIdempotent: false, hasAnother: true)
  /// The same, all others having been tried.
  static let alone = Facts(rule: model, isIdempotent: false, hasAnother: false)
  /// The same, and another service behind it.
  static let chained = {
    var facts = alone
    facts.hasNextService = true
    return facts
  }()
  /// A name with further addresses, and no wish to repeat anything.
  static let ofName = {
    var facts = Facts(hasAnother: false)
    facts.rule.onConnectFailure = false
    facts.hasOtherAddress = true
    return facts
  }()
  /// Another service, a POST.
  static let careful = Facts(rule: RetryRule(), isIdempotent: false, hasAnother: true)
  /// The configuration names failed connections, and nothing else.
  static let onlyConnecting = {
    var rule = RetryRule()
    (rule.onReset, rule.onResponseTimeout, rule.onUnavailable) = (false, false, false)
    return Facts(rule: rule, isIdempotent: false, hasAnother: true)
  }()

  private static let model: RetryRule = {
    var rule = RetryRule()
    rule.repeatsAll = true
    for status in [429, 500, 502, 503, 504] { rule.insert(status: status) }
    return rule
  }()
}

extension Machine.Event {
  static let touched = Machine.Event.broken(Break(isUntouched: false, isSilent: true))
  static let untouched = Machine.Event.broken(Break(isUntouched: true, isSilent: true))
  static let partial = Machine.Event.broken(Break(isUntouched: false, isSilent: false))
  static let streamOnly = Machine.Event.broken(Break(isUntouched: true, isSilent: true, isStream: true))
  static func status(_ status: Int) -> Machine.Event { .head(ResponseFacts(status: status)) }

  /// One of each kind.
  static let all: [Machine.Event] = [
    .admitted, .opened(.connecting), .unopened, .nobody, .full, .overLimit(.requests), .room, .queueFull,
    .waitedTooLong, .connected, .connectFailed, .interim(bytes: 25),
    .status(200), .switched(ResponseFacts(status: 101)), .malformed, .slow, .earlierAnswers, .earlierFailed,
    .timedOut,
    .touched, .unsupported,
    .ended(isClean: true), .refused(.badRequest), .clientLeft, .bothEnded, .tunnelBroken, .tunnelIdle,
  ]
}
