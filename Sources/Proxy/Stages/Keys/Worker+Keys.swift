internal import APIKeys
internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import OS
internal import PKI

// Whose request it is.
extension Worker {
  private static let preflightMethod: StaticString = "access-control-request-method"
  private static let origin: StaticString = "origin"

  /// The time by which keys end and limits are counted, in milliseconds since the epoch.
  var wallMilliseconds: UInt64 { UInt64(max(0, Clock.wallNanoseconds())) / 1_000_000 }

  /// Why the request on the desk is not answered by a route that asks for a key; nil when it is. Remembers whose it is.
  @inline(never)
  func refusalByKey(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> OwnAnswer? {
    unsafe asking = nil
    askingOwner = nil
    let keys = unsafe route.pointee.keys
    var (isPlain, hasToken) = (false, false)
    var found: UnsafeMutablePointer<KeyRing.Entry>?
    unsafe ShownKeys.forEach(desk, base, room: desk.scratch) { text, count, isToken in
      if !isToken, unsafe keys.contains(text, count) {
        isPlain = true
        return true
      }
      let raw = unsafe UnsafeRawBufferPointer(start: text, count: count)
      var entry = unsafe count <= KeySecret.maximumBytes ? find(keys, "", raw) : nil
      // A signature costs too much to look at several.
      if unsafe entry == nil, unsafe keys.tokens != nil, !hasToken, unsafe TokenDoor.mayBeToken(raw) {
        hasToken = true
        unsafe entry = openToken(keys, raw)
      }
      guard let entry = unsafe entry else { return false }
      unsafe found = unsafe entry
      // The engine has to see which protocols there are, and not the key.
      if isToken { unsafe UnsafeMutablePointer(mutating: text).update(repeating: 0x78, count: count) }
      return true
    }
    if isPlain { return nil }
    if unsafe found == nil, unsafe client.identity != nil {
      unsafe found = find(keys, KeyRing.certificatePrefix, Self.identityLabel(client))
    }
    guard let entry = unsafe found else { return unsafe isPreflight(base) ? nil : .keyNeeded }
    if let refusal = unsafe refusal(entry, client, base, route) { return refusal }
    unsafe asking = unsafe entry
    return nil
  }

  private func find(_ keys: KeySet, _ prefix: StaticString, _ text: UnsafeRawBufferPointer)
    -> UnsafeMutablePointer<KeyRing.Entry>?
  {
    guard let ring = unsafe keys.ring else { return nil }
    var digest = InlineArray<32, UInt8>(repeating: 0)
    return unsafe withUnsafeMutableBytes(of: &digest) { raw in
      guard let start = raw.baseAddress,
        unsafe keyHash.write(prefix: prefix, text, to: start.assumingMemoryBound(to: UInt8.self))
      else { return nil }
      return unsafe ring._withUnsafeGuaranteedRef { unsafe $0.find(KeyRing.Hash(at: start)) }
    }
  }

  /// The key that a token stands for: from memory, or after its signature has been looked at.
  @inline(never)
  private func openToken(_ keys: KeySet, _ text: UnsafeRawBufferPointer)
    -> UnsafeMutablePointer<KeyRing.Entry>?
  {
    guard let door = unsafe keys.tokens else { return nil }
    var digest = [UInt8](repeating: 0, count: RepeatedHash.length)
    guard unsafe keyHash.write(text, to: &digest), let hash = KeyRing.Hash(digest) else { return nil }
    let now = wallMilliseconds
    let ring = unsafe door._withUnsafeGuaranteedRef { door -> KeyRing? in
      if let known = tokenCache.find(hash, of: door, now: now) { return known }
      let made = unsafe door.open(Array(text), hash: digest, nowSeconds: Int64(now / 1000))
      if let made { tokenCache.remember(hash, of: door, made, now: now) }
      return made
    }
    askingOwner = ring
    return unsafe ring?.find(hash)
  }

  /// Whether a key may be used for the request on the desk, as far as its head tells.
  private func refusal(
    _ entry: UnsafeMutablePointer<KeyRing.Entry>, _ client: Ref<ClientConnection>,
    _ base: UnsafePointer<UInt8>, _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> OwnAnswer? {
    guard unsafe entry.pointee.isValid(at: wallMilliseconds) else { return .keyExpired }
    if unsafe entry.pointee.isForSomeAddresses {
      guard let number = AddressBlock.number(of: text(client.peer)),
        unsafe entry.pointee.allows(address: number)
      else { return .keyElsewhere }
    }
    // What a tunnel carries is not read.
    if unsafe entry.pointee.limitsTokens, unsafe desk.request.upgrade || isStreamOfCalls(base) {
      return .modelUntold
    }
    guard unsafe entry.pointee.isForSomeModels else { return nil }
    let path = unsafe base + desk.request.targetStart
    guard unsafe MatchedPath.scan(path, desk.request.targetLength).isPlain else { return .pathNotNormal }
    if let name = unsafe modelInPath(base) {
      return unsafe entry.pointee.allows(model: name) ? nil : .modelUnknown
    }
    // Which model is meant must be readable, or any could be asked for.
    let hasContent = desk.request.framing != .none
    let isUnread =
      unsafe desk.request.upgrade || hasContent && isUnreadCall(route.pointee.service, base)
      || isStreamOfCalls(base)
    switch desk.request.method {
    case .get, .head, .options: return isUnread ? .modelUntold : nil
    default:
      return unsafe isUnread || mayNameModel(base, route) ? .modelUntold : nil
    }
  }

  /// Whether more may be asked for behind what is read of the request on the desk.
  private func isStreamOfCalls(_ base: UnsafePointer<UInt8>) -> Bool {
    guard desk.request.method == .post else { return false }
    let path = unsafe base + desk.request.targetStart
    return unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base))?.api == .kserveStreamCall
  }

  /// Whether a path of no interface that is known may name a model all the same: engines may go by that, and not by the
  /// content's.
  private func mayNameModel(
    _ base: UnsafePointer<UInt8>, _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    let path = unsafe base + desk.request.targetStart
    let count = unsafe desk.request.pathLength(base)
    // What a route's own prefix names is looked at where it is taken off.
    let prefix = unsafe route.pointee.modelPath
    var hasPrefix = prefix.count > 0 && count > prefix.count
    for i in 0..<(hasPrefix ? prefix.count : 0) where unsafe path[i] != prefix.start[i] { hasPrefix = false }
    var start = hasPrefix ? prefix.count : 0
    let isKnown = unsafe EngineAPI.find(path: path, count: count) != nil
    let isDeployment = unsafe Self.hasPart(path, count, from: 0, "deployments")
    guard hasPrefix || !isKnown || isDeployment else { return false }
    if hasPrefix {
      while start < count, unsafe path[start] != 0x2F { start += 1 }
    }
    return unsafe Self.hasPart(path, count, from: start, "models")
      || Self.hasPart(path, count, from: start, "deployments")
  }

  /// Whether a part between slashes is a word.
  private static func hasPart(
    _ path: UnsafePointer<UInt8>, _ count: Int, from: Int, _ word: StaticString
  ) -> Bool {
    var start = from
    while start < count {
      var end = start
      while end < count, unsafe path[end] != 0x2F { end += 1 }
      if unsafe ASCII.same(path + start, end - start, word) { return true }
      start = end + 1
    }
    return false
  }

  /// The model that the path names, if it is of an interface whose paths do.
  func modelInPath(_ base: UnsafePointer<UInt8>) -> UnsafeRawBufferPointer? {
    let path = unsafe base + desk.request.targetStart
    guard let found = unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base)),
      let place = found.modelPlace
    else { return nil }
    return unsafe UnsafeRawBufferPointer(start: path + place.lowerBound, count: place.count)
  }

  /// A browser's preflight cannot show a key and asks for nothing: OPTIONS from an origin, for a method, without content
  /// (Fetch §4.8).
  private func isPreflight(_ base: UnsafePointer<UInt8>) -> Bool {
    guard desk.request.method == .options, desk.request.framing == .none else { return false }
    var (hasOrigin, hasMethod) = (false, false)
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      hasOrigin = unsafe hasOrigin || line.isNamed(Self.origin, base)
      hasMethod = unsafe hasMethod || line.isNamed(Self.preflightMethod, base)
    }
    return hasOrigin && hasMethod
  }

  /// Refuses the request on the desk in the words of its interface. `more`: further field lines.
  @inline(never)
  func refuse(
    _ client: Ref<ClientConnection>, _ answer: OwnAnswer, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>, more: String = ""
  ) {
    var words = OwnAnswer.Words()
    words.more = more
    // All interfaces are asked by POST; to others a path may be anything.
    let path = unsafe base + desk.request.targetStart
    if desk.request.method == .post,
      let found = unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base))
    {
      words.shape = found.api.errorShape
    }
    unsafe refuse(client, answer, closing: false, isGRPC: desk.request.isCall, route: route, words)
  }
}
