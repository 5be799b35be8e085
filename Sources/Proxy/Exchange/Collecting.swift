internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS

// Content whose length nobody told, for backends that need one: it is kept until it is whole, and then goes out with its
// length (RFC 9112 §6.2). Until then no backend has been chosen.
extension Worker {
  /// The most content that one worker keeps of all its requests together, in bytes; beyond it a request is answered 503.
  static let maximumCollectedBytes = 256 << 20

  /// Whether all of a request's content is waited for.
  func collects(_ client: Ref<ClientConnection>, _ service: UnsafeMutablePointer<ServiceEntry>) -> Bool {
    unsafe service.pointee.requestBuffer > 0 && desk.request.framing == .chunked && !service.pointee.isHTTP2
      && !desk.request.upgrade && client.stream?.state.isTunnel != true
  }

  /// The head is in its place. A client that asks whether it may go on is told so by us: no backend is there to ask.
  func beginCollecting(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Outcome {
    let expects = desk.request.expectsContinue && client.stream == nil && !exchange.machine.requestComplete
    if let event = collect(client, exchange) { return drive(exchange, event) }
    if expects {
      var writer = desk.writer()
      writer.append("HTTP/1.1 100 Continue\r\n\r\n")
      guard unsafe sendToClient(client, writer.start, writer.count, isLast: false) else {
        return drive(exchange, .clientLeft)
      }
    }
    time(exchange)
    if clientHasUnread(client) { putOff(client) }
    return .goesOn
  }

  /// Moves what has come of the content from the buffer to what is kept of it; tells when it is whole, or too much.
  func collect(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Machine.Event? {
    guard let buffer = unsafe client.buffer, let service = unsafe exchange.service else {
      return .refused(.badRequest)
    }
    let from = client.start + exchange.requestHeadLength
    let count = client.requestEnd - from
    if count > 0 {
      guard unsafe exchange.collected.count + count <= service.pointee.requestBuffer else {
        return .refused(.contentTooLarge)
      }
      guard collectedBytes + count <= Self.maximumCollectedBytes else { return .refused(.overloaded) }
      collectedBytes += count
      unsafe exchange.collected.append(buffer + from, count)
      unsafe (buffer + from).update(from: buffer + client.requestEnd, count: client.end - client.requestEnd)
      client.end -= count
      client.requestEnd = from
    }
    guard exchange.machine.requestComplete else { return nil }
    return unsafe tellLength(client, exchange, buffer) ? .admitted : .refused(.headTooLarge)
  }

  /// Puts the length at the end of the head. False when there is no room for it.
  private func tellLength(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    var writer = desk.writer()
    writer.append("Content-Length: ")
    writer.append(decimal: UInt64(exchange.collected.count))
    writer.append("\r\n\r\n")
    let emptyLine = 2
    let more = writer.count - emptyLine
    guard !writer.overflowed, client.end + more <= Layout.full else { return false }
    let end = client.requestEnd
    unsafe (buffer + end + more).update(from: buffer + end, count: client.end - end)
    unsafe (buffer + end - emptyLine).update(from: writer.start, count: writer.count)
    client.requestEnd += more
    client.end += more
    exchange.requestHeadLength += more
    return true
  }

  /// Sends what was kept, behind the head. False when the backend takes no more at present, or at all.
  func forwardCollected(_ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) -> Bool {
    while exchange.collectedSent < exchange.collected.count {
      let bytes = unsafe exchange.collected.bytes
      guard let base = bytes.baseAddress else { return true }
      let left = bytes.count - exchange.collectedSent
      let n = unsafe backend.wire.sendSome(base + exchange.collectedSent, left, pipe)
      if n == Sys.wouldBlock {
        backend.isHeldUp = true
        return false
      }
      guard n > 0 else {
        uploadBroke(backend)
        return false
      }
      exchange.collectedSent += n
    }
    return true
  }
}
