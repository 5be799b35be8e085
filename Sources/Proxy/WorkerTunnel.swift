internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS

// After 101 Switching Protocols (RFC 9110 §7.8): bytes both ways, unread, with half-close and back-pressure.
extension Worker {
  func beginTunnel(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, _ bodyStart: Int,
    _ head: HeadWriter
  ) -> Bool {
    x.pointee.responseStarted = true
    x.pointee.requestComplete = true
    x.pointee.keepsAlive = false
    guard send(d, head.start, head.count) else {
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

  /// Client to backend: sends what the buffer holds.
  func tunnelUp(_ d: UnsafeMutablePointer<Downstream>) {
    guard let x = d.pointee.exchange, let u = x.pointee.upstream, let buffer = d.pointee.buffer else {
      return
    }
    while d.pointee.sent < d.pointee.end {
      let n = sendUpstream(u, buffer + d.pointee.sent, d.pointee.end - d.pointee.sent)
      if n == Sys.wouldBlock { return }
      guard n > 0 else { return tunnelBackendEnded(u, x, d) }
      d.pointee.sent += n
      x.pointee.bytesIn += UInt64(n)
    }
    dropBuffer(d)
    d.pointee.sent = 0
    d.pointee.requestEnd = 0
    touch(u)
    if d.pointee.sawEnd { return closeUpstreamWrite(u) }
    if hasMore(d) { putOff(d) }
  }

  /// Backend to client. True when reading may go on.
  func tunnelDown(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, from: Int
  ) -> Bool {
    let count = u.pointee.end - from
    u.pointee.end = Downstream.headroom
    touch(u)
    guard count > 0 else { return true }
    x.pointee.bytesOut += UInt64(count)
    guard send(d, buffer + from, count) else {
      clientGone(d)
      return false
    }
    return true
  }

  /// The client has closed its half: so does our half towards the backend, which may still have something to say.
  func tunnelClientEnded(_ d: UnsafeMutablePointer<Downstream>) {
    guard let x = d.pointee.exchange, let u = x.pointee.upstream else { return close(d) }
    // A reset, or a close without TLS's own end, leaves nobody to talk to.
    guard d.pointee.sawEnd else { return clientGone(d) }
    if d.pointee.sent == d.pointee.end { closeUpstreamWrite(u) }
  }

  private func closeUpstreamWrite(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard !u.pointee.writeClosed else { return }
    u.pointee.writeClosed = true
    if let session = u.pointee.session {
      session.shutdown()
      _ = flushUpstreamPipe(u)
    }
    if u.pointee.output.isEmpty { Sys.shutdownWrite(u.pointee.fd) }
  }

  /// The backend has closed: the rest of what it said leaves, then the client's connection ends.
  func tunnelBackendEnded(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>
  ) {
    endExchange(x, reusable: false)
    beginClose(d)
  }

  private func touch(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    arm(u, snapshot.settings.limits.tunnelIdleMilliseconds)
  }
}
