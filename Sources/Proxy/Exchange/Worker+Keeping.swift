internal import APIKeys
internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import OS
internal import Telemetry

// Content that is kept, as it comes and as it goes out.
extension Worker {
  /// Moves what has come of the content from the buffer to what is kept of it; tells when it is whole, or enough to choose by,
  /// or too much.
  func collect(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Machine.Event? {
    guard let buffer = unsafe client.buffer else { return .refused(.badRequest) }
    let from = client.start + exchange.requestHeadLength
    let count = client.requestEnd - from
    if count > 0 {
      guard exchange.collected.count - exchange.collectedFront + count <= mostCollected(exchange) else {
        counters.add(.contentTooLarge)
        return .refused(.contentTooLarge)
      }
      let mostOfAll = snapshot.settings.limits.keptBytes(workers: shared.workers)
      let reserved = min(count, exchange.reserved)
      guard collectedBytes + count - reserved <= mostOfAll else {
        counters.add(.contentWithoutRoom)
        return .refused(.overloaded)
      }
      collectedBytes += count - reserved
      exchange.reserved -= reserved
      unsafe exchange.collected.append(buffer + from, count)
      unsafe (buffer + from).update(from: buffer + client.requestEnd, count: client.end - client.requestEnd)
      client.end -= count
      client.requestEnd = from
    }
    guard exchange.machine.requestComplete else { return unsafe firstPart(client, exchange, buffer) }
    if exchange.isRead, let refusal = readContent(exchange, scan(exchange, isWhole: true)) {
      return .refused(refusal)
    }
    return unsafe beginAttempts(client, exchange, buffer)
  }

  /// A backend is chosen now: puts the end of the head before what was kept, where room was left for it. Behind the head in the
  /// buffer other requests may wait already.
  private func beginAttempts(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Machine.Event {
    if let service = unsafe exchange.service { unsafe followReload(exchange, service) }
    writeFront(exchange)
    if exchange.model?.isInflated == true { unsafe dropCoding(client, exchange, buffer) }
    let (end, emptyLine) = (client.requestEnd, 2)
    unsafe (buffer + end - emptyLine).update(from: buffer + end, count: client.end - end)
    client.requestEnd -= emptyLine
    client.end -= emptyLine
    exchange.requestHeadLength -= emptyLine
    return .admitted
  }

  // MARK: First parts

  /// Looks at the first part of content that is too long to be kept, or has no room: where that is enough to choose by, the
  /// rest is passed on as it comes.
  private func firstPart(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Machine.Event? {
    let kept = exchange.collected.count - exchange.collectedFront
    guard exchange.isRead, kept > 0 else { return nil }
    if exchange.model?.api == .kserveStreamCall {
      // Nothing may follow before the first message has been answered.
      guard kept >= firstMessage(exchange) || kept >= exchange.looksAt else { return nil }
    } else if kept < exchange.looksAt, roomToKeep + exchange.reserved >= Layout.size {
      return nil
    }
    guard kept / 2 >= exchange.lookedAt || kept >= firstMessage(exchange) else { return nil }
    return unsafe lookAtFirstPart(client, exchange, buffer, kept)
  }

  /// How long the first message of a stream of calls is, with what tells that; for other content longer than any.
  private func firstMessage(_ exchange: Ref<Exchange>) -> Int {
    guard exchange.model?.api == .kserveStreamCall else { return .max }
    let prefix = unsafe exchange.collected.bytes.dropFirst(exchange.collectedFront).prefix(5)
    guard unsafe prefix.count == 5 else { return .max }
    return unsafe 5 + prefix.dropFirst().reduce(0) { $0 << 8 | Int($1) }
  }

  @inline(never)
  private func lookAtFirstPart(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>,
    _ kept: Int
  ) -> Machine.Event? {
    let scan = scan(exchange, isWhole: false)
    guard isEnough(exchange, scan) else {
      exchange.lookedAt = kept
      return nil
    }
    let content = exchange.requestContent
    exchange.restOfContent = content.leftOfLength
    // What comes behind it from a client of HTTP/2 gets chunks of its own.
    var joint = ChunkedFraming.Joint(end: "\r\n")
    if content.framing == .chunked, exchange.version != .http2 {
      var passing = content
      guard let found = passing.passChunks() else { return nil }
      joint = found
      exchange.restOfChunk = joint.left
    }
    exchange.goesOn = true
    if let refusal = readContent(exchange, scan) { return .refused(refusal) }
    counters.add(.contentPassedOn)
    collectedBytes -= exchange.reserved
    exchange.reserved = 0
    let event = unsafe beginAttempts(client, exchange, buffer)
    if content.framing == .chunked, unsafe exchange.service?.pointee.isHTTP2 == false {
      _ = exchange.requestContent.passChunks()
      var writer = desk.writer()
      writer.append(joint.end)
      if let size = joint.size { writer.append(hex: size) }
      writer.append(joint.sizeEnd)
      unsafe exchange.collected.append(writer.start, writer.count)
      collectedBytes += writer.count
    }
    return event
  }

  /// Whether all is known of a request that a backend is chosen by.
  private func isEnough(_ exchange: Ref<Exchange>, _ scan: RequestScan) -> Bool {
    // What a key may have goes by all of the content: behind the first part another model may stand.
    if let key = unsafe exchange.model?.key, unsafe key.pointee.readsContent { return false }
    guard unsafe exchange.route?.pointee.models != nil else { return true }
    if let rule = unsafe exchange.model?.rule, unsafe rule.pointee.plainTarget != nil { return true }
    // Content that is compressed is written into as a whole only.
    if let coding = exchange.model?.coding, coding != .none, scan.modelPlace != nil,
      mayWriteName(exchange, scan)
    {
      return false
    }
    return scan.fault != nil || scan.model != .none || scan.isMessageWhole
  }

  private func mayWriteName(_ exchange: Ref<Exchange>, _ scan: RequestScan) -> Bool {
    guard let models = unsafe exchange.route?.pointee.models else { return false }
    let rule =
      unsafe exchange.model?.rule
      ?? scan.withModelName { name in
        unsafe name.baseAddress.flatMap {
          unsafe models.pointee.find($0.assumingMemoryBound(to: UInt8.self), name.count)
        }
      }
    return unsafe rule?.pointee.writesNames ?? false
  }

  // MARK: Sending

  /// Writes what stands before the content that was kept: how it is framed, and the end of the head.
  func writeFront(_ exchange: Ref<Exchange>) {
    var writer = desk.writer()
    let count = UInt64(exchange.collected.count - exchange.collectedFront)
    let isHTTP2 = unsafe exchange.service?.pointee.isHTTP2 == true
    let isInChunks = exchange.goesOn && exchange.restOfContent == nil
    if isInChunks {
      if !isHTTP2 { writer.append("Transfer-Encoding: chunked\r\n") }
    } else {
      writer.append("Content-Length: ")
      writer.append(decimal: count + (exchange.goesOn ? exchange.restOfContent ?? 0 : 0))
      writer.append("\r\n")
    }
    writer.append("\r\n")
    if isInChunks, !isHTTP2 {
      writer.append(hex: count + exchange.restOfChunk)
      writer.append("\r\n")
    }
    let unused = exchange.collectedFront - writer.count
    if unused >= 0 {
      unsafe exchange.collected.overwrite(at: unused, writer.start, writer.count)
      exchange.collected.drop(unused)
    } else {
      unsafe exchange.collected.replace(0..<exchange.collectedFront, with: writer.start, writer.count)
    }
    collectedBytes -= unused
    exchange.collectedFront = writer.count
  }

  /// Nothing is sent again: what was kept has been.
  func forgetCollected(_ exchange: Ref<Exchange>) {
    collectedBytes -= exchange.collected.count + exchange.reserved
    exchange.reserved = 0
    exchange.collected.free()
    exchange.collectedSent = 0
  }

  /// Sends the head and what was kept behind it. False when the backend takes no more at present, or at all.
  @inline(never)
  func forwardCollected(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ backend: Ref<BackendConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    guard unsafe forwardHeadOfKept(exchange, client, backend, buffer) else { return false }
    while exchange.collectedSent < exchange.collected.count {
      let bytes = unsafe exchange.collected.bytes
      guard let base = bytes.baseAddress else { return true }
      let left = bytes.count - exchange.collectedSent
      let n = unsafe sendToBackend(backend, base + exchange.collectedSent, left)
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
