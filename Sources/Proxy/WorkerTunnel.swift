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
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, _ bodyStart: Int,
    _ head: HeadWriter
  ) -> Bool {
    x.pointee.responseStarted = true
    x.pointee.requestComplete = true
    x.pointee.keepsAlive = false
    if let s = d.pointee.stream {
      sendHead(s, .response, head.start, head.count, isLast: false)
    } else if !send(d, head.start, head.count) {
      clientGone(d)
      return false
    }
    d.pointee.state = .tunnel
    counters.add(.upgrades)
    disarm(d)
    // What the client has sent behind its request already belongs to the new protocol.
    d.pointee.sent = d.pointee.requestEnd
    guard tunnelDown(u, x, d, buffer, from: bodyStart) else { return false }
    tunnelUp(d)
    if d.pointee.slot.isLive, d.pointee.state == .tunnel { pump(d) }
    return u.pointee.slot.isLive && u.pointee.exchange == x
  }

  /// Whether the backend may be sent something: not before it is connected to.
  func tunnelIsJoined(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    d.pointee.exchange?.pointee.upstream?.pointee.state == .active
  }

  // MARK: Client to backend

  /// Sends what the buffer holds, then the client's end if that has come.
  func tunnelUp(_ d: UnsafeMutablePointer<Downstream>) {
    guard let x = d.pointee.exchange, let u = x.pointee.upstream, u.pointee.state == .active,
      let buffer = d.pointee.buffer
    else { return }
    while d.pointee.sent < d.pointee.end {
      // A backend that takes no more may still have something to say.
      if u.pointee.writeClosed {
        d.pointee.sent = d.pointee.end
        break
      }
      let n = sendUpstream(u, buffer + d.pointee.sent, d.pointee.end - d.pointee.sent)
      if n == Sys.wouldBlock { return }
      guard n > 0 else {
        u.pointee.writeClosed = true
        u.pointee.readable = true
        putOff(u)
        continue
      }
      d.pointee.sent += n
      x.pointee.bytesIn += UInt64(n)
    }
    dropBuffer(d)
    d.pointee.sent = 0
    d.pointee.requestEnd = 0
    touch(u, x)
    if d.pointee.sawEnd { return tunnelClientEnded(d) }
    if hasMore(d) { putOff(d) }
  }

  /// The client has closed its half: so does our half towards the backend, which may still have something to say.
  func tunnelClientEnded(_ d: UnsafeMutablePointer<Downstream>) {
    guard let x = d.pointee.exchange, let u = x.pointee.upstream, u.pointee.state == .active else {
      return clientGone(d)
    }
    guard d.pointee.sent == d.pointee.end else { return }
    // Without TLS's own end it is a client that has gone, and perhaps not all that it has said (RFC 8446 §6.1).
    if d.pointee.stream == nil, let session = d.pointee.session, !session.peerHasClosed {
      return clientGone(d)
    }
    if !u.pointee.writeClosed {
      u.pointee.writeClosed = true
      closeWrite(u)
    }
    finishTunnelIfOver(d)
  }

  private func closeWrite(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    if let s = u.pointee.stream { return sendEnd(s, trailers: ParkedOutput()) }
    if let session = u.pointee.session {
      session.shutdown()
      _ = flushUpstreamPipe(u)
    }
    if u.pointee.output.isEmpty { Sys.shutdownWrite(u.pointee.fd) }
  }

  /// The backend has room again, and what was parked for it has been sent.
  func tunnelWritable(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ d: UnsafeMutablePointer<Downstream>
  ) {
    guard u.pointee.writeClosed else { return tunnelUp(d) }
    Sys.shutdownWrite(u.pointee.fd)
    finishTunnelIfOver(d)
  }

  // MARK: Backend to client

  /// Sends what the buffer holds. True when reading may go on.
  func tunnelDown(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, from: Int
  ) -> Bool {
    let count = u.pointee.end - from
    u.pointee.end = Downstream.headroom
    touch(u, x)
    guard count > 0 else { return true }
    x.pointee.bytesOut += UInt64(count)
    guard send(d, buffer + from, count) else {
      clientGone(d)
      return false
    }
    return true
  }

  /// The backend has closed its half: so does our half towards the client, which may still have something to say.
  func tunnelBackendEnded(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, clean: Bool
  ) {
    guard !d.pointee.writeClosed else { return }
    guard clean else { return breakTunnel(u, x, d) }
    u.pointee.sawEnd = true
    if let buffer = u.pointee.buffer {
      buffers.release(buffer)
      u.pointee.buffer = nil
      u.pointee.end = 0
    }
    d.pointee.writeClosed = true
    guard closeWrite(d) else { return clientGone(d) }
    finishTunnelIfOver(d)
  }

  private func closeWrite(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    if let s = d.pointee.stream {
      if d.pointee.output.isEmpty { sendEnd(s, trailers: ParkedOutput()) }
      return true
    }
    if let session = d.pointee.session {
      session.shutdown()
      guard flushPipe(d) else { return false }
    }
    if d.pointee.output.isEmpty { Sys.shutdownWrite(d.pointee.fd) }
    return true
  }

  /// An event of a backend that has said all: it may have gone altogether.
  func tunnelBackendStirred(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ d: UnsafeMutablePointer<Downstream>
  ) {
    guard u.pointee.stream == nil else { return finishTunnelIfOver(d) }
    u.pointee.readable = false
    guard Sys.socketError(u.pointee.fd) != 0 else { return finishTunnelIfOver(d) }
    u.pointee.output.free()
    u.pointee.writeClosed = true
    finishTunnelIfOver(d)
  }

  /// A client's stream has room again, and what was parked for it has been sent.
  func streamTunnelWritable(_ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer) {
    guard let x = d.pointee.exchange, let u = x.pointee.upstream else { return clientGone(d) }
    touch(u, x)
    if d.pointee.writeClosed {
      sendEnd(s, trailers: ParkedOutput())
      finishTunnelIfOver(d)
    } else if u.pointee.readPaused {
      u.pointee.readPaused = false
      pumpUpstream(u)
    }
  }

  /// The client has room again. False when its connection is gone.
  func flushTunnel(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    let result = d.pointee.output.flush(d.pointee.fd)
    guard result >= 0, let x = d.pointee.exchange, let u = x.pointee.upstream else {
      clientGone(d)
      return false
    }
    touch(u, x)
    guard result == 1 else { return true }
    if d.pointee.writeClosed {
      Sys.shutdownWrite(d.pointee.fd)
      finishTunnelIfOver(d)
    } else if u.pointee.readPaused {
      u.pointee.readPaused = false
      pumpUpstream(u)
    }
    return d.pointee.slot.isLive
  }

  // MARK: The end

  /// Closes both connections when both sides have said all and it has been passed on.
  private func finishTunnelIfOver(_ d: UnsafeMutablePointer<Downstream>) {
    guard let x = d.pointee.exchange, let u = x.pointee.upstream, u.pointee.writeClosed,
      d.pointee.writeClosed, u.pointee.output.isEmpty, d.pointee.output.isEmpty
    else { return }
    endExchange(x, reusable: false)
    if let s = d.pointee.stream { return endResponse(d, s, trailers: ParkedOutput()) }
    d.pointee.state = .closing
    finishClose(d)
  }

  /// The backend's connection has broken: the client must be able to tell that from an end.
  private func breakTunnel(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>
  ) {
    reportBroken(u, "the backend broke the connection off")
    // A reset destroys what is on its way: not for backends that merely leave TLS's own end out.
    let isReset = d.pointee.stream != nil || (d.pointee.session == nil && u.pointee.session == nil)
    endExchange(x, reusable: false)
    if isReset { return reset(d) }
    d.pointee.state = .closing
    if d.pointee.output.isEmpty {
      finishClose(d)
    } else {
      arm(d, snapshot.settings.limits.sendStallMilliseconds)
    }
  }

  /// Nothing has passed either way for too long.
  func tunnelTimeout(_ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>) {
    counters.add(.tunnelTimeouts)
    endExchange(x, reusable: false)
    beginClose(d)
  }

  func touch(_ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>) {
    if x.pointee.isPassage, let service = x.pointee.service {
      arm(u, service.pointee.tunnelIdleMilliseconds)
    } else {
      arm(u, snapshot.settings.limits.tunnelIdleMilliseconds)
    }
  }
}
