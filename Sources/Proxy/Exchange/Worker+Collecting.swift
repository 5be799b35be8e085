internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import ModelAPI
internal import OS
internal import Telemetry
internal import Upstream

// Content that is kept until it is whole: nobody told its length, and the backends need one, or the model in it says whose it
// is. It goes out with its length (RFC 9112 §6.2). Until then no backend has been chosen. Of content that is too long to be kept
// a first part is, where that is enough to choose by.
extension Worker {
  /// The least room for content in the buffer beside a request's head, in bytes: what is longer is answered 431.
  static let minimumCollectingRoom = 4096
  /// Room for the fields that frame content, for the end of the head and a chunk's size, in bytes.
  static let lengthRoom = 64

  /// Whether all of a request's content is waited for.
  func collects(
    _ exchange: Ref<Exchange>, _ route: UnsafeMutablePointer<CompiledRoute>,
    _ service: UnsafeMutablePointer<ServiceEntry>, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    let wantsLength =
      unsafe service.pointee.requestBuffer > 0 && desk.request.framing == .chunked && !desk.request.upgrade
      && !service.pointee.isHTTP2
    guard !exchange.isExtendedConnect else { return false }
    guard unsafe !isUnreadCall(service, base) else { return wantsLength }
    exchange.isRead =
      unsafe (route.pointee.models != nil && desk.request.framing != .none && !isPlainlyAsked(exchange))
      || (service.pointee.readsPrompts || service.pointee.includesUsage
        || service.pointee.hedging != nil && service.pointee.isModelServer) && mayReadPrompt(base)
      || route.pointee.keys.hasRing && keyReadsContent()
    if exchange.isRead { unsafe noteCoding(exchange, base) }
    return exchange.isRead || wantsLength
  }

  /// Whether the request on the desk is a call of gRPC that nobody here can read: its messages may go on for ever.
  func isUnreadCall(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    guard desk.request.isCall, unsafe service.pointee.isHTTP2 else { return false }
    let path = unsafe base + desk.request.targetStart
    return unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base)) == nil
  }

  /// The most content of a request that is kept, in bytes.
  func mostCollected(_ exchange: Ref<Exchange>) -> Int {
    unsafe exchange.isRead ? Settings.maximumModelContent : exchange.service?.pointee.requestBuffer ?? 0
  }

  /// The head is in its place. A client that asks whether it may go on is told so by us: no backend is there to ask.
  func beginCollecting(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Outcome {
    let comes = exchange.version == .http2 && clientHasUnread(client)
    let expects = desk.request.expectsContinue && !exchange.machine.requestComplete && !comes
    guard client.start + exchange.requestHeadLength + Self.minimumCollectingRoom <= Layout.full else {
      return drive(exchange, .refused(.headTooLarge))
    }
    if let refusal = makeRoomToKeep(exchange) { return drive(exchange, .refused(refusal)) }
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

  /// Room for the most memory that is taken before content comes, in bytes: a first part.
  static let firstRoom = 1 << 20

  /// Sets room aside for the content of the request on the desk; why not, where it cannot be kept.
  private func makeRoomToKeep(_ exchange: Ref<Exchange>) -> OwnAnswer? {
    let most = mostCollected(exchange)
    if case .length(let length) = desk.request.framing {
      let isTooLong = length > UInt64(most)
      guard exchange.isRead || !isTooLong else {
        counters.add(.contentTooLarge)
        return .contentTooLarge
      }
      if isTooLong { exchange.looksAt = Self.firstRoom }
      reserve(exchange, isTooLong ? Self.firstRoom : Int(length))
    }
    if exchange.isRead { exchange.looksAt = min(exchange.looksAt, most - Layout.size) }
    exchange.collectedFront = Self.lengthRoom
    let blank: StaticString = "                                                                "
    unsafe exchange.collected.append(blank.utf8Start, Self.lengthRoom)
    collectedBytes += Self.lengthRoom
    return nil
  }

  /// Sets room aside for content of that length, as far as there is some.
  private func reserve(_ exchange: Ref<Exchange>, _ length: Int) {
    exchange.reserved = max(0, min(length, roomToKeep))
    collectedBytes += exchange.reserved
    exchange.collected.reserve(min(length, Self.firstRoom) + Self.lengthRoom)
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
    guard unsafe !now.pointee.isPassage else { return }
    unsafe exchange.laterSnapshot?.release()
    unsafe exchange.laterSnapshot = unsafe Unmanaged.passRetained(snapshot)
    unsafe exchange.service = unsafe now
  }

  /// Reads what has been kept: the model, and the prompt. Acts on it, and answers why it cannot be met.
  @inline(never)
  func readContent(_ exchange: Ref<Exchange>, _ scan: RequestScan) -> OwnAnswer? {
    var name = Self.nameHash(scan)
    if let model = exchange.model {
      unsafe scan.withModelName { unsafe model.element.keepName($0, hash: name) }
      model.readBytes = exchange.collected.count - exchange.collectedFront
    }
    if let refusal = refusalByContent(exchange, scan) { return refusal }
    if let models = unsafe exchange.route?.pointee.models {
      if let rule = unsafe exchange.model?.rule {
        if unsafe rule.pointee.plainTarget == nil,
          let refusal = unsafe give(exchange, rule, scan, scan.modelPlace, &name)
        {
          return refusal
        }
      } else if let refusal = unsafe chooseByModel(exchange, models, scan, &name) {
        return refusal
      }
      if unsafe exchange.model?.rule == nil || name != Self.nameHash(scan) {
        modelRequest(exchange).wanted = name
      }
    }
    if !exchange.goesOn { askForUsage(exchange, scan) }
    notePrompt(exchange, scan, name: name)
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
    return unsafe give(exchange, rule, scan, place, &hash)
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
  ) -> OwnAnswer? {
    if place != nil, let model = exchange.model, model.coding != .none, unsafe rule.pointee.writesNames,
      let refusal = keepInflated(exchange, model)
    {
      return refusal
    }
    let target =
      unsafe rule.pointee.shares > 1 || rule.pointee.fallbacks > 0
      ? plan(exchange, rule, scan, place) : rule.pointee.targets
    let service = unsafe target.pointee.service
    unsafe exchange.service = unsafe service
    unsafe exchange.machine.changesService(maximumAttempts: service.pointee.attempts)
    let name = unsafe target.pointee.model
    guard name.count > 0, let place else { return nil }
    unsafe hash = Rendezvous.hash(UnsafeBufferPointer(start: name.start, count: name.count))
    let from = exchange.collectedFront + place.lowerBound
    _ = writeName(exchange, from..<from + place.count, framed: scan.modelLengthPlace?.count ?? 0, name)
    return nil
  }

  /// Has the engine tell at its end what a stream has used, where that counts (OpenAI, `stream_options.include_usage`).
  private func askForUsage(_ exchange: Ref<Exchange>, _ scan: RequestScan) {
    guard let model = exchange.model,
      unsafe model.countsTokens || exchange.service?.pointee.includesUsage == true,
      model.api == .chatCompletions || model.api == .completions, model.coding == .none,
      let edit = scan.usageEdit
    else { return }
    // The model's name may have been replaced by a longer or a shorter one.
    let length = exchange.collected.count - exchange.collectedFront
    let moved =
      (scan.modelPlace.map { $0.upperBound <= edit.place.lowerBound } ?? false)
      ? length - model.readBytes : 0
    let from = exchange.collectedFront + edit.place.lowerBound + moved
    let count = edit.text.utf8CodeUnitCount
    collectedBytes += count - edit.place.count
    unsafe exchange.collected.replace(from..<from + edit.place.count, with: edit.text.utf8Start, count)
    // Another service may have another name for the model, which stands before it.
    let isBehindName = scan.modelPlace.map { $0.upperBound <= edit.place.lowerBound } ?? false
    if isBehindName, model.nameLength > 0 { model.nameFromEnd += count - edit.place.count }
    model.addsUsage = true
  }
}
