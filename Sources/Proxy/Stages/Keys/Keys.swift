internal import APIKeys
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
    guard unsafe route.pointee.keys.isAsked, let refusal = unsafe worker.refusalByKey(client, base, route)
    else { return false }
    unsafe worker.refuse(client, refusal, base, route)
    return true
  }
}

/// The keys of a route: those of a plain file, compared one by one, and those with limits, found by their hash.
@safe struct KeySet: BitwiseCopyable {
  /// Whether the route asks for a key at all.
  let isAsked: Bool
  /// Whether there are keys with limits: requests are counted.
  let hasRing: Bool
  private let keys: UnsafeMutablePointer<RawBytes>
  private let count: Int
  /// The keys with limits; the settings that the snapshot keeps own them.
  let ring: Unmanaged<KeyRing>?
  /// Whose tokens stand for keys; owned as the ring is.
  let tokens: Unmanaged<TokenDoor>?

  /// The keys of a route; nil when it asks for none.
  init(_ all: [[UInt8]]?, _ ring: KeyRing?, _ tokens: TokenDoor?, _ arena: Arena) {
    isAsked = all != nil || ring != nil || tokens != nil
    hasRing = ring != nil || tokens != nil
    count = all?.count ?? 0
    unsafe self.tokens = tokens.map { unsafe .passUnretained($0) }
    unsafe self.ring = ring.map { unsafe .passUnretained($0) }
    unsafe keys = unsafe arena.array(of: RawBytes.self, count: count)
    for (index, key) in (all ?? []).enumerated() { unsafe (keys + index).initialize(to: arena.bytes(key)) }
  }

  /// Whether a text is one of the plain file's. The time it takes tells nothing but lengths.
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
