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
    if !readiness.isDisjoint(with: [.peerClosed, .hangup, .error]) { client.peerClosed = true }
    if !readiness.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) { client.readable = true }
    if readiness.contains(.error) { return clientGone(client) }
    if readiness.contains(.writable), !client.output.isEmpty, !flushOutput(client) { return }
    switch client.state {
    case .proxyHeader: readProxyHeader(client)
    case .handshaking: if client.readable { queueHandshake(client) }
    case .exchange where client.peerClosed:
      // Nobody waits for the answer any more: the GPU must not go on.
      clientGone(client)
    default: if client.readable { pump(client) }
    }
  }

  /// Sends what waits; goes on with whatever waited for that. False when the connection is gone.
  private func flushOutput(_ client: Ref<Downstream>) -> Bool {
    if client.state == .tunnel { return flushTunnel(client) }
    let result = client.output.flush(client.fd)
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
      if let timeouts = exchange.service?.pointee.timeouts { arm(backend, timeouts.idleMilliseconds) }
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
    return client.readable || !client.parkedInput.isEmpty || client.end > client.start
      || client.session?.hasPending == true
  }

  /// Reads and acts until there is nothing to read, or nothing more is wanted at present.
  func pump(_ client: Ref<Downstream>) {
    var turns = 0
    while client.slot.isLive {
      switch client.state {
      case .reading:
        // One that does not take its answers gets no further ones.
        guard client.output.isEmpty, client.stream == nil else { return }
        if client.end > client.start, handleRequest(client) { continue }
        guard client.slot.isLive, client.state == .reading else { continue }
      case .exchange:
        guard let exchange = client.exchange, !exchange.requestComplete else { return }
        if client.end >= Downstream.headroom + Downstream.bodyRoom {
          makeRoom(client, exchange)
          if client.end >= Downstream.headroom + Downstream.bodyRoom { return }
        }
      case .tunnel:
        guard client.sent == client.end, !client.sawEnd, tunnelIsJoined(client) else { return }
      case .multiplexed:
        // Answers to one that does not read would pile up.
        guard client.output.count < Mux.parkedBytes, client.mux?.isClosing == false else {
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
    if client.buffer == nil {
      guard client.readable || !client.parkedInput.isEmpty || client.session?.hasPending == true
      else {
        return client.sawEnd ? .closed : .wait
      }
      takeBuffer(client)
    }
    guard let buffer = client.buffer else { return .noBuffer }
    let capacity = Downstream.headroom + Downstream.bodyRoom
    let before = client.end
    var result = Fill.wait
    if let session = client.session {
      result = decrypt(client, session, buffer, capacity)
    } else if client.readable {
      let n = Sys.recv(client.fd, buffer + before, capacity - before)
      // After the peer's close there is no further edge: read on to the end.
      if n < capacity - before { client.readable = n > 0 && client.peerClosed }
      if n > 0 { client.end += n } else if n != Sys.wouldBlock { client.sawEnd = true }
    }
    if client.end > before { return .some }
    if client.sawEnd { result = .closed }
    if client.state == .reading || client.state == .multiplexed, client.end == client.start {
      dropBuffer(client)
    }
    return result
  }

  private func decrypt(
    _ client: Ref<Downstream>, _ session: Session, _ buffer: UnsafeMutablePointer<UInt8>,
    _ capacity: Int
  ) -> Fill {
    defer {
      client.parkedInput.keep(pipe.unreadInput)
      pipe.setInput(nil, 0)
      // A read may answer by itself, with an alert or a key update: it must not go to the pipe's next user.
      if !pipe.output.isEmpty, !flushPipe(client) { client.peerClosed = true }
    }
    let before = client.end
    pipe.setInput(client.parkedInput.bytes.baseAddress, client.parkedInput.bytes.count)
    while client.end < capacity {
      if pipe.unreadInput.isEmpty, !session.hasPending {
        // One receive for each turn keeps the latency of what is here already low.
        guard client.readable, client.end == before else { break }
        let n = Sys.recv(client.fd, pipe.receiveBuffer, RecordPipe.inputCapacity)
        if n < RecordPipe.inputCapacity { client.readable = n > 0 && client.peerClosed }
        guard n > 0 else {
          if n != Sys.wouldBlock { client.sawEnd = true }
          break
        }
        pipe.setInput(pipe.receiveBuffer, n)
      }
      switch session.read(into: buffer + client.end, capacity: capacity - client.end) {
      case .bytes(let n): client.end += n
      case .wantRead: if !pipe.unreadInput.isEmpty { return .wait }
      case .closed:
        client.sawEnd = true
        return .closed
      case .failed:
        Failure.clear()
        client.sawEnd = true
        client.peerClosed = true
        return .closed
      }
    }
    return .wait
  }

  func takeBuffer(_ client: Ref<Downstream>) {
    guard client.buffer == nil else { return }
    let isNew = client.exchange == nil && client.mux == nil
    client.buffer = buffers.acquire(isNew ? .beginning : .goingOn)
    guard client.buffer != nil else { return }
    client.start = Downstream.headroom
    client.sent = Downstream.headroom
    client.requestEnd = Downstream.headroom
    client.end = Downstream.headroom
    client.searched = 0
    client.headTimed = false
  }

  func dropBuffer(_ client: Ref<Downstream>) {
    guard let buffer = client.buffer else { return }
    buffers.release(buffer)
    client.buffer = nil
    client.start = 0
    client.end = 0
    client.searched = 0
  }

  /// Sends bytes to the client, encrypted if need be. What does not fit the socket is parked. False when the
  /// connection has failed: the caller aborts.
  func send(_ client: Ref<Downstream>, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    if let stream = client.stream { return sendContent(client, stream, bytes, count, isLast: false) }
    if let session = client.session {
      var at = 0
      while at < count {
        let n = min(count - at, Session.maximumWrite)
        guard session.write(bytes + at, n) else {
          Failure.clear()
          pipe.clearOutput()
          return false
        }
        at += n
        guard flushPipe(client) else { return false }
      }
      return true
    }
    return sendRaw(client, bytes, count)
  }

  /// Sends the pipe's records.
  func flushPipe(_ client: Ref<Downstream>) -> Bool {
    let records = pipe.output
    guard let base = records.baseAddress, records.count > 0 else { return true }
    defer { pipe.clearOutput() }
    return sendRaw(client, base.assumingMemoryBound(to: UInt8.self), records.count)
  }

  private func sendRaw(_ client: Ref<Downstream>, _ bytes: UnsafePointer<UInt8>, _ count: Int)
    -> Bool
  {
    guard client.output.isEmpty else {
      client.output.append(bytes, count)
      return true
    }
    let n = Sys.send(client.fd, bytes, count)
    if n == count { return true }
    guard n >= 0 || n == Sys.wouldBlock else { return false }
    let sent = max(0, n)
    client.output.append(bytes + sent, count - sent)
    arm(client, snapshot.settings.limits.sendStallMilliseconds)
    return true
  }
}
