internal import Bytes
internal import EventLoop
internal import HTTP
internal import HTTP2
internal import OS
internal import TLS
internal import Telemetry
internal import Upstream

// HTTP/2 connections to backends: few of them, each for many exchanges.
extension Worker {
  /// Streams that wait for one connection to be made.
  private static let waitingStreams = 100

  /// Gives the exchange a stream, on a connection that there is or on a new one. False when none can be had.
  func openUpstreamStream(_ x: UnsafeMutablePointer<Exchange>, _ pool: Unmanaged<BackendPool>) -> Bool {
    guard let m = usableMux(pool) ?? dialMux(x, pool), let carrier = m.pointee.upstream else { return false }
    let u = upstreams.acquire()
    let s = streams.acquire()
    link(s, m)
    s.pointee.upstream = u
    u.pointee.stream = s
    u.pointee.timer = TimerNode(owner: token(u))
    u.pointee.pool = pool.retain()
    attach(u, x)
    if carrier.pointee.state == .active {
      u.pointee.isReused = m.pointee.hasAnswered
      counters.add(.upstreamConnectionsReused)
      activate(u, s, m)
    } else if let timeouts = x.pointee.service?.pointee.timeouts {
      arm(u, timeouts.connectMilliseconds)
    }
    return true
  }

  private func usableMux(_ pool: Unmanaged<BackendPool>) -> MuxPointer? {
    var next = pool._withUnsafeGuaranteedRef { $0.firstMux }
    while let m = next {
      next = m.pointee.next
      guard let carrier = m.pointee.upstream, !m.pointee.isBroken, !m.pointee.isClosing else { continue }
      if carrier.pointee.state == .active
        ? m.pointee.connection.canOpenStream : m.pointee.streamCount < Self.waitingStreams
      {
        return m
      }
    }
    return nil
  }

  private func dialMux(_ x: UnsafeMutablePointer<Exchange>, _ pool: Unmanaged<BackendPool>) -> MuxPointer? {
    guard let u = dial(pool, maximum: x.pointee.service?.pointee.maximumConnections ?? 0) else { return nil }
    let m = muxes.acquire()
    var limits = ConnectionLimits()
    limits.headerBytes = UInt32(snapshot.settings.limits.headBytes)
    // Streams share the connection: one slow client must not keep the others from theirs.
    limits.connectionWindow = 0x7FFF_0000
    m.pointee.connection = HTTP2.Connection(
      isServer: false, limits: limits, headCapacity: Downstream.bodyRoom)
    m.pointee.upstream = u
    u.pointee.mux = m
    pool._withUnsafeGuaranteedRef { pool in
      m.pointee.next = pool.firstMux
      pool.firstMux = m
    }
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.connectMilliseconds) }
    return m
  }

  /// The connection is there: those that have waited for it begin.
  func beginUpstreamMux(_ u: UnsafeMutablePointer<UpstreamConnection>, _ m: MuxPointer) {
    if let session = u.pointee.session, session.applicationProtocol != .http2 {
      return connectFailed(u, "the backend does not offer HTTP/2 (ALPN h2)")
    }
    u.pointee.state = .active
    counters.add(.upstreamConnectionsOpened)
    disarm(u)
    ready(m)
    m.pointee.connection.start()
    var next = m.pointee.firstStream
    while let s = next {
      next = s.pointee.nextStream
      guard let waiting = s.pointee.upstream else { continue }
      activate(waiting, s, m)
    }
    // Those that it was made for may have left meanwhile.
    if m.pointee.slot.isLive, m.pointee.streamCount == 0 { becameQuiet(m) }
    if hasUnread(u) { putOff(u) }
  }

  private func activate(_ u: UnsafeMutablePointer<UpstreamConnection>, _ s: StreamPointer, _ m: MuxPointer) {
    guard let x = u.pointee.exchange else { return closeUpstream(u) }
    u.pointee.state = .active
    if let carrier = m.pointee.upstream { disarm(carrier) }
    m.pointee.connection.open(&s.pointee.state)
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.responseHeadMilliseconds) }
    sendRequest(x, u)
  }

  /// No connection came about: every exchange that waited for it looks elsewhere.
  func muxConnectFailed(_ u: UnsafeMutablePointer<UpstreamConnection>, _ m: MuxPointer, _ reason: String) {
    leavePool(m)
    while let s = m.pointee.firstStream, let waiting = s.pointee.upstream { connectFailed(waiting, reason) }
    closeUpstream(u)
  }

  func leavePool(_ m: MuxPointer) {
    guard let pool = m.pointee.upstream?.pointee.pool else { return }
    pool._withUnsafeGuaranteedRef { pool in
      if pool.firstMux == m {
        pool.firstMux = m.pointee.next
        return
      }
      var at = pool.firstMux
      while let before = at, before.pointee.next != m { at = before.pointee.next }
      at?.pointee.next = m.pointee.next
    }
    m.pointee.next = nil
  }

  // MARK: Requests

  /// Sends what the buffer holds of the request as frames.
  func forwardStream(
    _ x: UnsafeMutablePointer<Exchange>, _ u: UnsafeMutablePointer<UpstreamConnection>, _ s: StreamPointer
  ) {
    guard let d = x.pointee.downstream, let buffer = d.pointee.buffer, !x.pointee.requestSent,
      u.pointee.state == .active
    else { return }
    let hasTrailers = !x.pointee.requestTrailers.isEmpty
    if !s.pointee.headSent, x.pointee.wantsUpgrade, !mayUpgrade(x, u, s) { return }
    if !s.pointee.headSent { forwardHead(x, d, u, s, UnsafePointer(buffer)) }
    if d.pointee.sent < d.pointee.requestEnd {
      let isLast = x.pointee.requestComplete && !hasTrailers
      d.pointee.sent += sendFrames(
        s, buffer + d.pointee.sent, d.pointee.requestEnd - d.pointee.sent, isLast: isLast)
      guard d.pointee.sent == d.pointee.requestEnd else { return waitForBackend(x, d, u, s) }
    }
    guard x.pointee.requestComplete else {
      if x.pointee.headDone || d.pointee.end >= Downstream.headroom + Downstream.bodyRoom { makeRoom(d, x) }
      if !x.pointee.headDone { disarm(u) }
      return
    }
    if !s.pointee.state.localClosed, !s.pointee.state.isTunnel {
      sendEnd(s, trailers: x.pointee.requestTrailers)
    }
    x.pointee.requestSent = true
    if !x.pointee.headDone, let timeouts = x.pointee.service?.pointee.timeouts {
      arm(u, timeouts.responseHeadMilliseconds)
    }
  }

  /// Extended CONNECT is for backends that have said that they take it (RFC 8441 §3): it waits until they could.
  private func mayUpgrade(
    _ x: UnsafeMutablePointer<Exchange>, _ u: UnsafeMutablePointer<UpstreamConnection>, _ s: StreamPointer
  ) -> Bool {
    guard let m = s.pointee.mux, m.pointee.connection.hasSettings else { return false }
    if m.pointee.connection.allowsConnectProtocol { return true }
    reportBroken(u, "it takes no WebSocket over HTTP/2 (RFC 8441)")
    x.pointee.upstream = nil
    u.pointee.exchange = nil
    closeUpstream(u)
    if mayRetryElsewhere(x) { repeatElsewhere(x) } else { failExchange(x, .noTunnel) }
    return false
  }

  /// The backend's first SETTINGS: what has waited for them goes on.
  func settingsCame(_ m: MuxPointer) {
    var next = m.pointee.firstStream
    while let s = next {
      next = s.pointee.nextStream
      guard !s.pointee.headSent, let u = s.pointee.upstream, let x = u.pointee.exchange else { continue }
      forwardRequest(x, u)
      // What was refused may have changed the list.
      if next?.pointee.slot.isLive == false { next = m.pointee.firstStream }
    }
    resumeAll(m)
  }

  private func forwardHead(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>,
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ s: StreamPointer, _ buffer: UnsafePointer<UInt8>
  ) {
    s.pointee.headSent = true
    let count = x.pointee.requestHeadLength
    let isSecure = s.pointee.mux?.pointee.upstream?.pointee.session != nil
    s.pointee.state.expectsNoContent = x.pointee.method == .head
    s.pointee.state.isTunnel = x.pointee.wantsUpgrade
    let isLast =
      x.pointee.requestComplete && d.pointee.requestEnd == d.pointee.start + count
      && x.pointee.requestTrailers.isEmpty && !x.pointee.wantsUpgrade
    sendHead(
      s,
      x.pointee.wantsUpgrade
        ? .connect(isSecure: isSecure)
        : .request(isSecure: isSecure, acceptsTrailers: x.pointee.acceptsTrailers),
      buffer + d.pointee.start, count, isLast: isLast)
    d.pointee.sent = d.pointee.start + count
  }

  private func waitForBackend(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>,
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ s: StreamPointer
  ) {
    block(s)
    // Now it is the backend that keeps the client waiting.
    if d.pointee.output.isEmpty { disarm(d) }
    if !x.pointee.headDone, let timeouts = x.pointee.service?.pointee.timeouts {
      arm(u, timeouts.idleMilliseconds)
    }
  }

  /// The backend takes more of a request.
  func resumeRequest(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard let x = u.pointee.exchange, let d = x.pointee.downstream else { return }
    if d.pointee.state == .tunnel { return tunnelUp(d) }
    forwardRequest(x, u)
    guard d.pointee.slot.isLive, d.pointee.state == .exchange else { return }
    armForState(d)
    pump(d)
  }

  // MARK: Responses

  /// Reads and acts on frames of a backend.
  func pumpMux(_ u: UnsafeMutablePointer<UpstreamConnection>, _ m: MuxPointer) {
    for _ in 0..<4 {
      if u.pointee.buffer == nil {
        u.pointee.buffer = buffers.acquireUnbounded()
        u.pointee.end = Downstream.headroom
      }
      guard let buffer = u.pointee.buffer else { return }
      let room = Downstream.headroom + Downstream.bodyRoom - u.pointee.end
      let n = receiveUpstream(u, buffer + u.pointee.end, room)
      if n == Sys.wouldBlock {
        if u.pointee.end == Downstream.headroom { dropUpstreamBuffer(u) }
        return
      }
      guard n > 0 else {
        ready(m)
        m.pointee.isBroken = true
        return
      }
      u.pointee.end += n
      let count = u.pointee.end - Downstream.headroom
      let used = readFrames(m, UnsafePointer(buffer + Downstream.headroom), count)
      if used > 0 {
        (buffer + Downstream.headroom).update(from: buffer + Downstream.headroom + used, count: count - used)
      }
      u.pointee.end -= used
      guard u.pointee.slot.isLive, !m.pointee.isBroken, !m.pointee.isClosing else { return }
      // The end may have come with the last bytes: there is no further event for it.
      guard !u.pointee.sawEnd else {
        ready(m)
        m.pointee.isBroken = true
        return
      }
      if u.pointee.end == Downstream.headroom, !hasUnread(u) { return dropUpstreamBuffer(u) }
      if !hasUnread(u) { return }
    }
    putOff(u)
  }

  /// A header section on a stream that there is: a response's head, or trailers either way.
  func takeHead(_ m: MuxPointer, _ s: StreamPointer, _ head: DecodedHead) {
    guard let text = m.pointee.connection.headBuffer else { return }
    if let d = s.pointee.downstream { return takeRequestTrailers(d, text, head.count) }
    guard let u = s.pointee.upstream, let x = u.pointee.exchange, let d = x.pointee.downstream else { return }
    m.pointee.hasAnswered = true
    if head.isTrailers {
      if head.count > 2 { x.pointee.trailers.append(text, head.count - 2) }
      return pumpUpstream(u)
    }
    m.pointee.connection.headBuffer = nil
    dropUpstreamBuffer(u)
    u.pointee.buffer = text - Downstream.headroom
    u.pointee.end = Downstream.headroom + head.count
    u.pointee.searched = 0
    x.pointee.endsWithHead = head.isLast
    guard process(u, x, d, text - Downstream.headroom) else { return }
    if head.isLast { upstreamEnded(u, x, clean: true) }
  }

  func dropUpstreamBuffer(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard let buffer = u.pointee.buffer else { return }
    buffers.release(buffer)
    u.pointee.buffer = nil
    u.pointee.end = 0
    u.pointee.searched = 0
  }

  /// Content of a stream: how many bytes, 0 at its end, or a negative error. What `receiveUpstream` is for connections.
  func receiveStream(_ s: StreamPointer, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int {
    let n = takeContent(s, buffer, capacity)
    if n > 0 { return n }
    return s.pointee.state.remoteClosed ? 0 : Sys.wouldBlock
  }

  /// The backend has reset a stream (RFC 9113 §8.7): REFUSED_STREAM says that it has done nothing.
  func upstreamReset(_ u: UnsafeMutablePointer<UpstreamConnection>, _ code: ErrorCode) {
    // A stream that is reset says nothing about others that were kept.
    u.pointee.isReused = false
    if let client = u.pointee.exchange?.pointee.downstream?.pointee.stream, code != .noError {
      client.pointee.resetCode = code
    }
    upstreamBroke(u, "the backend reset the stream: \(code)", untouched: code == .refusedStream)
  }

  /// The backend takes no more streams here; those it has not begun with go elsewhere.
  func takeGoAway(_ m: MuxPointer, _ lastStream: UInt32) {
    guard m.pointee.upstream != nil else {
      m.pointee.peerIsLeaving = true
      // What stands behind it in the same flight is still answered.
      if let d = m.pointee.downstream, m.pointee.streamCount == 0, d.pointee.output.isEmpty { armQuiet(d, m) }
      return
    }
    leavePool(m)
    var next = m.pointee.firstStream
    while let s = next {
      next = s.pointee.nextStream
      guard s.pointee.state.id > lastStream, let u = s.pointee.upstream else { continue }
      ready(m)
      m.pointee.connection.reset(&s.pointee.state, .cancel)
      u.pointee.isReused = false
      upstreamBroke(u, "the backend is going away", untouched: true)
      // What was repeated may have changed the list.
      if next?.pointee.slot.isLive == false { next = m.pointee.firstStream }
    }
    if m.pointee.streamCount == 0 {
      ready(m)
      m.pointee.isClosing = true
    }
  }
}
