internal import APIKeys
internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import Telemetry

// What keys may have: counted once when a request is admitted, and given back once however it ends. It stands behind every
// other stage that may refuse a request.
struct Quotas: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard unsafe route.pointee.keys.hasRing, let key = unsafe worker.asking else { return false }
    return unsafe worker.refuseBeyondLimits(client, base, route, key)
  }

  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let route = unsafe exchange.route, unsafe route.pointee.keys.hasRing else { return }
    unsafe worker.noteKey(exchange, base)
  }

  @inline(__always)
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    guard let model = exchange.model, let key = unsafe model.key else { return }
    unsafe worker.writeLimits(key, &out)
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    guard let model = exchange.model, unsafe model.key != nil else { return }
    worker.settle(model, exchange)
  }
}

extension Worker {
  /// Counts the request on the desk. True when its key may have no more, which has been answered.
  @inline(never)
  fileprivate func refuseBeyondLimits(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>, _ key: UnsafeMutablePointer<KeyRing.Entry>
  ) -> Bool {
    let now = wallMilliseconds
    let entry = unsafe key.pointee
    var refusal = unsafe entry.usage._withUnsafeGuaranteedRef { $0.begin(entry.limits, now: now) }
    if refusal == nil, let group = unsafe entry.groupUsage {
      refusal = unsafe group._withUnsafeGuaranteedRef { $0.begin(entry.groupLimits, now: now) }
      if refusal != nil { unsafe entry.usage._withUnsafeGuaranteedRef { $0.cancel(now: now) } }
    }
    guard let refusal else { return false }
    unsafe asking = nil
    counters.add(.requestsBeyondLimits)
    unsafe refuse(client, .limited(LimitHit(refusal)), base, route, more: limitFields(key))
    return true
  }

  /// The request on the desk goes on as an exchange: what has been counted is the exchange's to give back.
  @inline(never)
  fileprivate func noteKey(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let key = unsafe asking else { return }
    unsafe asking = nil
    let model = modelRequest(exchange)
    unsafe model.key = unsafe key
    unsafe model.keyOwner = askingOwner.map { unsafe Unmanaged.passRetained($0) }
    askingOwner = nil
    unsafe model.keyHash = key.pointee.number
    unsafe model.priority = key.pointee.priority.rawValue
    unsafe model.countsTokens = key.pointee.limitsTokens
    model.isNamedByPath = unsafe modelInPath(base) != nil
    guard exchange.method == .post, model.api == nil else { return }
    let path = unsafe base + desk.request.targetStart
    model.api = unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base))?.api
  }

  /// Whether the content of the request on the desk is waited for because of its key.
  @inline(never)
  func keyReadsContent() -> Bool {
    guard let key = unsafe asking, unsafe key.pointee.readsContent else { return false }
    return desk.request.framing != .none
  }

  // MARK: What clients are told

  /// Writes the fields that OpenAI's clients know ("Rate limits", fields of responses).
  @inline(never)
  fileprivate func writeLimits(_ key: UnsafeMutablePointer<KeyRing.Entry>, _ out: inout HeadWriter) {
    let limits = unsafe key.pointee.limits
    guard limits.requestsPerMinute != nil || limits.tokensPerMinute != nil else { return }
    let now = wallMilliseconds
    let standing = unsafe key.pointee.usage._withUnsafeGuaranteedRef { $0.standing(limits, now: now) }
    if let limit = limits.requestsPerMinute {
      Self.write("requests: ", limit, standing.requests, standing.requestsReset, &out)
    }
    if let limit = limits.tokensPerMinute {
      Self.write("tokens: ", limit, standing.tokens, standing.tokensReset, &out)
    }
  }

  private static func write(
    _ name: StaticString, _ limit: Int, _ left: Int, _ reset: UInt64, _ out: inout HeadWriter
  ) {
    out.append("x-ratelimit-limit-")
    out.append(name)
    out.append(decimal: UInt64(limit))
    out.append("\r\nx-ratelimit-remaining-")
    out.append(name)
    out.append(decimal: UInt64(left))
    out.append("\r\nx-ratelimit-reset-")
    out.append(name)
    // As Go writes durations.
    if reset < 1000 {
      out.append(decimal: reset)
      out.append("ms\r\n")
    } else {
      let seconds = (reset + 999) / 1000
      if seconds >= 60 {
        out.append(decimal: seconds / 60)
        out.append("m")
      }
      out.append(decimal: seconds % 60)
      out.append("s\r\n")
    }
  }

  /// The same as text, for an answer of ours.
  func limitFields(_ key: UnsafeMutablePointer<KeyRing.Entry>) -> String {
    let room = 512
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      var out = unsafe HeadWriter(start, capacity: room)
      unsafe writeLimits(key, &out)
      return unsafe String(decoding: UnsafeBufferPointer(start: start, count: out.count), as: UTF8.self)
    }
  }
}

extension LimitHit {
  /// A refusal of a key's, as clients are told it.
  init(_ refusal: KeyRefusal) {
    let what: What =
      switch refusal.limit {
      case .requestsPerMinute: .requests
      case .tokensPerMinute: .tokens
      case .tokensPerDay, .tokensPerMonth: .quota
      case .concurrent: .concurrent
      }
    self.init(what, milliseconds: refusal.retryAfterMilliseconds)
  }
}
