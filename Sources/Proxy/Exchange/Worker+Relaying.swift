internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import Telemetry

// A response on its way to the client.
extension Worker {
  /// 1xx go to HTTP/1.1 clients as they come (RFC 9110 §15.2). False when the client is gone.
  func passInterim(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    guard exchange.version != .http10, let route = unsafe exchange.route else { return true }
    var writer = desk.writer()
    unsafe desk.writeResponseHead(&writer, base, ResponsePlan(), route.pointee.response) { _ in }
    guard !writer.overflowed else { return false }
    return sendHeadToClient(client, writer, isLast: false)
  }

  /// Sends the head that stands first in the backend's buffer and is on the desk, and what has come behind it.
  func relayHead(_ exchange: Ref<Exchange>) -> Step {
    guard let backend = exchange.backend, let client = exchange.client, let buffer = unsafe backend.buffer
    else {
      return .event(.malformed)
    }
    let base = unsafe UnsafePointer(buffer + backend.start)
    if desk.response.status >= 400, let page = replacement(exchange) { return .act(.answer(page)) }
    exchange.status = desk.response.status
    counters.add(.responses(status: desk.response.status))
    unsafe stages.choose(self, exchange, base)
    exchange.responseContent = ResponseContent(
      desk.response.framing, for: exchange.version, isCoded: exchange.coding.gzip != nil,
      isFiltered: exchange.model?.filtersUsage == true)
    let closes = closesAfterResponse(exchange)
    if closes { exchange.machine.keepsClient = false }
    let writer = unsafe writeResponseHead(exchange, client, base, closes: closes)
    guard !writer.overflowed else { return malformedHead(backend, ParseError.headTooLarge) }
    if exchange.collects, exchange.machine.requestSent { forgetCollected(exchange) }
    let bodyStart = backend.start + desk.response.length
    // A chunk-size line may have to stand between the head and the content.
    let gap =
      exchange.responseContent.relay == .addChunks && backend.end > bodyStart ? ChunkLine.room : 0
    let goesAlone = exchange.version == .http2 || exchange.model?.filtersUsage == true
    guard !goesAlone, writer.count + gap <= bodyStart else {
      exchange.machine.headLeaves()
      let hasNone = hasEnded(backend, byLength: exchange.responseContent.framing == .none)
      // Compressed, even nothing is something.
      let isLast = hasNone && exchange.coding.gzip == nil
      if isLast { leaveLimitedRoom(exchange) }
      guard sendHeadToClient(client, writer, isLast: isLast) else { return .event(.clientLeft) }
      return unsafe relay(backend, exchange, client, buffer, from: bodyStart, head: 0)
    }
    unsafe (buffer + bodyStart - gap - writer.count).update(from: writer.start, count: writer.count)
    return unsafe relay(backend, exchange, client, buffer, from: bodyStart, head: writer.count)
  }

  /// What stands in place of a backend's error; nil to pass it on.
  @inline(never)
  private func replacement(_ exchange: Ref<Exchange>) -> OwnAnswer? {
    guard !exchange.isGRPC, let actions = unsafe exchange.route?.pointee.actions,
      unsafe actions.pointee.intercepts, unsafe actions.pointee.page(desk.response.status) != nil
    else { return nil }
    return .replaced(UInt16(clamping: desk.response.status))
  }

  private func writeResponseHead(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>, closes: Bool
  ) -> HeadWriter {
    var writer = desk.writer()
    guard let route = unsafe exchange.route else { return writer }
    var plan = ResponsePlan()
    plan.version = exchange.version
    plan.isHead = exchange.method == .head
    plan.endsWithHead = exchange.endsWithHead
    plan.isCoded = exchange.coding.isCoded
    plan.closes = closes
    unsafe desk.writeResponseHead(&writer, base, plan, route.pointee.response) { out in
      unsafe stages.writeResponse(self, exchange, base, &out)
    }
    return writer
  }

  /// Whether the client's connection ends with this response.
  private func closesAfterResponse(_ exchange: Ref<Exchange>) -> Bool {
    if exchange.version == .http2 { return false }
    if !exchange.machine.keepsClient || isDraining { return true }
    if exchange.version == .http11 { return false }
    return desk.response.framing == .chunked || desk.response.framing == .untilClose
      || exchange.coding.gzip != nil
  }

  /// Sends what stands in the buffer from `from` as content, `head` bytes of head standing right before it.
  func relay(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>, from: Int, head: Int
  ) -> Step {
    var content = ContentRange(from: from, to: backend.end)
    backend.start = Layout.headroom
    backend.end = Layout.headroom
    let ended: Bool
    let hasCome: Bool
    if let model = exchange.model {
      var event: Machine.Event?
      (ended, hasCome, event) = unsafe relayAnswer(
        model, backend, exchange, client, buffer, &content, head: head)
      if let event { return .event(event) }
    } else {
      let found = unsafe exchange.responseContent.follow(buffer, &content) { byte in
        unsafe withUnsafePointer(to: byte) { unsafe exchange.trailers.append($0, 1) }
      }
      guard let found else { return .event(endsMalformed(backend, exchange, head: head)) }
      ended = hasEnded(backend, byLength: found)
      hasCome = !content.isEmpty
      guard unsafe relayContent(backend, exchange, client, buffer, content, head: head, ended: ended) else {
        return .event(.clientLeft)
      }
    }
    if ended { return .event(.ended(isClean: content.surplus == 0)) }
    if hasCome { exchange.machine.contentCame() }
    timeResponse(exchange, backend)
    // The buffer is empty again; the next reader may have it.
    if client.wire.output.isEmpty, !backend.wire.readable { dropBuffer(backend) }
    return .more
  }

  /// The same of an answer to a model request, which is read as it passes: whether it has ended, whether content has come of
  /// it, and what puts an end to it.
  @inline(never)
  private func relayAnswer(
    _ model: Ref<ModelRequest>, _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<ClientConnection>, _ buffer: UnsafeMutablePointer<UInt8>, _ content: inout ContentRange,
    head: Int
  ) -> (ended: Bool, hasCome: Bool, Machine.Event?) {
    let found: Bool?
    if model.isScanned {
      found = unsafe followAnswer(model, exchange, buffer, &content)
      if let refusal = refusalBySpending(model) { return (false, false, .refused(refusal)) }
    } else {
      found = unsafe exchange.responseContent.follow(buffer, &content) { byte in
        unsafe withUnsafePointer(to: byte) { unsafe exchange.trailers.append($0, 1) }
      }
    }
    guard let found else { return (false, false, endsMalformed(backend, exchange, head: head)) }
    let ended = hasEnded(backend, byLength: found)
    let hasCome = !content.isEmpty
    if model.filtersUsage,
      unsafe !filterUsage(model, exchange, client, buffer, &content, ended: ended)
    {
      return (ended, hasCome, .clientLeft)
    }
    guard unsafe relayContent(backend, exchange, client, buffer, content, head: head, ended: ended) else {
      return (ended, hasCome, .clientLeft)
    }
    if ended || hasCome {
      if model.tellsProgress { answerGoesOn(model, exchange) }
      if model.isOpen { noteEvents(model, exchange) }
    }
    return (ended, hasCome, nil)
  }

  /// What is right of it does not go out: the client must not take it for all. Nor does a head that is still here.
  @inline(never)
  private func endsMalformed(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, head: Int
  ) -> Machine.Event {
    if head == 0 { exchange.machine.headLeaves() }
    reportBroken(backend, "malformed chunked content")
    return .malformed
  }

  /// Sends a range of content, framed and coded for the client. False when the client is gone.
  private func relayContent(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ content: ContentRange, head: Int, ended: Bool
  ) -> Bool {
    if ended { leaveLimitedRoom(exchange) }
    if exchange.coding.gzip != nil {
      return unsafe sendCompressed(backend, exchange, client, buffer, content, head: head, ended: ended)
    }
    var start = content.from - head
    var end = content.to
    let addsChunks = exchange.responseContent.addsChunks
    var endsInside = false
    if addsChunks {
      (start, end) = unsafe ChunkLine.wrap(buffer, content, head: head)
      // Behind the content there is room for the end.
      endsInside = ended && end > content.to && exchange.trailers.isEmpty
      if endsInside { end = unsafe ChunkLine.appendLast(buffer, at: end) }
    }
    if end > start {
      exchange.machine.headLeaves()
      exchange.bytesOut += UInt64(content.to - content.from)
      let isLast = ended && exchange.trailers.isEmpty
      guard unsafe sendToClient(client, buffer + start, end - start, isLast: isLast) else { return false }
    }
    return !ended || !addsChunks || endsInside || sendLastChunk(exchange, client)
  }

  /// The last chunk, with the trailers that a backend's HTTP/2 had (RFC 9112 §7.1.2). False when the client is gone.
  func sendLastChunk(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Bool {
    var writer = desk.writer()
    writer.append("0\r\n")
    let trailers = unsafe exchange.trailers.bytes
    if let base = trailers.baseAddress, exchange.acceptsTrailers {
      unsafe writer.append(base, trailers.count)
    }
    writer.append("\r\n")
    return unsafe sendToClient(client, writer.start, writer.count, isLast: false)
  }
}
