internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS
internal import Upstream

// From a routed request to a backend that has all of it.
extension Worker {
  /// Chooses a backend and sends the request to it, on a kept connection where there is one.
  func startUpstream(_ exchange: Ref<Exchange>) {
    guard let service = unsafe exchange.service else { return failExchange(exchange, .noBackend) }
    if exchange.attempts == 0 {
      unsafe service.pointee.budget.recordRequest(nowMilliseconds: nowMilliseconds)
    }
    while unsafe exchange.attempts < service.pointee.attempts {
      let pools = unsafe service.pointee.pools
      guard let chosen = unsafe pickBackend(service, tried: exchange.tried) else { break }
      exchange.tried.insert(chosen)
      exchange.attempts += 1
      let pool = unsafe pools[chosen]
      unsafe count(exchange, on: pool)
      if unsafe service.pointee.isHTTP2 {
        if unsafe openUpstreamStream(exchange, pool) { return }
        continue
      }
      if let backend = unsafe pool._withUnsafeGuaranteedRef({ $0.takeIdle() }) {
        backend.isReused = true
        counters.add(.upstreamConnectionsReused)
        attach(backend, exchange)
        return sendRequest(exchange, backend)
      }
      if unsafe connect(exchange, pool) { return }
    }
    failExchange(exchange, .noBackend)
  }

  /// The same request once more on another backend, after this one has failed it. False when that may not be, or there is
  /// none.
  func retryElsewhere(
    _ exchange: Ref<Exchange>, _ backend: Ref<UpstreamConnection>,
    after failure: RetryRule.Failure
  ) -> Bool {
    guard exchange.replayable, !exchange.responseStarted, !exchange.gotInterim, !exchange.isPassage,
      let rule = unsafe exchange.service?.pointee.retryRule,
      rule.mayRepeat(after: failure, isIdempotent: exchange.method.isIdempotent), mayRetryElsewhere(exchange)
    else { return false }
    exchange.upstream = nil
    backend.exchange = nil
    exchange.endsWithHead = false
    closeUpstream(backend)
    repeatElsewhere(exchange)
    return true
  }

  /// Whether there is another backend to try, and budget for it, which is spent by asking.
  func mayRetryElsewhere(_ exchange: Ref<Exchange>) -> Bool {
    guard let service = unsafe exchange.service, unsafe exchange.attempts < service.pointee.attempts,
      unsafe exchange.tried.count < service.pointee.count
    else { return false }
    // An answer that is worth little is worth more than none.
    let cursor = unsafe service.pointee.cursor
    defer { unsafe service.pointee.cursor = cursor }
    guard unsafe pickBackend(service, tried: exchange.tried) != nil else { return false }
    return unsafe service.pointee.budget.tryRetry(nowMilliseconds: nowMilliseconds)
  }

  func repeatElsewhere(_ exchange: Ref<Exchange>) {
    guard let client = exchange.downstream else { return }
    counters.add(.upstreamRetries)
    client.sent = client.start
    exchange.requestSent = false
    startUpstream(exchange)
  }

  /// The same request once more on a new connection to the same backend: a kept one had been closed meanwhile.
  func retryFresh(_ exchange: Ref<Exchange>, _ pool: Unmanaged<BackendPool>) {
    guard let client = exchange.downstream else { return }
    client.sent = client.start
    exchange.requestSent = false
    unsafe count(exchange, on: pool)
    let isHTTP2 = unsafe exchange.service?.pointee.isHTTP2 == true
    let isUnderWay = unsafe isHTTP2 ? openUpstreamStream(exchange, pool) : connect(exchange, pool)
    if !isUnderWay { startUpstream(exchange) }
  }

  private func count(_ exchange: Ref<Exchange>, on pool: Unmanaged<BackendPool>) {
    unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.end() }
    let status = unsafe pool._withUnsafeGuaranteedRef { unsafe $0.status }
    unsafe status._withUnsafeGuaranteedRef { $0.begin() }
    unsafe exchange.counted = unsafe status
  }

  func attach(_ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>) {
    backend.exchange = exchange
    exchange.upstream = backend
    if let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.responseHeadMilliseconds)
    }
  }

  /// Begins a connection; false when the kernel refuses at once.
  private func connect(_ exchange: Ref<Exchange>, _ pool: Unmanaged<BackendPool>) -> Bool {
    guard let backend = unsafe dial(pool, maximum: exchange.service?.pointee.maximumConnections ?? 0) else {
      return false
    }
    attach(backend, exchange)
    if let timeouts = unsafe exchange.service?.pointee.timeouts { arm(backend, timeouts.connectMilliseconds) }
    return true
  }

  /// A connection that is being made; nil when the kernel refuses at once, or there are too many.
  func dial(_ pool: Unmanaged<BackendPool>, maximum: Int) -> Ref<UpstreamConnection>? {
    let status = unsafe pool._withUnsafeGuaranteedRef { unsafe $0.status }
    guard unsafe status._withUnsafeGuaranteedRef({ $0.openConnection(maximum: maximum) }) else { return nil }
    let family = unsafe pool._withUnsafeGuaranteedRef { $0.address.family }
    var fd = Sys.socket(family: family, for: .backends)
    if Sys.isOutOfDescriptors(fd), freeDescriptor() { fd = Sys.socket(family: family, for: .backends) }
    guard fd >= 0 else {
      if Sys.isOutOfDescriptors(fd) { shared.report(.outOfDescriptors) }
      unsafe status._withUnsafeGuaranteedRef { $0.closeConnection() }
      return nil
    }
    let backend = upstreams.acquire()
    backend.wire.fd = Int32(fd)
    backend.wire.timer = TimerNode(owner: token(backend))
    unsafe backend.pool = unsafe pool.retain()
    Sys.setNoDelay(backend.wire.fd)
    var address = unsafe pool._withUnsafeGuaranteedRef { $0.address }
    let result = unsafe Sys.connect(backend.wire.fd, &address)
    guard result == 0 || result == Sys.inProgress, poller.add(backend.wire.fd, token(backend)) == 0 else {
      // At once: nobody listens on this machine, or no port of ours is left.
      counters.add(.upstreamConnectionsFailed)
      reportBroken(backend, SystemError(call: "connect", code: Int32(clamping: -result)).description)
      closeUpstream(backend)
      return nil
    }
    return backend
  }

  /// The kernel has decided about a connect.
  func connected(_ backend: Ref<UpstreamConnection>) {
    let error = Sys.socketError(backend.wire.fd)
    guard error == 0 else {
      return connectFailed(backend, SystemError(call: "connect", code: error).description)
    }
    guard let pool = unsafe backend.pool else { return closeUpstream(backend) }
    guard announceClient(backend) else { return connectFailed(backend, "closed before the PROXY header") }
    let host = unsafe pool._withUnsafeGuaranteedRef { $0.settings.tlsHost }
    guard let host else { return established(backend) }
    let context = unsafe pool._withUnsafeGuaranteedRef { $0.clientContext }
    guard let context, let session = Session(client: context, host: host, pipe: pipe) else {
      return connectFailed(backend, "no TLS session")
    }
    backend.wire.secure(session)
    backend.state = .handshaking
    stepUpstreamHandshake(backend)
  }

  /// The connection can be used.
  func established(_ backend: Ref<UpstreamConnection>) {
    if let mux = backend.mux { return beginUpstreamMux(backend, mux) }
    guard let exchange = backend.exchange else { return closeUpstream(backend) }
    begin(backend, exchange)
  }

  func connectFailed(_ backend: Ref<UpstreamConnection>, _ reason: String) {
    if let mux = backend.mux { return muxConnectFailed(backend, mux, reason) }
    let exchange = backend.exchange
    counters.add(.upstreamConnectionsFailed)
    reportBroken(backend, reason)
    backend.exchange = nil
    closeUpstream(backend)
    guard let exchange else { return }
    exchange.upstream = nil
    guard unsafe exchange.service?.pointee.retryRule.onConnectFailure == true else {
      return failExchange(exchange, .noBackend)
    }
    startUpstream(exchange)
  }

  /// The connection is there: the request goes out, and what has waited behind a full buffer is read.
  func begin(_ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>) {
    backend.state = .active
    counters.add(.upstreamConnectionsOpened)
    if exchange.isPassage { return joinPassage(backend, exchange) }
    if let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.responseHeadMilliseconds)
    }
    sendRequest(exchange, backend)
  }

  /// The one way in which a request begins on a connection, be it new, kept or a stream: what the buffer holds goes
  /// out, and what has waited behind a full buffer is read, for which there will be no event.
  func sendRequest(_ exchange: Ref<Exchange>, _ backend: Ref<UpstreamConnection>) {
    forwardRequest(exchange, backend)
    guard exchange.slot.isLive, !exchange.requestComplete, let client = exchange.downstream, hasMore(client)
    else {
      return
    }
    putOff(client)
  }

  /// Sends what the buffer holds of the request.
  func forwardRequest(_ exchange: Ref<Exchange>, _ backend: Ref<UpstreamConnection>) {
    if let stream = backend.stream { return forwardStream(exchange, backend, stream) }
    guard let client = exchange.downstream, let buffer = unsafe client.buffer, !exchange.requestSent,
      !backend.wire.writeClosed
    else { return }
    while client.sent < client.requestEnd {
      let n = unsafe sendUpstream(backend, buffer + client.sent, client.requestEnd - client.sent)
      if n == Sys.wouldBlock {
        // Now it is the backend that keeps the client waiting.
        if client.wire.output.isEmpty { disarm(client) }
        if !exchange.headDone, let timeouts = unsafe exchange.service?.pointee.timeouts {
          arm(backend, timeouts.idleMilliseconds)
        }
        return
      }
      guard n > 0 else { return uploadBroke(backend) }
      client.sent += n
    }
    guard exchange.requestComplete else {
      if exchange.headDone || client.end >= Downstream.headroom + Downstream.bodyRoom {
        makeRoom(client, exchange)
      }
      // The time for the response's head begins when the client has sent all.
      if !exchange.headDone { disarm(backend) }
      return
    }
    exchange.requestSent = true
    if !exchange.headDone, let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.responseHeadMilliseconds)
    }
  }

  /// The backend takes no more of a request: it may have answered before it closed, and what it has said by now comes first
  /// (RFC 9112 §9.5). Without an answer the end of the connection is met right behind.
  func uploadBroke(_ backend: Ref<UpstreamConnection>) {
    backend.wire.writeClosed = true
    backend.wire.output.free()
    backend.wire.peerClosed = true
    backend.wire.readable = true
    putOff(backend)
  }

  /// Sends bytes to a backend, encrypted if need be: how many were taken, or a negative error.
  func sendUpstream(
    _ backend: Ref<UpstreamConnection>, _ bytes: UnsafePointer<UInt8>, _ count: Int
  ) -> Int {
    if let stream = backend.stream {
      let n = unsafe sendFrames(stream, bytes, count, isLast: false)
      if n < count { block(stream) }
      return n > 0 ? n : Sys.wouldBlock
    }
    return unsafe backend.wire.sendSome(bytes, count, pipe)
  }
}

extension BackendPool {
  /// Whether requests may be sent to it.
  func isUsable(_ maximumConnections: Int) -> Bool {
    guard hasAddress, unsafe status._withUnsafeGuaranteedRef({ $0.health }) != .unhealthy else {
      return false
    }
    return unsafe maximumConnections == 0 || hasIdle || firstMux != nil
      || status._withUnsafeGuaranteedRef { $0.connections < maximumConnections }
  }
}
