internal import HTTP2
internal import Bytes
internal import EventLoop
internal import HTTP
internal import OS
internal import TLS

// The client's side of a connection: events, reading, writing, closing.
extension Worker {
  enum Fill { case some, wait, closed, noBuffer }

  func downstreamEvent(_ client: Ref<Downstream>, _ readiness: Readiness) {
    client.wire.note(readiness)
    if readiness.contains(.error) { return clientGone(client) }
    if readiness.contains(.writable), !client.wire.output.isEmpty, !flushOutput(client) { return }
    switch client.state {
    case .proxyHeader: readProxyHeader(client)
    case .handshaking: if client.wire.readable { queueHandshake(client) }
    case .exchange where client.wire.peerClosed:
      // Nobody waits for the answer any more: the GPU must not go on.
      clientGone(client)
    default: if client.wire.readable { pump(client) }
    }
  }

  /// Sends what waits; goes on with whatever waited for that. False when the connection is gone.
  private func flushOutput(_ client: Ref<Downstream>) -> Bool {
    if client.state == .tunnel { return flushTunnel(client) }
    let result = client.wire.flush()
    if result < 0 {
      abort(client)
      return false
    }
    if result == 0 {
      arm(client, snapshot.settings.limits.sendStallMilliseconds)
      return true
    }
    if client.state == .closing {
      finishClose(client)
      return false
    }
    armForState(client)
    if let mux = client.mux {
      resumeAll(mux)
      pump(client)
    } else if let exchange = client.exchange, let backend = exchange.upstream, backend.readPaused {
      backend.readPaused = false
      if let timeouts = unsafe exchange.service?.pointee.timeouts { arm(backend, timeouts.idleMilliseconds) }
      pumpUpstream(backend)
    } else if client.state == .reading, hasMore(client) {
      // Pipelined requests have waited for the room that there is now.
      putOff(client)
    }
    return client.slot.isLive
  }

  /// Whether something has come that has not been looked at: there will be no event for it.
  func hasMore(_ client: Ref<Downstream>) -> Bool {
    if let stream = client.stream { return stream.waiting > 0 || stream.state.remoteClosed }
    return client.wire.hasUnread || client.end > client.start
  }

  /// Reads and acts until there is nothing to read, or nothing more is wanted at present.
  func pump(_ client: Ref<Downstream>) {
    var turns = 0
    while client.slot.isLive {
      switch client.state {
      case .reading:
        // One that does not take its answers gets no further ones.
        guard client.wire.output.isEmpty, client.stream == nil else { return }
        if client.end > client.start, handleRequest(client) { continue }
        guard client.slot.isLive, client.state == .reading else { continue }
      case .exchange:
        guard let exchange = client.exchange, !exchange.requestComplete else { return }
        if client.end >= Downstream.headroom + Downstream.bodyRoom {
          makeRoom(client, exchange)
          if client.end >= Downstream.headroom + Downstream.bodyRoom { return }
        }
      case .tunnel:
        guard client.sent == client.end, !client.wire.sawEnd, tunnelIsJoined(client) else { return }
      case .multiplexed:
        // Answers to one that does not read would pile up.
        guard client.wire.output.count < Mux.parkedBytes, client.mux?.isClosing == false else {
          return
        }
      case .lingering:
        guard let stream = client.stream else { return discard(client) }
        return stream.state.remoteClosed ? close(client) : ()
      case .handshaking:
        if !serveEarly(client) { stepHandshake(client) }
        return
      case .proxyHeader, .closing: return
      }
      turns += 1
      if turns > 8 { return putOff(client) }
      switch fill(client) {
      case .some:
        if client.state == .exchange {
          takeRequestContent(client)
        } else if client.state == .tunnel {
          tunnelUp(client)
        } else if client.state == .multiplexed {
          takeFrames(client)
        }
      case .wait: return
      case .closed: return clientClosed(client)
      case .noBuffer: return outOfBuffers(client)
      }
    }
  }

  /// Appends decrypted bytes to the buffer.
  private func fill(_ client: Ref<Downstream>) -> Fill {
    if let stream = client.stream { return fillStream(client, stream) }
    if unsafe client.buffer == nil {
      guard client.wire.hasUnread else { return client.wire.sawEnd ? .closed : .wait }
      takeBuffer(client)
    }
    guard let buffer = unsafe client.buffer else { return .noBuffer }
    let wasParked = !client.wire.output.isEmpty
    let n = unsafe client.wire.receive(
      buffer + client.end, Downstream.headroom + Downstream.bodyRoom - client.end, pipe)
    armStall(client, unless: wasParked)
    if n > 0 {
      client.end += n
      return .some
    }
    // However it ended: who is left waiting for more decides what that means.
    if n != Transport.nothing { client.wire.sawEnd = true }
    if client.state == .reading || client.state == .multiplexed, client.end == client.start {
      dropBuffer(client)
    }
    return client.wire.sawEnd ? .closed : .wait
  }

  func takeBuffer(_ client: Ref<Downstream>) {
    guard unsafe client.buffer == nil else { return }
    let isNew = client.exchange == nil && client.mux == nil
    unsafe client.buffer = unsafe buffers.acquire(isNew ? .beginning : .goingOn)
    guard unsafe client.buffer != nil else { return }
    client.start = Downstream.headroom
    client.sent = Downstream.headroom
    client.requestEnd = Downstream.headroom
    client.end = Downstream.headroom
    client.searched = 0
    client.headTimed = false
  }

  func dropBuffer(_ client: Ref<Downstream>) {
    guard let buffer = unsafe client.buffer else { return }
    unsafe buffers.release(buffer)
    unsafe client.buffer = nil
    client.start = 0
    client.end = 0
    client.searched = 0
  }

  /// Sends bytes to the client, encrypted if need be. What does not fit the socket is parked. False when the
  /// connection has failed: the caller aborts.
  func send(_ client: Ref<Downstream>, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    if let stream = client.stream { return unsafe sendContent(client, stream, bytes, count, isLast: false) }
    let wasParked = !client.wire.output.isEmpty
    defer { armStall(client, unless: wasParked) }
    return unsafe client.wire.send(bytes, count, pipe)
  }

  /// The client's time for taking what waits begins with the first that does.
  @inline(__always)
  func armStall(_ client: Ref<Downstream>, unless wasParked: Bool) {
    if !wasParked, !client.wire.output.isEmpty { arm(client, snapshot.settings.limits.sendStallMilliseconds) }
  }
}
