internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import TLS
internal import Telemetry

// What happens on a client's connection, as the kernel tells it.
extension Worker {
  /// Reads of one client in one turn.
  private static let readsPerTurn = 8

  func clientEvent(_ client: Ref<ClientConnection>, _ readiness: Readiness) {
    client.wire.note(readiness)
    if readiness.contains(.error) { return leave(client) }
    if readiness.contains(.writable), !client.wire.output.isEmpty, flushOutput(client) == .over { return }
    switch client.state {
    case .proxyHeader: readProxyHeader(client)
    case .handshaking: if client.wire.readable { queueHandshake(client) }
    case .exchange where client.wire.peerClosed, .gated where client.wire.peerClosed:
      // Nobody waits for the answer any more: the GPU must not go on.
      leave(client)
    default: if client.wire.readable { pumpClient(client) }
    }
  }

  /// Sends what waits; goes on with whatever waited for that.
  private func flushOutput(_ client: Ref<ClientConnection>) -> Outcome {
    let result = client.wire.flush()
    guard result >= 0 else {
      leave(client)
      return .over
    }
    timeClient(client, again: true)
    guard result == 1 else { return .goesOn }
    if client.state == .closing {
      finishClose(client)
      return .over
    }
    if let mux = client.mux {
      resumeAll(mux)
      putOff(client)
    } else if let exchange = client.exchange {
      return clientHasRoom(client, exchange)
    } else if client.state == .reading, client.end > client.start || clientHasUnread(client) {
      // Pipelined requests have waited for the room that there is now.
      putOff(client)
    }
    return .goesOn
  }

  /// The client has taken all that waited for it.
  func clientHasRoom(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Outcome {
    if client.state == .tunnel { return conclude(tunnelDrained(client, exchange), exchange) }
    resumeReading(exchange)
    return .goesOn
  }

  /// Reads and acts until there is nothing to read, or nothing more is wanted at present.
  func pumpClient(_ client: Ref<ClientConnection>) {
    if client.state == .handshaking {
      guard serveEarly(client) || stepHandshake(client) else { return }
    }
    if client.state == .multiplexed { pumpFrames(client) } else { pumpRequest(client) }
  }

  /// Reads and acts on frames.
  private func pumpFrames(_ client: Ref<ClientConnection>) {
    if client.end > client.start { takeFrames(client) }
    for _ in 0..<Self.readsPerTurn {
      // Answers to one that does not read would pile up.
      guard client.wire.output.count < Mux.parkedBytes, client.mux?.isClosing == false else { return }
      switch fillClient(client) {
      case .some: takeFrames(client)
      case .wait: return
      case .closed: return clientClosed(client)
      case .noBuffer: return outOfBuffers(client)
      }
    }
    putOff(client)
  }

  /// Reads of requests what there is, and what is wanted at present.
  func pumpRequest(_ client: Ref<ClientConnection>) {
    for _ in 0..<Self.readsPerTurn {
      switch client.state {
      case .reading:
        // One that does not take its answers gets no further ones.
        guard client.wire.output.isEmpty else { return }
        guard client.end == client.start || readRequest(client) == .incomplete else { return }
      case .exchange:
        guard let exchange = client.exchange, mayTakeMore(client, exchange) else { return }
      case .tunnel:
        guard client.sent == client.end, !client.wire.sawEnd,
          client.exchange?.backend?.state == .active
        else { return }
      case .lingering: return linger(client)
      case .proxyHeader, .handshaking, .requested, .gated, .multiplexed, .closing: return
      }
      switch fillClient(client) {
      case .some: guard takeFilled(client) == .goesOn else { return }
      case .wait: return
      case .closed: return clientClosed(client)
      case .noBuffer: return outOfBuffers(client)
      }
    }
    putOff(client)
  }

  /// Whether there is room for more of a request's content.
  private func mayTakeMore(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Bool {
    guard !exchange.machine.requestComplete else { return false }
    if client.isFull { makeRoom(client, exchange) }
    return !client.isFull
  }

  /// Deals with what has been received.
  private func takeFilled(_ client: Ref<ClientConnection>) -> Outcome {
    guard let exchange = client.exchange else { return .goesOn }
    if client.state == .tunnel { return conclude(tunnelUp(client), exchange) }
    let outcome = conclude(takeRequestContent(client, exchange), exchange)
    if outcome == .goesOn { time(exchange, moved: .client) }
    return outcome
  }

  /// More of the request's content has arrived.
  private func takeRequestContent(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Step {
    guard acceptContent(client, exchange) else {
      shared.report(.requestRefused(peer: text(client.peer), reason: "malformed chunked content"))
      return .event(.refused(.badRequest))
    }
    if isBeyondBodyLimit(exchange) { return .event(.refused(.contentBeyondLimit)) }
    if exchange.collects, exchange.machine.phase == .head {
      return collect(client, exchange).map { .event($0) } ?? .rest
    }
    return forward(exchange)
  }

  /// Finds where the content of a request that came on a connection of its own ends. False when it is malformed.
  func followContent(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Bool {
    guard let buffer = unsafe client.buffer, !exchange.machine.requestComplete else { return true }
    let available = client.end - client.requestEnd
    let p = unsafe buffer + client.requestEnd
    let found = unsafe exchange.requestContent.follow(p, available) { byte in
      unsafe withUnsafePointer(to: byte) { unsafe exchange.requestTrailers.append($0, 1) }
    }
    guard let taken = found else { return false }
    if taken.kept < taken.used {
      unsafe (p + taken.kept).update(from: p + taken.used, count: available - taken.used)
      client.end -= taken.used - taken.kept
    }
    client.requestEnd += taken.kept
    exchange.bytesIn += UInt64(taken.kept)
    if taken.isComplete { exchange.machine.requestComplete = true }
    return true
  }
}
