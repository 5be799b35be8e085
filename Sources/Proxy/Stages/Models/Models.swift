internal import APIKeys
internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

// What models there are: the lists of all engines of a route together, answered from memory (OpenAI, "List models").
struct Models: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let models = unsafe route.pointee.models else { return false }
    return unsafe worker.noteModel(client, base, route, models)
      || worker.desk.request.framing == .none && worker.answerModels(client, base, route)
  }
}

/// A model that is named by a request's head.
@safe struct AskedModel: BitwiseCopyable {
  let rule: UnsafeMutablePointer<CompiledModels.Rule>
  /// A hash of the name.
  let name: UInt64
}

/// What a request's head says of the model.
@safe enum HeadModel: BitwiseCopyable {
  case none
  case refused(OwnAnswer)
  /// The name, which may be empty, and how much of the path it takes with what stands before it, in bytes.
  case named(UnsafeBufferPointer<UInt8>, taken: Int)
}

/// The catalog of the route that was asked for last.
struct KeptCatalog {
  let route: Int
  /// What the lists were that it was made of.
  let revision: UInt64
  let catalog: ModelCatalog
}

extension Worker {
  private static let path: StaticString = "/v1/models"
  private static let json = "Content-Type: application/json\r\n"

  /// Whether who has sent the request on the desk may know of a model.
  private func mayUse(_ model: UnsafeRawBufferPointer, _ route: UnsafeMutablePointer<CompiledRoute>) -> Bool {
    guard unsafe route.pointee.keys.hasRing, let key = unsafe asking else { return true }
    return unsafe key.pointee.allows(model: model)
  }

  private func mayUse(_ model: String, _ route: UnsafeMutablePointer<CompiledRoute>) -> Bool {
    var model = model
    return model.withUTF8 { unsafe mayUse(UnsafeRawBufferPointer($0), route) }
  }

  /// The request on the desk is answered here: its key is asked no more.
  private func forgetKey(_ route: UnsafeMutablePointer<CompiledRoute>) {
    if unsafe route.pointee.keys.hasRing { unsafe asking = nil }
  }

  /// Looks whether the head names the model, and takes its name off the path. True when that has been answered: no service is
  /// for it.
  @inline(never)
  fileprivate func noteModel(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>, _ models: UnsafeMutablePointer<CompiledModels>
  ) -> Bool {
    asked = nil
    let name: UnsafeBufferPointer<UInt8>
    switch unsafe headModel(base, route) {
    case .none: return false
    case .refused(let refusal):
      unsafe forgetKey(route)
      unsafe refuse(client, refusal, closing: false, isGRPC: desk.request.isCall, route: route)
      return true
    case .named(let found, let taken):
      unsafe name = unsafe found
      desk.request.targetStart += taken
      desk.request.targetLength -= taken
    }
    guard let start = name.baseAddress, name.count > 0 else { return false }
    guard let rule = unsafe models.pointee.find(start, name.count), unsafe rule.pointee.shares > 0,
      unsafe mayUse(UnsafeRawBufferPointer(name), route)
    else {
      unsafe forgetKey(route)
      unsafe refuse(client, .modelUnknown, closing: false, isGRPC: desk.request.isCall, route: route)
      return true
    }
    asked = unsafe AskedModel(rule: rule, name: Rendezvous.hash(name))
    return false
  }

  /// What the head on the desk says of the model.
  @inline(never)
  func headModel(
    _ base: UnsafePointer<UInt8>, _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> HeadModel {
    let (prefix, field) = unsafe (route.pointee.modelPath, route.pointee.modelHeader)
    guard prefix.count > 0 || field.count > 0 else { return .none }
    let path = unsafe base + desk.request.targetStart
    if prefix.count > 0, unsafe desk.request.pathLength(base) > prefix.count, unsafe Self.begins(path, prefix)
    {
      // What hides where the name ends, or leads out of what is left, cannot be taken apart.
      guard unsafe MatchedPath.scan(path, desk.request.targetLength).isPlain else {
        return .refused(.pathNotNormal)
      }
      var end = prefix.count
      while unsafe end < desk.request.pathLength(base), unsafe path[end] != 0x2F { end += 1 }
      // Where nothing of a path is left behind it no backend can be asked for that.
      guard end < desk.request.targetLength, unsafe path[end] == 0x2F else { return .refused(.noRoute) }
      return unsafe .named(
        UnsafeBufferPointer(start: path + prefix.count, count: end - prefix.count), taken: end)
    }
    guard field.count > 0 else { return .none }
    return unsafe .named(fieldNamed(field, base), taken: 0)
  }

  private static func begins(_ path: UnsafePointer<UInt8>, _ prefix: RawBytes) -> Bool {
    for i in 0..<prefix.count where unsafe path[i] != prefix.start[i] { return false }
    return true
  }

  private func fieldNamed(_ name: RawBytes, _ base: UnsafePointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    for i in 0..<desk.fields.count where unsafe Int(desk.fields.lines[i].nameLength) == name.count {
      let line = unsafe desk.fields.lines[i]
      let field = unsafe base + Int(line.nameStart)
      var isSame = true
      for j in 0..<name.count where unsafe ASCII.lowered(field[j]) != name.start[j] { isSame = false }
      guard isSame else { continue }
      return unsafe UnsafeBufferPointer(start: base + Int(line.valueStart), count: Int(line.valueLength))
    }
    return unsafe UnsafeBufferPointer(start: nil, count: 0)
  }

  /// The request's model was named by its head: where that leads to one service as it is, the service has it.
  @inline(never)
  func beginAsked(_ exchange: Ref<Exchange>, _ asked: AskedModel) {
    let model = modelRequest(exchange)
    unsafe model.rule = unsafe asked.rule
    model.wanted = asked.name
    // Without content there is nothing to wait for, nor to write another name into.
    let isBare = desk.request.framing == .none
    if let target = unsafe asked.rule.pointee.plainTarget ?? (isBare ? asked.rule.pointee.targets : nil) {
      unsafe exchange.service = unsafe target.pointee.service
    }
  }

  /// Answers who asks for models. False for all other requests, and as long as no engine has told of any: then the route's
  /// own service is asked.
  @inline(never)
  fileprivate func answerModels(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard desk.request.method == .get || desk.request.method == .head else { return false }
    let path = unsafe UnsafeBufferPointer(
      start: base + desk.request.targetStart, count: desk.request.pathLength(base))
    guard let name = unsafe Self.modelAsked(path), let catalog = unsafe catalog(route.pointee.index) else {
      return false
    }
    guard let name else {
      let list = catalog.list { unsafe mayUse($0, route) }
      unsafe forgetKey(route)
      unsafe respond(client, 200, Self.json, list, route: route)
      return true
    }
    let entry = catalog.entries.first { unsafe $0.id == name && mayUse(name, route) }
    unsafe forgetKey(route)
    guard let entry else {
      unsafe refuse(client, .modelUnknown, closing: false, route: route)
      return true
    }
    unsafe respond(client, 200, Self.json, Array(entry.text.utf8), route: route)
    return true
  }

  /// What a path asks for: nil for something else, no name for all models. Any prefix may stand before.
  private static func modelAsked(_ path: UnsafeBufferPointer<UInt8>) -> String?? {
    let count = Self.path.utf8CodeUnitCount
    guard path.count >= count else { return nil }
    for start in 0...path.count - count {
      let end = start + count
      guard unsafe end == path.count || path[end] == 0x2F else { continue }
      var isSame = true
      for i in 0..<count where unsafe path[start + i] != Self.path.utf8Start[i] {
        isSame = false
        break
      }
      guard isSame else { continue }
      guard end < path.count else { return .some(nil) }
      return unsafe .some(decoded(UnsafeBufferPointer(rebasing: path[(end + 1)...])))
    }
    return nil
  }

  /// A name, its percent-encoding taken away.
  private static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> String {
    var bytes: [UInt8] = []
    var at = 0
    while at < text.count {
      let rest = unsafe text[at...].prefix(3)
      if unsafe text[at] == 0x25, unsafe rest.count == 3,
        let byte = unsafe UInt8(String(decoding: rest.dropFirst(), as: UTF8.self), radix: 16)
      {
        bytes.append(byte)
        at += 3
      } else {
        unsafe bytes.append(text[at])
        at += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The models of a route; nil as long as no engine has told of any.
  private func catalog(_ index: Int) -> ModelCatalog? {
    let settings = snapshot.settings
    let rules = settings.routes[index].models
    let services = Set(rules.flatMap { ($0.targets + $0.fallback).map(\.service) })
    var revision: UInt64 = 0
    for service in services {
      for backend in settings.services[service].backends {
        revision &+= backend.status.engine.models.revision
      }
    }
    guard revision > 0 else { return nil }
    if let kept = keptCatalog, kept.route == index, kept.revision == revision { return kept.catalog }
    var lists: [Int: [ListedModels.Entry]] = [:]
    for service in services {
      lists[service] = settings.services[service].backends.flatMap { $0.status.engine.models.entries ?? [] }
    }
    let catalog = ModelCatalog(rules) { lists[$0] ?? [] }
    keptCatalog = KeptCatalog(route: index, revision: revision, catalog: catalog)
    return catalog
  }
}
