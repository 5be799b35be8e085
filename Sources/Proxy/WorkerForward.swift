internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS
internal import Upstream

// From a routed request to a backend that has all of it.
extension Worker {
  /// Chooses a backend and sends the request to it, on a kept connection where there is one.
  func startUpstream(_ x: UnsafeMutablePointer<Exchange>) {
    guard let service = x.pointee.service else { return failExchange(x, .noBackend) }
    if x.pointee.attempts == 0 { service.pointee.budget.recordRequest(nowMilliseconds: nowMilliseconds) }
    while x.pointee.attempts < service.pointee.attempts {
      let pools = service.pointee.pools
      guard let chosen = pickBackend(service, tried: x.pointee.tried) else { break }
      x.pointee.tried.insert(chosen)
      x.pointee.attempts += 1
      let pool = pools[chosen]
      count(x, on: pool)
      if service.pointee.isHTTP2 {
        if openUpstreamStream(x, pool) { return }
        continue
      }
      if let u = pool._withUnsafeGuaranteedRef({ $0.takeIdle() }) {
        u.pointee.isReused = true
        counters.add(.upstreamConnectionsReused)
        attach(u, x)
        return sendRequest(x, u)
      }
      if connect(x, pool) { return }
    }
    failExchange(x, .noBackend)
  }

  /// The same request once more on another backend, after this one has failed it. False when that may not be, or there is
  /// none.
  func retryElsewhere(
    _ x: UnsafeMutablePointer<Exchange>, _ u: UnsafeMutablePointer<UpstreamConnection>,
    after failure: RetryRule.Failure
  ) -> Bool {
    guard x.pointee.replayable, !x.pointee.responseStarted, !x.pointee.gotInterim, !x.pointee.isPassage,
      let rule = x.pointee.service?.pointee.retryRule,
      rule.mayRepeat(after: failure, isIdempotent: x.pointee.method.isIdempotent), mayRetryElsewhere(x)
    else { return false }
    x.pointee.upstream = nil
    u.pointee.exchange = nil
    x.pointee.endsWithHead = false
    closeUpstream(u)
    repeatElsewhere(x)
    return true
  }

  /// Whether there is another backend to try, and budget for it, which is spent by asking.
  func mayRetryElsewhere(_ x: UnsafeMutablePointer<Exchange>) -> Bool {
    guard let service = x.pointee.service, x.pointee.attempts < service.pointee.attempts,
      x.pointee.tried.count < service.pointee.count
    else { return false }
    // An answer that is worth little is worth more than none.
    let cursor = service.pointee.cursor
    defer { service.pointee.cursor = cursor }
    guard pickBackend(service, tried: x.pointee.tried) != nil else { return false }
    return service.pointee.budget.tryRetry(nowMilliseconds: nowMilliseconds)
  }

  func repeatElsewhere(_ x: UnsafeMutablePointer<Exchange>) {
    guard let d = x.pointee.downstream else { return }
    counters.add(.upstreamRetries)
    d.pointee.sent = d.pointee.start
    x.pointee.requestSent = false
    startUpstream(x)
  }

  /// The same request once more on a new connection to the same backend: a kept one had been closed meanwhile.
  func retryFresh(_ x: UnsafeMutablePointer<Exchange>, _ pool: Unmanaged<BackendPool>) {
    guard let d = x.pointee.downstream else { return }
    d.pointee.sent = d.pointee.start
    x.pointee.requestSent = false
    count(x, on: pool)
    let isHTTP2 = x.pointee.service?.pointee.isHTTP2 == true
    let isUnderWay = isHTTP2 ? openUpstreamStream(x, pool) : connect(x, pool)
    if !isUnderWay { startUpstream(x) }
  }

  private func count(_ x: UnsafeMutablePointer<Exchange>, on pool: Unmanaged<BackendPool>) {
    x.pointee.counted?._withUnsafeGuaranteedRef { $0.end() }
    let status = pool._withUnsafeGuaranteedRef { $0.status }
    status._withUnsafeGuaranteedRef { $0.begin() }
    x.pointee.counted = status
  }

  func attach(_ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>) {
    u.pointee.exchange = x
    x.pointee.upstream = u
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.responseHeadMilliseconds) }
  }

  /// Begins a connection; false when the kernel refuses at once.
  private func connect(_ x: UnsafeMutablePointer<Exchange>, _ pool: Unmanaged<BackendPool>) -> Bool {
    guard let u = dial(pool, maximum: x.pointee.service?.pointee.maximumConnections ?? 0) else {
      return false
    }
    attach(u, x)
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.connectMilliseconds) }
    return true
  }

  /// A connection that is being made; nil when the kernel refuses at once, or there are too many.
  func dial(_ pool: Unmanaged<BackendPool>, maximum: Int) -> UnsafeMutablePointer<UpstreamConnection>? {
    let status = pool._withUnsafeGuaranteedRef { $0.status }
    guard status._withUnsafeGuaranteedRef({ $0.openConnection(maximum: maximum) }) else { return nil }
    let family = pool._withUnsafeGuaranteedRef { $0.address.family }
    var fd = Sys.socket(family: family, for: .backends)
    if Sys.isOutOfDescriptors(fd), freeDescriptor() { fd = Sys.socket(family: family, for: .backends) }
    guard fd >= 0 else {
      if Sys.isOutOfDescriptors(fd) { shared.report(.outOfDescriptors) }
      status._withUnsafeGuaranteedRef { $0.closeConnection() }
      return nil
    }
    let u = upstreams.acquire()
    u.pointee.fd = Int32(fd)
    u.pointee.timer = TimerNode(owner: token(u))
    u.pointee.pool = pool.retain()
    Sys.setNoDelay(u.pointee.fd)
    var address = pool._withUnsafeGuaranteedRef { $0.address }
    let result = Sys.connect(u.pointee.fd, &address)
    guard result == 0 || result == Sys.inProgress, poller.add(u.pointee.fd, token(u)) == 0 else {
      // At once: nobody listens on this machine, or no port of ours is left.
      counters.add(.upstreamConnectionsFailed)
      reportBroken(u, SystemError(call: "connect", code: Int32(clamping: -result)).description)
      closeUpstream(u)
      return nil
    }
    return u
  }

  /// The kernel has decided about a connect.
  func connected(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    let error = Sys.socketError(u.pointee.fd)
    guard error == 0 else {
      return connectFailed(u, SystemError(call: "connect", code: error).description)
    }
    guard let pool = u.pointee.pool else { return closeUpstream(u) }
    guard announceClient(u) else { return connectFailed(u, "closed before the PROXY header") }
    let host = pool._withUnsafeGuaranteedRef { $0.settings.tlsHost }
    guard let host else { return established(u) }
    let context = pool._withUnsafeGuaranteedRef { $0.clientContext }
    guard let context, let session = Session(client: context, host: host, pipe: pipe) else {
      return connectFailed(u, "no TLS session")
    }
    u.pointee.session = session
    u.pointee.state = .handshaking
    stepUpstreamHandshake(u)
  }

  /// The connection can be used.
  func established(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    if let m = u.pointee.mux { return beginUpstreamMux(u, m) }
    guard let x = u.pointee.exchange else { return closeUpstream(u) }
    begin(u, x)
  }

  func connectFailed(_ u: UnsafeMutablePointer<UpstreamConnection>, _ reason: String) {
    if let m = u.pointee.mux { return muxConnectFailed(u, m, reason) }
    let x = u.pointee.exchange
    counters.add(.upstreamConnectionsFailed)
    reportBroken(u, reason)
    u.pointee.exchange = nil
    closeUpstream(u)
    guard let x else { return }
    x.pointee.upstream = nil
    guard x.pointee.service?.pointee.retryRule.onConnectFailure == true else {
      return failExchange(x, .noBackend)
    }
    startUpstream(x)
  }

  /// The connection is there: the request goes out, and what has waited behind a full buffer is read.
  func begin(_ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>) {
    u.pointee.state = .active
    counters.add(.upstreamConnectionsOpened)
    if x.pointee.isPassage { return joinPassage(u, x) }
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.responseHeadMilliseconds) }
    sendRequest(x, u)
  }

  /// The one way in which a request begins on a connection, be it new, kept or a stream: what the buffer holds goes
  /// out, and what has waited behind a full buffer is read, for which there will be no event.
  func sendRequest(_ x: UnsafeMutablePointer<Exchange>, _ u: UnsafeMutablePointer<UpstreamConnection>) {
    forwardRequest(x, u)
    guard x.pointee.slot.isLive, !x.pointee.requestComplete, let d = x.pointee.downstream, hasMore(d) else {
      return
    }
    putOff(d)
  }

  /// Sends what the buffer holds of the request.
  func forwardRequest(_ x: UnsafeMutablePointer<Exchange>, _ u: UnsafeMutablePointer<UpstreamConnection>) {
    if let s = u.pointee.stream { return forwardStream(x, u, s) }
    guard let d = x.pointee.downstream, let buffer = d.pointee.buffer, !x.pointee.requestSent,
      !u.pointee.writeClosed
    else { return }
    while d.pointee.sent < d.pointee.requestEnd {
      let n = sendUpstream(u, buffer + d.pointee.sent, d.pointee.requestEnd - d.pointee.sent)
      if n == Sys.wouldBlock {
        // Now it is the backend that keeps the client waiting.
        if d.pointee.output.isEmpty { disarm(d) }
        if !x.pointee.headDone, let timeouts = x.pointee.service?.pointee.timeouts {
          arm(u, timeouts.idleMilliseconds)
        }
        return
      }
      guard n > 0 else { return uploadBroke(u) }
      d.pointee.sent += n
    }
    guard x.pointee.requestComplete else {
      if x.pointee.headDone || d.pointee.end >= Downstream.headroom + Downstream.bodyRoom { makeRoom(d, x) }
      // The time for the response's head begins when the client has sent all.
      if !x.pointee.headDone { disarm(u) }
      return
    }
    x.pointee.requestSent = true
    if !x.pointee.headDone, let timeouts = x.pointee.service?.pointee.timeouts {
      arm(u, timeouts.responseHeadMilliseconds)
    }
  }

  /// The backend takes no more of a request: it may have answered before it closed, and what it has said by now comes first
  /// (RFC 9112 §9.5). Without an answer the end of the connection is met right behind.
  func uploadBroke(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    u.pointee.writeClosed = true
    u.pointee.output.free()
    u.pointee.peerClosed = true
    u.pointee.readable = true
    putOff(u)
  }

  /// Sends bytes to a backend, encrypted if need be: how many were taken, or a negative error.
  func sendUpstream(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ bytes: UnsafePointer<UInt8>, _ count: Int
  ) -> Int {
    if let s = u.pointee.stream {
      let n = sendFrames(s, bytes, count, isLast: false)
      if n < count { block(s) }
      return n > 0 ? n : Sys.wouldBlock
    }
    guard let session = u.pointee.session else { return Sys.send(u.pointee.fd, bytes, count) }
    guard u.pointee.output.isEmpty else { return Sys.wouldBlock }
    let n = min(count, Session.maximumWrite)
    guard session.write(bytes, n) else {
      Failure.clear()
      pipe.clearOutput()
      return -1
    }
    return flushUpstreamPipe(u) ? n : -1
  }

  /// Sends all bytes to a backend, parking what does not fit. False when the connection has failed.
  func sendAll(_ u: UnsafeMutablePointer<UpstreamConnection>, _ bytes: UnsafePointer<UInt8>, _ count: Int)
    -> Bool
  {
    guard let session = u.pointee.session else {
      var sent = 0
      if u.pointee.output.isEmpty {
        let n = Sys.send(u.pointee.fd, bytes, count)
        guard n >= 0 || n == Sys.wouldBlock else { return false }
        sent = max(0, n)
      }
      if sent < count { u.pointee.output.append(bytes + sent, count - sent) }
      return true
    }
    var at = 0
    while at < count {
      let n = min(count - at, Session.maximumWrite)
      guard session.write(bytes + at, n) else {
        Failure.clear()
        pipe.clearOutput()
        return false
      }
      at += n
      guard flushUpstreamPipe(u) else { return false }
    }
    return true
  }

  /// Sends the pipe's records to a backend, parking what does not fit.
  func flushUpstreamPipe(_ u: UnsafeMutablePointer<UpstreamConnection>) -> Bool {
    let records = pipe.output
    guard let base = records.baseAddress, records.count > 0 else { return true }
    defer { pipe.clearOutput() }
    let bytes = base.assumingMemoryBound(to: UInt8.self)
    var sent = 0
    if u.pointee.output.isEmpty {
      let n = Sys.send(u.pointee.fd, bytes, records.count)
      guard n >= 0 || n == Sys.wouldBlock else { return false }
      sent = max(0, n)
    }
    if sent < records.count { u.pointee.output.append(bytes + sent, records.count - sent) }
    return true
  }
}

extension BackendPool {
  /// Whether requests may be sent to it.
  func isUsable(_ maximumConnections: Int) -> Bool {
    guard hasAddress, status._withUnsafeGuaranteedRef({ $0.health }) != .unhealthy else { return false }
    return maximumConnections == 0 || hasIdle || firstMux != nil
      || status._withUnsafeGuaranteedRef { $0.connections < maximumConnections }
  }
}
