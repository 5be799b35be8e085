internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP2
internal import OS
internal import Telemetry

// HTTP/2 connections, whichever side: output, frames, streams, endings.
extension Worker {

  // MARK: Output

  /// Makes room for frames: to be called before anything is written to the connection.
  func ready(_ mux: Ref<Mux>) {
    if unsafe mux.connection.output.base == nil {
      unsafe mux.connection.output.lend(buffers.acquireUnbounded(), capacity: Layout.size)
    } else if mux.connection.output.room < 1024 {
      flushMux(mux)
    }
    guard !mux.isDirty else { return }
    mux.isDirty = true
    dirty.append(Token(kind: 0, index: mux.slot.index, generation: mux.slot.generation))
  }

  /// The connection has failed: it is taken apart at the end of the turn.
  func breakMux(_ mux: Ref<Mux>) {
    ready(mux)
    mux.isBroken = true
  }

  /// Nothing more is read; the connection is closed at the end of the turn.
  func closeMux(_ mux: Ref<Mux>) {
    ready(mux)
    mux.isClosing = true
  }

  /// The same, and the peer is told.
  func endMux(_ mux: Ref<Mux>) {
    ready(mux)
    mux.connection.end()
    mux.isClosing = true
  }

  /// Sends the frames that wait, or parks what the socket does not take.
  func flushMux(_ mux: Ref<Mux>) {
    let count = mux.connection.output.count
    guard count > 0, let base = unsafe mux.connection.output.base, !mux.isBroken else { return }
    mux.connection.output.clear()
    var parked = 0
    var isSent = false
    if let client = mux.client {
      let wasParked = !client.wire.output.isEmpty
      isSent = unsafe client.wire.send(base, count, pipe)
      timeOutput(client, unless: wasParked)
      parked = client.wire.output.count
    } else if let backend = mux.backend {
      isSent = unsafe backend.wire.send(base, count, pipe)
      parked = backend.wire.output.count
    }
    if !isSent || parked > Mux.maximumParkedBytes { mux.isBroken = true }
  }

  /// Whether the peer does not take what it has been sent: content has to wait.
  func isCongested(_ mux: Ref<Mux>) -> Bool {
    if let client = mux.client { return !client.wire.output.isEmpty }
    if let backend = mux.backend { return backend.state != .active || !backend.wire.output.isEmpty }
    return true
  }

  /// Sends what the turn has left behind, and takes apart what has failed.
  func flushDirty() {
    guard !dirty.isEmpty else { return }
    var at = 0
    while at < dirty.count {
      let token = dirty[at]
      at += 1
      // One that has been taken apart meanwhile may stand here still, more than once.
      guard let mux = muxes.find(index: token.index, generation: token.generation) else { continue }
      mux.isDirty = false
      flushMux(mux)
      if let memory = unsafe mux.connection.output.takeBack() { unsafe buffers.release(memory) }
      if mux.isBroken || mux.isClosing { finishMux(mux) }
    }
    dirty.removeAll(keepingCapacity: true)
  }

  // MARK: Frames

  /// Acts on whole frames, and on the requests that they made; how many bytes have been dealt with.
  func readFrames(_ mux: Ref<Mux>, _ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    mux.isSilent = false
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
        unsafe mux.connection.headBuffer = unsafe buffers.acquireUnbounded() + Layout.headroom
      }
      let event = unsafe mux.connection.next(base, count, consumed: &consumed, now: nowMilliseconds)
      if case .needMore = event { return consumed }
      handleFrame(event, mux)
    }
    return count
  }

  private func handleFrame(_ event: HTTP2.Event, _ mux: Ref<Mux>) {
    switch event {
    case .needMore: break
    case .outputFull: flushMux(mux)
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
      if stream.isBlocked { resumeStream(stream) }
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
    unsafe buffers.release(head - Layout.headroom)
    unsafe mux.connection.headBuffer = nil
  }

  private func takeData(
    _ mux: Ref<Mux>, _ stream: Ref<MuxStream>, _ bytes: UnsafePointer<UInt8>, _ count: Int
  ) {
    // A request that waits at a gate is not over: its content waits with it.
    if let client = stream.client, dispatchStream(client) == .over, client.state != .gated {
      return mux.connection.give(back: count)
    }
    mux.incoming.stream = stream
    unsafe mux.incoming.bytes = unsafe bytes
    mux.incoming.count = count
    if let client = stream.client {
      pumpRequest(client)
    } else if let backend = stream.backend {
      pumpResponse(backend)
    }
    keepIncoming(mux)
  }

  /// What nobody could take yet of the frame that has been read waits with its stream, if there still is one that wants it.
  private func keepIncoming(_ mux: Ref<Mux>) {
    let count = mux.incoming.count
    let owner = mux.incoming.stream
    mux.incoming.stream = nil
    guard count > 0, let bytes = unsafe mux.incoming.bytes else { return }
    mux.incoming.count = 0
    if let stream = owner, wantsContent(stream) {
      unsafe stream.stash.append(bytes, count)
    } else {
      mux.connection.give(back: count)
    }
  }

  private func wantsContent(_ stream: Ref<MuxStream>) -> Bool {
    guard let client = stream.client else { return stream.backend?.exchange != nil }
    // What waits at a gate is passed on once it is admitted.
    guard let exchange = client.exchange else { return client.state == .gated }
    return client.state == .tunnel || !exchange.machine.requestComplete
  }

  /// Moves received content to where it is used, and gives its room back to the peer.
  func takeContent(_ stream: Ref<MuxStream>, _ to: UnsafeMutablePointer<UInt8>, _ most: Int) -> Int {
    guard let mux = stream.mux else { return 0 }
    var taken = 0
    if !stream.stash.isEmpty {
      let bytes = unsafe stream.stash.bytes
      taken = min(most, bytes.count)
      if let base = bytes.baseAddress { unsafe to.update(from: base, count: taken) }
      stream.stash.drop(taken)
    }
    if taken < most, mux.incoming.stream == stream, let from = unsafe mux.incoming.bytes {
      let n = min(most - taken, mux.incoming.count)
      unsafe (to + taken).update(from: from, count: n)
      mux.incoming.drop(n)
      taken += n
    }
    if taken > 0 {
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
      if mux.connection.output.count >= Mux.flushBytes { flushMux(mux) }
      if unsafe mux.connection.sendable(&stream.state) == 0 { break }
    }
    return at
  }

  /// Sends a header section, given as the text of an HTTP/1.1 head.
  func sendHeadFrames(
    _ stream: Ref<MuxStream>, _ kind: HTTP2.Connection.HeadKind, _ text: UnsafePointer<UInt8>, _ count: Int,
    isLast: Bool
  ) {
    guard let mux = stream.mux else { return }
    ready(mux)
    if unsafe mux.connection.writeHead(&stream.state, kind, text, count, isLast: isLast) { return }
    flushMux(mux)
    if unsafe mux.connection.writeHead(&stream.state, kind, text, count, isLast: isLast) { return }
    unsafe mux.connection.reset(&stream.state, .internalError)
  }

  /// Says END_STREAM where it has not been said yet, behind trailers if there are some.
  func sendEnd(_ stream: Ref<MuxStream>, trailers: ParkedOutput) {
    guard let mux = stream.mux else { return }
    if let text = unsafe trailers.bytes.baseAddress, !trailers.isEmpty {
      return unsafe sendHeadFrames(stream, .trailers, text, trailers.count, isLast: true)
    }
    ready(mux)
    _ = unsafe mux.connection.writeEnd(&stream.state)
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
