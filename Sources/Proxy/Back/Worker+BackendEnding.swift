internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import Telemetry
internal import Upstream

// How a backend's connection ends, or waits for the next request.
extension Worker {
  /// Keeps a connection for the next request, or closes it.
  func keepIdle(_ backend: Ref<BackendConnection>) {
    // Bytes behind the response, or a close that has come with it, would be taken for the next answer.
    let isClean =
      !backend.wire.sawEnd && !backend.wire.peerClosed && !backend.wire.hasUnread
      && backend.wire.output.isEmpty
    guard let pool = unsafe backend.pool, !isDraining, isClean,
      unsafe pool._withUnsafeGuaranteedRef({ $0.keepIdle(backend) })
    else { return closeAttempt(backend) }
    dropBuffer(backend)
    setWait(ofBackend: backend, .nextRequest, again: true)
  }

  /// Closes the connections that wait on a backend that is no longer used; those at work close when they are done.
  func closeIdle(of pool: BackendPool) {
    pool.isRetired = true
    while let backend = pool.takeIdle() { closeBackend(backend) }
    var next = pool.firstMux
    while let mux = next {
      next = mux.next
      guard mux.streamCount == 0, mux.backend?.state == .active else { continue }
      closeMux(mux)
    }
  }

  /// Frees everything that belongs to a connection, or to a stream of one, and takes it out of every list.
  func closeBackend(_ backend: Ref<BackendConnection>) {
    if let mux = backend.mux {
      leavePool(mux)
      dismantle(mux)
    }
    closeAttempt(backend)
  }

  /// The same for what carries one request: a stream, or a connection that carries no streams.
  func closeAttempt(_ backend: Ref<BackendConnection>) {
    unsafe backend.pool?._withUnsafeGuaranteedRef { $0.forgetIdle(backend) }
    if let exchange = backend.exchange {
      // The earlier one of two attempts is not the exchange's own.
      if exchange.backend == backend { exchange.backend = nil } else { forgetEarlier(backend, exchange) }
      backend.exchange = nil
    }
    release(backend)
    backend.wire.forget()
    dropBuffer(backend)
    unsafe backend.pool?.release()
    unsafe backend.pool = nil
    unsafe wheel.remove(timer(backend))
    backends.release(backend)
  }

  func dropBuffer(_ backend: Ref<BackendConnection>) {
    guard let buffer = unsafe backend.buffer else { return }
    unsafe buffers.release(buffer)
    unsafe backend.buffer = nil
    backend.start = 0
    backend.end = 0
    backend.searched = 0
  }

  /// `isConnection` when it was the connection that failed: then a health check that passes again is proof enough.
  func reportBroken(_ backend: Ref<BackendConnection>, _ reason: String, isConnection: Bool = true) {
    guard let pool = unsafe backend.pool else { return }
    recordFailure(backend, isConnection: isConnection)
    unsafe shared.report(
      .backendFailed(backend: pool._withUnsafeGuaranteedRef { $0.settings.key }, reason: reason))
  }
}
