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

  func pumpUpstream(_ backend: Ref<UpstreamConnection>) {
    guard backend.slot.isLive, backend.state == .active else { return }
    if let mux = backend.mux { return pumpMux(backend, mux) }
    for _ in 0..<Self.readsPerTurn {
      guard let exchange = backend.exchange, let client = exchange.downstream else {
        return closeUpstream(backend)
      }
      if client.wire.writeClosed { return tunnelBackendStirred(backend, client) }
      guard client.wire.output.isEmpty else {
        backend.readPaused = true
        if client.state != .tunnel { disarm(backend) }
        return
      }
      if unsafe backend.buffer == nil {
        unsafe backend.buffer = unsafe buffers.acquire(.goingOn)
        guard unsafe backend.buffer != nil else { return outOfBuffers(client) }
        backend.end = Downstream.headroom
        backend.searched = 0
      }
      guard let buffer = unsafe backend.buffer else { return }
      let room = min(Downstream.headroom + Downstream.bodyRoom - backend.end, readable(exchange, client))
      let n = unsafe receiveUpstream(backend, buffer + backend.end, room)
      if n == Sys.wouldBlock {
        guard flushCompressed(exchange, client, ending: .flush) else { return clientGone(client) }
        if backend.end == Downstream.headroom { dropBuffer(backend) }
        return
      }
      guard n > 0 else { return upstreamEnded(backend, exchange, clean: n == 0) }
      backend.end += n
      guard unsafe process(backend, exchange, client, buffer) else { return }
      if !hasUnread(backend), !backend.wire.sawEnd { return }
      // Compressing takes its time: others have theirs sooner.
      if exchange.gzip != nil { break }
    }
    putOff(backend)
  }

  /// How much is read at once: a response that begins where its client has no room for it at all is left where it is,
  /// but for the head and a little more.
  private func readable(
    _ exchange: Ref<Exchange>, _ client: Ref<Downstream>
  ) -> Int {
    guard !exchange.headDone, let stream = client.stream, let mux = stream.mux,
      unsafe mux.connection.sendable(&stream.state) == 0
    else { return Downstream.bodyRoom }
    return Self.leastRead
  }

  /// What is read of a response although its client has no room for it, in bytes.
  private static let leastRead = 4096

  /// Whether something has come that has not been looked at: there will be no event for it.
  func hasUnread(_ backend: Ref<UpstreamConnection>) -> Bool {
    if let stream = backend.stream { return stream.waiting > 0 || stream.state.remoteClosed }
    return backend.wire.hasUnread
  }

  private func dropBuffer(_ backend: Ref<UpstreamConnection>) {
    guard let buffer = unsafe backend.buffer else { return }
    unsafe buffers.release(buffer)
    unsafe backend.buffer = nil
    backend.end = 0
    backend.searched = 0
  }

  /// Deals with what stands in the upstream's buffer. True when reading may go on.
  func process(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    if client.state == .tunnel {
      return unsafe tunnelDown(backend, exchange, client, buffer, from: Downstream.headroom)
    }
    var start = Downstream.headroom
    while !exchange.headDone {
      let base = unsafe UnsafePointer(buffer + start)
      switch unsafe HeadEnd.find(base, count: backend.end - start, from: backend.searched) {
      case .bareLineFeed:
        badGateway(backend, exchange, .bareLineFeed)
        return false
      case .incomplete(let resume): return unsafe keepPartialHead(backend, exchange, buffer, start, resume)
      case .found(let length):
        backend.searched = 0
        let error = unsafe ResponseHead.parse(
          base, count: length, method: exchange.method, fields: &fields, into: &responseHead)
        if let error {
          badGateway(backend, exchange, error)
          return false
        }
        if responseHead.isInterim {
          exchange.interimHeads += 1
          exchange.interimBytes += length
          guard exchange.interimHeads <= Exchange.maximumInterimHeads,
            exchange.interimBytes <= Exchange.maximumInterimBytes
          else {
            badGateway(backend, exchange, "too many interim responses")
            return false
          }
          counters.add(.responses1xx)
          guard unsafe passInterim(exchange, client, base) else { return false }
          start += length
          continue
        }
        return unsafe finishHead(backend, exchange, client, buffer, start)
      }
    }
    return unsafe relay(backend, exchange, client, buffer, from: start, to: backend.end, head: 0)
  }

  private func keepPartialHead(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ start: Int, _ resume: Int
  ) -> Bool {
    let count = backend.end - start
    if start > Downstream.headroom {
      unsafe (buffer + Downstream.headroom).update(from: buffer + start, count: count)
      backend.end = Downstream.headroom + count
    }
    backend.searched = resume
    if count >= Downstream.bodyRoom {
      badGateway(backend, exchange, .headTooLarge)
      return false
    }
    if count == 0 { dropBuffer(backend) }
    return true
  }

  /// 1xx go to HTTP/1.1 clients as they come (RFC 9110 §15.2). False when the client is gone.
  private func passInterim(
    _ exchange: Ref<Exchange>, _ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    guard exchange.minorVersion == 1 else { return true }
    var writer = unsafe HeadWriter(scratch, capacity: Self.scratchSize)
    unsafe writeResponseHead(&writer, exchange, base, closing: false)
    if let stream = client.stream {
      unsafe sendHead(stream, .response, writer.start, writer.count, isLast: false)
      return true
    }
    guard !writer.overflowed, unsafe send(client, writer.start, writer.count) else {
      clientGone(client)
      return false
    }
    return true
  }

  /// Why a switch of protocols cannot be believed; nil when it can, or the head is another one.
  private func problemOfSwitch(
    _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) -> String? {
    guard responseHead.status == 101 else { return nil }
    guard exchange.wantsUpgrade, exchange.requestSent else {
      return "a switch of protocols that nobody asked for"
    }
    // What this client cannot check for itself.
    guard unsafe !exchange.isExtendedConnect || exchange.webSocket.isAccepted(fields, base) else {
      return "a WebSocket handshake without the right Sec-WebSocket-Accept"
    }
    return nil
  }

  private func finishHead(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, _ start: Int
  ) -> Bool {
    let base = unsafe UnsafePointer(buffer + start)
    if let problem = unsafe problemOfSwitch(exchange, base) {
      badGateway(backend, exchange, problem)
      return false
    }
    if exchange.endsWithHead, exchange.isGRPC, unsafe repeatCall(backend, exchange, base) { return false }
    unsafe recordHead(backend, exchange, base)
    if retryElsewhere(exchange, backend, after: .status(responseHead.status)) { return false }
    let isTunnel = responseHead.status == 101 || isAgreedTunnel(backend, exchange)
    // To an extended CONNECT any 2xx says that the tunnel stands (RFC 8441 §5), but this backend has not agreed.
    if exchange.isExtendedConnect, !isTunnel, 200..<300 ~= responseHead.status {
      badGateway(backend, exchange, .malformedStatusLine)
      return false
    }
    if exchange.endsWithHead || isTunnel { responseHead.framing = .none }
    exchange.headDone = true
    exchange.status = responseHead.status
    counters.add(.responses(status: responseHead.status))
    exchange.upstreamKeepsAlive = responseHead.keepsAlive
    exchange.responseFraming = responseHead.framing
    if case .length(let length) = responseHead.framing { exchange.responseLeft = length }
    unsafe chooseCoding(exchange, base)
    exchange.relay = relayMode(exchange)
    let closing = client.stream == nil && closesAfterResponse(exchange)
    if closing { exchange.keepsAlive = false }
    var writer = unsafe HeadWriter(scratch, capacity: Self.scratchSize)
    if isTunnel, client.stream == nil, backend.stream != nil {
      unsafe writeSwitch(&writer, exchange, base)
    } else {
      unsafe writeResponseHead(&writer, exchange, base, closing: closing)
    }
    let bodyStart = start + responseHead.length
    guard !writer.overflowed else {
      badGateway(backend, exchange, .headTooLarge)
      return false
    }
    if let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.firstByteMilliseconds)
    }
    if isTunnel { return unsafe beginTunnel(backend, exchange, client, buffer, bodyStart, writer) }
    if let stream = client.stream {
      exchange.responseStarted = true
      let hasNone = backend.stream?.isDrained ?? (exchange.responseFraming == .none)
      // Compressed, even nothing is something.
      let isLast = hasNone && exchange.gzip == nil
      unsafe sendHead(stream, .response, writer.start, writer.count, isLast: isLast)
      return unsafe relay(backend, exchange, client, buffer, from: bodyStart, to: backend.end, head: 0)
    }
    // A chunk-size line may have to stand between the head and the content.
    let gap = exchange.relay == .addChunks && backend.end > bodyStart ? ChunkLine.room : 0
    guard writer.count + gap <= bodyStart else {
      exchange.responseStarted = true
      guard unsafe send(client, writer.start, writer.count) else {
        clientGone(client)
        return false
      }
      return unsafe relay(backend, exchange, client, buffer, from: bodyStart, to: backend.end, head: 0)
    }
    unsafe (buffer + bodyStart - gap - writer.count).update(from: writer.start, count: writer.count)
    return unsafe relay(
      backend, exchange, client, buffer, from: bodyStart, to: backend.end, head: writer.count)
  }

  /// Success of an extended CONNECT (RFC 8441 §5).
  private func isAgreedTunnel(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>
  ) -> Bool {
    guard let stream = backend.stream, stream.state.isTunnel else { return false }
    return 200..<300 ~= responseHead.status && !exchange.endsWithHead
  }

  private func relayMode(_ exchange: Ref<Exchange>) -> Exchange.Relay {
    if exchange.gzip != nil { return responseHead.framing == .chunked ? .removeChunks : .asIs }
    let isStream = exchange.downstream?.stream != nil
    return switch responseHead.framing {
    case .chunked: exchange.minorVersion == 0 || isStream ? .removeChunks : .asIs
    case .untilClose: exchange.minorVersion == 0 || isStream ? .asIs : .addChunks
    case .none, .length: .asIs
    }
  }

  /// Whether the client's connection ends with this response.
  private func closesAfterResponse(_ exchange: Ref<Exchange>) -> Bool {
    if !exchange.keepsAlive || isDraining { return true }
    if exchange.minorVersion == 1 { return false }
    return responseHead.framing == .chunked || responseHead.framing == .untilClose || exchange.gzip != nil
  }

  /// Sends `from..<to` of the buffer as content, `head` bytes of head standing right before it. True when reading
  /// may go on.
  private func relay(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, from: Int, to: Int,
    head: Int
  ) -> Bool {
    var content = ContentRange(from: from, to: to)
    guard var ended = unsafe follow(exchange, buffer, &content) else {
      reportBroken(backend, "malformed chunked content")
      breakOff(exchange)
      return false
    }
    // HTTP/2 says itself where content ends, and trailers may follow all of a declared length.
    if let stream = backend.stream { ended = stream.isDrained }
    let surplus = content.surplus
    var start = content.from - head
    var end = content.to
    var endsInside = false
    if exchange.gzip != nil {
      guard unsafe sendCompressed(backend, exchange, client, buffer, content, head: head, ended: ended) else {
        clientGone(client)
        return false
      }
      start = end
    } else if exchange.relay == .addChunks {
      (start, end) = unsafe ChunkLine.wrap(buffer, content, head: head, last: false)
      // Behind the content there is room for the end.
      endsInside = ended && end > content.to && exchange.trailers.isEmpty
      if endsInside { end = unsafe Self.appendLastChunk(buffer, at: end) }
    }
    if content.to > content.from, !exchange.gotBody {
      exchange.gotBody = true
    }
    if end > start {
      exchange.responseStarted = true
      exchange.bytesOut += UInt64(content.to - content.from)
      let isTaken: Bool
      if let stream = client.stream {
        isTaken = unsafe sendContent(
          client, stream, buffer + start, end - start, isLast: ended && exchange.trailers.isEmpty)
      } else {
        isTaken = unsafe send(client, buffer + start, end - start)
      }
      guard isTaken else {
        clientGone(client)
        return false
      }
    }
    backend.end = Downstream.headroom
    if ended {
      if exchange.relay == .addChunks, !endsInside, !sendLastChunk(exchange, client) {
        clientGone(client)
        return false
      }
      finishResponse(backend, exchange, client, reusable: surplus == 0)
      return false
    }
    if exchange.gotBody, let timeouts = unsafe exchange.service?.pointee.timeouts {
      arm(backend, timeouts.idleMilliseconds)
    }
    // The buffer is empty again; the next reader may have it.
    if client.wire.output.isEmpty, !backend.wire.readable { dropBuffer(backend) }
    return true
  }

  /// Follows the framing over a range; tells whether the content ends in it, nil when it is malformed.
  private func follow(
    _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>, _ range: inout ContentRange
  ) -> Bool? {
    let available = range.to - range.from
    switch exchange.responseFraming {
    case .none:
      range.cut(to: range.from)
      return true
    case .length:
      let n = Int(min(UInt64(available), exchange.responseLeft))
      exchange.responseLeft -= UInt64(n)
      range.cut(to: range.from + n)
      return exchange.responseLeft == 0
    case .untilClose: return false
    case .chunked:
      let p = unsafe buffer + range.from
      var kept = 0
      let outcome: ChunkedFraming.Outcome
      if exchange.relay == .removeChunks {
        outcome = unsafe exchange.responseChunks.scan(
          p, available,
          data: { at, n in
            unsafe (p + kept).update(from: p + at, count: n)
            kept += n
          },
          trailer: { byte in
            unsafe withUnsafePointer(to: byte) { unsafe exchange.trailers.append($0, 1) }
          })
      } else {
        outcome = unsafe exchange.responseChunks.scan(p, available)
      }
      switch outcome {
      case .failed: return nil
      case .more:
        if exchange.relay == .removeChunks { range.to = range.from + kept }
        return false
      case .end(let n):
        range.cut(to: range.from + n)
        if exchange.relay == .removeChunks { range.to = range.from + kept }
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
    return unsafe withUnsafeMutableBytes(of: &line) { raw in
      guard let text = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        return (content.from, content.to)
      }
      var writer = unsafe HeadWriter(text, capacity: 16)
      writer.append(hex: UInt64(count))
      writer.append("\r\n")
      let sizeAt = content.from - writer.count
      let headAt = content.from - room - head
      // The head was put `room` before the content: close the gap that a short size line leaves.
      if head > 0, headAt + head < sizeAt {
        var i = head
        while i > 0 {
          i -= 1
          unsafe buffer[sizeAt - head + i] = unsafe buffer[headAt + i]
        }
      }
      unsafe (buffer + sizeAt).update(from: text, count: writer.count)
      unsafe buffer[content.to] = 0x0D
      unsafe buffer[content.to + 1] = 0x0A
      return (sizeAt - head, content.to + 2)
    }
  }
}
