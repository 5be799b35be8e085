internal import EventLoop
internal import Exchange
internal import HTTP

// Routes that answer only who shows a key.
struct Keys: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard unsafe route.pointee.keys.isAsked, unsafe !worker.showsKey(base, route.pointee.keys) else {
      return false
    }
    unsafe worker.refuse(client, .keyNeeded, closing: false, isGRPC: worker.desk.request.isCall, route: route)
    return true
  }
}

/// The keys of a route, compared in constant time.
@safe struct KeySet: BitwiseCopyable {
  /// Whether the route asks for a key at all.
  let isAsked: Bool
  private let keys: UnsafeMutablePointer<RawBytes>
  private let count: Int

  /// The keys of a route; nil when it asks for none.
  init(_ all: [[UInt8]]?, _ arena: Arena) {
    isAsked = all != nil
    count = all?.count ?? 0
    unsafe keys = unsafe arena.array(of: RawBytes.self, count: count)
    for (index, key) in (all ?? []).enumerated() { unsafe (keys + index).initialize(to: arena.bytes(key)) }
  }

  /// Whether a text is one of them. The time it takes tells nothing but lengths.
  func contains(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    var found = false
    for index in 0..<count where unsafe keys[index].count == length {
      var difference: UInt8 = 0
      for i in 0..<length { unsafe difference |= keys[index].start[i] ^ text[i] }
      if difference == 0 { found = true }
    }
    return found
  }
}

extension Worker {
  private static let authorization: StaticString = "authorization"
  private static let apiKey: StaticString = "x-api-key"
  private static let bearer: StaticString = "bearer "
  private static let preflight: StaticString = "access-control-request-method"
  private static let origin: StaticString = "origin"

  /// Whether the request on the desk shows a key: as a bearer token (RFC 6750 §2.1), as OpenAI's clients do, or as
  /// `x-api-key`, as Anthropic's do. A browser's preflight cannot show one and asks for nothing: OPTIONS from an origin,
  /// for a method, without content (Fetch §4.8).
  fileprivate func showsKey(_ base: UnsafePointer<UInt8>, _ keys: KeySet) -> Bool {
    let mayBePreflight = desk.request.method == .options && desk.request.framing == .none
    var (hasOrigin, hasMethod) = (false, false)
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      let (name, length) = unsafe (base + Int(line.nameStart), Int(line.nameLength))
      let (value, count) = unsafe (base + Int(line.valueStart), Int(line.valueLength))
      if unsafe ASCII.same(name, length, Self.authorization) {
        let start = Self.bearer.utf8CodeUnitCount
        if unsafe count > start && ASCII.same(value, start, Self.bearer),
          unsafe keys.contains(value + start, count - start)
        {
          return true
        }
      } else if unsafe ASCII.same(name, length, Self.apiKey) {
        if unsafe keys.contains(value, count) { return true }
      } else if mayBePreflight {
        hasOrigin = unsafe hasOrigin || ASCII.same(name, length, Self.origin)
        hasMethod = unsafe hasMethod || ASCII.same(name, length, Self.preflight)
      }
    }
    return hasOrigin && hasMethod
  }
}
