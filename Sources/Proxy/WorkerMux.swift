internal import Bytes
internal import EventLoop
internal import HTTP2
internal import OS
internal import Telemetry

// HTTP/2 connections, whichever side: output, frames, streams, endings.
extension Worker {
  typealias MuxPointer = UnsafeMutablePointer<Mux>
  typealias StreamPointer = UnsafeMutablePointer<MuxStream>

  // MARK: Output

  /// Makes room for frames: to be called before anything is written to the connection.
  func ready(_ m: MuxPointer) {
    if m.pointee.connection.output.base == nil {
      m.pointee.connection.output.lend(buffers.acquireUnbounded(), capacity: Downstream.bufferSize)
    } else if m.pointee.connection.output.room < 1024 {
      flush(m)
    }
    guard !m.pointee.isDirty else { return }
    m.pointee.isDirty = true
    dirty.append(m)
  }

  /// Sends the frames that wait, or parks what the socket does not take.
  func flush(_ m: MuxPointer) {
    let count = m.pointee.connection.output.count
    guard count > 0, let base = m.pointee.connection.output.base, !m.pointee.isBroken else { return }
    m.pointee.connection.output.clear()
    var parked = 0
    var isSent = false
    if let d = m.pointee.downstream {
      isSent = send(d, base, count)
      parked = d.pointee.output.count
    } else if let u = m.pointee.upstream {
      isSent = sendAll(u, base, count)
      parked = u.pointee.output.count
    }
    if !isSent || parked > Mux.maximumParkedBytes { m.pointee.isBroken = true }
  }

  /// Whether the peer does not take what it has been sent: content has to wait.
  func isCongested(_ m: MuxPointer) -> Bool {
    if let d = m.pointee.downstream { return !d.pointee.output.isEmpty }
    if let u = m.pointee.upstream { return u.pointee.state != .active || !u.pointee.output.isEmpty }
    return true
  }

  /// Sends what the turn has left behind, and takes apart what has failed.
  func flushDirty() {
    guard !dirty.isEmpty else { return }
    var at = 0
    while at < dirty.count {
      let m = dirty[at]
      at += 1
      guard m.pointee.slot.isLive else { continue }
      m.pointee.isDirty = false
      flush(m)
      if let memory = m.pointee.connection.output.takeBack() { buffers.release(memory) }
      if m.pointee.isBroken || m.pointee.isClosing { end(m) }
    }
    dirty.removeAll(keepingCapacity: true)
  }

  // MARK: Frames

  /// Acts on whole frames, and on the requests that they made; how many bytes have been dealt with.
  func readFrames(_ m: MuxPointer, _ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let consumed = actOnFrames(m, base, count)
    dispatchOpened()
    return consumed
  }

  private func actOnFrames(_ m: MuxPointer, _ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var consumed = 0
    defer { returnHeadBuffer(m) }
    while !m.pointee.isBroken, !m.pointee.isClosing {
      ready(m)
      if m.pointee.connection.headBuffer == nil {
        m.pointee.connection.headBuffer = buffers.acquireUnbounded() + Downstream.headroom
      }
      let event = m.pointee.connection.next(base, count, consumed: &consumed, now: nowMilliseconds)
      if case .needMore = event { return consumed }
      act(on: event, m)
    }
    return count
  }

  private func act(on event: HTTP2.Event, _ m: MuxPointer) {
    switch event {
    case .needMore: break
    case .outputFull: flush(m)
    case .head(let head):
      if let state = head.stream { takeHead(m, stream(state), head) } else { openStream(m, head) }
    case .data(let state, let bytes, let count, _): takeData(m, stream(state), bytes, count)
    case .reset(let state, let code, let byPeer): streamReset(stream(state), code, byPeer: byPeer)
    case .refused:
      counters.add(.requests)
      counters.add(.requestsRejected)
    case .writable(let state):
      guard let state else { return resumeAll(m) }
      let s = stream(state)
      if s.pointee.isBlocked { resume(s) }
    case .goAway(let last, _): takeGoAway(m, last)
    case .settings: settingsCame(m)
    case .pingAnswered: finishAnnouncedEnd(m)
    case .failed(let code, let flood): fail(m, code, flood)
    }
  }

  private func stream(_ state: UnsafeMutablePointer<StreamState>) -> StreamPointer {
    // Every stream in a connection's table was given its owner by `link`.
    state.pointee.owner.unsafelyUnwrapped.assumingMemoryBound(to: MuxStream.self)
  }

  private func returnHeadBuffer(_ m: MuxPointer) {
    guard let head = m.pointee.connection.headBuffer, !m.pointee.connection.isInHeaders else { return }
    buffers.release(head - Downstream.headroom)
    m.pointee.connection.headBuffer = nil
  }

  private func takeData(_ m: MuxPointer, _ s: StreamPointer, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
    if let d = s.pointee.downstream {
      dispatch(d)
      guard s.pointee.slot.isLive, s.pointee.mux == m else { return m.pointee.connection.give(back: count) }
    }
    s.pointee.incoming = bytes
    s.pointee.incomingCount = count
    if let d = s.pointee.downstream { pump(d) } else if let u = s.pointee.upstream { pumpUpstream(u) }
    let left = s.pointee.incomingCount
    s.pointee.incomingCount = 0
    guard left > 0, let rest = s.pointee.incoming else { return }
    if s.pointee.slot.isLive, wantsContent(s) {
      s.pointee.stash.append(rest, left)
    } else {
      m.pointee.connection.give(back: left)
    }
  }

  private func wantsContent(_ s: StreamPointer) -> Bool {
    if let d = s.pointee.downstream {
      guard d.pointee.slot.isLive, let x = d.pointee.exchange else { return false }
      return d.pointee.state == .tunnel || !x.pointee.requestComplete
    }
    return s.pointee.upstream?.pointee.exchange != nil
  }

  /// Moves received content to where it is used, and gives its room back to the peer.
  func takeContent(_ s: StreamPointer, _ to: UnsafeMutablePointer<UInt8>, _ most: Int) -> Int {
    var taken = 0
    if !s.pointee.stash.isEmpty {
      let bytes = s.pointee.stash.bytes
      taken = min(most, bytes.count)
      if let base = bytes.baseAddress { to.update(from: base, count: taken) }
      s.pointee.stash.drop(taken)
    }
    if taken < most, s.pointee.incomingCount > 0, let from = s.pointee.incoming {
      let n = min(most - taken, s.pointee.incomingCount)
      (to + taken).update(from: from, count: n)
      s.pointee.incoming = from + n
      s.pointee.incomingCount -= n
      taken += n
    }
    if taken > 0, let m = s.pointee.mux {
      ready(m)
      m.pointee.connection.take(&s.pointee.state, taken)
    }
    return taken
  }

  // MARK: Content

  /// Sends content of a stream as far as windows and socket allow: how many bytes were taken.
  func sendFrames(_ s: StreamPointer, _ bytes: UnsafePointer<UInt8>, _ count: Int, isLast: Bool) -> Int {
    guard let m = s.pointee.mux, !m.pointee.isBroken else { return count }
    var at = 0
    while at < count, !isCongested(m) {
      ready(m)
      let taken = m.pointee.connection.writeData(&s.pointee.state, bytes + at, count - at, isLast: isLast)
      at += taken
      if m.pointee.connection.output.count >= Mux.flushBytes { flush(m) }
      if m.pointee.connection.sendable(&s.pointee.state) == 0 { break }
    }
    return at
  }

  /// Sends a header section, given as the text of an HTTP/1.1 head.
  func sendHead(
    _ s: StreamPointer, _ kind: HTTP2.Connection.HeadKind, _ text: UnsafePointer<UInt8>, _ count: Int,
    isLast: Bool
  ) {
    guard let m = s.pointee.mux else { return }
    ready(m)
    if m.pointee.connection.writeHead(&s.pointee.state, kind, text, count, isLast: isLast) { return }
    flush(m)
    if m.pointee.connection.writeHead(&s.pointee.state, kind, text, count, isLast: isLast) { return }
    m.pointee.connection.reset(&s.pointee.state, .internalError)
  }

  /// Says END_STREAM where it has not been said yet, behind trailers if there are some.
  func sendEnd(_ s: StreamPointer, trailers: ParkedOutput) {
    guard let m = s.pointee.mux else { return }
    if let text = trailers.bytes.baseAddress, !trailers.isEmpty {
      return sendHead(s, .trailers, text, trailers.count, isLast: true)
    }
    ready(m)
    _ = m.pointee.connection.writeEnd(&s.pointee.state)
  }

  // MARK: Waiting

  func block(_ s: StreamPointer) {
    guard let m = s.pointee.mux, !s.pointee.isBlocked else { return }
    s.pointee.isBlocked = true
    s.pointee.previousBlocked = m.pointee.lastBlocked
    s.pointee.nextBlocked = nil
    if let last = m.pointee.lastBlocked {
      last.pointee.nextBlocked = s
    } else {
      m.pointee.firstBlocked = s
    }
    m.pointee.lastBlocked = s
  }

  func unblock(_ s: StreamPointer) {
    guard let m = s.pointee.mux, s.pointee.isBlocked else { return }
    s.pointee.isBlocked = false
    if let previous = s.pointee.previousBlocked {
      previous.pointee.nextBlocked = s.pointee.nextBlocked
    } else {
      m.pointee.firstBlocked = s.pointee.nextBlocked
    }
    if let next = s.pointee.nextBlocked {
      next.pointee.previousBlocked = s.pointee.previousBlocked
    } else {
      m.pointee.lastBlocked = s.pointee.previousBlocked
    }
  }

  /// There is room again: each that waits gets its turn once, in the order in which they began to wait.
  func resumeAll(_ m: MuxPointer) {
    let last = m.pointee.lastBlocked
    // Should the last one go away meanwhile, their number ends it.
    var left = m.pointee.streamCount
    while left > 0, let s = m.pointee.firstBlocked, !isCongested(m), !m.pointee.isBroken {
      resume(s)
      if s == last { return }
      left -= 1
    }
  }

  private func resume(_ s: StreamPointer) {
    unblock(s)
    if let d = s.pointee.downstream {
      drainOutput(d, s)
    } else if let u = s.pointee.upstream {
      resumeRequest(u)
    }
  }

  // MARK: Streams

  func link(_ s: StreamPointer, _ m: MuxPointer) {
    s.pointee.mux = m
    s.pointee.state.owner = UnsafeMutableRawPointer(s)
    s.pointee.nextStream = m.pointee.firstStream
    m.pointee.firstStream?.pointee.previousStream = s
    m.pointee.firstStream = s
    m.pointee.streamCount += 1
  }

  /// Frees a stream; one that is not over yet is reset.
  func release(_ s: StreamPointer) {
    dropStash(s)
    s.pointee.trailers.free()
    if let m = s.pointee.mux {
      unblock(s)
      ready(m)
      m.pointee.connection.reset(&s.pointee.state, s.pointee.resetCode)
      if let previous = s.pointee.previousStream {
        previous.pointee.nextStream = s.pointee.nextStream
      } else {
        m.pointee.firstStream = s.pointee.nextStream
      }
      s.pointee.nextStream?.pointee.previousStream = s.pointee.previousStream
      m.pointee.streamCount -= 1
      s.pointee.mux = nil
      if m.pointee.streamCount == 0 { becameQuiet(m) }
    }
    streams.release(s)
  }

  /// Throws away content that nobody takes any more. Its room belongs to the whole connection and goes back.
  func dropStash(_ s: StreamPointer) {
    let count = s.pointee.stash.count
    s.pointee.stash.free()
    guard count > 0, let m = s.pointee.mux else { return }
    ready(m)
    m.pointee.connection.give(back: count)
  }

  func becameQuiet(_ m: MuxPointer) {
    if let d = m.pointee.downstream {
      if m.pointee.endAnnounced && m.pointee.connection.hasEnded { m.pointee.isClosing = true }
      if d.pointee.output.isEmpty { armQuiet(d, m) }
    } else if let u = m.pointee.upstream, let pool = u.pointee.pool {
      let isRetired = pool._withUnsafeGuaranteedRef { $0.isRetired }
      if isRetired || isDraining || m.pointee.connection.isRefusing { m.pointee.isClosing = true }
      if u.pointee.state == .active { arm(u, pool._withUnsafeGuaranteedRef { $0.keepAliveMilliseconds }) }
    }
  }

  private func streamReset(_ s: StreamPointer, _ code: ErrorCode, byPeer: Bool) {
    if let d = s.pointee.downstream {
      if !byPeer { counters.add(.requestsRejected) }
      clientGone(d)
    } else if let u = s.pointee.upstream {
      upstreamReset(u, code)
    }
  }

  // MARK: Endings

  private func fail(_ m: MuxPointer, _ code: ErrorCode, _ flood: Flood?) {
    if let flood { counters.add(flood.counter) }
    if let d = m.pointee.downstream {
      counters.add(.http2ConnectionErrors)
      let reason = flood.map { "HTTP/2: too many of one kind (\($0))" } ?? "HTTP/2: \(code)"
      shared.report(.requestRefused(peer: text(d.pointee.peer), reason: reason))
    }
    m.pointee.isClosing = true
  }

  /// Takes a connection apart, with all that goes on on it.
  private func end(_ m: MuxPointer) {
    if let d = m.pointee.downstream {
      let isBroken = m.pointee.isBroken
      dismantle(m)
      isBroken ? close(d) : beginClose(d)
    } else if let u = m.pointee.upstream {
      leavePool(m)
      while let s = m.pointee.firstStream {
        guard let stream = s.pointee.upstream else {
          release(s)
          continue
        }
        s.pointee.state.giveUp()
        upstreamBroke(stream, "the backend closed the connection")
        // Whatever became of the exchange, its stream is gone.
        if s.pointee.slot.isLive, s.pointee.mux == m { closeUpstream(stream) }
      }
      closeUpstream(u)
    }
  }

  /// Ends every exchange of a client's connection and frees the protocol's state.
  func dismantle(_ m: MuxPointer) {
    guard m.pointee.slot.isLive else { return }
    while let s = m.pointee.firstStream {
      s.pointee.state.giveUp()
      if let d = s.pointee.downstream {
        clientGone(d)
      } else if let u = s.pointee.upstream {
        closeUpstream(u)
      }
      if s.pointee.slot.isLive, s.pointee.mux == m { release(s) }
    }
    m.pointee.downstream?.pointee.mux = nil
    m.pointee.upstream?.pointee.mux = nil
    if let memory = m.pointee.connection.output.takeBack() { buffers.release(memory) }
    if let head = m.pointee.connection.headBuffer { buffers.release(head - Downstream.headroom) }
    m.pointee.connection.headBuffer = nil
    m.pointee.connection.free()
    muxes.release(m)
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
