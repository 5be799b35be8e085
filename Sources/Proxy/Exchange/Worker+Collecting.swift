internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import ModelAPI
internal import OS
internal import Upstream

// Content that is kept until it is whole: nobody told its length, and the backends need one, or the model in it says whose it
// is. It goes out with its length (RFC 9112 §6.2). Until then no backend has been chosen.
extension Worker {
  /// The least room for content in the buffer beside a request's head, in bytes: what is longer is answered 431.
  static let minimumCollectingRoom = 4096
  /// Room for the field that tells the length and for the end of the head, in bytes.
  static let lengthRoom = 40

  /// Whether all of a request's content is waited for.
  func collects(
    _ exchange: Ref<Exchange>, _ route: UnsafeMutablePointer<CompiledRoute>,
    _ service: UnsafeMutablePointer<ServiceEntry>, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    let wantsLength =
      unsafe service.pointee.requestBuffer > 0 && desk.request.framing == .chunked && !desk.request.upgrade
    guard unsafe !service.pointee.isHTTP2, !exchange.isExtendedConnect else { return false }
    exchange.isRead =
      unsafe (route.pointee.models != nil && desk.request.framing != .none && !isPlainlyAsked(exchange))
      || (service.pointee.readsPrompts || service.pointee.includesUsage
        || service.pointee.hedging != nil && service.pointee.isModelServer) && mayReadPrompt(base)
      || route.pointee.keys.hasRing && keyReadsContent()
    return exchange.isRead || wantsLength
  }

  /// The most content of a request that is kept, in bytes.
  private func mostCollected(_ exchange: Ref<Exchange>) -> Int {
    unsafe exchange.isRead ? Settings.maximumModelContent : exchange.service?.pointee.requestBuffer ?? 0
  }

  /// The head is in its place. A client that asks whether it may go on is told so by us: no backend is there to ask.
  func beginCollecting(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Outcome {
    let comes = exchange.version == .http2 && clientHasUnread(client)
    let expects = desk.request.expectsContinue && !exchange.machine.requestComplete && !comes
    guard client.start + exchange.requestHeadLength + Self.minimumCollectingRoom <= Layout.full else {
      return drive(exchange, .refused(.headTooLarge))
    }
    let blank: StaticString = "                                        "
    if case .length(let length) = desk.request.framing {
      guard length <= UInt64(mostCollected(exchange)) else {
        return drive(exchange, .refused(.contentTooLarge))
      }
      reserve(exchange, Int(length))
    }
    unsafe exchange.collected.append(blank.utf8Start, Self.lengthRoom)
    collectedBytes += Self.lengthRoom
    if let event = collect(client, exchange) { return drive(exchange, event) }
    if expects {
      var writer = desk.writer()
      writer.append("HTTP/1.1 100 Continue\r\n\r\n")
      guard sendHeadToClient(client, writer, isLast: false) else {
        return drive(exchange, .clientLeft)
      }
    }
    time(exchange)
    if clientHasUnread(client) { putOff(client) }
    return .goesOn
  }

  /// How much more content may be kept, of all requests.
  var roomToKeep: Int {
    snapshot.settings.limits.keptBytes(workers: shared.workers) - collectedBytes - Self.lengthRoom
  }

  /// Room for the most memory that is taken before content comes, in bytes.
  private static let firstRoom = 1 << 20

  /// Sets room aside for content of that length, as far as there is some.
  private func reserve(_ exchange: Ref<Exchange>, _ length: Int) {
    exchange.reserved = max(0, min(length, roomToKeep))
    collectedBytes += exchange.reserved
    exchange.collected.reserve(min(length, Self.firstRoom) + Self.lengthRoom)
  }

  /// Moves what has come of the content from the buffer to what is kept of it; tells when it is whole, or too much.
  func collect(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Machine.Event? {
    guard let buffer = unsafe client.buffer, let service = unsafe exchange.service else {
      return .refused(.badRequest)
    }
    let from = client.start + exchange.requestHeadLength
    let count = client.requestEnd - from
    if count > 0 {
      guard exchange.collected.count - Self.lengthRoom + count <= mostCollected(exchange) else {
        return .refused(.contentTooLarge)
      }
      let mostOfAll = snapshot.settings.limits.keptBytes(workers: shared.workers)
      let reserved = min(count, exchange.reserved)
      guard collectedBytes + count - reserved <= mostOfAll else { return .refused(.overloaded) }
      collectedBytes += count - reserved
      exchange.reserved -= reserved
      unsafe exchange.collected.append(buffer + from, count)
      unsafe (buffer + from).update(from: buffer + client.requestEnd, count: client.end - client.requestEnd)
      client.end -= count
      client.requestEnd = from
    }
    guard exchange.machine.requestComplete else { return nil }
    if exchange.isRead, let refusal = readContent(exchange) { return .refused(refusal) }
    unsafe tellLength(client, exchange, buffer)
    unsafe followReload(exchange, exchange.service ?? service)
    return .admitted
  }

  /// Puts the length and the end of the head in front of what was kept, where room was left for it: behind the head in
  /// the buffer other requests may wait already.
  private func tellLength(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>
  ) {
    var writer = desk.writer()
    writer.append("Content-Length: ")
    writer.append(decimal: UInt64(exchange.collected.count - Self.lengthRoom))
    writer.append("\r\n\r\n")
    let unused = Self.lengthRoom - writer.count
    unsafe exchange.collected.overwrite(at: unused, writer.start, writer.count)
    exchange.collected.drop(unused)
    collectedBytes -= unused
    let (end, emptyLine) = (client.requestEnd, 2)
    unsafe (buffer + end - emptyLine).update(from: buffer + end, count: client.end - end)
    client.requestEnd -= emptyLine
    client.end -= emptyLine
    exchange.requestHeadLength -= emptyLine
  }

  /// Collecting takes its time: the backends are those that the service has now, by whatever route the request came.
  func followReload(_ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>) {
    let before = unsafe exchange.snapshot?._withUnsafeGuaranteedRef { old in
      unsafe old === snapshot ? nil : old.settings.services[service.pointee.index].name
    }
    guard let name = before.flatMap(\.self),
      let index = snapshot.settings.services.firstIndex(where: { $0.name == name })
    else { return }
    let now = unsafe snapshot.services + index
    guard unsafe !now.pointee.isHTTP2, unsafe !now.pointee.isPassage else { return }
    unsafe exchange.laterSnapshot?.release()
    unsafe exchange.laterSnapshot = unsafe Unmanaged.passRetained(snapshot)
    unsafe exchange.service = unsafe now
  }

  /// Reads what has been kept: the model, and the prompt.
  @inline(never)
  private func readContent(_ exchange: Ref<Exchange>) -> OwnAnswer? {
    let scan = scan(exchange, from: Self.lengthRoom)
    var name = Self.nameHash(scan)
    if let model = exchange.model {
      unsafe scan.withModelName { unsafe model.element.keepName($0, hash: name) }
      model.readBytes = exchange.collected.count - Self.lengthRoom
    }
    if let refusal = refusalByContent(exchange, scan) { return refusal }
    if let models = unsafe exchange.route?.pointee.models {
      if let rule = unsafe exchange.model?.rule {
        if unsafe rule.pointee.plainTarget == nil {
          unsafe give(exchange, rule, scan, scan.modelPlace, &name)
        }
      } else if let refusal = unsafe chooseByModel(exchange, models, scan, &name) {
        return refusal
      }
      if unsafe exchange.model?.rule == nil || name != Self.nameHash(scan) {
        modelRequest(exchange).wanted = name
      }
    }
    askForUsage(exchange, scan)
    notePrompt(exchange, scan, name: name, contentBytes: exchange.collected.count - Self.lengthRoom)
    if unsafe exchange.service?.pointee.readsPrompts == true { modelRequest(exchange).tellsProgress = true }
    return reserveTokens(exchange, scan)
  }

  /// Gives the request to the service that is for its model, whose name for it is written into the content.
  private func chooseByModel(
    _ exchange: Ref<Exchange>, _ models: UnsafeMutablePointer<CompiledModels>, _ scan: RequestScan,
    _ hash: inout UInt64
  ) -> OwnAnswer? {
    if let fault = scan.fault { return .modelUnread(fault) }
    guard let place = scan.modelPlace else { return scan.model == .tooLong ? .modelUnknown : .modelMissing }
    let found = unsafe scan.withModelName { name in
      unsafe name.baseAddress.flatMap {
        unsafe models.pointee.find($0.assumingMemoryBound(to: UInt8.self), name.count)
      }
    }
    guard let rule = unsafe found, unsafe rule.pointee.shares > 0 else { return .modelUnknown }
    unsafe give(exchange, rule, scan, place, &hash)
    return nil
  }

  /// Whether the head has named the model, and nothing of the content need be known.
  private func isPlainlyAsked(_ exchange: Ref<Exchange>) -> Bool {
    guard let rule = unsafe exchange.model?.rule else { return false }
    return unsafe rule.pointee.plainTarget != nil
  }

  /// Gives the request to one of a rule's services. `place` is where the model's name stands in the content; nil where it does
  /// not.
  private func give(
    _ exchange: Ref<Exchange>, _ rule: UnsafeMutablePointer<CompiledModels.Rule>, _ scan: RequestScan,
    _ place: Range<Int>?, _ hash: inout UInt64
  ) {
    let target =
      unsafe rule.pointee.shares > 1 || rule.pointee.fallbacks > 0
      ? plan(exchange, rule, scan, place) : rule.pointee.targets
    let service = unsafe target.pointee.service
    unsafe exchange.service = unsafe service
    unsafe exchange.machine.changesService(maximumAttempts: service.pointee.attempts)
    let name = unsafe target.pointee.model
    guard name.count > 0, let place else { return }
    unsafe hash = Rendezvous.hash(UnsafeBufferPointer(start: name.start, count: name.count))
    let from = Self.lengthRoom + place.lowerBound
    let to = Self.lengthRoom + place.upperBound
    collectedBytes += name.count - place.count
    unsafe exchange.collected.replace(from..<to, with: name.start, name.count)
  }

  /// Has the engine tell at its end what a stream has used, where that counts (OpenAI, `stream_options.include_usage`).
  private func askForUsage(_ exchange: Ref<Exchange>, _ scan: RequestScan) {
    guard let model = exchange.model,
      unsafe model.countsTokens || exchange.service?.pointee.includesUsage == true,
      model.api == .chatCompletions || model.api == .completions, let edit = scan.usageEdit
    else { return }
    // The model's name may have been replaced by a longer or a shorter one.
    let length = exchange.collected.count - Self.lengthRoom
    let moved =
      (scan.modelPlace.map { $0.upperBound <= edit.place.lowerBound } ?? false)
      ? length - model.readBytes : 0
    let from = Self.lengthRoom + edit.place.lowerBound + moved
    let count = edit.text.utf8CodeUnitCount
    collectedBytes += count - edit.place.count
    unsafe exchange.collected.replace(from..<from + edit.place.count, with: edit.text.utf8Start, count)
    // Another service may have another name for the model, which stands before it.
    let isBehindName = scan.modelPlace.map { $0.upperBound <= edit.place.lowerBound } ?? false
    if isBehindName, model.nameLength > 0 { model.nameFromEnd += count - edit.place.count }
    model.addsUsage = true
  }

  /// Nothing is sent again: what was kept has been.
  func forgetCollected(_ exchange: Ref<Exchange>) {
    collectedBytes -= exchange.collected.count + exchange.reserved
    exchange.reserved = 0
    exchange.collected.free()
    exchange.collectedSent = 0
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
