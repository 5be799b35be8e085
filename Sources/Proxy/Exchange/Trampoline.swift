internal import EventLoop
internal import Exchange
internal import HTTP
internal import Telemetry
internal import Upstream

/// What a step on a connection has led to.
enum Step {
  /// There may be more to do at once.
  case more
  /// Nothing more can be done at present.
  case rest
  /// Something that the exchange's machine decides about.
  case event(Machine.Event)
  /// What it has decided already.
  case act(Action)
}

/// What has become of an exchange.
enum Outcome {
  /// Its attempt goes on.
  case goesOn
  /// It goes on by another attempt; the connection of the one before may be gone.
  case elsewhere
  /// It is over, and freed; so may its connections be. The caller has nothing left to do with them.
  case over
}

// What the machine decides is performed here, one action after another, never one inside another. Only the last one frees.
extension Worker {
  /// Tells an exchange's machine what has happened, and performs what it decides.
  @discardableResult
  func drive(_ exchange: Ref<Exchange>, _ event: Machine.Event) -> Outcome {
    perform(exchange, decide(exchange, event))
  }

  /// The same for something that is a fault of the attempt's backend, unless it was but a kept connection that had been
  /// closed meanwhile. `isConnection` when it was the connection that failed.
  @discardableResult
  func drive(
    _ exchange: Ref<Exchange>, _ event: Machine.Event, faultOf backend: Ref<BackendConnection>,
    _ reason: String,
    isConnection: Bool = true
  ) -> Outcome {
    let action = decide(exchange, event)
    if action != .again(.fresh), action != .nothing {
      reportBroken(backend, reason, isConnection: isConnection)
    }
    return perform(exchange, action)
  }

  func decide(_ exchange: Ref<Exchange>, _ event: Machine.Event) -> Action {
    exchange.machine.on(event) {
      event == .slow ? Facts(hasAnother: mayAskAnother(exchange)) : facts(exchange)
    }
  }

  @discardableResult
  func perform(_ exchange: Ref<Exchange>, _ first: Action) -> Outcome {
    var action = first
    var outcome = Outcome.goesOn
    while true {
      if unsafe exchange.followed != nil { followStep(exchange, action) }
      let step: Step
      switch action {
      case .nothing, .pass:
        time(exchange)
        return outcome
      case .choose:
        outcome = .elsewhere
        dropAttempt(exchange)
        step = .event(openElsewhere(exchange))
      case .wait:
        outcome = .elsewhere
        dropAttempt(exchange)
        step = waitForRoom(exchange)
      case .again(let place):
        outcome = .elsewhere
        if let model = exchange.model, model.earlier != nil { endEarlier(exchange, .hedgesAbandoned) }
        step = .event(repeatRequest(exchange, place))
      case .fallBack:
        outcome = .elsewhere
        if let model = exchange.model, model.earlier != nil { endEarlier(exchange, .hedgesAbandoned) }
        step = .event(fallBack(exchange))
      case .hedge:
        outcome = .elsewhere
        step = .event(hedge(exchange))
      case .goBack:
        outcome = .elsewhere
        goBack(exchange)
        step = .rest
      case .endEarlier:
        endEarlier(exchange, .hedgesWon)
        step = .rest
      case .send: step = sendRequest(exchange)
      case .join: step = joinPassage(exchange)
      case .relay:
        if let model = exchange.model, model.earlier != nil { endEarlier(exchange, .hedgesWon) }
        step = relayHead(exchange)
        // The limits have been set with what was sent.
        if case .more = step { return outcome }
      case .tunnel: step = beginTunnel(exchange)
      case .answer, .turnAway, .finish, .breakOff, .abandon, .close, .severed, .expire:
        performLast(action, exchange)
        return .over
      }
      switch step {
      case .more, .rest: action = .nothing
      case .event(let event): action = decide(exchange, event)
      case .act(let next): action = next
      }
    }
  }

  private func performLast(_ action: Action, _ exchange: Ref<Exchange>) {
    guard let client = exchange.client else { return endExchange(exchange, keepsBackend: false) }
    switch action {
    case .answer(let answer): return answerExchange(exchange, client, answer)
    case .finish(let keepsBackend, let keepsClient):
      return finishResponse(exchange, client, keepsBackend: keepsBackend, keepsClient: keepsClient)
    case .turnAway(let answer):
      counters.add(.requestsWithoutBackend)
      exchange.status = answer.status
      endExchange(exchange, keepsBackend: false)
      return endAnswer(client, keeps: false)
    case .abandon:
      abandon(exchange)
      return closeClient(client)
    case .close: return closeTunnel(exchange, client)
    case .severed: return severTunnel(exchange, client)
    case .expire:
      counters.add(.tunnelTimeouts)
      endExchange(exchange, keepsBackend: false)
      return endAnswer(client, keeps: false)
    default:
      // The response cannot be completed: the client must not take what it has for the whole.
      let version = exchange.version
      let isTold = tellBreak(exchange, client)
      endExchange(exchange, keepsBackend: false)
      if isTold { breakBehind(version, client) } else { reset(client) }
    }
  }

  /// What only matters when something has failed.
  private func facts(_ exchange: Ref<Exchange>) -> Facts {
    guard let service = unsafe exchange.service else { return Facts() }
    var facts = unsafe Facts(
      rule: service.pointee.retryRule, isIdempotent: exchange.method.isIdempotent,
      hasAnother: hasAnother(exchange, service)
        && service.pointee.budget.mayRetry(nowMilliseconds: nowMilliseconds)
        && mayEnterRetry(exchange, service))
    facts.hasNextService = hasNextService(exchange)
    if let pool = unsafe exchange.backend?.pool {
      facts.hasOtherAddress =
        unsafe pool._withUnsafeGuaranteedRef { $0.isOneOfSeveral } && hasAnother(exchange, service)
    }
    return facts
  }

  /// Whether its service's limit of retries allows one more. A request that is kept from one is counted.
  private func mayEnterRetry(_ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>) -> Bool
  {
    guard unsafe service.pointee.breaks, let most = unsafe service.pointee.breakers.maxRetries,
      exchange.model?.holds.contains(.retries) != true
    else { return true }
    return unsafe service.pointee.state._withUnsafeGuaranteedRef { state in
      if state.count(.retries) < most { return true }
      state.hit(.retries)
      return false
    }
  }

  /// Whether another backend could be chosen: an answer that is worth little is worth more than none.
  func hasAnother(_ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>) -> Bool {
    guard unsafe exchange.tried.count < service.pointee.count else { return false }
    let cursor = unsafe service.pointee.cursor
    defer { unsafe service.pointee.cursor = cursor }
    return unsafe pickBackend(service, tried: exchange.tried) != nil
  }
}
