internal import EventLoop
internal import Exchange
internal import OS
internal import Telemetry
internal import Upstream

// Engines that stand still while their health says that they are well: what they have not begun to answer goes elsewhere.
extension Worker {
  /// How often a request that waits for its answer looks whether its engine stands still, in milliseconds.
  static let lookMilliseconds: UInt64 = 500

  /// How many times as patient one is while no engine of the service gives anything: perhaps nobody else has been asked.
  private static let patienceAlone: UInt64 = 4

  /// The time until the next look, where one is worth something.
  func untilLook(_ backend: Ref<BackendConnection>, _ limit: UInt64) -> UInt64 {
    guard let model = backend.exchange?.model, model.patience > 0 else { return limit }
    return min(limit, Self.lookMilliseconds)
  }

  /// Looks at the engine of a request whose answer, or its content, has been waited for. True when that was all: the request
  /// waits on, or has gone elsewhere.
  @inline(never)
  func looked(_ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>, _ wait: Wait) -> Bool {
    guard let model = exchange.model, model.patience > 0, wait == .responseHead || wait == .held,
      let service = unsafe exchange.service, let status = unsafe exchange.counted
    else { return false }
    if unsafe standsStill(model, status, service), unsafe canMove(exchange, service) {
      unsafe status._withUnsafeGuaranteedRef { $0.engine.suspend(nowMilliseconds: nowMilliseconds) }
      counters.add(.upstreamStandstills)
      drive(
        exchange, .timedOut, faultOf: backend, "it gives nothing to anybody although it is in health",
        isConnection: false)
      return true
    }
    let timeouts = unsafe service.pointee.timeouts
    let end =
      wait == .held
      ? heldUntil(exchange, timeouts) : model.waitMilliseconds &+ timeouts.responseHead.count
    guard nowMilliseconds < end else { return false }
    backend.wait = wait
    setWait(ofBackend: backend, wait, again: true)
    return true
  }

  private func standsStill(
    _ model: Ref<ModelRequest>, _ status: Unmanaged<BackendStatus>,
    _ service: UnsafeMutablePointer<ServiceEntry>
  ) -> Bool {
    let sent = model.sentNanoseconds / 1_000_000
    let waited = nowMilliseconds &- min(sent, nowMilliseconds)
    return unsafe status._withUnsafeGuaranteedRef { status in
      if status.engine.isSuspended(nowMilliseconds: nowMilliseconds) { return true }
      guard waited >= model.patience, status.engine.lastProgress <= sent else { return false }
      return unsafe waited >= model.patience * Self.patienceAlone || othersGive(service, since: sent)
    }
  }

  /// Whether some engine of a service has given something since.
  private func othersGive(_ service: UnsafeMutablePointer<ServiceEntry>, since: UInt64) -> Bool {
    for place in unsafe 0..<service.pointee.count {
      let last = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.engine.lastProgress }
      }
      if last > since { return true }
    }
    return false
  }

  /// Whether there is an engine that does not stand still, and the request may go there.
  private func canMove(_ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>) -> Bool {
    guard exchange.machine.isReplayable, exchange.machine.hasAttemptsLeft,
      exchange.machine.attempt.interimHeads == 0,
      unsafe service.pointee.retryRule.repeatsAll && service.pointee.retryRule.onResponseTimeout,
      unsafe service.pointee.budget.mayRetry(nowMilliseconds: nowMilliseconds)
    else { return false }
    return unsafe hasBetter(service, tried: exchange.tried)
  }
}
