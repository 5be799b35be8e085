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
      model.nameFrame = scan.modelLengthPlace?.count ?? 0
      // Of a call the name is written unescaped.
      let isCall = model.nameFrame > 0
      model.nameLength =
        name.count == 0 ? place.count : isCall ? Self.plainLength(name) : name.count
      model.nameFromEnd =
        exchange.collected.count - exchange.collectedFront - place.upperBound + model.nameLength
    }
    unsafe model.fallback = unsafe rule.pointee.firstFallback
    model.fallbacks = unsafe rule.pointee.fallbacks
    return unsafe target
  }

  /// Whether another service is to have the request where its own has no answer: nothing of it has been forgotten.
  func hasNextService(_ exchange: Ref<Exchange>) -> Bool {
    guard let model = exchange.model, model.fallbacks > 0 else { return false }
    // Where the rest is passed on as it comes, how it does goes by the first one.
    return exchange.collects && !exchange.goesOn && !exchange.collected.isEmpty
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
    guard from >= exchange.collectedFront, model.nameLength > 0, model.nameLength <= model.nameFromEnd
    else { return }
    let count = writeName(exchange, from..<from + model.nameLength, framed: model.nameFrame, name)
    writeFront(exchange)
    model.nameFromEnd += count - model.nameLength
    model.nameLength = count
    unsafe model.wanted = Rendezvous.hash(UnsafeBufferPointer(start: name.start, count: name.count))
    // Under another name the same text is another prompt.
    model.reading = 0
  }

  /// How long a name is in a call: in JSON there is a backslash before a quote and before a backslash.
  static func plainLength(_ name: RawBytes) -> Int {
    var (count, at) = (0, 0)
    while at < name.count {
      at += unsafe name.start[at] == 0x5C && at + 1 < name.count ? 2 : 1
      count += 1
    }
    return count
  }

  /// Writes a name of the model in the place of another one into what is kept; in a call, where `framed` bytes before it tell
  /// its length, as that wants it. Answers how long the name is there.
  func writeName(_ exchange: Ref<Exchange>, _ place: Range<Int>, framed: Int, _ name: RawBytes) -> Int {
    let before = exchange.collected.count
    defer { collectedBytes += exchange.collected.count - before }
    guard framed > 0 else {
      unsafe exchange.collected.replace(place, with: name.start, name.count)
      return name.count
    }
    let count = Self.plainLength(name)
    var writer = desk.writer()
    writer.append(varint: count)
    exchange.model?.nameFrame = writer.count
    var at = 0
    while at < name.count {
      if unsafe name.start[at] == 0x5C, at + 1 < name.count { at += 1 }
      unsafe writer.append(name.start + at, 1)
      at += 1
    }
    unsafe exchange.collected.replace(
      place.lowerBound - framed..<place.upperBound, with: writer.start, writer.count)
    tellMessageLength(exchange, by: exchange.collected.count - before)
    return count
  }

  /// The message of gRPC that what is kept begins with is longer than it was (gRPC over HTTP/2, "Length-Prefixed-Message").
  private func tellMessageLength(_ exchange: Ref<Exchange>, by difference: Int) {
    let at = exchange.collectedFront + 1
    guard exchange.collected.count >= at + 4 else { return }
    let old = unsafe exchange.collected.bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
    var bytes = InlineArray<4, UInt8>(repeating: 0)
    for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: (old + difference) >> (24 - 8 * place)) }
    unsafe withUnsafeBytes(of: bytes) { raw in
      guard let start = raw.baseAddress else { return }
      unsafe exchange.collected.overwrite(at: at, start.assumingMemoryBound(to: UInt8.self), 4)
    }
  }
}

extension HeadWriter {
  /// A number as protocol buffers write it: seven bits a byte, the lowest first.
  fileprivate mutating func append(varint value: Int) {
    var left = UInt64(value)
    repeat {
      let byte = UInt8(left & 0x7F) | (left > 0x7F ? 0x80 : 0)
      unsafe withUnsafePointer(to: byte) { unsafe append($0, 1) }
      left >>= 7
    } while left > 0
  }
}
