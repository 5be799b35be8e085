internal import EventLoop
internal import Exchange
internal import Upstream

/// Limits under which a request is counted.
struct LimitSet: BitwiseCopyable {
  static let none = LimitSet(bits: 0)
  static let all = LimitSet(bits: 0xF)

  private(set) var bits: UInt8

  private init(bits: UInt8) { self.bits = bits }
  init(_ limit: CircuitBreakers.Limit) { bits = 1 << limit.rawValue }

  func contains(_ limit: CircuitBreakers.Limit) -> Bool { bits >> limit.rawValue & 1 == 1 }
  mutating func insert(_ limit: CircuitBreakers.Limit) { bits |= 1 << limit.rawValue }
  mutating func remove(_ other: LimitSet) { bits &= ~other.bits }
}

extension CircuitBreakers.Limit {
  /// As the request's machine is told it.
  var told: ServiceLimit {
    switch self {
    case .connections: .connections
    case .pending: .pending
    case .requests: .requests
    case .retries: .retries
    }
  }
}

// Circuit breakers: what a service may have under way, over all workers. Whoever finds it used up goes to the next service of
// its chain, or is told.
extension Worker {
  /// Counts a request under its service's limits before a backend is looked for; the limit that keeps it out, if one does.
  @inline(never)
  func enter(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>
  ) -> CircuitBreakers.Limit? {
    let model = modelRequest(exchange)
    letGo(model, LimitSet(.pending))
    let breakers = unsafe service.pointee.breakers
    guard !model.holds.contains(.requests) else { return nil }
    // Over HTTP/1 a connection with work is a request under way.
    if unsafe !service.pointee.isHTTP2 {
      if unsafe !hold(model, service, .connections, breakers.maxConnections) { return .connections }
    }
    return unsafe hold(model, service, .requests, breakers.maxRequests) ? nil : .requests
  }

  /// The same before a connection is made, where one has to be.
  @inline(never)
  func enterConnection(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>, _ place: Int
  ) -> CircuitBreakers.Limit? {
    let model = modelRequest(exchange)
    let breakers = unsafe service.pointee.breakers
    let pool = unsafe service.pointee.pools[place].takeUnretainedValue()
    if unsafe service.pointee.isHTTP2 {
      guard let most = breakers.maxConnections, pool.firstMux == nil, unsafe connections(service) >= most
      else {
        return nil
      }
      unsafe service.pointee.state._withUnsafeGuaranteedRef { $0.hit(.connections) }
      return .connections
    }
    guard !pool.hasIdle else { return nil }
    return unsafe hold(model, service, .pending, breakers.maxPending) ? nil : .pending
  }

  /// Counts a request that goes on to a further backend; false where as many have as may.
  @inline(never)
  func enterRetry(_ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>) -> Bool {
    let model = modelRequest(exchange)
    if model.holds.contains(.retries) { return true }
    return unsafe hold(model, service, .retries, service.pointee.breakers.maxRetries)
  }

  private func connections(_ service: UnsafeMutablePointer<ServiceEntry>) -> Int {
    var sum = 0
    for place in unsafe 0..<service.pointee.count {
      sum += unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.connections }
      }
    }
    return sum
  }

  private func hold(
    _ model: Ref<ModelRequest>, _ service: UnsafeMutablePointer<ServiceEntry>,
    _ limit: CircuitBreakers.Limit, _ maximum: Int?
  ) -> Bool {
    let state = unsafe service.pointee.state
    guard unsafe state._withUnsafeGuaranteedRef({ $0.begin(limit, atMost: maximum) }) else { return false }
    if unsafe model.breaker == nil { unsafe model.breaker = unsafe state.retain() }
    model.holds.insert(limit)
    return true
  }

  /// A request counts no more under some limits.
  @inline(never)
  func letGo(_ model: Ref<ModelRequest>, _ limits: LimitSet) {
    guard let state = unsafe model.breaker else { return }
    for limit in CircuitBreakers.Limit.allCases
    where limits.contains(limit) && model.holds.contains(limit) {
      unsafe state._withUnsafeGuaranteedRef { $0.end(limit) }
    }
    model.holds.remove(limits)
    guard model.holds.bits == 0 else { return }
    unsafe model.breaker = nil
    unsafe state.release()
  }
}
