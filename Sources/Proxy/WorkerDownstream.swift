internal import HTTP2
internal import Bytes
internal import EventLoop
internal import HTTP
internal import OS
internal import TLS

// The client's side of a connection: events, reading, writing, closing.
extension Worker {
  enum Fill { case some, wait, closed, noBuffer }

  func downstreamEvent(_ d: UnsafeMutablePointer<Downstream>, _ readiness: Readiness) {
    if !readiness.isDisjoint(with: [.peerClosed, .hangup, .error]) { d.pointee.peerClosed = true }
    if !readiness.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) { d.pointee.readable = true }
    if readiness.contains(.error) { return clientGone(d) }
    if readiness.contains(.writable), !d.pointee.output.isEmpty, !flushOutput(d) { return }
    switch d.pointee.state {
    case .proxyHeader: readProxyHeader(d)
    case .handshaking: if d.pointee.readable { queueHandshake(d) }
    case .exchange where d.pointee.peerClosed:
      // Nobody waits for the answer any more: the GPU must not go on.
      clientGone(d)
    default: if d.pointee.readable { pump(d) }
    }
  }

  /// Sends what waits; goes on with whatever waited for that. False when the connection is gone.
  private func flushOutput(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    if d.pointee.state == .tunnel { return flushTunnel(d) }
    let result = d.pointee.output.flush(d.pointee.fd)
    if result < 0 {
      abort(d)
      return false
    }
    if result == 0 {
      arm(d, snapshot.settings.limits.sendStallMilliseconds)
      return true
    }
    if d.pointee.state == .closing {
      finishClose(d)
      return false
    }
    armForState(d)
    if let m = d.pointee.mux {
      resumeAll(m)
      pump(d)
    } else if let x = d.pointee.exchange, let u = x.pointee.upstream, u.pointee.readPaused {
      u.pointee.readPaused = false
      if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.idleMilliseconds) }
      pumpUpstream(u)
    } else if d.pointee.state == .reading, hasMore(d) {
      // Pipelined requests have waited for the room that there is now.
      putOff(d)
    }
    return d.pointee.slot.isLive
  }

  /// Whether something has come that has not been looked at: there will be no event for it.
  func hasMore(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    if let s = d.pointee.stream { return s.pointee.waiting > 0 || s.pointee.state.remoteClosed }
    return d.pointee.readable || !d.pointee.parkedInput.isEmpty || d.pointee.end > d.pointee.start
      || d.pointee.session?.hasPending == true
  }

  /// Reads and acts until there is nothing to read, or nothing more is wanted at present.
  func pump(_ d: UnsafeMutablePointer<Downstream>) {
    var turns = 0
    while d.pointee.slot.isLive {
      switch d.pointee.state {
      case .reading:
        // One that does not take its answers gets no further ones.
        guard d.pointee.output.isEmpty, d.pointee.stream == nil else { return }
        if d.pointee.end > d.pointee.start, handleRequest(d) { continue }
        guard d.pointee.slot.isLive, d.pointee.state == .reading else { continue }
      case .exchange:
        guard let x = d.pointee.exchange, !x.pointee.requestComplete else { return }
        if d.pointee.end >= Downstream.headroom + Downstream.bodyRoom {
          makeRoom(d, x)
          if d.pointee.end >= Downstream.headroom + Downstream.bodyRoom { return }
        }
      case .tunnel:
        guard d.pointee.sent == d.pointee.end, !d.pointee.sawEnd, tunnelIsJoined(d) else { return }
      case .multiplexed:
        // Answers to one that does not read would pile up.
        guard d.pointee.output.count < Mux.parkedBytes, d.pointee.mux?.pointee.isClosing == false else {
          return
        }
      case .lingering:
        guard let s = d.pointee.stream else { return discard(d) }
        return s.pointee.state.remoteClosed ? close(d) : ()
      case .handshaking:
        if !serveEarly(d) { stepHandshake(d) }
        return
      case .proxyHeader, .closing: return
      }
      turns += 1
      if turns > 8 { return putOff(d) }
      switch fill(d) {
      case .some:
        if d.pointee.state == .exchange {
          takeRequestContent(d)
        } else if d.pointee.state == .tunnel {
          tunnelUp(d)
        } else if d.pointee.state == .multiplexed {
          takeFrames(d)
        }
      case .wait: return
      case .closed: return clientClosed(d)
      case .noBuffer: return outOfBuffers(d)
      }
    }
  }

  /// Appends decrypted bytes to the buffer.
  private func fill(_ d: UnsafeMutablePointer<Downstream>) -> Fill {
    if let s = d.pointee.stream { return fillStream(d, s) }
    if d.pointee.buffer == nil {
      guard d.pointee.readable || !d.pointee.parkedInput.isEmpty || d.pointee.session?.hasPending == true
      else {
        return d.pointee.sawEnd ? .closed : .wait
      }
      takeBuffer(d)
    }
    guard let buffer = d.pointee.buffer else { return .noBuffer }
    let capacity = Downstream.headroom + Downstream.bodyRoom
    let before = d.pointee.end
    var result = Fill.wait
    if let session = d.pointee.session {
      result = decrypt(d, session, buffer, capacity)
    } else if d.pointee.readable {
      let n = Sys.recv(d.pointee.fd, buffer + before, capacity - before)
      // After the peer's close there is no further edge: read on to the end.
      if n < capacity - before { d.pointee.readable = n > 0 && d.pointee.peerClosed }
      if n > 0 { d.pointee.end += n } else if n != Sys.wouldBlock { d.pointee.sawEnd = true }
    }
    if d.pointee.end > before { return .some }
    if d.pointee.sawEnd { result = .closed }
    if d.pointee.state == .reading || d.pointee.state == .multiplexed, d.pointee.end == d.pointee.start {
      dropBuffer(d)
    }
    return result
  }

  private func decrypt(
    _ d: UnsafeMutablePointer<Downstream>, _ session: Session, _ buffer: UnsafeMutablePointer<UInt8>,
    _ capacity: Int
  ) -> Fill {
    defer {
      d.pointee.parkedInput.keep(pipe.unreadInput)
      pipe.setInput(nil, 0)
      // A read may answer by itself, with an alert or a key update: it must not go to the pipe's next user.
      if !pipe.output.isEmpty, !flushPipe(d) { d.pointee.peerClosed = true }
    }
    let before = d.pointee.end
    pipe.setInput(d.pointee.parkedInput.bytes.baseAddress, d.pointee.parkedInput.bytes.count)
    while d.pointee.end < capacity {
      if pipe.unreadInput.isEmpty, !session.hasPending {
        // One receive for each turn keeps the latency of what is here already low.
        guard d.pointee.readable, d.pointee.end == before else { break }
        let n = Sys.recv(d.pointee.fd, pipe.receiveBuffer, RecordPipe.inputCapacity)
        if n < RecordPipe.inputCapacity { d.pointee.readable = n > 0 && d.pointee.peerClosed }
        guard n > 0 else {
          if n != Sys.wouldBlock { d.pointee.sawEnd = true }
          break
        }
        pipe.setInput(pipe.receiveBuffer, n)
      }
      switch session.read(into: buffer + d.pointee.end, capacity: capacity - d.pointee.end) {
      case .bytes(let n): d.pointee.end += n
      case .wantRead: if !pipe.unreadInput.isEmpty { return .wait }
      case .closed:
        d.pointee.sawEnd = true
        return .closed
      case .failed:
        Failure.clear()
        d.pointee.sawEnd = true
        d.pointee.peerClosed = true
        return .closed
      }
    }
    return .wait
  }

  func takeBuffer(_ d: UnsafeMutablePointer<Downstream>) {
    guard d.pointee.buffer == nil else { return }
    let isNew = d.pointee.exchange == nil && d.pointee.mux == nil
    d.pointee.buffer = buffers.acquire(isNew ? .beginning : .goingOn)
    guard d.pointee.buffer != nil else { return }
    d.pointee.start = Downstream.headroom
    d.pointee.sent = Downstream.headroom
    d.pointee.requestEnd = Downstream.headroom
    d.pointee.end = Downstream.headroom
    d.pointee.searched = 0
    d.pointee.headTimed = false
  }

  func dropBuffer(_ d: UnsafeMutablePointer<Downstream>) {
    guard let buffer = d.pointee.buffer else { return }
    buffers.release(buffer)
    d.pointee.buffer = nil
    d.pointee.start = 0
    d.pointee.end = 0
    d.pointee.searched = 0
  }

  /// Sends bytes to the client, encrypted if need be. What does not fit the socket is parked. False when the
  /// connection has failed: the caller aborts.
  func send(_ d: UnsafeMutablePointer<Downstream>, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    if let s = d.pointee.stream { return sendContent(d, s, bytes, count, isLast: false) }
    if let session = d.pointee.session {
      var at = 0
      while at < count {
        let n = min(count - at, Session.maximumWrite)
        guard session.write(bytes + at, n) else {
          Failure.clear()
          pipe.clearOutput()
          return false
        }
        at += n
        guard flushPipe(d) else { return false }
      }
      return true
    }
    return sendRaw(d, bytes, count)
  }

  /// Sends the pipe's records.
  func flushPipe(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    let records = pipe.output
    guard let base = records.baseAddress, records.count > 0 else { return true }
    defer { pipe.clearOutput() }
    return sendRaw(d, base.assumingMemoryBound(to: UInt8.self), records.count)
  }

  private func sendRaw(_ d: UnsafeMutablePointer<Downstream>, _ bytes: UnsafePointer<UInt8>, _ count: Int)
    -> Bool
  {
    guard d.pointee.output.isEmpty else {
      d.pointee.output.append(bytes, count)
      return true
    }
    let n = Sys.send(d.pointee.fd, bytes, count)
    if n == count { return true }
    guard n >= 0 || n == Sys.wouldBlock else { return false }
    let sent = max(0, n)
    d.pointee.output.append(bytes + sent, count - sent)
    arm(d, snapshot.settings.limits.sendStallMilliseconds)
    return true
  }
}
