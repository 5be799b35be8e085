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
  func clientClosed(_ client: Ref<Downstream>) {
    switch client.state {
    case .tunnel: tunnelClientEnded(client)
    case .exchange: clientGone(client)
    case .multiplexed:
      guard let mux = client.mux, mux.streamCount == 0 else { return close(client) }
      // It may still listen, for a proper end.
      ready(mux)
      mux.connection.end()
      mux.isClosing = true
    default: close(client)
    }
  }

  /// Nobody waits for the response: the upstream exchange ends at once.
  func clientGone(_ client: Ref<Downstream>) {
    if let exchange = client.exchange {
      if exchange.status == 0 { exchange.status = 499 }
      counters.add(.requestsAborted)
      endExchange(exchange, reusable: false)
    }
    close(client)
  }

  /// There is no buffer for what a client's connection has to do next.
  func outOfBuffers(_ client: Ref<Downstream>) {
    counters.add(.requestsWithoutBuffer)
    shared.report(.outOfBuffers)
    if let exchange = client.exchange, client.state == .exchange {
      return failExchange(exchange, .overloaded)
    }
    guard client.state == .reading else { return reset(client) }
    requestHead = RequestHead()
    unsafe answer(client, .overloaded, closing: true)
  }

  /// Ends everything without another word.
  func abort(_ client: Ref<Downstream>) {
    if let exchange = client.exchange { endExchange(exchange, reusable: false) }
    close(client)
  }

  /// The response has broken off: a reset tells the client that what it has is not all.
  func reset(_ client: Ref<Downstream>) {
    client.wire.output.free()
    if let stream = client.stream {
      // The code that the backend gave, or one that says that this was not the client's doing; a tunnel's end by
      // reset has a code of its own (RFC 8441 §5).
      if stream.resetCode == .cancel, client.state != .tunnel { stream.resetCode = .internalError }
      return abort(client)
    }
    Sys.setResetOnClose(client.wire.fd)
    abort(client)
  }

  /// Closes properly once the output has left.
  func beginClose(_ client: Ref<Downstream>) {
    guard client.slot.isLive else { return }
    if let stream = client.stream { return endResponse(client, stream, trailers: ParkedOutput()) }
    if client.state != .handshaking, !client.wire.sayGoodbye(pipe) { return close(client) }
    client.state = .closing
    if client.wire.output.isEmpty {
      finishClose(client)
    } else {
      arm(client, snapshot.settings.limits.sendStallMilliseconds)
    }
  }

  /// Closing while the client still sends would destroy what it has not read yet: half-close, and discard the rest.
  func finishClose(_ client: Ref<Downstream>) {
    if client.wire.sawEnd || client.wire.peerClosed { return close(client) }
    Sys.shutdownWrite(client.wire.fd)
    client.state = .lingering
    client.wire.dropUnread()
    dropBuffer(client)
    arm(client, snapshot.settings.limits.lingerMilliseconds)
    if client.wire.readable { discard(client) }
  }

  func discard(_ client: Ref<Downstream>) {
    for _ in 0..<8 {
      let n = unsafe Sys.recv(client.wire.fd, scratch, Self.scratchSize)
      if n == Sys.wouldBlock {
        client.wire.readable = false
        return
      }
      if n <= 0 { return close(client) }
    }
    // The time limit ends it for one that never stops sending.
    putOff(client)
  }

  /// Frees everything that belongs to the connection.
  func close(_ client: Ref<Downstream>) {
    guard client.slot.isLive else { return }
    if let exchange = client.exchange { endExchange(exchange, reusable: false) }
    if let stream = client.stream { return closeStream(client, stream) }
    if let mux = client.mux { dismantle(mux) }
    client.wire.close()
    unsafe client.identity?.release()
    unsafe client.identity = nil
    unsafe client.announced?.deallocate()
    unsafe client.announced = nil
    dropBuffer(client)
    unsafe wheel.remove(timer(client))
    downstreams.release(client)
    shared.connections.wrappingSubtract(1, ordering: .relaxed)
    counters.add(.connectionsClosed)
    if acceptPaused { acceptResumeAt = nowMilliseconds }
  }

  /// Frees a stream of a client; the connection that carries it goes on.
  private func closeStream(_ client: Ref<Downstream>, _ stream: Ref<MuxStream>) {
    client.stream = nil
    client.wire.forget()
    unsafe client.identity = nil
    dropBuffer(client)
    unsafe wheel.remove(timer(client))
    release(stream)
    downstreams.release(client)
  }

  func downstreamTimeout(_ client: Ref<Downstream>) {
    if let mux = client.mux { return muxTimeout(client, mux) }
    if client.stream != nil, !client.wire.output.isEmpty { counters.add(.h2ZeroWindowStalls) }
    switch client.state {
    case .reading where client.end > client.start && client.wire.output.isEmpty:
      requestHead = RequestHead()
      unsafe answer(client, .requestTimeout, closing: true)
    case .reading where client.wire.output.isEmpty: beginClose(client)
    // The time that nothing passes at all is what counts.
    case .tunnel: break
    case .exchange where client.wire.output.isEmpty:
      // The client does not send the rest of its request.
      if let exchange = client.exchange, !exchange.requestComplete {
        failExchange(exchange, .requestTimeout)
      }
    default: client.wire.output.isEmpty ? abort(client) : reset(client)
    }
  }

  /// The timeout that fits what the connection is doing.
  func armForState(_ client: Ref<Downstream>) {
    let limits = snapshot.settings.limits
    guard client.wire.output.isEmpty else { return arm(client, limits.sendStallMilliseconds) }
    switch client.state {
    case .reading: arm(client, limits.keepAliveMilliseconds)
    case .exchange:
      if let exchange = client.exchange, !exchange.requestComplete {
        arm(client, limits.bodyIdleMilliseconds)
      } else {
        disarm(client)
      }
    case .tunnel: disarm(client)
    case .multiplexed:
      if let mux = client.mux, mux.streamCount == 0 { armQuiet(client, mux) } else { disarm(client) }
    default: break
    }
  }
}
