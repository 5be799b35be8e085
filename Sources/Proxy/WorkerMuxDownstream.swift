internal import Bytes
internal import EventLoop
internal import HTTP
internal import HTTP2
internal import OS
internal import Telemetry

// A client's HTTP/2 connection and its streams.
extension Worker {
  /// The client speaks HTTP/2 from here on.
  func beginMux(_ d: UnsafeMutablePointer<Downstream>) {
    let m = muxes.acquire()
    var limits = ConnectionLimits()
    limits.headerBytes = UInt32(snapshot.settings.limits.headBytes)
    limits.offersConnectProtocol = true
    m.pointee.connection = HTTP2.Connection(
      isServer: true, limits: limits, headCapacity: Downstream.bodyRoom)
    m.pointee.downstream = d
    d.pointee.mux = m
    d.pointee.state = .multiplexed
    counters.add(.http2Connections)
    ready(m)
    m.pointee.connection.start()
    if isDraining { announceEnd(m) }
    // The first SETTINGS must come like a request's head.
    d.pointee.headTimed = true
    arm(d, snapshot.settings.limits.headMilliseconds)
  }

  /// Acts on the frames that stand in the connection's buffer.
  func takeFrames(_ d: UnsafeMutablePointer<Downstream>) {
    guard let m = d.pointee.mux, let buffer = d.pointee.buffer else { return }
    let count = d.pointee.end - d.pointee.start
    d.pointee.start += readFrames(m, UnsafePointer(buffer + d.pointee.start), count)
    let left = d.pointee.end - d.pointee.start
    if left == 0 {
      dropBuffer(d)
    } else if d.pointee.start > Downstream.headroom {
      (buffer + Downstream.headroom).update(from: buffer + d.pointee.start, count: left)
      d.pointee.start = Downstream.headroom
      d.pointee.end = Downstream.headroom + left
    }
    timeFrames(d, m, isPartial: left > 0 || m.pointee.connection.isInHeaders)
  }

  /// Half a frame or header section may not be held for long, whatever else goes on.
  private func timeFrames(_ d: UnsafeMutablePointer<Downstream>, _ m: MuxPointer, isPartial: Bool) {
    guard d.pointee.output.isEmpty else { return }
    if isPartial || !m.pointee.connection.hasSettings {
      if !d.pointee.headTimed { arm(d, snapshot.settings.limits.headMilliseconds) }
      d.pointee.headTimed = true
    } else if d.pointee.headTimed {
      d.pointee.headTimed = false
      if m.pointee.streamCount == 0 { armQuiet(d, m) } else { disarm(d) }
    }
  }

  /// How long a connection without streams is kept: one whose client has said that it will go, for a moment.
  func armQuiet(_ d: UnsafeMutablePointer<Downstream>, _ m: MuxPointer) {
    let limits = snapshot.settings.limits
    if m.pointee.endAnnounced { return arm(d, min(Mux.goodbyeMilliseconds, limits.keepAliveMilliseconds)) }
    arm(d, m.pointee.peerIsLeaving ? limits.lingerMilliseconds : limits.keepAliveMilliseconds)
  }

  /// The connection's own time limit has passed.
  func muxTimeout(_ d: UnsafeMutablePointer<Downstream>, _ m: MuxPointer) {
    guard d.pointee.output.isEmpty else {
      counters.add(.h2ZeroWindowStalls)
      return reset(d)
    }
    if d.pointee.headTimed || m.pointee.streamCount == 0 {
      ready(m)
      m.pointee.connection.end()
      m.pointee.isClosing = true
    }
  }

  // MARK: Draining

  /// The client's next requests belong elsewhere; those that it has sent are answered (RFC 9113 §6.8).
  func announceEnd(_ m: MuxPointer) {
    guard !m.pointee.endAnnounced else { return }
    m.pointee.endAnnounced = true
    ready(m)
    m.pointee.connection.announceEnd()
    m.pointee.connection.ping()
    if let d = m.pointee.downstream, m.pointee.streamCount == 0, d.pointee.output.isEmpty { armQuiet(d, m) }
  }

  /// The client has read the announcement: what has come by now is all.
  func finishAnnouncedEnd(_ m: MuxPointer) {
    guard m.pointee.endAnnounced else { return }
    ready(m)
    m.pointee.connection.end()
    if m.pointee.streamCount == 0 { m.pointee.isClosing = true }
  }

  // MARK: Requests

  /// A request has come: it gets a connection of its own, as far as the rest of the proxy sees.
  func openStream(_ m: MuxPointer, _ head: DecodedHead) {
    guard let carrier = m.pointee.downstream, let text = m.pointee.connection.headBuffer else { return }
    m.pointee.connection.headBuffer = nil
    let d = downstreams.acquire()
    let s = streams.acquire()
    link(s, m)
    s.pointee.downstream = d
    m.pointee.connection.accept(head, as: &s.pointee.state)
    s.pointee.hasNoContent = s.pointee.state.remoteClosed
    d.pointee.stream = s
    d.pointee.timer = TimerNode(owner: token(d))
    d.pointee.listener = carrier.pointee.listener
    d.pointee.peer = carrier.pointee.peer
    d.pointee.isTrusted = carrier.pointee.isTrusted
    d.pointee.session = carrier.pointee.session
    // The carrier outlives its streams.
    d.pointee.identity = carrier.pointee.identity
    d.pointee.state = .reading
    d.pointee.buffer = text - Downstream.headroom
    d.pointee.start = Downstream.headroom
    d.pointee.sent = Downstream.headroom
    d.pointee.requestEnd = Downstream.headroom
    d.pointee.end = Downstream.headroom + head.count
    if !carrier.pointee.headTimed, carrier.pointee.output.isEmpty { disarm(carrier) }
    counters.add(.requests)
    counters.add(.http2Requests)
    // The head's own buffer is counted already.
    guard buffers.hasRoom(.beginning) else { return outOfBuffers(d) }
    guard !head.isTooLarge else {
      requestHead = RequestHead()
      return refuse(d, .headTooLarge)
    }
    d.pointee.awaitsDispatch = true
    opened.append(token(d))
  }

  /// Requests whose streams were opened by what has just been read, and not reset by it again (CVE-2023-44487): only those
  /// cost a backend anything.
  func dispatchOpened() {
    guard !opened.isEmpty else { return }
    for token in opened {
      if let d = downstreams.find(index: token.index, generation: token.generation) { dispatch(d) }
    }
    opened.removeAll(keepingCapacity: true)
  }

  /// Handles a stream's request, unless that has been done: what comes behind its head needs it.
  func dispatch(_ d: UnsafeMutablePointer<Downstream>) {
    guard d.pointee.awaitsDispatch, let buffer = d.pointee.buffer else { return }
    d.pointee.awaitsDispatch = false
    let text = UnsafePointer(buffer + d.pointee.start)
    let count = d.pointee.end - d.pointee.start
    if let error = RequestHead.parse(text, count: count, fields: &fields, into: &requestHead) {
      return refuse(d, error)
    }
    route(d, text)
  }

  /// Puts received content into the buffer, framed as the backend wants it. What `fill` is for connections.
  func fillStream(_ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer) -> Fill {
    let isTunnel = d.pointee.state == .tunnel
    guard s.pointee.waiting > 0 || s.pointee.state.remoteClosed else { return .wait }
    if isTunnel, s.pointee.isDrained {
      d.pointee.sawEnd = true
      return .closed
    }
    takeBuffer(d)
    guard let x = d.pointee.exchange else { return .wait }
    guard let buffer = d.pointee.buffer else { return .noBuffer }
    let room = Downstream.headroom + Downstream.bodyRoom - d.pointee.end
    let isChunked =
      !isTunnel && x.pointee.requestFraming == .chunked && x.pointee.service?.pointee.isHTTP2 != true
    if isTunnel || !isChunked {
      let n = takeContent(s, buffer + d.pointee.end, room)
      d.pointee.end += n
      guard n > 0 || s.pointee.isDrained else { return .wait }
      if isTunnel { return .some }
      accept(d, x, n)
      if s.pointee.isDrained { x.pointee.requestComplete = true }
      return .some
    }
    return fillChunk(d, s, x, buffer, room)
  }

  private func accept(_ d: UnsafeMutablePointer<Downstream>, _ x: UnsafeMutablePointer<Exchange>, _ n: Int) {
    d.pointee.requestEnd = d.pointee.end
    x.pointee.bytesIn += UInt64(n)
    if case .length = x.pointee.requestFraming {
      x.pointee.requestLeft -= min(UInt64(n), x.pointee.requestLeft)
      // Trailers may follow, for backends that know such (RFC 9113 §8.1).
      if x.pointee.requestLeft == 0, x.pointee.service?.pointee.isHTTP2 != true {
        x.pointee.requestComplete = true
      }
    }
  }

  /// Content whose length nobody told goes to an HTTP/1.1 backend in chunks (RFC 9112 §7.1).
  private func fillChunk(
    _ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer, _ x: UnsafeMutablePointer<Exchange>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ room: Int
  ) -> Fill {
    let trailers = x.pointee.requestTrailers.count
    let overhead = ChunkLine.room + 2 + 5 + trailers + 2
    guard room > overhead else {
      // Chunks never fill the buffer to its last byte: what has been sent makes room before that.
      let end = d.pointee.end
      makeRoom(d, x)
      return d.pointee.end < end ? .some : .wait
    }
    let at = d.pointee.end + ChunkLine.room
    let n = takeContent(s, buffer + at, room - overhead)
    if n > 0 {
      let (start, end) = ChunkLine.wrap(buffer, ContentRange(from: at, to: at + n), head: 0, last: false)
      (buffer + d.pointee.end).update(from: buffer + start, count: end - start)
      d.pointee.end += end - start
    }
    if s.pointee.isDrained {
      var writer = HeadWriter(buffer + d.pointee.end, capacity: 7 + trailers)
      writer.append("0\r\n")
      if let text = x.pointee.requestTrailers.bytes.baseAddress { writer.append(text, trailers) }
      writer.append("\r\n")
      d.pointee.end += writer.count
      x.pointee.requestComplete = true
    }
    accept(d, x, n)
    return .some
  }

  /// Trailers of a request (RFC 9113 §8.1).
  func takeRequestTrailers(_ d: UnsafeMutablePointer<Downstream>, _ text: UnsafePointer<UInt8>, _ count: Int)
  {
    dispatch(d)
    guard d.pointee.slot.isLive else { return }
    // The text ends with an empty line.
    if let x = d.pointee.exchange, count > 2, count <= Downstream.headroom {
      x.pointee.requestTrailers.append(text, count - 2)
    }
    pump(d)
  }

  // MARK: Responses

  /// Sends content of a response; what the windows do not allow waits. With `isLast` the stream ends behind it.
  func sendContent(
    _ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer, _ bytes: UnsafePointer<UInt8>, _ count: Int,
    isLast: Bool
  ) -> Bool {
    guard !s.pointee.state.localClosed else { return !s.pointee.state.wasReset }
    let at = d.pointee.output.isEmpty ? sendFrames(s, bytes, count, isLast: isLast) : 0
    guard at < count else { return true }
    d.pointee.output.append(bytes + at, count - at)
    if isLast { s.pointee.endsAfterOutput = true }
    block(s)
    arm(d, snapshot.settings.limits.sendStallMilliseconds)
    return true
  }

  /// The response is complete: the stream ends, now or behind what waits.
  func endResponse(_ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer, trailers: ParkedOutput) {
    s.pointee.trailers = trailers
    guard d.pointee.output.isEmpty else {
      s.pointee.endsAfterOutput = true
      d.pointee.state = .closing
      return
    }
    finishStream(d, s)
  }

  private func finishStream(_ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer) {
    if !s.pointee.state.localClosed { sendEnd(s, trailers: s.pointee.trailers) }
    s.pointee.resetCode = .noError
    guard !s.pointee.state.remoteClosed, s.pointee.mux?.pointee.isBroken == false else { return close(d) }
    // Some clients take a reset behind a whole response for a failure: the rest of the request gets a moment to
    // come and is thrown away, as on HTTP/1.1 connections.
    d.pointee.state = .lingering
    dropStash(s)
    dropBuffer(d)
    arm(d, snapshot.settings.limits.lingerMilliseconds)
  }

  /// There is room again for what waits.
  func drainOutput(_ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer) {
    let waiting = d.pointee.output.bytes
    if let base = waiting.baseAddress, waiting.count > 0 {
      let isLast = s.pointee.endsAfterOutput && s.pointee.trailers.isEmpty
      let n = sendFrames(s, base, waiting.count, isLast: isLast)
      d.pointee.output.drop(n)
      guard d.pointee.output.isEmpty else {
        block(s)
        if n > 0 { arm(d, snapshot.settings.limits.sendStallMilliseconds) }
        return
      }
    }
    if d.pointee.state == .closing { return finishStream(d, s) }
    if d.pointee.state == .tunnel { return streamTunnelWritable(d, s) }
    armForState(d)
    guard let x = d.pointee.exchange, let u = x.pointee.upstream, u.pointee.readPaused else { return }
    u.pointee.readPaused = false
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.idleMilliseconds) }
    pumpUpstream(u)
  }
}
