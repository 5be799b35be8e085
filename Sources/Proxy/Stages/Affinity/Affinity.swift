internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

// What requests have in common that belong on one backend, or one of several services: their session, or the client.
struct Affinity: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let route = unsafe exchange.route, unsafe route.pointee.keySource.kind != .none else { return }
    unsafe worker.noteKey(exchange, route, base)
  }

  @inline(__always)
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    if let model = exchange.model { worker.writeAffinity(model, exchange, &out) }
  }
}

/// Where the key of a request is found.
@safe struct KeySource: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case none
    /// Nothing is looked for, but something will be known of the attempt.
    case nothingYet
    case session, address, prompt, header, cookie
  }

  let kind: Kind
  /// The field's name in lower case, or the cookie's as it is.
  let name: RawBytes?

  init(_ kind: Kind, name: RawBytes? = nil) {
    self.kind = kind
    self.name = name
  }

  init(_ key: Settings.HashKey, _ arena: Arena) {
    switch key {
    case .session: self.init(.session)
    case .address: self.init(.address)
    case .prompt: self.init(.prompt)
    case .header(let name): self.init(.header, name: arena.bytes(Array(name.lowercased().utf8)))
    case .cookie(let name): self.init(.cookie, name: arena.bytes(Array(name.utf8)))
    }
  }
}

extension Worker {
  private static let cookie: StaticString = "cookie"
  private static let sessionNames: [StaticString] = [
    "x-session-id", "session-id", "x-conversation-id", "conversation-id",
  ]

  /// Keeps the key of the request on the desk.
  @inline(never)
  fileprivate func noteKey(
    _ exchange: Ref<Exchange>, _ route: UnsafeMutablePointer<CompiledRoute>, _ base: UnsafePointer<UInt8>
  ) {
    let model = modelRequest(exchange)
    let source = unsafe route.pointee.keySource
    if let affinity = unsafe route.pointee.service.pointee.affinity {
      model.affinity = unsafe affinityHash(affinity.pointee, model, exchange, base)
    }
    if source.kind == .nothingYet { return }
    model.session = unsafe keyHash(source, base)
    // Policies that go by keys need one; for others it is but a hint.
    guard model.session == 0,
      unsafe route.pointee.service.pointee.policy.goesByKey || source.kind == .address,
      let client = exchange.client
    else { return }
    model.session = addressHash(client)
  }

  /// A hash of what the head on the desk says of the key; 0 where it says nothing.
  @inline(never)
  func keyHash(_ source: KeySource, _ base: UnsafePointer<UInt8>) -> UInt64 {
    switch source.kind {
    case .none, .nothingYet, .address: 0
    case .session, .prompt: unsafe sessionHash(base)
    case .header, .cookie: source.name.map { unsafe hash(of: source.kind, $0, base) } ?? 0
    }
  }

  /// A hash of a client's address, its port left out.
  func addressHash(_ client: Ref<ClientConnection>) -> UInt64 {
    unsafe Rendezvous.hash(client.address(atOffset: peerOffset, as: PeerText.self).pointee.bytes) | 1
  }

  /// A hash of the session that a field names; 0 where none does.
  private func sessionHash(_ base: UnsafePointer<UInt8>) -> UInt64 {
    var (rank, hash) = (Int.max, UInt64(0))
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .other {
      let line = unsafe desk.fields.lines[i]
      guard 10...17 ~= line.nameLength, line.valueLength > 0 else { continue }
      for (place, name) in Self.sessionNames.enumerated()
      where unsafe place < rank && Self.isNamed(base + Int(line.nameStart), Int(line.nameLength), name) {
        rank = place
        hash = unsafe Self.hash(base + Int(line.valueStart), Int(line.valueLength))
      }
    }
    return hash
  }

  /// `_` and `-` are the same, as many servers take them.
  private static func isNamed(_ name: UnsafePointer<UInt8>, _ count: Int, _ wanted: StaticString) -> Bool {
    guard count == wanted.utf8CodeUnitCount else { return false }
    for i in 0..<count {
      let c = unsafe name[i] == 0x5F ? 0x2D : ASCII.lowered(name[i])
      if unsafe c != wanted.utf8Start[i] { return false }
    }
    return true
  }

  func hash(of kind: KeySource.Kind, _ name: RawBytes, _ base: UnsafePointer<UInt8>) -> UInt64 {
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      let (field, length) = unsafe (base + Int(line.nameStart), Int(line.nameLength))
      let (value, count) = unsafe (base + Int(line.valueStart), Int(line.valueLength))
      if kind == .header {
        guard length == name.count, count > 0 else { continue }
        var isSame = true
        for j in 0..<length where unsafe ASCII.lowered(field[j]) != name.start[j] { isSame = false }
        if isSame { return unsafe Self.hash(value, count) }
      } else if unsafe ASCII.same(field, length, Self.cookie) {
        let found = unsafe Self.cookie(name, value, count)
        if found != 0 { return found }
      }
    }
    return 0
  }

  /// The hash of a cookie's value; 0 where it is not there.
  private static func cookie(_ name: RawBytes, _ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    unsafe place(ofCookie: name, text, count).map { unsafe hash(text + $0.lowerBound, $0.count) } ?? 0
  }

  /// Where a cookie's value stands in a Cookie field (RFC 6265 §4.2.1); nil where it is not there.
  static func place(ofCookie name: RawBytes, _ text: UnsafePointer<UInt8>, _ count: Int) -> Range<Int>? {
    var at = 0
    while at < count {
      while at < count, unsafe text[at] == 0x20 || text[at] == 0x09 || text[at] == 0x3B { at += 1 }
      var end = at
      while end < count, unsafe text[end] != 0x3B { end += 1 }
      let value = at + name.count + 1
      if value < end, unsafe text[value - 1] == 0x3D {
        var isSame = true
        for j in 0..<name.count where unsafe text[at + j] != name.start[j] { isSame = false }
        if isSame { return value..<end }
      }
      at = end
    }
    return nil
  }

  /// Never 0.
  static func hash(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    unsafe Rendezvous.hash(UnsafeBufferPointer(start: text, count: count)) | 1
  }
}
