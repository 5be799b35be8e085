internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import Telemetry

// What happens on a backend's connection, as the kernel and the clock tell it.
extension Worker {
  func backendEvent(_ backend: Ref<BackendConnection>, _ readiness: Readiness) {
    backend.wire.note(readiness)
    switch backend.state {
    case .connecting:
      if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { connected(backend) }
    case .handshaking:
      if backend.wire.readable { stepBackendHandshake(backend) }
    case .idle:
      // Nothing is due on it: it is being closed, or its peer is confused.
      if backend.wire.readable { closeBackend(backend) }
    case .active:
      if readiness.contains(.writable), hasWaiting(backend), backendWritable(backend) == .over { return }
      if backend.wire.readable { pumpBackend(backend) }
    }
  }

  /// Whether something waits for room in the socket.
  @inline(__always)
  private func hasWaiting(_ backend: Ref<BackendConnection>) -> Bool {
    backend.isHeldUp || backend.mux != nil || !backend.wire.output.isEmpty
  }

  /// There is room in the socket again.
  private func backendWritable(_ backend: Ref<BackendConnection>) -> Outcome {
    if !backend.wire.output.isEmpty {
      let result = backend.wire.flush()
      if result < 0 { return backendTakesNoMore(backend) }
      if result == 0 { return .goesOn }
    }
    if let mux = backend.mux {
      resumeAll(mux)
      return .goesOn
    }
    guard let exchange = backend.exchange, let client = exchange.client else { return .goesOn }
    if client.state == .tunnel {
      backend.isHeldUp = false
      return conclude(tunnelWritable(backend, client), exchange)
    }
    return resumeRequest(exchange, client)
  }

  private func backendTakesNoMore(_ backend: Ref<BackendConnection>) -> Outcome {
    if let mux = backend.mux {
      // Its streams learn of it at the end of the turn.
      breakMux(mux)
      return .over
    }
    if let exchange = backend.exchange, exchange.machine.phase == .tunnel {
      return drive(exchange, .tunnelBroken, faultOf: backend, "the backend closed the connection")
    }
    uploadBroke(backend)
    return .goesOn
  }

  /// The backend takes more of a request.
  func resumeRequest(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Outcome {
    guard !exchange.machine.requestSent, exchange.backend?.isHeldUp == true else { return .goesOn }
    exchange.backend?.isHeldUp = false
    let step = forward(exchange)
    if !exchange.machine.requestComplete { putOff(client) }
    let outcome = conclude(step, exchange)
    if outcome == .goesOn { time(exchange, moved: .both) }
    return outcome
  }

  /// Goes on with what a step has led to.
  @discardableResult
  func conclude(_ step: Step, _ exchange: Ref<Exchange>) -> Outcome {
    switch step {
    case .more, .rest: .goesOn
    case .event(let event): drive(exchange, event)
    case .act(let action): perform(exchange, action)
    }
  }

  func backendTimedOut(_ backend: Ref<BackendConnection>) {
    let wait = backend.wait
    backend.wait = .none
    switch backend.state {
    case .idle: closeBackend(backend)
    case .connecting, .handshaking: connectFailed(backend, "connect timed out")
    case .active:
      if let mux = backend.mux {
        guard mux.streamCount == 0 else { return }
        return endMux(mux)
      }
      guard let exchange = backend.exchange else { return closeBackend(backend) }
      if exchange.backend != backend {
        return loseEarlier(backend, exchange, "no response within the time limit")
      }
      if hedged(exchange, backend, wait) || looked(exchange, backend, wait) { return }
      if exchange.machine.attempt.isHeld { return releaseHeld(exchange, backend) }
      guard exchange.machine.phase != .tunnel else {
        drive(exchange, .tunnelIdle)
        return
      }
      counters.add(.upstreamTimeouts)
      suspect(backend)
      let reason =
        exchange.machine.attempt.hasHead
        ? "no byte within the time limit" : "no response within the time limit"
      drive(exchange, .timedOut, faultOf: backend, reason, isConnection: false)
    }
  }

  /// A head that is held back has waited long enough for its content.
  private func releaseHeld(_ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) {
    exchange.machine.releaseHead()
    guard let client = exchange.client, let buffer = unsafe backend.buffer else { return }
    unsafe conclude(readHead(backend, exchange, client, buffer), exchange)
  }
}
