internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import Telemetry

// A client's HTTP/2 connection and its streams.
extension Worker {
  /// The client speaks HTTP/2 from here on.
  func beginMux(_ client: Ref<ClientConnection>) {
    let mux = muxes.acquire()
    var limits = ConnectionLimits()
    limits.headerBytes = UInt32(snapshot.settings.limits.headBytes)
    limits.offersConnectProtocol = true
    mux.connection = HTTP2.Connection(
      isServer: true, limits: limits, headCapacity: Layout.room)
    mux.client = client
    mux.quietAt = nowMilliseconds
    client.mux = mux
    client.state = .multiplexed
    counters.add(.http2Connections)
    ready(mux)
    mux.connection.start()
    // The others have been told already.
    if isDraining, announceAt == 0 { announceAt = nowMilliseconds &+ Self.announcePatienceMilliseconds }
    // The first SETTINGS must come like a request's head.
    client.headTimed = true
    timeClient(client, again: true)
  }

  /// Acts on the frames that stand in the connection's buffer.
  func takeFrames(_ client: Ref<ClientConnection>) {
    guard let mux = client.mux, let buffer = unsafe client.buffer else { return }
    let count = client.end - client.start
    let taken = unsafe readFrames(mux, UnsafePointer(buffer + client.start), count)
    client.start += taken
    let left = client.end - client.start
    if left == 0 {
      dropBuffer(client)
    } else if client.start > Layout.headroom {
      unsafe (buffer + Layout.headroom).update(from: buffer + client.start, count: left)
      client.start = Layout.headroom
      client.end = Layout.headroom + left
    }
    // Whole frames have gone by, or content comes: what is left has not been there for long.
    let isContent = unsafe left >= 9 && isContent(mux, buffer + client.start)
    let hasMoved = (taken > 0 || isContent) && !mux.connection.isInHeaders
    timeFrames(client, mux, isPartial: left > 0 || mux.connection.isInHeaders, hasMoved: hasMoved)
  }

  /// Whether a frame brings content of a request that is still to come; the rules for slow content are its stream's.
  private func isContent(_ mux: Ref<Mux>, _ head: UnsafeMutablePointer<UInt8>) -> Bool {
    guard unsafe head[3] == Self.dataFrame else { return false }
    var id: UInt32 = 0
    for i in 5..<9 { id = unsafe id << 8 | UInt32(head[i]) }
    var isOpen = false
    walk(mux) { stream in
      if stream.state.id == id, !stream.state.remoteClosed { isOpen = true }
    }
    return isOpen
  }

  /// DATA (RFC 9113 §6.1).
  private static let dataFrame: UInt8 = 0

  /// Half a frame or header section may not be held for long, whatever else goes on.
  private func timeFrames(
    _ client: Ref<ClientConnection>, _ mux: Ref<Mux>, isPartial: Bool, hasMoved: Bool
  ) {
    let hasSettings = mux.connection.hasSettings
    let isTimed = isPartial || !hasSettings
    let isAgain = isTimed && hasMoved && hasSettings
    guard isTimed != client.headTimed || isAgain else { return }
    client.headTimed = isTimed
    // With output parked it is the client's reading that is timed; what is left to wait for is seen when it has gone.
    guard client.wire.output.isEmpty else { return }
    timeClient(client, again: isAgain)
  }

  /// The connection's own time limit has passed.
  func muxTimedOut(_ client: Ref<ClientConnection>, _ mux: Ref<Mux>) {
    guard client.wire.output.isEmpty else {
      counters.add(.h2ZeroWindowStalls)
      return reset(client)
    }
    if client.headTimed || mux.streamCount == 0 { endMux(mux) }
  }

  // MARK: Draining

  /// How long a drain waits for a moment at which nothing goes on at a connection, before it tells its client to go
  /// elsewhere all the same, in milliseconds; a quarter of the drain's time if that is less.
  static let announcePatienceMilliseconds: UInt64 = 2000

  /// For how long nothing must have gone on for nothing to be on its way, in milliseconds.
  static let quietMilliseconds: UInt64 = 1000

  /// Tells the clients with whom nothing goes on, and all of them once the patience is over.
  func announceEnds() {
    for mux in muxes.live where mux.client != nil {
      let isQuiet = mux.streamCount == 0 && nowMilliseconds >= mux.quietAt &+ Self.quietMilliseconds
      if isQuiet || nowMilliseconds >= announceAt { announceEnd(mux) }
    }
  }

  /// The client's next requests belong elsewhere; those that it has sent are answered (RFC 9113 §6.8).
  ///
  /// Some clients (Python's h2) fail whatever goes on when they read it, and at a PING behind it: they are told right behind
  /// the last answer, or where nothing goes on nor can be on its way, without one. Others are told when ``announcePatienceMilliseconds`` are over.
  func announceEnd(_ mux: Ref<Mux>) {
    guard !mux.endAnnounced else { return }
    mux.endAnnounced = true
    ready(mux)
    mux.connection.announceEnd()
    if mux.streamCount > 0 { mux.connection.ping() }
    if let client = mux.client { timeClient(client) }
  }

  /// The client has read the announcement: what has come by now is all.
  func finishAnnouncedEnd(_ mux: Ref<Mux>) {
    guard mux.endAnnounced else { return }
    ready(mux)
    mux.connection.end()
    if mux.streamCount == 0 { mux.isClosing = true }
  }

  // MARK: Requests

  /// A request has come: it gets a connection of its own, as far as the rest of the proxy sees.
  func openStream(_ mux: Ref<Mux>, _ head: DecodedHead) {
    guard let carrier = mux.client, let text = unsafe mux.connection.headBuffer else { return }
    unsafe mux.connection.headBuffer = nil
    let client = clients.acquire()
    let stream = streams.acquire()
    link(stream, mux)
    stream.client = client
    unsafe mux.connection.accept(head, as: &stream.state)
    stream.hasNoContent = stream.state.remoteClosed
    client.element.carry(stream)
    client.wire.timer = TimerNode(owner: token(client))
    client.listener = carrier.listener
    client.peer = carrier.peer
    client.isTrusted = carrier.isTrusted
    client.wire.informed(by: carrier.wire)
    // The carrier outlives its streams.
    unsafe client.identity = unsafe carrier.identity
    client.state = .requested
    unsafe client.buffer = unsafe text - Layout.headroom
    client.element.emptyBuffer()
    client.end = Layout.headroom + head.count
    if carrier.wait != .none { timeClient(carrier) }
    counters.add(.requests)
    counters.add(.http2Requests)
    // The head's own buffer is counted already.
    guard buffers.hasRoom(.beginning) else { return outOfBuffers(client) }
    guard !head.isTooLarge else {
      desk.clearRequest()
      return refuseMalformed(client, ParseError.headTooLarge)
    }
    opened.append(token(client))
  }

  /// Requests whose streams were opened by what has just been read, and not reset by it again (CVE-2023-44487): only those
  /// cost a backend anything.
  func dispatchOpened() {
    guard !opened.isEmpty else { return }
    for token in opened {
      if let client = clients.find(index: token.index, generation: token.generation) {
        _ = dispatchStream(client)
      }
    }
    opened.removeAll(keepingCapacity: true)
  }

  /// Handles a stream's request, unless that has been done: what comes behind its head needs it.
  func dispatchStream(_ client: Ref<ClientConnection>) -> Outcome {
    guard client.state == .requested, let buffer = unsafe client.buffer else { return .goesOn }
    let text = unsafe UnsafePointer(buffer + client.start)
    if let error = unsafe desk.readRequest(text, client.end - client.start, unpacked: true) {
      refuseMalformed(client, error)
      return .over
    }
    return unsafe route(client, text)
  }

  /// Puts received content into the buffer, framed as the backend wants it. What `fill` is for connections.
  func fillStream(_ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>) -> Fill {
    guard stream.waiting > 0 || stream.state.remoteClosed else { return .wait }
    let isTunnel = client.state == .tunnel
    if isTunnel, stream.isDrained {
      client.wire.sawEnd = true
      return .closed
    }
    takeBuffer(client)
    guard let exchange = client.exchange else { return .wait }
    guard let buffer = unsafe client.buffer else { return .noBuffer }
    let room = Layout.full - client.end
    if !isTunnel, !exchange.collects || exchange.goesOn, exchange.requestContent.framing == .chunked,
      unsafe exchange.service?.pointee.isHTTP2 != true
    {
      return unsafe fillChunk(client, stream, exchange, buffer, room)
    }
    let n = unsafe takeContent(stream, buffer + client.end, room)
    client.end += n
    guard n > 0 || stream.isDrained else { return .wait }
    if isTunnel { return .some }
    countContent(client, exchange, n)
    if stream.isDrained { exchange.machine.requestComplete = true }
    return .some
  }

  private func countContent(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ n: Int) {
    client.requestEnd = client.end
    exchange.bytesIn += UInt64(n)
    // Trailers may follow, for backends that know such (RFC 9113 §8.1).
    if exchange.requestContent.count(n), unsafe exchange.service?.pointee.isHTTP2 != true {
      exchange.machine.requestComplete = true
    }
  }

  /// Content whose length nobody told goes to an HTTP/1.1 backend in chunks (RFC 9112 §7.1).
  private func fillChunk(
    _ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>, _ exchange: Ref<Exchange>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ room: Int
  ) -> Fill {
    let trailers = exchange.requestTrailers.count
    let overhead = ChunkLine.room + 2 + 5 + trailers + 2
    guard room > overhead else {
      // Chunks never fill the buffer to its last byte: what has been sent makes room before that.
      let end = client.end
      makeRoom(client, exchange)
      return client.end < end ? .some : .wait
    }
    let at = client.end + ChunkLine.room
    let n = unsafe takeContent(stream, buffer + at, room - overhead)
    if n > 0 {
      let (start, end) = unsafe ChunkLine.wrap(
        buffer, ContentRange(from: at, to: at + n), head: 0)
      unsafe (buffer + client.end).update(from: buffer + start, count: end - start)
      client.end += end - start
    }
    if stream.isDrained {
      var writer = unsafe HeadWriter(buffer + client.end, capacity: 7 + trailers)
      writer.append("0\r\n")
      if let text = unsafe exchange.requestTrailers.bytes.baseAddress { unsafe writer.append(text, trailers) }
      writer.append("\r\n")
      client.end += writer.count
      exchange.machine.requestComplete = true
    }
    countContent(client, exchange, n)
    return .some
  }

  /// Trailers of a request (RFC 9113 §8.1).
  func takeRequestTrailers(_ client: Ref<ClientConnection>, _ text: UnsafePointer<UInt8>, _ count: Int) {
    guard dispatchStream(client) != .over else { return }
    // The text ends with an empty line.
    if let exchange = client.exchange, !exchange.requestContent.forbidsTrailers, count > 2,
      count <= Layout.headroom
    {
      unsafe exchange.requestTrailers.append(text, count - 2)
    }
    pumpRequest(client)
  }

  // MARK: Responses

  /// Sends content of a response; what the windows do not allow waits. With `isLast` the stream ends behind it.
  func sendToStream(
    _ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>, _ bytes: UnsafePointer<UInt8>, _ count: Int,
    isLast: Bool
  ) -> Bool {
    guard !stream.state.localClosed else { return !stream.state.wasReset }
    let at = unsafe client.wire.output.isEmpty ? sendFrames(stream, bytes, count, isLast: isLast) : 0
    guard at < count else { return true }
    unsafe client.wire.output.append(bytes + at, count - at)
    if isLast { stream.endsAfterOutput = true }
    block(stream)
    setWait(ofClient: client, .clientReads, again: true)
    return true
  }

  /// The response is complete: the stream ends, now or behind what waits.
  func endResponse(_ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>, trailers: ParkedOutput) {
    stream.trailers = trailers
    guard client.wire.output.isEmpty else {
      stream.endsAfterOutput = true
      client.state = .closing
      return
    }
    finishStream(client, stream)
  }

  private func finishStream(_ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>) {
    if !stream.state.localClosed { sendEnd(stream, trailers: stream.trailers) }
    stream.resetCode = .noError
    guard !stream.state.remoteClosed, stream.mux?.isBroken == false else { return closeClient(client) }
    // Some clients take a reset behind a whole response for a failure: the rest of the request gets a moment to
    // come and is thrown away, as on HTTP/1.1 connections.
    client.state = .lingering
    dropStash(stream)
    dropBuffer(client)
    timeClient(client, again: true)
  }

  /// There is room again for what waits.
  func drainOutput(_ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>) {
    let waiting = unsafe client.wire.output.bytes
    if let base = waiting.baseAddress, waiting.count > 0 {
      let isLast = stream.endsAfterOutput && stream.trailers.isEmpty
      let n = unsafe sendFrames(stream, base, waiting.count, isLast: isLast)
      client.wire.output.drop(n)
      guard client.wire.output.isEmpty else {
        block(stream)
        if n > 0 { timeClient(client, again: true) }
        return
      }
    }
    if client.state == .closing { return finishStream(client, stream) }
    timeClient(client)
    if let exchange = client.exchange { _ = clientHasRoom(client, exchange) }
  }
}
