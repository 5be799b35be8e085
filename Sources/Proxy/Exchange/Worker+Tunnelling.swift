internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import Telemetry

// Bytes both ways, unread: after 101 Switching Protocols (RFC 9110 §7.8), and for services that are spoken to in TCP.
// Each direction ends by itself: an end that one side has said is passed on to the other when all before it has been,
// and what the other still has to say goes on. A side that is slow holds up the other one.
extension Worker {
  /// Passes the head on that is on the desk, and joins both connections.
  func beginTunnel(_ exchange: Ref<Exchange>) -> Step {
    guard let backend = exchange.backend, let client = exchange.client, let buffer = unsafe backend.buffer,
      let route = unsafe exchange.route
    else { return .event(.malformed) }
    exchange.status = desk.response.status
    counters.add(.responses(status: desk.response.status))
    exchange.machine.headLeaves()
    let base = unsafe UnsafePointer(buffer + backend.start)
    var writer = desk.writer()
    if exchange.version != .http2, desk.response.status != 101 {
      unsafe writeSwitch(&writer, exchange, base)
    } else {
      unsafe desk.writeResponseHead(&writer, base, ResponsePlan(), route.pointee.response) { _ in }
    }
    guard !writer.overflowed else { return malformedHead(backend, ParseError.headTooLarge) }
    guard sendHeadToClient(client, writer, isLast: false) else { return .event(.clientLeft) }
    client.state = .tunnel
    counters.add(.upgrades)
    // What the client has sent behind its request already belongs to the new protocol.
    client.sent = client.requestEnd
    backend.start += desk.response.length
    let step = unsafe tunnelDown(backend, exchange, client, buffer)
    if case .event = step { return step }
    putOff(client)
    return tunnelUp(client)
  }

  // MARK: Client to backend

  /// Sends what the buffer holds, then the client's end if that has come.
  func tunnelUp(_ client: Ref<ClientConnection>) -> Step {
    guard let exchange = client.exchange, let backend = exchange.backend, backend.state == .active,
      let buffer = unsafe client.buffer
    else { return .rest }
    while client.sent < client.end {
      // A backend that takes no more may still have something to say.
      if backend.wire.writeClosed {
        client.sent = client.end
        break
      }
      let n = unsafe sendToBackend(backend, buffer + client.sent, client.end - client.sent)
      if n == Sys.wouldBlock {
        backend.isHeldUp = true
        return .rest
      }
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
    time(exchange, moved: .backend)
    if client.wire.sawEnd { return tunnelClientEnded(client) }
    return .more
  }

  /// The client has closed its half: so does our half towards the backend, which may still have something to say.
  func tunnelClientEnded(_ client: Ref<ClientConnection>) -> Step {
    guard let exchange = client.exchange, let backend = exchange.backend, backend.state == .active else {
      return .event(.clientLeft)
    }
    guard client.sent == client.end else { return .rest }
    // Without TLS's own end it is a client that has gone, and perhaps not all that it has said (RFC 8446 §6.1).
    if !hasEndedProperly(client) { return .event(.clientLeft) }
    if !backend.wire.writeClosed {
      backend.wire.writeClosed = true
      closeBackendWrite(backend)
    }
    return tunnelEnds(backend, client)
  }

  /// The backend has room again, and what was parked for it has been sent.
  func tunnelWritable(_ backend: Ref<BackendConnection>, _ client: Ref<ClientConnection>) -> Step {
    guard backend.wire.writeClosed else {
      putOff(client)
      return tunnelUp(client)
    }
    Sys.shutdownWrite(backend.wire.fd)
    return tunnelEnds(backend, client)
  }

  // MARK: Backend to client

  /// Sends what the buffer holds.
  func tunnelDown(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Step {
    let (from, count) = (backend.start, backend.end - backend.start)
    backend.start = Layout.headroom
    backend.end = Layout.headroom
    time(exchange, moved: .backend)
    guard count > 0 else { return .more }
    exchange.bytesOut += UInt64(count)
    return unsafe sendToClient(client, buffer + from, count, isLast: false) ? .more : .event(.clientLeft)
  }

  /// The backend has closed its half: so does our half towards the client, which may still have something to say.
  func tunnelBackendEnded(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    isClean: Bool
  ) -> Step {
    guard !client.wire.writeClosed else { return .rest }
    guard isClean else {
      reportBroken(backend, "the backend broke the connection off")
      return .event(.tunnelBroken)
    }
    backend.wire.sawEnd = true
    dropBuffer(backend)
    client.wire.writeClosed = true
    guard closeClientWrite(client) else { return .event(.clientLeft) }
    return tunnelEnds(backend, client)
  }

  /// An event of a backend that has said all: it may have gone altogether.
  func tunnelBackendStirred(_ backend: Ref<BackendConnection>, _ client: Ref<ClientConnection>) -> Step {
    if hasBroken(backend) {
      backend.wire.output.free()
      backend.wire.writeClosed = true
    }
    return tunnelEnds(backend, client)
  }

  /// What was parked for the client has been sent.
  func tunnelDrained(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Step {
    guard let backend = exchange.backend else { return .event(.clientLeft) }
    time(exchange, moved: .backend)
    guard client.wire.writeClosed else {
      resumeReading(exchange)
      return .rest
    }
    endsWrite(client)
    return tunnelEnds(backend, client)
  }

  // MARK: The end

  /// Whether both sides have said all, and it has been passed on.
  private func tunnelEnds(_ backend: Ref<BackendConnection>, _ client: Ref<ClientConnection>) -> Step {
    guard backend.wire.writeClosed, client.wire.writeClosed, backend.wire.output.isEmpty,
      client.wire.output.isEmpty
    else { return .rest }
    return .event(.bothEnded)
  }

  func closeTunnel(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) {
    endExchange(exchange, keepsBackend: false)
    endTunnel(client)
  }

  /// The backend's connection has broken: the client must be able to tell that from an end.
  func severTunnel(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) {
    // A reset destroys what is on its way: not for backends that merely leave TLS's own end out.
    let isReset =
      exchange.version == .http2 || (!client.wire.isSecure && exchange.backend?.wire.isSecure != true)
    endExchange(exchange, keepsBackend: false)
    if isReset { return reset(client) }
    client.state = .closing
    if client.wire.output.isEmpty { finishClose(client) } else { timeClient(client) }
  }
}
