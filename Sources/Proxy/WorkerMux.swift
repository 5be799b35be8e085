internal import Bytes
internal import EventLoop
internal import HTTP2
internal import OS
internal import Telemetry

// HTTP/2 connections, whichever side: output, frames, streams, endings.
extension Worker {

  // MARK: Output

  /// Makes room for frames: to be called before anything is written to the connection.
  func ready(_ mux: Ref<Mux>) {
    if unsafe mux.connection.output.base == nil {
      unsafe mux.connection.output.lend(buffers.acquireUnbounded(), capacity: Downstream.bufferSize)
    } else if mux.connection.output.room < 1024 {
      flush(mux)
    }
    guard !mux.isDirty else { return }
    mux.isDirty = true
    dirty.append(mux)
  }

  /// Sends the frames that wait, or parks what the socket does not take.
  func flush(_ mux: Ref<Mux>) {
    let count = mux.connection.output.count
    guard count > 0, let base = unsafe mux.connection.output.base, !mux.isBroken else { return }
    mux.connection.output.clear()
    var parked = 0
    var isSent = false
    if let client = mux.downstream {
      isSent = unsafe send(client, base, count)
      parked = client.wire.output.count
    } else if let backend = mux.upstream {
      isSent = unsafe backend.wire.send(base, count, pipe)
      parked = backend.wire.output.count
    }
    if !isSent || parked > Mux.maximumParkedBytes { mux.isBroken = true }
  }

  /// Whether the peer does not take what it has been sent: content has to wait.
  func isCongested(_ mux: Ref<Mux>) -> Bool {
    if let client = mux.downstream { return !client.wire.output.isEmpty }
    if let backend = mux.upstream { return backend.state != .active || !backend.wire.output.isEmpty }
    return true
  }

  /// Sends what the turn has left behind, and takes apart what has failed.
  func flushDirty() {
    guard !dirty.isEmpty else { return }
    var at = 0
    while at < dirty.count {
      let mux = dirty[at]
      at += 1
      guard mux.slot.isLive else { continue }
      mux.isDirty = false
      flush(mux)
      if let memory = unsafe mux.connection.output.takeBack() { unsafe buffers.release(memory) }
      if mux.isBroken || mux.isClosing { end(mux) }
    }
    dirty.removeAll(keepingCapacity: true)
  }

  // MARK: Frames

  /// Acts on whole frames, and on the requests that they made; how many bytes have been dealt with.
  func readFrames(_ mux: Ref<Mux>, _ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let consumed = unsafe actOnFrames(mux, base, count)
    dispatchOpened()
    return consumed
  }

  private func actOnFrames(_ mux: Ref<Mux>, _ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var consumed = 0
    defer { returnHeadBuffer(mux) }
    while !mux.isBroken, !mux.isClosing {
      ready(mux)
      if unsafe mux.connection.headBuffer == nil {
        unsafe mux.connection.headBuffer = unsafe buffers.acquireUnbounded() + Downstream.headroom
      }
      let event = unsafe mux.connection.next(base, count, consumed: &consumed, now: nowMilliseconds)
      if case .needMore = event { return consumed }
      act(on: event, mux)
    }
    return count
  }

  private func act(on event: HTTP2.Event, _ mux: Ref<Mux>) {
    switch event {
    case .needMore: break
    case .outputFull: flush(mux)
    case .head(let head):
      if let state = unsafe head.stream {
        unsafe takeHead(mux, stream(state), head)
      } else {
        openStream(mux, head)
      }
    case .data(let state, let bytes, let count, _): unsafe takeData(mux, stream(state), bytes, count)
    case .reset(let state, let code, let byPeer): unsafe streamReset(stream(state), code, byPeer: byPeer)
    case .refused:
      counters.add(.requests)
      counters.add(.requestsRejected)
    case .writable(let state):
      guard let state = unsafe state else { return resumeAll(mux) }
      let stream = unsafe stream(state)
      if stream.isBlocked { resume(stream) }
    case .goAway(let last, _): takeGoAway(mux, last)
    case .settings: settingsCame(mux)
    case .pingAnswered: finishAnnouncedEnd(mux)
    case .failed(let code, let flood): fail(mux, code, flood)
    }
  }

  private func stream(_ state: UnsafeMutablePointer<StreamState>) -> Ref<MuxStream> {
    // Every stream in a connection's table was given its owner by `link`.
    unsafe Ref(raw: state.pointee.owner.unsafelyUnwrapped)
  }

  private func returnHeadBuffer(_ mux: Ref<Mux>) {
    guard let head = unsafe mux.connection.headBuffer, !mux.connection.isInHeaders else { return }
    unsafe buffers.release(head - Downstream.headroom)
    unsafe mux.connection.headBuffer = nil
  }

  private func takeData(
    _ mux: Ref<Mux>, _ stream: Ref<MuxStream>, _ bytes: UnsafePointer<UInt8>, _ count: Int
  ) {
    if let client = stream.downstream {
      dispatch(client)
      guard stream.slot.isLive, stream.mux == mux else { return mux.connection.give(back: count) }
    }
    unsafe stream.incoming = unsafe bytes
    stream.incomingCount = count
    if let client = stream.downstream {
      pump(client)
    } else if let backend = stream.upstream {
      pumpUpstream(backend)
    }
    let left = stream.incomingCount
    stream.incomingCount = 0
    guard left > 0, let rest = unsafe stream.incoming else { return }
    if stream.slot.isLive, wantsContent(stream) {
      unsafe stream.stash.append(rest, left)
    } else {
      mux.connection.give(back: left)
    }
  }

  private func wantsContent(_ stream: Ref<MuxStream>) -> Bool {
    if let client = stream.downstream {
      guard client.slot.isLive, let exchange = client.exchange else { return false }
      return client.state == .tunnel || !exchange.requestComplete
    }
    return stream.upstream?.exchange != nil
  }

  /// Moves received content to where it is used, and gives its room back to the peer.
  func takeContent(_ stream: Ref<MuxStream>, _ to: UnsafeMutablePointer<UInt8>, _ most: Int) -> Int {
    var taken = 0
    if !stream.stash.isEmpty {
      let bytes = unsafe stream.stash.bytes
      taken = min(most, bytes.count)
      if let base = bytes.baseAddress { unsafe to.update(from: base, count: taken) }
      stream.stash.drop(taken)
    }
    if taken < most, stream.incomingCount > 0, let from = unsafe stream.incoming {
      let n = min(most - taken, stream.incomingCount)
      unsafe (to + taken).update(from: from, count: n)
      unsafe stream.incoming = unsafe from + n
      stream.incomingCount -= n
      taken += n
    }
    if taken > 0, let mux = stream.mux {
      ready(mux)
      unsafe mux.connection.take(&stream.state, taken)
    }
    return taken
  }

  // MARK: Content

  /// Sends content of a stream as far as windows and socket allow: how many bytes were taken.
  func sendFrames(_ stream: Ref<MuxStream>, _ bytes: UnsafePointer<UInt8>, _ count: Int, isLast: Bool) -> Int
  {
    guard let mux = stream.mux, !mux.isBroken else { return count }
    var at = 0
    while at < count, !isCongested(mux) {
      ready(mux)
      let taken = unsafe mux.connection.writeData(&stream.state, bytes + at, count - at, isLast: isLast)
      at += taken
      if mux.connection.output.count >= Mux.flushBytes { flush(mux) }
      if unsafe mux.connection.sendable(&stream.state) == 0 { break }
    }
    return at
  }

  /// Sends a header section, given as the text of an HTTP/1.1 head.
  func sendHead(
    _ stream: Ref<MuxStream>, _ kind: HTTP2.Connection.HeadKind, _ text: UnsafePointer<UInt8>, _ count: Int,
    isLast: Bool
  ) {
    guard let mux = stream.mux else { return }
    ready(mux)
    if unsafe mux.connection.writeHead(&stream.state, kind, text, count, isLast: isLast) { return }
    flush(mux)
    if unsafe mux.connection.writeHead(&stream.state, kind, text, count, isLast: isLast) { return }
    unsafe mux.connection.reset(&stream.state, .internalError)
  }

  /// Says END_STREAM where it has not been said yet, behind trailers if there are some.
  func sendEnd(_ stream: Ref<MuxStream>, trailers: ParkedOutput) {
    guard let mux = stream.mux else { return }
    if let text = unsafe trailers.bytes.baseAddress, !trailers.isEmpty {
      return unsafe sendHead(stream, .trailers, text, trailers.count, isLast: true)
    }
    ready(mux)
    _ = unsafe mux.connection.writeEnd(&stream.state)
  }

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
      resume(stream)
      if stream == last { return }
      left -= 1
    }
  }

  private func resume(_ stream: Ref<MuxStream>) {
    unblock(stream)
    if let client = stream.downstream {
      drainOutput(client, stream)
    } else if let backend = stream.upstream {
      resumeRequest(backend)
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
  func release(_ stream: Ref<MuxStream>) {
    dropStash(stream)
    stream.trailers.free()
    if let mux = stream.mux {
      unblock(stream)
      ready(mux)
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
    if let client = mux.downstream {
      if mux.endAnnounced && mux.connection.hasEnded { mux.isClosing = true }
      if client.wire.output.isEmpty { armQuiet(client, mux) }
    } else if let backend = mux.upstream, let pool = unsafe backend.pool {
      let isRetired = unsafe pool._withUnsafeGuaranteedRef { $0.isRetired }
      if isRetired || isDraining || mux.connection.isRefusing { mux.isClosing = true }
      if backend.state == .active {
        unsafe arm(backend, pool._withUnsafeGuaranteedRef { $0.keepAliveMilliseconds })
      }
    }
  }

  private func streamReset(_ stream: Ref<MuxStream>, _ code: ErrorCode, byPeer: Bool) {
    if let client = stream.downstream {
      if !byPeer { counters.add(.requestsRejected) }
      clientGone(client)
    } else if let backend = stream.upstream {
      upstreamReset(backend, code)
    }
  }

  // MARK: Endings

  private func fail(_ mux: Ref<Mux>, _ code: ErrorCode, _ flood: Flood?) {
    if let flood { counters.add(flood.counter) }
    if let client = mux.downstream {
      counters.add(.http2ConnectionErrors)
      let reason = flood.map { "HTTP/2: too many of one kind (\($0))" } ?? "HTTP/2: \(code)"
      shared.report(.requestRefused(peer: text(client.peer), reason: reason))
    }
    mux.isClosing = true
  }

  /// Takes a connection apart, with all that goes on on it.
  private func end(_ mux: Ref<Mux>) {
    if let client = mux.downstream {
      let isBroken = mux.isBroken
      dismantle(mux)
      isBroken ? close(client) : beginClose(client)
    } else if let backend = mux.upstream {
      leavePool(mux)
      while let stream = mux.firstStream {
        guard let request = stream.upstream else {
          release(stream)
          continue
        }
        stream.state.giveUp()
        upstreamBroke(request, "the backend closed the connection")
        // Whatever became of the exchange, its stream is gone.
        if stream.slot.isLive, stream.mux == mux { closeUpstream(request) }
      }
      closeUpstream(backend)
    }
  }

  /// Ends every exchange of a client's connection and frees the protocol's state.
  func dismantle(_ mux: Ref<Mux>) {
    guard mux.slot.isLive else { return }
    while let stream = mux.firstStream {
      stream.state.giveUp()
      if let client = stream.downstream {
        clientGone(client)
      } else if let backend = stream.upstream {
        closeUpstream(backend)
      }
      if stream.slot.isLive, stream.mux == mux { release(stream) }
    }
    mux.downstream?.mux = nil
    mux.upstream?.mux = nil
    if let memory = unsafe mux.connection.output.takeBack() { unsafe buffers.release(memory) }
    if let head = unsafe mux.connection.headBuffer { unsafe buffers.release(head - Downstream.headroom) }
    unsafe mux.connection.headBuffer = nil
    mux.connection.free()
    muxes.release(mux)
  }
}

extension Flood {
  /// What counts it.
  var counter: Counter {
    switch self {
    case .rapidReset: .h2RapidResets
    case .madeReset: .h2MadeResets
    case .continuation: .h2ContinuationFloods
    case .settings: .h2SettingsFloods
    case .ping: .h2PingFloods
    case .emptyFrame: .h2EmptyFrameFloods
    case .control: .h2ControlFloods
    }
  }
}
