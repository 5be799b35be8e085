internal import HTTP2
internal import Synchronization
internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS

// How a client's connection ends.
extension Worker {
  /// The client's stream has ended.
  func clientClosed(_ d: UnsafeMutablePointer<Downstream>) {
    switch d.pointee.state {
    case .tunnel: tunnelClientEnded(d)
    case .exchange: clientGone(d)
    case .multiplexed:
      guard let m = d.pointee.mux, m.pointee.streamCount == 0 else { return close(d) }
      // It may still listen, for a proper end.
      ready(m)
      m.pointee.connection.end()
      m.pointee.isClosing = true
    default: close(d)
    }
  }

  /// Nobody waits for the response: the upstream exchange ends at once.
  func clientGone(_ d: UnsafeMutablePointer<Downstream>) {
    if let x = d.pointee.exchange {
      if x.pointee.status == 0 { x.pointee.status = 499 }
      counters.add(.requestsAborted)
      endExchange(x, reusable: false)
    }
    close(d)
  }

  /// There is no buffer for what a client's connection has to do next.
  func outOfBuffers(_ d: UnsafeMutablePointer<Downstream>) {
    counters.add(.requestsWithoutBuffer)
    shared.report(.outOfBuffers)
    if let x = d.pointee.exchange, d.pointee.state == .exchange { return failExchange(x, .overloaded) }
    guard d.pointee.state == .reading else { return reset(d) }
    requestHead = RequestHead()
    answer(d, .overloaded, closing: true)
  }

  /// Ends everything without another word.
  func abort(_ d: UnsafeMutablePointer<Downstream>) {
    if let x = d.pointee.exchange { endExchange(x, reusable: false) }
    close(d)
  }

  /// The response has broken off: a reset tells the client that what it has is not all.
  func reset(_ d: UnsafeMutablePointer<Downstream>) {
    d.pointee.output.free()
    if let s = d.pointee.stream {
      // The code that the backend gave, or one that says that this was not the client's doing; a tunnel's end by
      // reset has a code of its own (RFC 8441 §5).
      if s.pointee.resetCode == .cancel, d.pointee.state != .tunnel { s.pointee.resetCode = .internalError }
      return abort(d)
    }
    Sys.setResetOnClose(d.pointee.fd)
    abort(d)
  }

  /// Closes properly once the output has left.
  func beginClose(_ d: UnsafeMutablePointer<Downstream>) {
    guard d.pointee.slot.isLive else { return }
    if let s = d.pointee.stream { return endResponse(d, s, trailers: ParkedOutput()) }
    if let session = d.pointee.session, d.pointee.state != .handshaking {
      session.shutdown()
      guard flushPipe(d) else { return close(d) }
    }
    d.pointee.state = .closing
    if d.pointee.output.isEmpty {
      finishClose(d)
    } else {
      arm(d, snapshot.settings.limits.sendStallMilliseconds)
    }
  }

  /// Closing while the client still sends would destroy what it has not read yet: half-close, and discard the rest.
  func finishClose(_ d: UnsafeMutablePointer<Downstream>) {
    if d.pointee.sawEnd || d.pointee.peerClosed { return close(d) }
    Sys.shutdownWrite(d.pointee.fd)
    d.pointee.state = .lingering
    d.pointee.parkedInput.free()
    dropBuffer(d)
    arm(d, snapshot.settings.limits.lingerMilliseconds)
    if d.pointee.readable { discard(d) }
  }

  func discard(_ d: UnsafeMutablePointer<Downstream>) {
    for _ in 0..<8 {
      let n = Sys.recv(d.pointee.fd, pipe.receiveBuffer, RecordPipe.inputCapacity)
      if n == Sys.wouldBlock {
        d.pointee.readable = false
        return
      }
      if n <= 0 { return close(d) }
    }
    // The time limit ends it for one that never stops sending.
    putOff(d)
  }

  /// Frees everything that belongs to the connection.
  func close(_ d: UnsafeMutablePointer<Downstream>) {
    guard d.pointee.slot.isLive else { return }
    if let x = d.pointee.exchange { endExchange(x, reusable: false) }
    if let s = d.pointee.stream { return closeStream(d, s) }
    if let m = d.pointee.mux { dismantle(m) }
    Sys.close(d.pointee.fd)
    d.pointee.session?.free()
    d.pointee.session = nil
    d.pointee.identity?.release()
    d.pointee.identity = nil
    d.pointee.announced?.deallocate()
    d.pointee.announced = nil
    d.pointee.parkedInput.free()
    d.pointee.output.free()
    dropBuffer(d)
    wheel.remove(timer(d))
    downstreams.release(d)
    shared.connections.wrappingSubtract(1, ordering: .relaxed)
    counters.add(.connectionsClosed)
    if acceptPaused { acceptResumeAt = nowMilliseconds }
  }

  /// Frees a stream of a client; the connection that carries it goes on.
  private func closeStream(_ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer) {
    d.pointee.stream = nil
    d.pointee.session = nil
    d.pointee.identity = nil
    d.pointee.output.free()
    dropBuffer(d)
    wheel.remove(timer(d))
    release(s)
    downstreams.release(d)
  }

  func downstreamTimeout(_ d: UnsafeMutablePointer<Downstream>) {
    if let m = d.pointee.mux { return muxTimeout(d, m) }
    if d.pointee.stream != nil, !d.pointee.output.isEmpty { counters.add(.h2ZeroWindowStalls) }
    switch d.pointee.state {
    case .reading where d.pointee.end > d.pointee.start && d.pointee.output.isEmpty:
      requestHead = RequestHead()
      answer(d, .requestTimeout, closing: true)
    case .reading where d.pointee.output.isEmpty: beginClose(d)
    // The time that nothing passes at all is what counts.
    case .tunnel: break
    case .exchange where d.pointee.output.isEmpty:
      // The client does not send the rest of its request.
      if let x = d.pointee.exchange, !x.pointee.requestComplete {
        failExchange(x, .requestTimeout)
      }
    default: d.pointee.output.isEmpty ? abort(d) : reset(d)
    }
  }

  /// The timeout that fits what the connection is doing.
  func armForState(_ d: UnsafeMutablePointer<Downstream>) {
    let limits = snapshot.settings.limits
    guard d.pointee.output.isEmpty else { return arm(d, limits.sendStallMilliseconds) }
    switch d.pointee.state {
    case .reading: arm(d, limits.keepAliveMilliseconds)
    case .exchange:
      if let x = d.pointee.exchange, !x.pointee.requestComplete {
        arm(d, limits.bodyIdleMilliseconds)
      } else {
        disarm(d)
      }
    case .tunnel: disarm(d)
    case .multiplexed:
      if let m = d.pointee.mux, m.pointee.streamCount == 0 { armQuiet(d, m) } else { disarm(d) }
    default: break
    }
  }
}
