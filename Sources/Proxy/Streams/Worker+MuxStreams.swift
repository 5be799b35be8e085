internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import Telemetry

// The streams of HTTP/2 connections, whichever side: waiting, coming and going, ending.
extension Worker {
  // MARK: Waiting

  func block(_ stream: Ref<MuxStream>) {
    guard let mux = stream.mux, !stream.isBlocked else { return }
    stream.isBlocked = true
    stream.previousBlocked = mux.lastBlocked
    stream.nextBlocked = nil
    if let last = mux.lastBlocked {
      last.nextBlocked = stream
    } else {
      mux.firstBlocked = stream
    }
    mux.lastBlocked = stream
  }

  func unblock(_ stream: Ref<MuxStream>) {
    guard let mux = stream.mux, stream.isBlocked else { return }
    stream.isBlocked = false
    if let previous = stream.previousBlocked {
      previous.nextBlocked = stream.nextBlocked
    } else {
      mux.firstBlocked = stream.nextBlocked
    }
    if let next = stream.nextBlocked {
      next.previousBlocked = stream.previousBlocked
    } else {
      mux.lastBlocked = stream.previousBlocked
    }
  }

  /// There is room again: each that waits gets its turn once, in the order in which they began to wait.
  func resumeAll(_ mux: Ref<Mux>) {
    let last = mux.lastBlocked
    // Should the last one go away meanwhile, their number ends it.
    var left = mux.streamCount
    while left > 0, let stream = mux.firstBlocked, !isCongested(mux), !mux.isBroken {
      resumeStream(stream)
      if stream == last { return }
      left -= 1
    }
  }

  func resumeStream(_ stream: Ref<MuxStream>) {
    unblock(stream)
    if let client = stream.client {
      drainOutput(client, stream)
    } else if let exchange = stream.backend?.exchange, let client = exchange.client {
      if client.state == .tunnel {
        conclude(tunnelUp(client), exchange)
        putOff(client)
      } else {
        _ = resumeRequest(exchange, client)
      }
    }
  }

  // MARK: Streams

  func link(_ stream: Ref<MuxStream>, _ mux: Ref<Mux>) {
    stream.mux = mux
    unsafe stream.state.owner = unsafe stream.raw
    stream.nextStream = mux.firstStream
    mux.firstStream?.previousStream = stream
    mux.firstStream = stream
    mux.streamCount += 1
  }

  /// Frees a stream; one that is not over yet is reset.
  func releaseStream(_ stream: Ref<MuxStream>) {
    dropStash(stream)
    stream.trailers.free()
    if let mux = stream.mux {
      unblock(stream)
      ready(mux)
      if mux.incoming.stream == stream { mux.incoming.stream = nil }
      unsafe mux.connection.reset(&stream.state, stream.resetCode)
      if let previous = stream.previousStream {
        previous.nextStream = stream.nextStream
      } else {
        mux.firstStream = stream.nextStream
      }
      stream.nextStream?.previousStream = stream.previousStream
      mux.streamCount -= 1
      stream.mux = nil
      if mux.streamCount == 0 { becameQuiet(mux) }
    }
    streams.release(stream)
  }

  /// Throws away content that nobody takes any more. Its room belongs to the whole connection and goes back.
  func dropStash(_ stream: Ref<MuxStream>) {
    let count = stream.stash.count
    stream.stash.free()
    guard count > 0, let mux = stream.mux else { return }
    ready(mux)
    mux.connection.give(back: count)
  }

  func becameQuiet(_ mux: Ref<Mux>) {
    if let client = mux.client {
      if mux.endAnnounced && mux.connection.hasEnded { mux.isClosing = true }
      mux.quietAt = nowMilliseconds
      // Whoever goes on after it was told is asked whether it has read it.
      if mux.endAnnounced, !mux.connection.hasEnded { mux.connection.ping() }
      if isDraining { announceEnd(mux) }
      timeClient(client, again: true)
    } else if let backend = mux.backend, let pool = unsafe backend.pool {
      let isRetired = unsafe pool._withUnsafeGuaranteedRef { $0.isRetired }
      if isRetired || isDraining || mux.connection.isRefusing { mux.isClosing = true }
      if backend.state == .active { setWait(ofBackend: backend, .nextRequest, again: true) }
    }
  }

  func streamReset(_ stream: Ref<MuxStream>, _ code: ErrorCode, byPeer: Bool) {
    if let client = stream.client {
      if !byPeer { counters.add(.requestsRejected) }
      leave(client)
    } else if let backend = stream.backend {
      backendReset(backend, code)
    }
  }

  /// Every stream of a connection, one after another, such as go away meanwhile left out.
  func walk(_ mux: Ref<Mux>, _ body: (Ref<MuxStream>) -> Void) {
    var tokens: [Token] = []
    var next = mux.firstStream
    while let stream = next {
      tokens.append(Token(kind: 0, index: stream.slot.index, generation: stream.slot.generation))
      next = stream.nextStream
    }
    for token in tokens {
      if let stream = streams.find(index: token.index, generation: token.generation) { body(stream) }
    }
  }

  // MARK: Endings

  func fail(_ mux: Ref<Mux>, _ code: ErrorCode, _ flood: Flood?) {
    if let flood { counters.add(flood.counter) }
    if let client = mux.client {
      counters.add(.http2ConnectionErrors)
      let reason = flood.map { "HTTP/2: too many of one kind (\($0))" } ?? "HTTP/2: \(code)"
      shared.report(.requestRefused(peer: text(client.peer), reason: reason))
    }
    mux.isClosing = true
  }

  /// Takes a connection apart, with all that goes on on it.
  func finishMux(_ mux: Ref<Mux>) {
    if let client = mux.client {
      let isBroken = mux.isBroken
      dismantle(mux)
      isBroken ? closeClient(client) : beginClose(client)
    } else if let backend = mux.backend {
      leavePool(mux)
      walk(mux) { stream in
        stream.state.giveUp()
        guard let request = stream.backend, let exchange = request.exchange else { return }
        conclude(broken(request, exchange, "the backend closed the connection"), exchange)
      }
      closeBackend(backend)
    }
  }

  /// Ends everything that goes on on a connection, and frees the protocol's state.
  func dismantle(_ mux: Ref<Mux>) {
    while let stream = mux.firstStream {
      stream.state.giveUp()
      if let client = stream.client {
        closeStream(client, stream)
      } else if let backend = stream.backend {
        closeAttempt(backend)
      } else {
        releaseStream(stream)
      }
    }
    mux.client?.mux = nil
    mux.backend?.mux = nil
    if let memory = unsafe mux.connection.output.takeBack() { unsafe buffers.release(memory) }
    if let head = unsafe mux.connection.headBuffer { unsafe buffers.release(head - Layout.headroom) }
    unsafe mux.connection.headBuffer = nil
    mux.connection.free()
    muxes.release(mux)
  }
}
