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
  func openUpstreamStream(_ exchange: Ref<Exchange>, _ pool: Unmanaged<BackendPool>) -> Bool {
    guard let mux = unsafe usableMux(pool) ?? dialMux(exchange, pool), let carrier = mux.upstream else {
      return false
    }
    let backend = upstreams.acquire()
    let stream = streams.acquire()
    link(stream, mux)
    stream.upstream = backend
    backend.stream = stream
    backend.wire.timer = TimerNode(owner: token(backend))
    unsafe backend.pool = unsafe pool.retain()
    attach(backend, exchange)
    if carrier.state == .active {
      backend.isReused = mux.hasAnswered
      counters.add(.upstreamConnectionsReused)
      activate(backend, stream, mux)
    } else if let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.connectMilliseconds)
    }
    return true
  }

  private func usableMux(_ pool: Unmanaged<BackendPool>) -> Ref<Mux>? {
    var next = unsafe pool._withUnsafeGuaranteedRef { $0.firstMux }
    while let mux = next {
      next = mux.next
      guard let carrier = mux.upstream, !mux.isBroken, !mux.isClosing else { continue }
      if carrier.state == .active
        ? mux.connection.canOpenStream : mux.streamCount < Self.waitingStreams
      {
        return mux
      }
    }
    return nil
  }

  private func dialMux(_ exchange: Ref<Exchange>, _ pool: Unmanaged<BackendPool>) -> Ref<Mux>? {
    guard let backend = unsafe dial(pool, maximum: exchange.service?.pointee.maximumConnections ?? 0) else {
      return nil
    }
    let mux = muxes.acquire()
    var limits = ConnectionLimits()
    limits.headerBytes = UInt32(snapshot.settings.limits.headBytes)
    // Streams share the connection: one slow client must not keep the others from theirs.
    limits.connectionWindow = 0x7FFF_0000
    mux.connection = HTTP2.Connection(
      isServer: false, limits: limits, headCapacity: Downstream.bodyRoom)
    mux.upstream = backend
    backend.mux = mux
    unsafe pool._withUnsafeGuaranteedRef { pool in
      mux.next = pool.firstMux
      pool.firstMux = mux
    }
    if let timeouts = unsafe exchange.service?.pointee.timeouts { arm(backend, timeouts.connectMilliseconds) }
    return mux
  }

  /// The connection is there: those that have waited for it begin.
  func beginUpstreamMux(_ backend: Ref<UpstreamConnection>, _ mux: Ref<Mux>) {
    if let session = backend.wire.session, session.applicationProtocol != .http2 {
      return connectFailed(backend, "the backend does not offer HTTP/2 (ALPN h2)")
    }
    backend.state = .active
    counters.add(.upstreamConnectionsOpened)
    disarm(backend)
    ready(mux)
    mux.connection.start()
    var next = mux.firstStream
    while let stream = next {
      next = stream.nextStream
      guard let waiting = stream.upstream else { continue }
      activate(waiting, stream, mux)
    }
    // Those that it was made for may have left meanwhile.
    if mux.slot.isLive, mux.streamCount == 0 { becameQuiet(mux) }
    if hasUnread(backend) { putOff(backend) }
  }

  private func activate(_ backend: Ref<UpstreamConnection>, _ stream: Ref<MuxStream>, _ mux: Ref<Mux>) {
    guard let exchange = backend.exchange else { return closeUpstream(backend) }
    backend.state = .active
    if let carrier = mux.upstream { disarm(carrier) }
    unsafe mux.connection.open(&stream.state)
    if let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.responseHeadMilliseconds)
    }
    sendRequest(exchange, backend)
  }

  /// No connection came about: every exchange that waited for it looks elsewhere.
  func muxConnectFailed(_ backend: Ref<UpstreamConnection>, _ mux: Ref<Mux>, _ reason: String) {
    leavePool(mux)
    while let stream = mux.firstStream, let waiting = stream.upstream { connectFailed(waiting, reason) }
    closeUpstream(backend)
  }

  func leavePool(_ mux: Ref<Mux>) {
    guard let pool = unsafe mux.upstream?.pool else { return }
    unsafe pool._withUnsafeGuaranteedRef { pool in
      if pool.firstMux == mux {
        pool.firstMux = mux.next
        return
      }
      var at = pool.firstMux
      while let before = at, before.next != mux { at = before.next }
      at?.next = mux.next
    }
    mux.next = nil
  }

  // MARK: Requests

  /// Sends what the buffer holds of the request as frames.
  func forwardStream(
    _ exchange: Ref<Exchange>, _ backend: Ref<UpstreamConnection>, _ stream: Ref<MuxStream>
  ) {
    guard let client = exchange.downstream, let buffer = unsafe client.buffer, !exchange.requestSent,
      backend.state == .active
    else { return }
    let hasTrailers = !exchange.requestTrailers.isEmpty
    if !stream.headSent, exchange.wantsUpgrade, !mayUpgrade(exchange, backend, stream) { return }
    if !stream.headSent { unsafe forwardHead(exchange, client, backend, stream, UnsafePointer(buffer)) }
    if client.sent < client.requestEnd {
      let isLast = exchange.requestComplete && !hasTrailers
      unsafe client.sent += sendFrames(
        stream, buffer + client.sent, client.requestEnd - client.sent, isLast: isLast)
      guard client.sent == client.requestEnd else { return waitForBackend(exchange, client, backend, stream) }
    }
    guard exchange.requestComplete else {
      if exchange.headDone || client.end >= Downstream.headroom + Downstream.bodyRoom {
        makeRoom(client, exchange)
      }
      if !exchange.headDone { disarm(backend) }
      return
    }
    if !stream.state.localClosed, !stream.state.isTunnel {
      sendEnd(stream, trailers: exchange.requestTrailers)
    }
    exchange.requestSent = true
    if !exchange.headDone, let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.responseHeadMilliseconds)
    }
  }

  /// Extended CONNECT is for backends that have said that they take it (RFC 8441 §3): it waits until they could.
  private func mayUpgrade(
    _ exchange: Ref<Exchange>, _ backend: Ref<UpstreamConnection>, _ stream: Ref<MuxStream>
  ) -> Bool {
    guard let mux = stream.mux, mux.connection.hasSettings else { return false }
    if mux.connection.allowsConnectProtocol { return true }
    reportBroken(backend, "it takes no WebSocket over HTTP/2 (RFC 8441)")
    exchange.upstream = nil
    backend.exchange = nil
    closeUpstream(backend)
    if mayRetryElsewhere(exchange) { repeatElsewhere(exchange) } else { failExchange(exchange, .noTunnel) }
    return false
  }

  /// The backend's first SETTINGS: what has waited for them goes on.
  func settingsCame(_ mux: Ref<Mux>) {
    var next = mux.firstStream
    while let stream = next {
      next = stream.nextStream
      guard !stream.headSent, let backend = stream.upstream, let exchange = backend.exchange else { continue }
      forwardRequest(exchange, backend)
      // What was refused may have changed the list.
      if next?.slot.isLive == false { next = mux.firstStream }
    }
    resumeAll(mux)
  }

  private func forwardHead(
    _ exchange: Ref<Exchange>, _ client: Ref<Downstream>,
    _ backend: Ref<UpstreamConnection>, _ stream: Ref<MuxStream>, _ buffer: UnsafePointer<UInt8>
  ) {
    stream.headSent = true
    let count = exchange.requestHeadLength
    let isSecure = stream.mux?.upstream?.wire.isSecure == true
    stream.state.expectsNoContent = exchange.method == .head
    stream.state.isTunnel = exchange.wantsUpgrade
    let isLast =
      exchange.requestComplete && client.requestEnd == client.start + count
      && exchange.requestTrailers.isEmpty && !exchange.wantsUpgrade
    unsafe sendHead(
      stream,
      exchange.wantsUpgrade
        ? .connect(isSecure: isSecure)
        : .request(isSecure: isSecure, acceptsTrailers: exchange.acceptsTrailers),
      buffer + client.start, count, isLast: isLast)
    client.sent = client.start + count
  }

  private func waitForBackend(
    _ exchange: Ref<Exchange>, _ client: Ref<Downstream>,
    _ backend: Ref<UpstreamConnection>, _ stream: Ref<MuxStream>
  ) {
    block(stream)
    // Now it is the backend that keeps the client waiting.
    if client.wire.output.isEmpty { disarm(client) }
    if !exchange.headDone, let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.idleMilliseconds)
    }
  }

  /// The backend takes more of a request.
  func resumeRequest(_ backend: Ref<UpstreamConnection>) {
    guard let exchange = backend.exchange, let client = exchange.downstream else { return }
    if client.state == .tunnel { return tunnelUp(client) }
    forwardRequest(exchange, backend)
    guard client.slot.isLive, client.state == .exchange else { return }
    armForState(client)
    pump(client)
  }

  // MARK: Responses

  /// Reads and acts on frames of a backend.
  func pumpMux(_ backend: Ref<UpstreamConnection>, _ mux: Ref<Mux>) {
    for _ in 0..<4 {
      if unsafe backend.buffer == nil {
        unsafe backend.buffer = unsafe buffers.acquireUnbounded()
        backend.end = Downstream.headroom
      }
      guard let buffer = unsafe backend.buffer else { return }
      let room = Downstream.headroom + Downstream.bodyRoom - backend.end
      let n = unsafe receiveUpstream(backend, buffer + backend.end, room)
      if n == Sys.wouldBlock {
        if backend.end == Downstream.headroom { dropUpstreamBuffer(backend) }
        return
      }
      guard n > 0 else {
        ready(mux)
        mux.isBroken = true
        return
      }
      backend.end += n
      let count = backend.end - Downstream.headroom
      let used = unsafe readFrames(mux, UnsafePointer(buffer + Downstream.headroom), count)
      if used > 0 {
        unsafe (buffer + Downstream.headroom).update(
          from: buffer + Downstream.headroom + used, count: count - used)
      }
      backend.end -= used
      guard backend.slot.isLive, !mux.isBroken, !mux.isClosing else { return }
      // The end may have come with the last bytes: there is no further event for it.
      guard !backend.wire.sawEnd else {
        ready(mux)
        mux.isBroken = true
        return
      }
      if backend.end == Downstream.headroom, !hasUnread(backend) { return dropUpstreamBuffer(backend) }
      if !hasUnread(backend) { return }
    }
    putOff(backend)
  }

  /// A header section on a stream that there is: a response's head, or trailers either way.
  func takeHead(_ mux: Ref<Mux>, _ stream: Ref<MuxStream>, _ head: DecodedHead) {
    guard let text = unsafe mux.connection.headBuffer else { return }
    if let client = stream.downstream { return unsafe takeRequestTrailers(client, text, head.count) }
    guard let backend = stream.upstream, let exchange = backend.exchange, let client = exchange.downstream
    else { return }
    mux.hasAnswered = true
    if head.isTrailers {
      if head.count > 2 { unsafe exchange.trailers.append(text, head.count - 2) }
      return pumpUpstream(backend)
    }
    unsafe mux.connection.headBuffer = nil
    dropUpstreamBuffer(backend)
    unsafe backend.buffer = unsafe text - Downstream.headroom
    backend.end = Downstream.headroom + head.count
    backend.searched = 0
    exchange.endsWithHead = head.isLast
    guard unsafe process(backend, exchange, client, text - Downstream.headroom) else { return }
    if head.isLast { upstreamEnded(backend, exchange, clean: true) }
  }

  func dropUpstreamBuffer(_ backend: Ref<UpstreamConnection>) {
    guard let buffer = unsafe backend.buffer else { return }
    unsafe buffers.release(buffer)
    unsafe backend.buffer = nil
    backend.end = 0
    backend.searched = 0
  }

  /// Content of a stream: how many bytes, 0 at its end, or a negative error. What `receiveUpstream` is for connections.
  func receiveStream(_ stream: Ref<MuxStream>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int
  {
    let n = unsafe takeContent(stream, buffer, capacity)
    if n > 0 { return n }
    return stream.state.remoteClosed ? 0 : Sys.wouldBlock
  }

  /// The backend has reset a stream (RFC 9113 §8.7): REFUSED_STREAM says that it has done nothing.
  func upstreamReset(_ backend: Ref<UpstreamConnection>, _ code: ErrorCode) {
    // A stream that is reset says nothing about others that were kept.
    backend.isReused = false
    if let stream = backend.exchange?.downstream?.stream, code != .noError {
      stream.resetCode = code
    }
    upstreamBroke(backend, "the backend reset the stream: \(code)", untouched: code == .refusedStream)
  }

  /// The backend takes no more streams here; those it has not begun with go elsewhere.
  func takeGoAway(_ mux: Ref<Mux>, _ lastStream: UInt32) {
    guard mux.upstream != nil else {
      mux.peerIsLeaving = true
      // What stands behind it in the same flight is still answered.
      if let client = mux.downstream, mux.streamCount == 0, client.wire.output.isEmpty {
        armQuiet(client, mux)
      }
      return
    }
    leavePool(mux)
    var next = mux.firstStream
    while let stream = next {
      next = stream.nextStream
      guard stream.state.id > lastStream, let backend = stream.upstream else { continue }
      ready(mux)
      unsafe mux.connection.reset(&stream.state, .cancel)
      backend.isReused = false
      upstreamBroke(backend, "the backend is going away", untouched: true)
      // What was repeated may have changed the list.
      if next?.slot.isLive == false { next = mux.firstStream }
    }
    if mux.streamCount == 0 {
      ready(mux)
      mux.isClosing = true
    }
  }
}
