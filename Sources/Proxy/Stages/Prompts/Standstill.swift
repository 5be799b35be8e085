internal import EventLoop
internal import Exchange
internal import OS
internal import Telemetry
internal import Upstream

// Engines that stand still while their health says that they are well: what they have not begun to answer goes elsewhere.
extension Worker {
  /// How often a request that waits for its answer looks whether its engine stands still, in milliseconds.
  static let lookMilliseconds: UInt64 = 500

  /// The time until the next look, where one is worth something.
  func untilLook(_ backend: Ref<BackendConnection>, _ limit: UInt64) -> UInt64 {
    guard let exchange = backend.exchange, let model = exchange.model, model.patience > 0,
      unsafe exchange.service.map({ unsafe $0.pointee.count > 1 }) == true
    else { return limit }
    return min(limit, Self.lookMilliseconds)
  }

  /// Looks at the engine of a request that has waited for a while. True when that was all: the request waits on, or has gone
  /// elsewhere.
  func looked(_ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) -> Bool {
    guard let model = exchange.model, model.patience > 0, exchange.machine.phase == .attempting,
      let service = unsafe exchange.service,
      unsafe service.pointee.count > 1, let status = unsafe exchange.counted
    else { return false }
    let sent = model.sentNanoseconds / 1_000_000
    let waited = nowMilliseconds &- min(sent, nowMilliseconds)
    let stands = unsafe status._withUnsafeGuaranteedRef {
      $0.engine.isSuspended || waited >= model.patience && $0.engine.lastProgress <= sent
    }
    if stands, unsafe canMove(exchange, service) {
      unsafe status._withUnsafeGuaranteedRef { $0.engine.isSuspended = true }
      counters.add(.upstreamStandstills)
      drive(
        exchange, .timedOut, faultOf: backend, "it gives nothing to anybody although it is in health",
        isConnection: false)
      return true
    }
    let limit =
      unsafe exchange.machine.attempt.isHeld
      ? model.heldMilliseconds
        &+ min(Self.holdMilliseconds, service.pointee.timeouts.firstByte.count)
      : sent &+ service.pointee.timeouts.responseHead.count
    guard nowMilliseconds < limit else { return false }
    time(exchange)
    return true
  }

  private func canMove(_ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>) -> Bool {
    unsafe exchange.machine.isReplayable && exchange.machine.hasAttemptsLeft
      && service.pointee.retryRule.repeatsAll
      && service.pointee.retryRule.onResponseTimeout && hasAnother(exchange, service)
      && service.pointee.budget.mayRetry(nowMilliseconds: nowMilliseconds)
  }
}
