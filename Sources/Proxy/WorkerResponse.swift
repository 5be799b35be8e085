internal import HTTP2
internal import Bytes
internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS
internal import Upstream

// From a backend's bytes to the client's: every read is sent on at once.
extension Worker {
  /// Reads of one connection in one turn: 256 KiB, then others have theirs.
  private static let readsPerTurn = 4

  func pumpUpstream(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard u.pointee.slot.isLive, u.pointee.state == .active else { return }
    if let m = u.pointee.mux { return pumpMux(u, m) }
    for _ in 0..<Self.readsPerTurn {
      guard let x = u.pointee.exchange, let d = x.pointee.downstream else { return closeUpstream(u) }
      if d.pointee.writeClosed { return tunnelBackendStirred(u, d) }
      guard d.pointee.output.isEmpty else {
        u.pointee.readPaused = true
        if d.pointee.state != .tunnel { disarm(u) }
        return
      }
      if u.pointee.buffer == nil {
        u.pointee.buffer = buffers.acquire(.goingOn)
        guard u.pointee.buffer != nil else { return outOfBuffers(d) }
        u.pointee.end = Downstream.headroom
        u.pointee.searched = 0
      }
      guard let buffer = u.pointee.buffer else { return }
      let room = min(Downstream.headroom + Downstream.bodyRoom - u.pointee.end, readable(x, d))
      let n = receiveUpstream(u, buffer + u.pointee.end, room)
      if n == Sys.wouldBlock {
        guard flushCompressed(x, d, ending: .flush) else { return clientGone(d) }
        if u.pointee.end == Downstream.headroom { dropBuffer(u) }
        return
      }
      guard n > 0 else { return upstreamEnded(u, x, clean: n == 0) }
      u.pointee.end += n
      guard process(u, x, d, buffer) else { return }
      if !hasUnread(u), !u.pointee.sawEnd { return }
      // Compressing takes its time: others have theirs sooner.
      if x.pointee.gzip != nil { break }
    }
    putOff(u)
  }

  /// How much is read at once: a response that begins where its client has no room for it at all is left where it is,
  /// but for the head and a little more.
  private func readable(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>
  ) -> Int {
    guard !x.pointee.headDone, let s = d.pointee.stream, let m = s.pointee.mux,
      m.pointee.connection.sendable(&s.pointee.state) == 0
    else { return Downstream.bodyRoom }
    return Self.leastRead
  }

  /// What is read of a response although its client has no room for it, in bytes.
  private static let leastRead = 4096

  /// Whether something has come that has not been looked at: there will be no event for it.
  func hasUnread(_ u: UnsafeMutablePointer<UpstreamConnection>) -> Bool {
    if let s = u.pointee.stream { return s.pointee.waiting > 0 || s.pointee.state.remoteClosed }
    return u.pointee.readable || u.pointee.session?.hasPending == true || !u.pointee.parkedInput.isEmpty
  }

  private func dropBuffer(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    guard let buffer = u.pointee.buffer else { return }
    buffers.release(buffer)
    u.pointee.buffer = nil
    u.pointee.end = 0
    u.pointee.searched = 0
  }

  /// Deals with what stands in the upstream's buffer. True when reading may go on.
  func process(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    if d.pointee.state == .tunnel { return tunnelDown(u, x, d, buffer, from: Downstream.headroom) }
    var start = Downstream.headroom
    while !x.pointee.headDone {
      let base = UnsafePointer(buffer + start)
      switch HeadEnd.find(base, count: u.pointee.end - start, from: u.pointee.searched) {
      case .bareLineFeed:
        badGateway(u, x, .bareLineFeed)
        return false
      case .incomplete(let resume): return keepPartialHead(u, x, buffer, start, resume)
      case .found(let length):
        u.pointee.searched = 0
        let error = ResponseHead.parse(
          base, count: length, method: x.pointee.method, fields: &fields, into: &responseHead)
        if let error {
          badGateway(u, x, error)
          return false
        }
        if responseHead.isInterim {
          x.pointee.interimHeads += 1
          x.pointee.interimBytes += length
          guard x.pointee.interimHeads <= Exchange.maximumInterimHeads,
            x.pointee.interimBytes <= Exchange.maximumInterimBytes
          else {
            badGateway(u, x, "too many interim responses")
            return false
          }
          counters.add(.responses1xx)
          guard passInterim(x, d, base) else { return false }
          start += length
          continue
        }
        return finishHead(u, x, d, buffer, start)
      }
    }
    return relay(u, x, d, buffer, from: start, to: u.pointee.end, head: 0)
  }

  private func keepPartialHead(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ start: Int, _ resume: Int
  ) -> Bool {
    let count = u.pointee.end - start
    if start > Downstream.headroom {
      (buffer + Downstream.headroom).update(from: buffer + start, count: count)
      u.pointee.end = Downstream.headroom + count
    }
    u.pointee.searched = resume
    if count >= Downstream.bodyRoom {
      badGateway(u, x, .headTooLarge)
      return false
    }
    if count == 0 { dropBuffer(u) }
    return true
  }

  /// 1xx go to HTTP/1.1 clients as they come (RFC 9110 §15.2). False when the client is gone.
  private func passInterim(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    guard x.pointee.minorVersion == 1 else { return true }
    var writer = HeadWriter(scratch, capacity: Self.scratchSize)
    writeResponseHead(&writer, x, base, closing: false)
    if let s = d.pointee.stream {
      sendHead(s, .response, writer.start, writer.count, isLast: false)
      return true
    }
    guard !writer.overflowed, send(d, writer.start, writer.count) else {
      clientGone(d)
      return false
    }
    return true
  }

  private func finishHead(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, _ start: Int
  ) -> Bool {
    let base = UnsafePointer(buffer + start)
    if responseHead.status == 101, !x.pointee.wantsUpgrade || !x.pointee.requestSent {
      badGateway(u, x, .malformedStatusLine)
      return false
    }
    // What this client cannot check for itself.
    if responseHead.status == 101, x.pointee.isExtendedConnect, !x.pointee.webSocket.isAccepted(fields, base)
    {
      badGateway(u, x, "a WebSocket handshake without the right Sec-WebSocket-Accept")
      return false
    }
    if x.pointee.endsWithHead, x.pointee.isGRPC, repeatCall(u, x, base) { return false }
    recordHead(u, x, base)
    if retryElsewhere(x, u, after: .status(responseHead.status)) { return false }
    let isTunnel = responseHead.status == 101 || isAgreedTunnel(u, x)
    // To an extended CONNECT any 2xx says that the tunnel stands (RFC 8441 §5), but this backend has not agreed.
    if x.pointee.isExtendedConnect, !isTunnel, 200..<300 ~= responseHead.status {
      badGateway(u, x, .malformedStatusLine)
      return false
    }
    if x.pointee.endsWithHead || isTunnel { responseHead.framing = .none }
    x.pointee.headDone = true
    x.pointee.status = responseHead.status
    counters.add(.responses(status: responseHead.status))
    x.pointee.upstreamKeepsAlive = responseHead.keepsAlive
    x.pointee.responseFraming = responseHead.framing
    if case .length(let length) = responseHead.framing { x.pointee.responseLeft = length }
    chooseCoding(x, base)
    x.pointee.relay = relayMode(x)
    let closing = d.pointee.stream == nil && closesAfterResponse(x)
    if closing { x.pointee.keepsAlive = false }
    var writer = HeadWriter(scratch, capacity: Self.scratchSize)
    if isTunnel, d.pointee.stream == nil, u.pointee.stream != nil {
      writeSwitch(&writer, x, base)
    } else {
      writeResponseHead(&writer, x, base, closing: closing)
    }
    let bodyStart = start + responseHead.length
    guard !writer.overflowed else {
      badGateway(u, x, .headTooLarge)
      return false
    }
    if let timeouts = x.pointee.service?.pointee.timeouts { arm(u, timeouts.firstByteMilliseconds) }
    if isTunnel { return beginTunnel(u, x, d, buffer, bodyStart, writer) }
    if let s = d.pointee.stream {
      x.pointee.responseStarted = true
      let hasNone = u.pointee.stream?.pointee.isDrained ?? (x.pointee.responseFraming == .none)
      // Compressed, even nothing is something.
      let isLast = hasNone && x.pointee.gzip == nil
      sendHead(s, .response, writer.start, writer.count, isLast: isLast)
      return relay(u, x, d, buffer, from: bodyStart, to: u.pointee.end, head: 0)
    }
    // A chunk-size line may have to stand between the head and the content.
    let gap = x.pointee.relay == .addChunks && u.pointee.end > bodyStart ? ChunkLine.room : 0
    guard writer.count + gap <= bodyStart else {
      x.pointee.responseStarted = true
      guard send(d, writer.start, writer.count) else {
        clientGone(d)
        return false
      }
      return relay(u, x, d, buffer, from: bodyStart, to: u.pointee.end, head: 0)
    }
    (buffer + bodyStart - gap - writer.count).update(from: writer.start, count: writer.count)
    return relay(u, x, d, buffer, from: bodyStart, to: u.pointee.end, head: writer.count)
  }

  /// Success of an extended CONNECT (RFC 8441 §5).
  private func isAgreedTunnel(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>
  ) -> Bool {
    guard let s = u.pointee.stream, s.pointee.state.isTunnel else { return false }
    return 200..<300 ~= responseHead.status && !x.pointee.endsWithHead
  }

  private func relayMode(_ x: UnsafeMutablePointer<Exchange>) -> Exchange.Relay {
    if x.pointee.gzip != nil { return responseHead.framing == .chunked ? .removeChunks : .asIs }
    let isStream = x.pointee.downstream?.pointee.stream != nil
    return switch responseHead.framing {
    case .chunked: x.pointee.minorVersion == 0 || isStream ? .removeChunks : .asIs
    case .untilClose: x.pointee.minorVersion == 0 || isStream ? .asIs : .addChunks
    case .none, .length: .asIs
    }
  }

  /// Whether the client's connection ends with this response.
  private func closesAfterResponse(_ x: UnsafeMutablePointer<Exchange>) -> Bool {
    if !x.pointee.keepsAlive || isDraining { return true }
    if x.pointee.minorVersion == 1 { return false }
    return responseHead.framing == .chunked || responseHead.framing == .untilClose || x.pointee.gzip != nil
  }

  /// Sends `from..<to` of the buffer as content, `head` bytes of head standing right before it. True when reading
  /// may go on.
  private func relay(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, from: Int, to: Int,
    head: Int
  ) -> Bool {
    var content = ContentRange(from: from, to: to)
    guard var ended = follow(x, buffer, &content) else {
      reportBroken(u, "malformed chunked content")
      breakOff(x)
      return false
    }
    // HTTP/2 says itself where content ends, and trailers may follow all of a declared length.
    if let s = u.pointee.stream { ended = s.pointee.isDrained }
    let surplus = content.surplus
    var start = content.from - head
    var end = content.to
    var endsInside = false
    if x.pointee.gzip != nil {
      guard sendCompressed(u, x, d, buffer, content, head: head, ended: ended) else {
        clientGone(d)
        return false
      }
      start = end
    } else if x.pointee.relay == .addChunks {
      (start, end) = ChunkLine.wrap(buffer, content, head: head, last: false)
      // Behind the content there is room for the end.
      endsInside = ended && end > content.to && x.pointee.trailers.isEmpty
      if endsInside { end = Self.appendLastChunk(buffer, at: end) }
    }
    if content.to > content.from, !x.pointee.gotBody {
      x.pointee.gotBody = true
    }
    if end > start {
      x.pointee.responseStarted = true
      x.pointee.bytesOut += UInt64(content.to - content.from)
      let isTaken: Bool
      if let s = d.pointee.stream {
        isTaken = sendContent(
          d, s, buffer + start, end - start, isLast: ended && x.pointee.trailers.isEmpty)
      } else {
        isTaken = send(d, buffer + start, end - start)
      }
      guard isTaken else {
        clientGone(d)
        return false
      }
    }
    u.pointee.end = Downstream.headroom
    if ended {
      if x.pointee.relay == .addChunks, !endsInside, !sendLastChunk(x, d) {
        clientGone(d)
        return false
      }
      finishResponse(u, x, d, reusable: surplus == 0)
      return false
    }
    if x.pointee.gotBody, let timeouts = x.pointee.service?.pointee.timeouts {
      arm(u, timeouts.idleMilliseconds)
    }
    // The buffer is empty again; the next reader may have it.
    if d.pointee.output.isEmpty, !u.pointee.readable { dropBuffer(u) }
    return true
  }

  /// Follows the framing over a range; tells whether the content ends in it, nil when it is malformed.
  private func follow(
    _ x: UnsafeMutablePointer<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>, _ range: inout ContentRange
  ) -> Bool? {
    let available = range.to - range.from
    switch x.pointee.responseFraming {
    case .none:
      range.cut(to: range.from)
      return true
    case .length:
      let n = Int(min(UInt64(available), x.pointee.responseLeft))
      x.pointee.responseLeft -= UInt64(n)
      range.cut(to: range.from + n)
      return x.pointee.responseLeft == 0
    case .untilClose: return false
    case .chunked:
      let p = buffer + range.from
      var kept = 0
      let outcome: ChunkedFraming.Outcome
      if x.pointee.relay == .removeChunks {
        outcome = x.pointee.responseChunks.scan(
          p, available,
          data: { at, n in
            (p + kept).update(from: p + at, count: n)
            kept += n
          },
          trailer: { byte in
            withUnsafePointer(to: byte) { x.pointee.trailers.append($0, 1) }
          })
      } else {
        outcome = x.pointee.responseChunks.scan(p, available)
      }
      switch outcome {
      case .failed: return nil
      case .more:
        if x.pointee.relay == .removeChunks { range.to = range.from + kept }
        return false
      case .end(let n):
        range.cut(to: range.from + n)
        if x.pointee.relay == .removeChunks { range.to = range.from + kept }
        return true
      }
    }
  }
}

/// Part of a buffer that is content, and what came behind it that is not.
struct ContentRange {
  var from: Int
  var to: Int
  var surplus = 0

  init(from: Int, to: Int) {
    self.from = from
    self.to = to
  }

  mutating func cut(to end: Int) {
    surplus = to - end
    to = end
  }
}

/// Wrapping of content that an upstream ends by closing into chunks (RFC 9112 §7.1).
enum ChunkLine {
  /// The most that a chunk-size line takes, in bytes.
  static let room = 10

  /// Puts a size line before and CRLF behind the content, after a head that leaves `room` for it; the range to send.
  static func wrap(
    _ buffer: UnsafeMutablePointer<UInt8>, _ content: ContentRange, head: Int, last: Bool
  ) -> (Int, Int) {
    let count = content.to - content.from
    guard count > 0 else { return (content.from - head, content.from) }
    var line: (UInt64, UInt64) = (0, 0)
    return withUnsafeMutableBytes(of: &line) { raw in
      guard let text = raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        return (content.from, content.to)
      }
      var writer = HeadWriter(text, capacity: 16)
      writer.append(hex: UInt64(count))
      writer.append("\r\n")
      let sizeAt = content.from - writer.count
      let headAt = content.from - room - head
      // The head was put `room` before the content: close the gap that a short size line leaves.
      if head > 0, headAt + head < sizeAt {
        var i = head
        while i > 0 {
          i -= 1
          buffer[sizeAt - head + i] = buffer[headAt + i]
        }
      }
      (buffer + sizeAt).update(from: text, count: writer.count)
      buffer[content.to] = 0x0D
      buffer[content.to + 1] = 0x0A
      return (sizeAt - head, content.to + 2)
    }
  }
}
