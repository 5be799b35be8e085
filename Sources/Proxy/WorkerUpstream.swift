internal import HTTP2
internal import Bytes
internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS
internal import Upstream

// The backend's side of a connection: events, handshake, reading, closing.
extension Worker {
  func upstreamEvent(_ backend: Ref<UpstreamConnection>, _ readiness: Readiness) {
    backend.wire.note(readiness)
    switch backend.state {
    case .connecting:
      if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { connected(backend) }
    case .handshaking:
      if backend.wire.readable { stepUpstreamHandshake(backend) }
    case .idle:
      // Nothing is due on it: it is being closed, or its peer is confused.
      if backend.wire.readable { closeUpstream(backend) }
    case .active:
      if readiness.contains(.writable) {
        upstreamWritable(backend)
        guard backend.slot.isLive, backend.state == .active else { return }
      }
      if backend.wire.readable { pumpUpstream(backend) }
    }
  }

  private func upstreamWritable(_ backend: Ref<UpstreamConnection>) {
    if !backend.wire.output.isEmpty {
      let result = backend.wire.flush()
      if result < 0, let mux = backend.mux {
        // Its streams learn of it at the end of the turn.
        mux.isBroken = true
        return ready(mux)
      }
      if result < 0 {
        if let client = backend.exchange?.downstream, client.state == .tunnel {
          return upstreamBroke(backend, "the backend closed the connection")
        }
        return uploadBroke(backend)
      }
      if result == 0 { return }
    }
    if let mux = backend.mux { return resumeAll(mux) }
    guard let exchange = backend.exchange, let client = exchange.downstream else { return }
    if client.state == .tunnel { return tunnelWritable(backend, client) }
    guard !exchange.requestSent, client.sent < client.requestEnd else { return }
    forwardRequest(exchange, backend)
    guard client.slot.isLive, client.state == .exchange else { return }
    armForState(client)
    pump(client)
  }

  func stepUpstreamHandshake(_ backend: Ref<UpstreamConnection>) {
    while true {
      let step = backend.wire.handshake(pipe, listensFirst: false) { $0.handshake() }
      if step.isOver { return connectFailed(backend, "closed during the TLS handshake") }
      switch step.outcome {
      case .complete: return established(backend)
      case .wantRead where backend.wire.readable: continue
      case .wantRead, .wantWrite, nil: return
      case .closed, .failed: return connectFailed(backend, "TLS: " + backend.wire.failure)
      }
    }
  }

  /// Receives at most `capacity` bytes of plaintext: how many, 0 at the end, or a negative error.
  func receiveUpstream(
    _ backend: Ref<UpstreamConnection>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int
  ) -> Int {
    if let stream = backend.stream { return unsafe receiveStream(stream, buffer, capacity) }
    return unsafe backend.wire.receive(buffer, capacity, pipe)
  }

  /// Keeps a connection for the next request.
  func keepIdle(_ backend: Ref<UpstreamConnection>) {
    guard let pool = unsafe backend.pool else { return closeUpstream(backend) }
    // Bytes behind the response, or a close that has come with it, would be taken for the next answer.
    let isClean =
      !backend.wire.sawEnd && !backend.wire.peerClosed && !backend.wire.hasUnread
      && backend.wire.output.isEmpty
    guard !isDraining, isClean, unsafe pool._withUnsafeGuaranteedRef({ $0.keepIdle(backend) }) else {
      return closeUpstream(backend)
    }
    backend.exchange = nil
    if let buffer = unsafe backend.buffer {
      unsafe buffers.release(buffer)
      unsafe backend.buffer = nil
    }
    backend.end = 0
    backend.searched = 0
    unsafe arm(backend, pool._withUnsafeGuaranteedRef { $0.keepAliveMilliseconds })
  }

  /// Closes the connections that wait on a backend that is no longer used; those at work close when they are done.
  func closeIdle(of pool: BackendPool) {
    pool.isRetired = true
    while let backend = pool.takeIdle() { closeUpstream(backend) }
    var next = pool.firstMux
    while let mux = next {
      next = mux.next
      guard mux.streamCount == 0, mux.upstream?.state == .active else { continue }
      ready(mux)
      mux.isClosing = true
    }
  }

  /// Frees everything that belongs to a connection, and takes it out of every list.
  func closeUpstream(_ backend: Ref<UpstreamConnection>) {
    guard backend.slot.isLive else { return }
    unsafe backend.pool?._withUnsafeGuaranteedRef { $0.forgetIdle(backend) }
    if let exchange = backend.exchange {
      exchange.upstream = nil
      backend.exchange = nil
    }
    if let stream = backend.stream {
      backend.stream = nil
      release(stream)
    } else {
      if let mux = backend.mux {
        leavePool(mux)
        dismantle(mux)
      }
      backend.wire.close()
      unsafe backend.pool?._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.closeConnection() }
      }
    }
    backend.wire.forget()
    if let buffer = unsafe backend.buffer {
      unsafe buffers.release(buffer)
      unsafe backend.buffer = nil
    }
    unsafe backend.pool?.release()
    unsafe backend.pool = nil
    unsafe wheel.remove(timer(backend))
    upstreams.release(backend)
  }

  func upstreamTimeout(_ backend: Ref<UpstreamConnection>) {
    switch backend.state {
    case .idle: closeUpstream(backend)
    case .connecting, .handshaking: connectFailed(backend, "connect timed out")
    case .active:
      if let mux = backend.mux {
        guard mux.streamCount == 0 else { return }
        ready(mux)
        mux.connection.end()
        mux.isClosing = true
        return
      }
      guard let exchange = backend.exchange else { return closeUpstream(backend) }
      if let client = exchange.downstream, client.state == .tunnel { return tunnelTimeout(exchange, client) }
      counters.add(.upstreamTimeouts)
      reportBroken(
        backend, exchange.headDone ? "no byte within the time limit" : "no response within the time limit",
        isConnection: false)
      if retryElsewhere(exchange, backend, after: .responseTimeout) { return }
      if exchange.responseStarted { return breakOff(exchange) }
      failExchange(exchange, .backendTimeout)
    }
  }

  /// `isConnection` when it was the connection that failed: then a health check that passes again is proof enough.
  func reportBroken(
    _ backend: Ref<UpstreamConnection>, _ reason: String, isConnection: Bool = true
  ) {
    guard let pool = unsafe backend.pool else { return }
    recordFailure(backend, isConnection: isConnection)
    unsafe shared.report(
      .backendFailed(backend: pool._withUnsafeGuaranteedRef { $0.settings.key }, reason: reason))
  }
}
