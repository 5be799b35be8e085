internal import HTTP2
internal import Bytes
internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS
internal import Upstream

// The backend's side of a connection: events, handshake, reading, closing.
extension Worker {
  func upstreamEvent(_ u: UnsafeMutablePointer<UpstreamConnection>, _ readiness: Readiness) {
    if !readiness.isDisjoint(with: [.peerClosed, .hangup, .error]) { u.pointee.peerClosed = true }
    if !readiness.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) { u.pointee.readable = true }
    switch u.pointee.state {
    case .connecting:
      if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { connected(u) }
    case .handshaking:
      if u.pointee.readable { stepUpstreamHandshake(u) }
    case .idle:
      // Nothing is due on it: it is being closed, or its peer is confused.
      if u.pointee.readable { closeUpstream(u) }
    case .active:
      if readiness.contains(.writable) {
        upstreamWritable(u)
        guard u.pointee.slot.isLive, u.pointee.state == .active else { return }
      }
      if u.pointee.readable { pumpUpstream(u) }
    }
  }

  private func upstreamWritable(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    if !u.pointee.output.isEmpty {
      let result = u.pointee.output.flush(u.pointee.fd)
      if result < 0, let m = u.pointee.mux {
        // Its streams learn of it at the end of the turn.
        m.pointee.isBroken = true
        return ready(m)
      }
      if result < 0 {
        if let d = u.pointee.exchange?.pointee.downstream, d.pointee.state == .tunnel {
          return upstreamBroke(u, "the backend closed the connection")
        }
        return uploadBroke(u)
      }
      if result == 0 { return }
    }
    if let m = u.pointee.mux { return resumeAll(m) }
    guard let x = u.pointee.exchange, let d = x.pointee.downstream else { return }
    if d.pointee.state == .tunnel { return tunnelWritable(u, d) }
    guard !x.pointee.requestSent, d.pointee.sent < d.pointee.requestEnd else { return }
    forwardRequest(x, u)
    guard d.pointee.slot.isLive, d.pointee.state == .exchange else { return }
    armForState(d)
    pump(d)
  }

  func stepUpstreamHandshake(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard let session = u.pointee.session else { return }
    while true {
      if !u.pointee.parkedInput.isEmpty {
        let bytes = u.pointee.parkedInput.bytes
        pipe.setInput(bytes.baseAddress, bytes.count)
      } else if u.pointee.readable {
        let n = Sys.recv(u.pointee.fd, pipe.receiveBuffer, RecordPipe.inputCapacity)
        if n < RecordPipe.inputCapacity { u.pointee.readable = n > 0 && u.pointee.peerClosed }
        if n <= 0, n != Sys.wouldBlock { return connectFailed(u, "closed during the TLS handshake") }
        pipe.setInput(pipe.receiveBuffer, max(0, n))
      }
      let step = session.handshake()
      u.pointee.parkedInput.keep(pipe.unreadInput)
      pipe.setInput(nil, 0)
      guard flushUpstreamPipe(u) else { return connectFailed(u, "closed during the TLS handshake") }
      switch step {
      case .complete:
        return established(u)
      case .wantRead where u.pointee.readable: continue
      case .wantRead, .wantWrite: return
      case .closed, .failed: return connectFailed(u, "TLS: " + Failure.take(session))
      }
    }
  }

  /// Receives at most `capacity` bytes of plaintext: how many, 0 at the end, or a negative error.
  func receiveUpstream(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int
  ) -> Int {
    if let s = u.pointee.stream { return receiveStream(s, buffer, capacity) }
    guard let session = u.pointee.session else {
      guard u.pointee.readable else { return u.pointee.sawEnd ? 0 : Sys.wouldBlock }
      let n = Sys.recv(u.pointee.fd, buffer, capacity)
      // After the peer's close there is no further edge: read on to the end.
      if n < capacity { u.pointee.readable = n > 0 && u.pointee.peerClosed }
      if n == 0 { u.pointee.sawEnd = true }
      return n
    }
    return decryptUpstream(u, session, buffer, capacity)
  }

  private func decryptUpstream(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ session: Session, _ buffer: UnsafeMutablePointer<UInt8>,
    _ capacity: Int
  ) -> Int {
    defer {
      u.pointee.parkedInput.keep(pipe.unreadInput)
      pipe.setInput(nil, 0)
      // As for clients: what a read answers by itself goes to this backend or nowhere.
      if !pipe.output.isEmpty { _ = flushUpstreamPipe(u) }
    }
    if u.pointee.sawEnd { return 0 }
    var total = 0
    pipe.setInput(u.pointee.parkedInput.bytes.baseAddress, u.pointee.parkedInput.bytes.count)
    while total < capacity {
      if pipe.unreadInput.isEmpty, !session.hasPending {
        guard u.pointee.readable, total == 0 else { break }
        let n = Sys.recv(u.pointee.fd, pipe.receiveBuffer, RecordPipe.inputCapacity)
        if n < RecordPipe.inputCapacity { u.pointee.readable = n > 0 && u.pointee.peerClosed }
        // Without a close notification the stream has been cut off (RFC 8446 §6.1).
        if n == 0 { return -1 }
        guard n > 0 else { return n }
        pipe.setInput(pipe.receiveBuffer, n)
      }
      switch session.read(into: buffer + total, capacity: capacity - total) {
      case .bytes(let n): total += n
      case .wantRead: if !pipe.unreadInput.isEmpty { return total > 0 ? total : Sys.wouldBlock }
      case .closed:
        u.pointee.sawEnd = true
        return total
      case .failed:
        Failure.clear()
        return total > 0 ? total : -1
      }
    }
    return total > 0 ? total : (u.pointee.sawEnd ? 0 : Sys.wouldBlock)
  }

  /// Keeps a connection for the next request.
  func keepIdle(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard let pool = u.pointee.pool else { return closeUpstream(u) }
    // Bytes behind the response, or a close that has come with it, would be taken for the next answer.
    let isClean =
      !u.pointee.sawEnd && !u.pointee.peerClosed && !u.pointee.readable && u.pointee.parkedInput.isEmpty
      && u.pointee.session?.hasPending != true && u.pointee.output.isEmpty
    guard !isDraining, isClean, pool._withUnsafeGuaranteedRef({ $0.keepIdle(u) }) else {
      return closeUpstream(u)
    }
    u.pointee.exchange = nil
    if let buffer = u.pointee.buffer {
      buffers.release(buffer)
      u.pointee.buffer = nil
    }
    u.pointee.end = 0
    u.pointee.searched = 0
    arm(u, pool._withUnsafeGuaranteedRef { $0.keepAliveMilliseconds })
  }

  /// Closes the connections that wait on a backend that is no longer used; those at work close when they are done.
  func closeIdle(of pool: BackendPool) {
    pool.isRetired = true
    while let u = pool.takeIdle() { closeUpstream(u) }
    var next = pool.firstMux
    while let m = next {
      next = m.pointee.next
      guard m.pointee.streamCount == 0, m.pointee.upstream?.pointee.state == .active else { continue }
      ready(m)
      m.pointee.isClosing = true
    }
  }

  /// Frees everything that belongs to a connection, and takes it out of every list.
  func closeUpstream(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard u.pointee.slot.isLive else { return }
    u.pointee.pool?._withUnsafeGuaranteedRef { $0.forgetIdle(u) }
    if let x = u.pointee.exchange {
      x.pointee.upstream = nil
      u.pointee.exchange = nil
    }
    if let s = u.pointee.stream {
      u.pointee.stream = nil
      release(s)
    } else {
      if let m = u.pointee.mux {
        leavePool(m)
        dismantle(m)
      }
      Sys.close(u.pointee.fd)
      u.pointee.session?.free()
      u.pointee.pool?._withUnsafeGuaranteedRef { $0.status._withUnsafeGuaranteedRef { $0.closeConnection() } }
    }
    u.pointee.session = nil
    u.pointee.parkedInput.free()
    u.pointee.output.free()
    if let buffer = u.pointee.buffer {
      buffers.release(buffer)
      u.pointee.buffer = nil
    }
    u.pointee.pool?.release()
    u.pointee.pool = nil
    wheel.remove(timer(u))
    upstreams.release(u)
  }

  func upstreamTimeout(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    switch u.pointee.state {
    case .idle: closeUpstream(u)
    case .connecting, .handshaking: connectFailed(u, "connect timed out")
    case .active:
      if let m = u.pointee.mux {
        guard m.pointee.streamCount == 0 else { return }
        ready(m)
        m.pointee.connection.end()
        m.pointee.isClosing = true
        return
      }
      guard let x = u.pointee.exchange else { return closeUpstream(u) }
      if let d = x.pointee.downstream, d.pointee.state == .tunnel { return tunnelTimeout(x, d) }
      counters.add(.upstreamTimeouts)
      reportBroken(
        u, x.pointee.headDone ? "no byte within the time limit" : "no response within the time limit",
        isConnection: false)
      if retryElsewhere(x, u, after: .responseTimeout) { return }
      if x.pointee.responseStarted { return breakOff(x) }
      failExchange(x, .backendTimeout)
    }
  }

  /// `isConnection` when it was the connection that failed: then a health check that passes again is proof enough.
  func reportBroken(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ reason: String, isConnection: Bool = true
  ) {
    guard let pool = u.pointee.pool else { return }
    recordFailure(u, isConnection: isConnection)
    shared.report(.backendFailed(backend: pool._withUnsafeGuaranteedRef { $0.settings.key }, reason: reason))
  }
}
