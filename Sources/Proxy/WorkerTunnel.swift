internal import Bytes
internal import EventLoop
internal import HTTP
internal import HTTP2
internal import OS
internal import TLS
internal import Telemetry

// Bytes both ways, unread: after 101 Switching Protocols (RFC 9110 §7.8), and for services that are spoken to in TCP.
// Each direction ends by itself: an end that one side has said is passed on to the other when all before it has been,
// and what the other still has to say goes on. A side that is slow holds up the other one.
extension Worker {
  func beginTunnel(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, _ bodyStart: Int,
    _ head: HeadWriter
  ) -> Bool {
    exchange.responseStarted = true
    exchange.requestComplete = true
    exchange.keepsAlive = false
    if let stream = client.stream {
      unsafe sendHead(stream, .response, head.start, head.count, isLast: false)
    } else if unsafe !send(client, head.start, head.count) {
      clientGone(client)
      return false
    }
    client.state = .tunnel
    counters.add(.upgrades)
    disarm(client)
    // What the client has sent behind its request already belongs to the new protocol.
    client.sent = client.requestEnd
    guard unsafe tunnelDown(backend, exchange, client, buffer, from: bodyStart) else { return false }
    tunnelUp(client)
    if client.slot.isLive, client.state == .tunnel { pump(client) }
    return backend.slot.isLive && backend.exchange == exchange
  }

  /// Whether the backend may be sent something: not before it is connected to.
  func tunnelIsJoined(_ client: Ref<Downstream>) -> Bool {
    client.exchange?.upstream?.state == .active
  }

  // MARK: Client to backend

  /// Sends what the buffer holds, then the client's end if that has come.
  func tunnelUp(_ client: Ref<Downstream>) {
    guard let exchange = client.exchange, let backend = exchange.upstream, backend.state == .active,
      let buffer = unsafe client.buffer
    else { return }
    while client.sent < client.end {
      // A backend that takes no more may still have something to say.
      if backend.wire.writeClosed {
        client.sent = client.end
        break
      }
      let n = unsafe sendUpstream(backend, buffer + client.sent, client.end - client.sent)
      if n == Sys.wouldBlock { return }
      guard n > 0 else {
        backend.wire.writeClosed = true
        backend.wire.readable = true
        putOff(backend)
        continue
      }
      client.sent += n
      exchange.bytesIn += UInt64(n)
    }
    dropBuffer(client)
    client.sent = 0
    client.requestEnd = 0
    touch(backend, exchange)
    if client.wire.sawEnd { return tunnelClientEnded(client) }
    if hasMore(client) { putOff(client) }
  }

  /// The client has closed its half: so does our half towards the backend, which may still have something to say.
  func tunnelClientEnded(_ client: Ref<Downstream>) {
    guard let exchange = client.exchange, let backend = exchange.upstream, backend.state == .active else {
      return clientGone(client)
    }
    guard client.sent == client.end else { return }
    // Without TLS's own end it is a client that has gone, and perhaps not all that it has said (RFC 8446 §6.1).
    if client.stream == nil, !client.wire.hasEndedProperly { return clientGone(client) }
    if !backend.wire.writeClosed {
      backend.wire.writeClosed = true
      closeWrite(backend)
    }
    finishTunnelIfOver(client)
  }

  private func closeWrite(_ backend: Ref<UpstreamConnection>) {
    if let stream = backend.stream { return sendEnd(stream, trailers: ParkedOutput()) }
    _ = backend.wire.closeWrite(pipe)
  }

  /// The backend has room again, and what was parked for it has been sent.
  func tunnelWritable(
    _ backend: Ref<UpstreamConnection>, _ client: Ref<Downstream>
  ) {
    guard backend.wire.writeClosed else { return tunnelUp(client) }
    Sys.shutdownWrite(backend.wire.fd)
    finishTunnelIfOver(client)
  }

  // MARK: Backend to client

  /// Sends what the buffer holds. True when reading may go on.
  func tunnelDown(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, from: Int
  ) -> Bool {
    let count = backend.end - from
    backend.end = Downstream.headroom
    touch(backend, exchange)
    guard count > 0 else { return true }
    exchange.bytesOut += UInt64(count)
    guard unsafe send(client, buffer + from, count) else {
      clientGone(client)
      return false
    }
    return true
  }

  /// The backend has closed its half: so does our half towards the client, which may still have something to say.
  func tunnelBackendEnded(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, clean: Bool
  ) {
    guard !client.wire.writeClosed else { return }
    guard clean else { return breakTunnel(backend, exchange, client) }
    backend.wire.sawEnd = true
    if let buffer = unsafe backend.buffer {
      unsafe buffers.release(buffer)
      unsafe backend.buffer = nil
      backend.end = 0
    }
    client.wire.writeClosed = true
    guard closeWrite(client) else { return clientGone(client) }
    finishTunnelIfOver(client)
  }

  private func closeWrite(_ client: Ref<Downstream>) -> Bool {
    if let stream = client.stream {
      if client.wire.output.isEmpty { sendEnd(stream, trailers: ParkedOutput()) }
      return true
    }
    let wasParked = !client.wire.output.isEmpty
    defer { armStall(client, unless: wasParked) }
    return client.wire.closeWrite(pipe)
  }

  /// An event of a backend that has said all: it may have gone altogether.
  func tunnelBackendStirred(
    _ backend: Ref<UpstreamConnection>, _ client: Ref<Downstream>
  ) {
    guard backend.stream == nil else { return finishTunnelIfOver(client) }
    backend.wire.readable = false
    guard Sys.socketError(backend.wire.fd) != 0 else { return finishTunnelIfOver(client) }
    backend.wire.output.free()
    backend.wire.writeClosed = true
    finishTunnelIfOver(client)
  }

  /// A client's stream has room again, and what was parked for it has been sent.
  func streamTunnelWritable(_ client: Ref<Downstream>, _ stream: Ref<MuxStream>) {
    guard let exchange = client.exchange, let backend = exchange.upstream else { return clientGone(client) }
    touch(backend, exchange)
    if client.wire.writeClosed {
      sendEnd(stream, trailers: ParkedOutput())
      finishTunnelIfOver(client)
    } else if backend.readPaused {
      backend.readPaused = false
      pumpUpstream(backend)
    }
  }

  /// The client has room again. False when its connection is gone.
  func flushTunnel(_ client: Ref<Downstream>) -> Bool {
    let result = client.wire.flush()
    guard result >= 0, let exchange = client.exchange, let backend = exchange.upstream else {
      clientGone(client)
      return false
    }
    touch(backend, exchange)
    guard result == 1 else { return true }
    if client.wire.writeClosed {
      Sys.shutdownWrite(client.wire.fd)
      finishTunnelIfOver(client)
    } else if backend.readPaused {
      backend.readPaused = false
      pumpUpstream(backend)
    }
    return client.slot.isLive
  }

  // MARK: The end

  /// Closes both connections when both sides have said all and it has been passed on.
  private func finishTunnelIfOver(_ client: Ref<Downstream>) {
    guard let exchange = client.exchange, let backend = exchange.upstream, backend.wire.writeClosed,
      client.wire.writeClosed, backend.wire.output.isEmpty, client.wire.output.isEmpty
    else { return }
    endExchange(exchange, reusable: false)
    if let stream = client.stream { return endResponse(client, stream, trailers: ParkedOutput()) }
    client.state = .closing
    finishClose(client)
  }

  /// The backend's connection has broken: the client must be able to tell that from an end.
  private func breakTunnel(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>
  ) {
    reportBroken(backend, "the backend broke the connection off")
    // A reset destroys what is on its way: not for backends that merely leave TLS's own end out.
    let isReset = client.stream != nil || (!client.wire.isSecure && !backend.wire.isSecure)
    endExchange(exchange, reusable: false)
    if isReset { return reset(client) }
    client.state = .closing
    if client.wire.output.isEmpty {
      finishClose(client)
    } else {
      arm(client, snapshot.settings.limits.sendStallMilliseconds)
    }
  }

  /// Nothing has passed either way for too long.
  func tunnelTimeout(_ exchange: Ref<Exchange>, _ client: Ref<Downstream>) {
    counters.add(.tunnelTimeouts)
    endExchange(exchange, reusable: false)
    beginClose(client)
  }

  func touch(_ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>) {
    if exchange.isPassage, let service = unsafe exchange.service {
      unsafe arm(backend, service.pointee.tunnelIdleMilliseconds)
    } else {
      arm(backend, snapshot.settings.limits.tunnelIdleMilliseconds)
    }
  }
}
