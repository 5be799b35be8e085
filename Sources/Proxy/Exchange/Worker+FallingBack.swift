internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import Telemetry
internal import Upstream

// Services that share a model's requests, and those that stand in where one has no answer.
extension Worker {
  /// Who has the request of those that share its model: by its key, or else its session, or else the client. Keeps what is
  /// needed to give it to another one.
  @inline(never)
  func plan(
    _ exchange: Ref<Exchange>, _ rule: UnsafeMutablePointer<CompiledModels.Rule>, _ scan: RequestScan,
    _ place: Range<Int>?
  ) -> UnsafeMutablePointer<CompiledModels.Target> {
    let model = modelRequest(exchange)
    if model.session == 0, let session = scan.sessionHash { model.session = session }
    var key = model.keyHash
    if key == 0 { key = model.session }
    if key == 0, let client = exchange.client { key = addressHash(client) }
    let target = unsafe rule.pointee.target(of: key)
    let name = unsafe target.pointee.model
    if let place {
      model.nameLength = name.count > 0 ? name.count : place.count
      model.nameFromEnd = exchange.collected.count - Self.lengthRoom - place.upperBound + model.nameLength
    }
    unsafe model.fallback = unsafe rule.pointee.firstFallback
    model.fallbacks = unsafe rule.pointee.fallbacks
    return unsafe target
  }

  /// Whether another service is to have the request where its own has no answer: nothing of it has been forgotten.
  func hasNextService(_ exchange: Ref<Exchange>) -> Bool {
    guard let model = exchange.model, model.fallbacks > 0 else { return false }
    return exchange.collects && !exchange.collected.isEmpty
  }

  /// Gives the request to the next service of its chain, by the name that its model has there.
  @inline(never)
  func fallBack(_ exchange: Ref<Exchange>) -> Machine.Event {
    guard let model = exchange.model, model.fallbacks > 0, let target = unsafe model.fallback else {
      dropAttempt(exchange)
      return .nobody
    }
    counters.add(.upstreamFallbacks)
    unsafe model.fallback = unsafe target + 1
    model.fallbacks -= 1
    dropAttempt(exchange)
    leaveService(exchange)
    if let client = exchange.client { client.sent = client.start }
    exchange.collectedSent = 0
    exchange.status = 0
    let service = unsafe target.pointee.service
    // What it belongs to is what the request began with, or what the settings say now.
    unsafe exchange.laterSnapshot?.release()
    unsafe exchange.laterSnapshot = nil
    unsafe exchange.service = unsafe service
    unsafe followReload(exchange, service)
    unsafe exchange.machine.fallsBack(maximumAttempts: exchange.service?.pointee.attempts ?? 1)
    let name = unsafe target.pointee.model
    if name.count > 0 { rename(exchange, model, name) }
    return openElsewhere(exchange)
  }

  /// Writes another name of the model into what is kept of the content, and its length before it.
  private func rename(_ exchange: Ref<Exchange>, _ model: Ref<ModelRequest>, _ name: RawBytes) {
    let from = exchange.collected.count - model.nameFromEnd
    let contentBytes = model.contentBytes + name.count - model.nameLength
    guard from >= 0, model.nameLength > 0, model.nameLength <= model.nameFromEnd, model.contentBytes > 0
    else { return }
    let before = exchange.collected.count
    unsafe exchange.collected.replace(from..<from + model.nameLength, with: name.start, name.count)
    var writer = desk.writer()
    writer.append("Content-Length: ")
    writer.append(decimal: UInt64(contentBytes))
    writer.append("\r\n\r\n")
    unsafe exchange.collected.replace(
      0..<exchange.collected.count - contentBytes, with: writer.start, writer.count)
    collectedBytes += exchange.collected.count - before
    model.nameFromEnd += name.count - model.nameLength
    model.nameLength = name.count
    unsafe model.wanted = Rendezvous.hash(UnsafeBufferPointer(start: name.start, count: name.count))
    model.contentBytes = contentBytes
    // Under another name the same text is another prompt.
    model.reading = 0
  }
}
