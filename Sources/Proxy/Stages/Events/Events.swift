internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import OS
internal import Telemetry

// Streams of events from model servers: while nothing comes, the client is told that it still might; when nothing more can
// come, it is told that too, and in its own interface's words.

/// What is known of a response as a stream of events.
struct EventStream: BitwiseCopyable {
  /// The interface that the request is of.
  var api: EngineAPI?
  /// Events pass to the client as they come, and something may be said between them.
  var isOpen = false
  /// text/event-stream, not lines of JSON.
  var hasEmptyLines = false
  /// After how much silence the client is sent a comment, in milliseconds; 0 for never.
  var everyMilliseconds: UInt64 = 0
  /// What has gone to the client ends with a whole event.
  var isBetween = true
  /// When the last of them went.
  var lastMilliseconds: UInt64 = 0
}

struct Events: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard exchange.method == .post,
      unsafe exchange.service?.pointee.isModelServer == true || exchange.route?.pointee.models != nil
    else { return }
    let request = worker.desk.request
    exchange.events.api = unsafe EngineAPI.find(
      path: base + request.targetStart, count: request.pathLength(base))?.api
  }

  @inline(__always)
  func choose(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    if exchange.events.api != nil { unsafe worker.openEvents(exchange, base) }
  }
}

extension Worker {
  /// Whether a response that is to be passed on is a stream of events that may be spoken into.
  fileprivate func openEvents(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard desk.response.status == 200, exchange.version != .http10, exchange.coding.gzip == nil else {
      return
    }
    switch desk.response.framing {
    case .chunked, .untilClose: break
    case .none
    where unsafe exchange.service.map({ unsafe $0.pointee.isHTTP2 }) == true && !exchange.endsWithHead:
      break
    case .none, .length: return
    }
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .other {
      let line = unsafe desk.fields.lines[i]
      if unsafe line.isNamed("content-encoding", base) { return }
      guard unsafe line.isNamed("content-type", base) else { continue }
      let value = unsafe UnsafeRawBufferPointer(
        start: base + Int(line.valueStart), count: Int(line.valueLength))
      let isEvents = unsafe Self.isType(value, "text/event-stream")
      guard unsafe isEvents || Self.isType(value, "application/x-ndjson") else { return }
      exchange.events.isOpen = true
      exchange.events.hasEmptyLines = isEvents
      exchange.events.lastMilliseconds = nowMilliseconds
      exchange.events.everyMilliseconds =
        unsafe isEvents ? exchange.service?.pointee.heartbeatMilliseconds ?? 0 : 0
      if exchange.events.everyMilliseconds > 0, exchange.machine.requestComplete,
        let client = exchange.client
      {
        setWait(ofClient: client, .heartbeat)
      }
    }
  }

  private static func isType(_ value: UnsafeRawBufferPointer, _ type: StaticString) -> Bool {
    let count = type.utf8CodeUnitCount
    guard value.count >= count, let base = value.baseAddress else { return false }
    guard unsafe ASCII.same(base.assumingMemoryBound(to: UInt8.self), count, type) else { return false }
    return unsafe value.count == count || value[count] == 0x3B || value[count] == 0x20
  }

  /// Some of a stream has passed: `content` stands in the buffer as the backend framed it.
  func noteEvents(_ exchange: Ref<Exchange>, _ buffer: UnsafePointer<UInt8>, _ content: ContentRange) {
    exchange.events.lastMilliseconds = nowMilliseconds
    var end = content.to
    guard exchange.responseContent.isBetweenChunks else {
      exchange.events.isBetween = false
      return
    }
    if exchange.responseContent.relay == .asIs, exchange.responseContent.framing == .chunked { end -= 2 }
    let feeds = exchange.events.hasEmptyLines ? 2 : 1
    guard end - content.from >= feeds else {
      exchange.events.isBetween = false
      return
    }
    // An empty line, also where lines end with CRLF.
    let isEmptyLine =
      unsafe feeds == 1 || buffer[end - 2] == 0x0A
      || end - content.from >= 3 && buffer[end - 2] == 0x0D && buffer[end - 3] == 0x0A
    exchange.events.isBetween = unsafe buffer[end - 1] == 0x0A && isEmptyLine
  }

  /// Nothing has come for a while: a comment says that the connection stands. False when the client is gone.
  func sendHeartbeat(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Bool {
    let events = exchange.events
    let isDue = nowMilliseconds &- events.lastMilliseconds >= events.everyMilliseconds
    guard isDue, events.isBetween, client.wire.output.isEmpty else { return true }
    counters.add(.streamHeartbeats)
    return sendBetween(exchange, client, ": ping\n\n")
  }

  /// The stream cannot go on: the client is told so by an event. False when there is no place for one.
  func tellBreak(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Bool {
    guard exchange.events.isOpen, exchange.events.isBetween, exchange.machine.hasSpoken,
      let api = exchange.events.api
    else {
      return false
    }
    counters.add(.streamsBrokenOff)
    let text: StaticString = "the engine broke off: what came before is not the whole answer"
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ErrorShape.frameBytes + 512) {
      room in
      let message = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
      let count = unsafe api.errorShape.writeEvent(.server, message, into: room)
      guard count > 0, let base = room.baseAddress else { return false }
      return unsafe sendBetween(exchange, client, base, count)
    }
  }

  private func sendBetween(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ text: StaticString)
    -> Bool
  {
    unsafe sendBetween(exchange, client, text.utf8Start, text.utf8CodeUnitCount)
  }

  /// Sends content of ours between two parts of the backend's.
  private func sendBetween(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ bytes: UnsafePointer<UInt8>, _ count: Int
  ) -> Bool {
    exchange.bytesOut += UInt64(count)
    guard exchange.version != .http2 else { return unsafe sendToClient(client, bytes, count, isLast: false) }
    let at = ChunkLine.room
    guard count + at + 2 <= desk.scratchSize else { return false }
    unsafe (desk.scratch + at).update(from: bytes, count: count)
    let (start, end) = unsafe ChunkLine.wrap(desk.scratch, ContentRange(from: at, to: at + count), head: 0)
    return unsafe sendToClient(client, desk.scratch + start, end - start, isLast: false)
  }

  /// Ends a connection in the middle of a response whose last words are on their way: without the last chunk, and without
  /// TLS's own end, it can be told from a whole one.
  func breakBehind(_ version: Version, _ client: Ref<ClientConnection>) {
    guard version != .http2 else { return reset(client) }
    client.state = .closing
    if client.wire.output.isEmpty { finishClose(client) } else { timeClient(client, again: true) }
  }
}
