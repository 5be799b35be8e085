internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import OS
internal import Telemetry

// Streams of events from model servers: while nothing comes, the client is told that it still might; when nothing more can
// come, it is told that too, and in its own interface's words.

struct Events: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let service = unsafe exchange.service else { return }
    if unsafe service.pointee.readsPrompts { worker.modelRequest(exchange).tellsProgress = true }
    guard exchange.method == .post,
      unsafe service.pointee.isModelServer || service.pointee.heartbeatMilliseconds > 0
        || service.pointee.readsPrompts
        || service.pointee.includesUsage || exchange.route?.pointee.models != nil
    else { return }
    let request = worker.desk.request
    guard
      let found = unsafe EngineAPI.find(
        path: base + request.targetStart, count: request.pathLength(base))
    else { return }
    let model = worker.modelRequest(exchange)
    model.api = found.api
    // A check that is late says nothing of an engine that gives something.
    if unsafe service.pointee.isModelServer { model.tellsProgress = true }
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    if let model = exchange.model { worker.forget(model, exchange) }
  }

  @inline(__always)
  func choose(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    if let model = exchange.model, model.api != nil { worker.openEvents(model, exchange) }
  }
}

extension Worker {
  /// The request is over.
  @inline(never)
  fileprivate func forget(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    giveBack(model, exchange, isRefused: exchange.status >= 400 && exchange.status != 499)
    exchange.model = nil
    models.release(model)
  }

  /// Whether a response that is to be passed on is a stream of events that may be spoken into.
  @inline(never)
  fileprivate func openEvents(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    guard model.isScanned, model.answer.format != .document, exchange.version != .http10,
      exchange.coding.gzip == nil
    else { return }
    switch desk.response.framing {
    case .chunked, .untilClose: break
    case .none
    where unsafe exchange.service.map({ unsafe $0.pointee.isHTTP2 }) == true && !exchange.endsWithHead:
      break
    case .none, .length: return
    }
    let isEvents = model.answer.format == .events
    model.isOpen = true
    model.hasEmptyLines = isEvents
    // The client has heard nothing since it asked.
    model.eventMilliseconds = exchange.startedNanoseconds / 1_000_000
    model.everyMilliseconds = unsafe isEvents ? exchange.service?.pointee.heartbeatMilliseconds ?? 0 : 0
    guard model.everyMilliseconds > 0, exchange.machine.requestComplete, let client = exchange.client else {
      return
    }
    setWait(ofClient: client, .heartbeat)
  }

  /// Some of a stream has passed.
  @inline(never)
  func noteEvents(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    model.eventMilliseconds = nowMilliseconds
    // What is filtered leaves by whole events.
    model.isBetween =
      model.filtersUsage || exchange.responseContent.isBetweenChunks && model.answer.isBetweenEvents
  }

  /// Nothing has come for a while: a comment says that the connection stands. False when the client is gone.
  @inline(never)
  func sendHeartbeat(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Bool {
    guard let model = exchange.model else { return true }
    let isDue = nowMilliseconds &- model.eventMilliseconds >= model.everyMilliseconds
    guard isDue else { return true }
    // Where there is no place for one now, the next one is looked for after as long.
    model.eventMilliseconds = nowMilliseconds
    guard model.isBetween, client.wire.output.isEmpty else { return true }
    counters.add(.streamHeartbeats)
    return sendBetween(exchange, client, ": ping\n\n")
  }

  /// The stream cannot go on: the client is told so by an event. False when there is no place for one.
  @inline(never)
  func tellBreak(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Bool {
    guard let model = exchange.model, model.isOpen, model.isBetween, exchange.machine.hasSpoken,
      let api = model.api
    else {
      return false
    }
    let text: StaticString =
      model.isSpent
      ? "the key has no tokens left: what came before is not the whole answer"
      : "the engine broke off: what came before is not the whole answer"
    let isSent = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ErrorShape.frameBytes + 512) {
      room in
      let message = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
      let shape =
        model.hasEmptyLines ? api.errorShape == .ollama ? ErrorShape.openAI : api.errorShape : .ollama
      let count = unsafe shape.writeEvent(model.isSpent ? .rateLimit : .server, message, into: room)
      guard count > 0, let base = room.baseAddress else { return false }
      return unsafe sendBetween(exchange, client, base, count)
    }
    // What a stream's window does not take goes with its reset.
    guard isSent, exchange.version != .http2 || client.wire.output.isEmpty else { return false }
    counters.add(.streamsBrokenOff)
    return true
  }

  private func sendBetween(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ text: StaticString)
    -> Bool
  {
    unsafe sendBetween(exchange, client, text.utf8Start, text.utf8CodeUnitCount)
  }

  /// Sends content between two parts of the backend's.
  func sendBetween(
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
