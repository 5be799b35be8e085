internal import APIKeys
internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import Upstream

// Where a request would go: the walk of one up to its backend, by the functions that requests walk by, without an exchange.
extension Worker {
  /// Between two events, so that nothing is on the desk.
  @inline(never)
  func explain(_ reading: RouteReading) -> RouteExplanation {
    var out = RouteExplanation()
    out.worker = index
    unsafe reading.head.withUnsafeBufferPointer { head in
      guard let base = head.baseAddress else { return }
      var request = RequestHead()
      guard unsafe RequestHead.parse(base, count: head.count, fields: &desk.fields, into: &request) == nil
      else { return Self.refuse(.badRequest, &out) }
      desk.request = request
      unsafe walk(reading, base, &out)
    }
    desk.request = RequestHead()
    return out
  }

  private static func refuse(_ answer: OwnAnswer, _ out: inout RouteExplanation) {
    out.refusal = (answer.status, answer.code, answer.message(""))
  }

  private func walk(_ reading: RouteReading, _ base: UnsafePointer<UInt8>, _ out: inout RouteExplanation) {
    let asker = unsafe Asker(
      address: AddressBlock.number(of: reading.question.client), port: reading.question.port,
      name: UnsafeRawBufferPointer(start: nil, count: 0))
    let place = unsafe snapshot.routes.find(desk.request, base, scratch: desk.scratch) {
      unsafe desk.holds($0, base, asker)
    }
    guard place >= 0 else {
      return Self.refuse(place == RouteTable.ambiguous ? .pathNotNormal : .noRoute, &out)
    }
    out.route = place
    var route = unsafe snapshot.compiledRoutes + place
    if let split = unsafe route.pointee.actions?.pointee.split {
      let address = Rendezvous.hash(reading.question.client.utf8) | 1
      unsafe route = unsafe share(of: split, address, base)
    }
    let model = models.acquire()
    defer { models.release(model) }
    var rule: UnsafeMutablePointer<CompiledModels.Rule>?
    if let lines = unsafe route.pointee.models {
      switch unsafe headModel(base, route) {
      case .none: break
      case .refused(let refusal): return Self.refuse(refusal, &out)
      case .named(let name, let taken):
        desk.request.targetStart += taken
        desk.request.targetLength -= taken
        guard let start = name.baseAddress, name.count > 0 else { break }
        out.isModelFromHead = true
        out.model = unsafe String(decoding: name, as: UTF8.self)
        unsafe rule = unsafe lines.pointee.find(start, name.count)
        guard let rule = unsafe rule, unsafe rule.pointee.shares > 0 else {
          return Self.refuse(.modelUnknown, &out)
        }
        model.wanted = unsafe Rendezvous.hash(name)
      }
    }
    model.session = unsafe keyHash(route.pointee.keySource, base)
    let goesByKey = unsafe route.pointee.service.pointee.policy.goesByKey
    let client = Rendezvous.hash(reading.question.client.utf8) | 1
    if model.session == 0, unsafe goesByKey || route.pointee.keySource.kind == .address {
      model.session = client
    }
    let isRead = unsafe readsContent(route, rule, base)
    var name = isRead ? reading.model : nil
    if let lines = unsafe route.pointee.models, unsafe rule == nil, isRead {
      if let refusal = Self.refusal(reading) { return Self.refuse(refusal, &out) }
      out.model = name
      unsafe rule = unsafe Self.find(name ?? "", lines)
      guard let rule = unsafe rule, unsafe rule.pointee.shares > 0 else {
        return Self.refuse(.modelUnknown, &out)
      }
    }
    name = out.model ?? name
    if out.model == nil { out.model = name }
    if isRead {
      if model.session == 0 { model.session = reading.session }
      model.promptBytes = reading.promptBytes
      model.tokens = tokenRatios.tokens(
        bytes: reading.promptBytes, of: Rendezvous.hash((reading.model ?? "").utf8))
      out.promptTokens = model.tokens
    }
    unsafe follow(reading, route, rule, model, isRead ? reading.model : nil, client, &out)
  }

  /// Through the services that would have it, one after another.
  private func follow(
    _ reading: RouteReading, _ route: UnsafeMutablePointer<CompiledRoute>,
    _ rule: UnsafeMutablePointer<CompiledModels.Rule>?, _ model: Ref<ModelRequest>, _ name: String?,
    _ client: UInt64, _ out: inout RouteExplanation
  ) {
    guard let rule = unsafe rule else {
      if let name { model.wanted = Rendezvous.hash(name.utf8) }
      out.services = [unsafe view(route.pointee.service, model, reading, name)]
      return
    }
    let text = unsafe rule.pointee.text
    let line = unsafe String(
      decoding: UnsafeBufferPointer(start: text.start, count: text.count), as: UTF8.self)
    out.modelLine = unsafe rule.pointee.isExact ? line : line + "*"
    var chain = unsafe [rule.pointee.target(of: model.session == 0 ? client : model.session)]
    for place in unsafe 0..<rule.pointee.fallbacks { unsafe chain.append(rule.pointee.firstFallback + place) }
    for place in unsafe chain.indices {
      let target = unsafe chain[place]
      let own = unsafe target.pointee.model
      let inside = unsafe UnsafeBufferPointer(start: own.start, count: own.count)
      let engine = unsafe own.count > 0 ? String(decoding: inside, as: UTF8.self) : nil
      let sent = engine ?? name ?? out.model
      model.wanted = unsafe own.count > 0 ? Rendezvous.hash(inside) : Rendezvous.hash((sent ?? "").utf8)
      var view = unsafe view(target.pointee.service, model, reading, sent)
      view.engineModel = engine == out.model ? nil : engine
      out.services.append(view)
    }
  }

  /// Whether the content would be waited for: what `collects` asks.
  private func readsContent(
    _ route: UnsafeMutablePointer<CompiledRoute>, _ rule: UnsafeMutablePointer<CompiledModels.Rule>?,
    _ base: UnsafePointer<UInt8>
  ) -> Bool {
    let plain = unsafe rule?.pointee.plainTarget
    let service = unsafe plain?.pointee.service ?? route.pointee.service
    guard desk.request.framing != .none, unsafe !isUnreadCall(service, base) else { return false }
    return unsafe route.pointee.models != nil && plain == nil
      || (service.pointee.readsPrompts || service.pointee.includesUsage) && mayReadPrompt(base)
      || route.pointee.keys.hasRing
  }

  private static func refusal(_ reading: RouteReading) -> OwnAnswer? {
    if let fault = reading.fault { return .modelUnread(fault) }
    guard reading.model == nil else { return nil }
    return reading.isNameTooLong ? .modelUnknown : .modelMissing
  }

  private static func find(
    _ name: String, _ lines: UnsafeMutablePointer<CompiledModels>
  ) -> UnsafeMutablePointer<CompiledModels.Rule>? {
    var name = name
    return name.withUTF8 { text in
      unsafe text.baseAddress.flatMap { unsafe lines.pointee.find($0, text.count) }
    }
  }
}
