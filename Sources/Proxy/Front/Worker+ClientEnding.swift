internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import Synchronization
internal import TLS
internal import Telemetry

// How a client's connection ends, or goes on with its next request.
extension Worker {
  /// Makes the connection ready for the next request, keeping what has come of it.
  func readNext(_ client: Ref<ClientConnection>) {
    client.state = .reading
    client.start = client.requestEnd
    client.searched = 0
    client.headTimed = false
    if client.start >= client.end {
      dropBuffer(client)
    } else if let buffer = unsafe client.buffer {
      // Room for the next head and its content, as with a fresh buffer.
      let count = client.end - client.start
      unsafe (buffer + Layout.headroom).update(from: buffer + client.start, count: count)
      client.start = Layout.headroom
      client.end = Layout.headroom + count
    }
    if client.isEarly { return leaveEarly(client) }
    timeClient(client, again: true)
    // Pipelined requests, and bytes whose edge has been used up, are taken now.
    if client.end > client.start || clientHasUnread(client) { putOff(client) }
  }

  /// The client's stream has ended.
  func clientClosed(_ client: Ref<ClientConnection>) {
    switch client.state {
    case .tunnel:
      guard let exchange = client.exchange else { return closeClient(client) }
      conclude(tunnelClientEnded(client), exchange)
    case .multiplexed:
      guard let mux = client.mux, mux.streamCount == 0 else { return closeClient(client) }
      // It may still listen, for a proper end.
      endMux(mux)
    default: leave(client)
    }
  }

  /// The client has gone: nobody waits for a response.
  func leave(_ client: Ref<ClientConnection>) {
    guard let exchange = client.exchange else { return closeClient(client) }
    drive(exchange, .clientLeft)
  }

  /// There is no buffer for what a client's connection has to do next.
  func outOfBuffers(_ client: Ref<ClientConnection>) {
    let step = noBuffer()
    if let exchange = client.exchange {
      conclude(step, exchange)
      return
    }
    guard client.state == .reading || client.state == .requested else { return reset(client) }
    desk.clearRequest()
    unsafe refuse(client, OwnAnswer.overloaded, closing: true)
  }

  /// Closes properly once the output has left.
  func beginClose(_ client: Ref<ClientConnection>) {
    if client.state != .handshaking, !client.wire.sayGoodbye(pipe) { return closeClient(client) }
    client.state = .closing
    if client.wire.output.isEmpty { finishClose(client) } else { timeClient(client, again: true) }
  }

  /// Closing while the client still sends would destroy what it has not read yet: half-close, and discard the rest.
  func finishClose(_ client: Ref<ClientConnection>) {
    if client.wire.sawEnd || client.wire.peerClosed { return closeClient(client) }
    Sys.shutdownWrite(client.wire.fd)
    client.state = .lingering
    client.wire.dropUnread()
    dropBuffer(client)
    timeClient(client, again: true)
    if client.wire.readable { discard(client) }
  }

  func discard(_ client: Ref<ClientConnection>) {
    for _ in 0..<8 {
      let n = unsafe Sys.recv(client.wire.fd, desk.scratch, desk.scratchSize)
      if n == Sys.wouldBlock {
        client.wire.readable = false
        return
      }
      if n <= 0 { return closeClient(client) }
    }
    // The time limit ends it for one that never stops sending.
    putOff(client)
  }

  /// Frees everything that belongs to a connection.
  func closeConnection(_ client: Ref<ClientConnection>) {
    if let exchange = client.exchange { abandon(exchange) }
    if let mux = client.mux { dismantle(mux) }
    client.wire.close()
    unsafe client.identity?.release()
    unsafe client.identity = nil
    unsafe client.announced?.deallocate()
    unsafe client.announced = nil
    dropBuffer(client)
    unsafe wheel.remove(timer(client))
    clients.release(client)
    shared.connections.wrappingSubtract(1, ordering: .relaxed)
    counters.add(.connectionsClosed)
    if acceptPaused { acceptResumeAt = nowMilliseconds }
  }

  func clientTimedOut(_ client: Ref<ClientConnection>) {
    client.wait = .none
    if let mux = client.mux { return muxTimedOut(client, mux) }
    guard client.wire.output.isEmpty else { return giveUp(client) }
    switch client.state {
    case .reading where client.end > client.start:
      desk.clearRequest()
      unsafe refuse(client, OwnAnswer.requestTimeout, closing: true)
    case .reading: beginClose(client)
    case .exchange:
      guard let exchange = client.exchange else { return }
      if exchange.machine.phase == .waiting {
        waitedTooLong(exchange)
      } else if let model = exchange.model, model.everyMilliseconds > 0, exchange.machine.requestComplete {
        if sendHeartbeat(exchange, client) { timeClient(client, again: true) } else { leave(client) }
      } else if !exchange.machine.requestComplete {
        // The client does not send the rest of its request.
        drive(exchange, .refused(.requestTimeout))
      }
    // The time that nothing passes at all is what counts.
    case .tunnel: break
    case .proxyHeader, .handshaking, .requested, .gated, .multiplexed, .closing, .lingering:
      closeClient(client)
    }
  }

  /// The client does not take what it is sent.
  private func giveUp(_ client: Ref<ClientConnection>) {
    countStall(client)
    if let exchange = client.exchange {
      guard exchange.machine.phase != .tunnel else { return timeClient(client) }
      abandon(exchange)
    }
    reset(client)
  }
}
