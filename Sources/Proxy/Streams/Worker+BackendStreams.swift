internal import Bytes
internal import EventLoop
internal import Exchange
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

  /// Gives the exchange a stream, on a connection that there is or on a new one.
  func openRequestStream(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>, _ pool: Unmanaged<BackendPool>
  ) -> Machine.Event {
    guard let mux = unsafe usableMux(pool) ?? dialMux(service, pool), let carrier = mux.backend else {
      return .unopened
    }
    let backend = backends.acquire()
    let stream = streams.acquire()
    link(stream, mux)
    stream.backend = backend
    backend.element.carry(stream)
    backend.wire.timer = TimerNode(owner: token(backend))
    unsafe backend.pool = unsafe pool.retain()
    attach(backend, exchange)
    guard carrier.state == .active else {
      time(exchange)
      setWait(ofBackend: carrier, .connect)
      return .opened(.connecting)
    }
    counters.add(.upstreamConnectionsReused)
    activate(backend, stream, mux)
    return .opened(mux.hasAnswered ? .kept : .stream)
  }

  private func usableMux(_ pool: Unmanaged<BackendPool>) -> Ref<Mux>? {
    var next = unsafe pool._withUnsafeGuaranteedRef { $0.firstMux }
    while let mux = next {
      next = mux.next
      guard let carrier = mux.backend, !mux.isBroken, !mux.isClosing, !mux.isSilent else { continue }
      if carrier.state == .active
        ? mux.connection.canOpenStream : mux.streamCount < Self.waitingStreams
      {
        return mux
      }
    }
    return nil
  }

  private func dialMux(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ pool: Unmanaged<BackendPool>
  ) -> Ref<Mux>? {
    guard let backend = unsafe dial(pool, maximum: service.pointee.maximumConnections) else { return nil }
    let mux = muxes.acquire()
    var limits = ConnectionLimits()
    limits.headerBytes = UInt32(snapshot.settings.limits.headBytes)
    // Streams share the connection: one slow client must not keep the others from theirs.
    limits.connectionWindow = 0x7FFF_0000
    mux.connection = HTTP2.Connection(
      isServer: false, limits: limits, headCapacity: Layout.room)
    mux.backend = backend
    backend.mux = mux
    unsafe pool._withUnsafeGuaranteedRef { pool in
      mux.next = pool.firstMux
      pool.firstMux = mux
    }
    return mux
  }

  /// The connection is there: those that have waited for it begin.
  func beginBackendMux(_ backend: Ref<BackendConnection>, _ mux: Ref<Mux>) {
    if let session = backend.wire.session, session.applicationProtocol != .http2 {
      return connectFailed(backend, "the backend does not offer HTTP/2 (ALPN h2)")
    }
    backend.state = .active
    counters.add(.upstreamConnectionsOpened)
    setWait(ofBackend: backend, .none)
    ready(mux)
    mux.connection.start()
    walk(mux) { stream in
      guard let waiting = stream.backend, let exchange = waiting.exchange else { return }
      activate(waiting, stream, mux)
      drive(exchange, .connected)
    }
    // Those that it was made for may have left meanwhile.
    if mux.streamCount == 0 { becameQuiet(mux) }
    if backendHasUnread(backend) { putOff(backend) }
  }

  private func activate(_ backend: Ref<BackendConnection>, _ stream: Ref<MuxStream>, _ mux: Ref<Mux>) {
    backend.state = .active
    if let carrier = mux.backend { setWait(ofBackend: carrier, .none) }
    unsafe mux.connection.open(&stream.state)
  }

  func leavePool(_ mux: Ref<Mux>) {
    guard let pool = unsafe mux.backend?.pool else { return }
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

  /// Sends what the buffer holds of the request as frames; what has come about when it cannot be sent at all.
  func forwardFrames(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ backend: Ref<BackendConnection>,
    _ stream: Ref<MuxStream>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Machine.Event? {
    backend.isHeldUp = false
    if !stream.headSent {
      if exchange.wantsUpgrade {
        guard let mayUpgrade = mayUpgrade(stream) else {
          // Until its SETTINGS come it takes nothing, and not for ever.
          backend.isHeldUp = true
          return nil
        }
        guard mayUpgrade else {
          reportBroken(backend, "it takes no WebSocket over HTTP/2 (RFC 8441)")
          return .unsupported
        }
      }
      unsafe forwardHead(exchange, client, stream, UnsafePointer(buffer))
    }
    let hasTrailers = !exchange.requestTrailers.isEmpty
    if client.sent < client.requestEnd {
      let isLast = exchange.machine.requestComplete && !hasTrailers
      unsafe client.sent += sendFrames(
        stream, buffer + client.sent, client.requestEnd - client.sent, isLast: isLast)
      guard client.sent == client.requestEnd else {
        block(stream)
        backend.isHeldUp = true
        return nil
      }
    }
    if exchange.machine.requestComplete, !stream.state.localClosed, !stream.state.isTunnel {
      sendEnd(stream, trailers: exchange.requestTrailers)
    }
    return nil
  }

  /// Extended CONNECT is for backends that have said that they take it (RFC 8441 §3): it waits until they could, and nil
  /// until then.
  private func mayUpgrade(_ stream: Ref<MuxStream>) -> Bool? {
    guard let mux = stream.mux, mux.connection.hasSettings else { return nil }
    return mux.connection.allowsConnectProtocol
  }

  /// The backend's first SETTINGS: what has waited for them goes on.
  func settingsCame(_ mux: Ref<Mux>) {
    if mux.backend != nil {
      walk(mux) { stream in
        guard !stream.headSent, let exchange = stream.backend?.exchange else { return }
        conclude(forward(exchange), exchange)
      }
    }
    resumeAll(mux)
  }

  func forwardHead(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>,
    _ buffer: UnsafePointer<UInt8>
  ) {
    stream.headSent = true
    let count = exchange.requestHeadLength
    let isSecure = stream.mux?.backend?.wire.isSecure == true
    stream.state.expectsNoContent = exchange.method == .head
    stream.state.isTunnel = exchange.wantsUpgrade
    let isLast =
      exchange.machine.requestComplete && client.requestEnd == client.start + count
      && exchange.requestTrailers.isEmpty && !exchange.wantsUpgrade && !exchange.collects
    let kind: HTTP2.Connection.HeadKind =
      exchange.wantsUpgrade
      ? .connect(isSecure: isSecure)
      : .request(isSecure: isSecure, acceptsTrailers: exchange.acceptsTrailers)
    client.sent = client.start + count
    guard !exchange.collects else {
      return unsafe sendHeadOfKept(exchange, stream, kind, buffer + client.start, count)
    }
    unsafe sendHeadFrames(stream, kind, buffer + client.start, count, isLast: isLast)
  }

  /// The head of a request whose content has been kept ends with what stands before that.
  @inline(never)
  private func sendHeadOfKept(
    _ exchange: Ref<Exchange>, _ stream: Ref<MuxStream>, _ kind: HTTP2.Connection.HeadKind,
    _ head: UnsafePointer<UInt8>, _ count: Int
  ) {
    var writer = desk.writer()
    unsafe writer.append(head, count)
    if let front = unsafe exchange.collected.bytes.baseAddress {
      unsafe writer.append(front, exchange.collectedFront)
    }
    exchange.collectedSent = exchange.collectedFront
    guard !writer.overflowed else {
      guard let mux = stream.mux else { return }
      ready(mux)
      return unsafe mux.connection.reset(&stream.state, .internalError)
    }
    unsafe sendHeadFrames(stream, kind, writer.start, writer.count, isLast: false)
  }

  // MARK: Responses

  /// Reads and acts on frames of a backend.
  func pumpMux(_ backend: Ref<BackendConnection>, _ mux: Ref<Mux>) {
    for _ in 0..<4 {
      if unsafe backend.buffer == nil {
        unsafe backend.buffer = unsafe buffers.acquireUnbounded()
        backend.end = Layout.headroom
      }
      guard let buffer = unsafe backend.buffer else { return }
      let n = unsafe backend.wire.receive(buffer + backend.end, Layout.full - backend.end, pipe)
      if n == Sys.wouldBlock {
        if backend.end == Layout.headroom { dropBuffer(backend) }
        return
      }
      guard n > 0 else { return breakMux(mux) }
      backend.end += n
      let count = backend.end - Layout.headroom
      let used = unsafe readFrames(mux, UnsafePointer(buffer + Layout.headroom), count)
      if used > 0 {
        unsafe (buffer + Layout.headroom).update(
          from: buffer + Layout.headroom + used, count: count - used)
      }
      backend.end -= used
      guard !mux.isBroken, !mux.isClosing else { return }
      // The end may have come with the last bytes: there is no further event for it.
      guard !backend.wire.sawEnd else { return breakMux(mux) }
      if !backend.wire.hasUnread {
        if backend.end == Layout.headroom { dropBuffer(backend) }
        return
      }
    }
    putOff(backend)
  }

  /// A header section on a stream that there is: a response's head, or trailers either way.
  func takeHead(_ mux: Ref<Mux>, _ stream: Ref<MuxStream>, _ head: DecodedHead) {
    guard let text = unsafe mux.connection.headBuffer else { return }
    if let client = stream.client { return unsafe takeRequestTrailers(client, text, head.count) }
    guard let backend = stream.backend, let exchange = backend.exchange, let client = exchange.client
    else { return }
    mux.hasAnswered = true
    if head.isTrailers {
      if head.count > 2 { unsafe exchange.trailers.append(text, head.count - 2) }
      return pumpResponse(backend)
    }
    unsafe mux.connection.headBuffer = nil
    dropBuffer(backend)
    unsafe backend.buffer = unsafe text - Layout.headroom
    backend.start = Layout.headroom
    backend.end = Layout.headroom + head.count
    if exchange.backend != backend {
      _ = unsafe readEarlier(backend, exchange, client, text - Layout.headroom, endsWithHead: head.isLast)
      return
    }
    exchange.endsWithHead = head.isLast
    let outcome = unsafe conclude(readHead(backend, exchange, client, text - Layout.headroom), exchange)
    if head.isLast, outcome == .goesOn {
      conclude(backendEnded(backend, exchange, client, isClean: true), exchange)
    }
  }

  /// Content of a stream: how many bytes, 0 at its end, or a negative error. What `Transport.receive` is for connections.
  func receiveStream(_ stream: Ref<MuxStream>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int
  {
    let n = unsafe takeContent(stream, buffer, capacity)
    if n > 0 { return n }
    return stream.state.remoteClosed ? 0 : Sys.wouldBlock
  }

  /// The backend has reset a stream (RFC 9113 §8.7): REFUSED_STREAM says that it has done nothing.
  func backendReset(_ backend: Ref<BackendConnection>, _ code: ErrorCode) {
    guard let exchange = backend.exchange else { return closeAttempt(backend) }
    noteReset(exchange.client, code)
    let step = broken(
      backend, exchange, "the backend reset the stream: \(code)", isUntouched: code == .refusedStream,
      isStream: true)
    conclude(step, exchange)
  }

  /// The backend takes no more streams here; those it has not begun with go elsewhere.
  func takeGoAway(_ mux: Ref<Mux>, _ lastStream: UInt32) {
    if let client = mux.client {
      mux.peerIsLeaving = true
      // What stands behind it in the same flight is still answered.
      return timeClient(client)
    }
    leavePool(mux)
    walk(mux) { stream in
      guard stream.state.id > lastStream, let backend = stream.backend else { return }
      ready(mux)
      unsafe mux.connection.reset(&stream.state, .cancel)
      guard let exchange = backend.exchange else { return closeAttempt(backend) }
      let step = broken(
        backend, exchange, "the backend is going away", isUntouched: true, isStream: true)
      conclude(step, exchange)
    }
    if mux.streamCount == 0 { closeMux(mux) }
  }
}
