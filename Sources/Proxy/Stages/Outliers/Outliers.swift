#if canImport(Glibc)
  import Glibc
#endif
internal import EventLoop
internal import Exchange
internal import Bytes
internal import HTTP
internal import Telemetry
internal import Upstream

// Passive health: what answers to real requests say of the backends, and who is chosen for the next one.
struct Outliers: Stage {
  @inline(__always)
  func judge(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>,
    _ base: UnsafePointer<UInt8>
  ) {
    unsafe worker.recordHead(backend, exchange, base)
  }

  @inline(__always)
  func complete(_ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) {
    if exchange.isGRPC { worker.recordTrailers(backend, exchange) }
  }
}

extension Worker {
  /// The backend for the next attempt: ejected ones only when there is no other. `model` is what is known of the
  /// request's prompt.
  func pickBackend(
    _ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet, _ model: Ref<ModelRequest>? = nil
  ) -> Int? {
    if unsafe service.pointee.count == 1 {
      // There is nothing to choose.
      let isUsable = unsafe service.pointee.pools[0]._withUnsafeGuaranteedRef { pool in
        unsafe pool.isUsable(service.pointee.maximumConnections)
      }
      return isUsable && !tried.contains(0) ? 0 : nil
    }
    if unsafe service.pointee.ejects || service.pointee.readsPrompts,
      let chosen = unsafe pick(service, tried: tried, model, sparing: nowMilliseconds)
    {
      return chosen
    }
    return unsafe pick(service, tried: tried, model, sparing: .max)
  }

  /// Whether there is one besides that is neither ejected nor stands still.
  func hasBetter(_ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet) -> Bool {
    let cursor = unsafe service.pointee.cursor
    defer { unsafe service.pointee.cursor = cursor }
    return unsafe pick(service, tried: tried, nil, sparing: nowMilliseconds) != nil
  }

  /// A backend that was not ejected at a time.
  private func pick(
    _ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet, _ model: Ref<ModelRequest>?,
    sparing time: UInt64, maximumRequests: Int = 0
  ) -> Int? {
    let candidates = unsafe candidates(service, model, sparing: time, maximumRequests: maximumRequests)
    return unsafe Balancer.pick(
      service.pointee.policy, candidates, cursor: &service.pointee.cursor, tried: tried)
  }

  @inline(__always)
  func candidates(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ model: Ref<ModelRequest>?, sparing time: UInt64,
    maximumRequests: Int
  ) -> Pools {
    unsafe Pools(
      service: service, maximumRequests: maximumRequests, now: nowMilliseconds, sparing: time,
      session: model?.session ?? 0, name: model.map { unsafe listedName($0, service) } ?? 0,
      tokens: model?.tokens ?? 0,
      tokensOfBlock: model.map { Self.tokensOfBlock($0) } ?? 0,
      blocks: prompts.blocks(of: model))
  }

  private static func tokensOfBlock(_ model: Ref<ModelRequest>) -> Double {
    guard model.promptBytes > 0 else { return Double(PrefixIndex.tokensOfBlock) }
    return Double(model.tokens) * Double(PromptBlocks.blockBytes) / Double(model.promptBytes)
  }

  /// The model that only engines are asked for that may have it. Where nobody lists it, whoever is asked may have it all the
  /// same, or says that it does not exist.
  @inline(never)
  private func listedName(_ model: Ref<ModelRequest>, _ service: UnsafeMutablePointer<ServiceEntry>) -> UInt64
  {
    guard model.wanted != 0 else { return 0 }
    for place in unsafe 0..<service.pointee.count {
      let mayHave = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef { pool in
        unsafe pool.status._withUnsafeGuaranteedRef { $0.engine.models.mayHave(model.wanted) }
      }
      if mayHave { return model.wanted }
    }
    return 0
  }

  /// The same among those that have fewer requests than they may. `sparing` is what `sparingTime` says.
  @inline(never)
  func pickWithRoom(
    _ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet, _ model: Ref<ModelRequest>?,
    sparing time: UInt64, maximumRequests: Int
  ) -> Int? {
    if let groups = unsafe service.pointee.groups {
      return unsafe pickInGroups(service, groups, tried: tried, model, maximumRequests: maximumRequests)
    }
    return unsafe pick(service, tried: tried, model, sparing: time, maximumRequests: maximumRequests)
  }

  /// Since when a backend must be well to get requests: ejected ones get some only when there is no other. Nil when there is
  /// none at all, be it that all are busy.
  @inline(never)
  func sparingTime(_ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet) -> UInt64? {
    for time in [nowMilliseconds, UInt64.max] {
      let candidates = unsafe candidates(service, nil, sparing: time, maximumRequests: 0)
      for place in 0..<candidates.count where !tried.contains(place) && candidates.isUsable(place) {
        return time
      }
    }
    return nil
  }

  /// Whether a backend may get requests, its room apart.
  @inline(never)
  func isUsable(_ place: Int, _ service: UnsafeMutablePointer<ServiceEntry>, sparing time: UInt64) -> Bool {
    unsafe candidates(service, nil, sparing: time, maximumRequests: 0).isUsable(place)
  }

  /// What a response's head says. A gRPC call that goes on says it with its trailers.
  fileprivate func recordHead(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>,
    _ base: UnsafePointer<UInt8>
  ) {
    if let model = exchange.model { recordLatency(backend, exchange, model) }
    let status = desk.response.status
    let isGateway = 502...504 ~= status
    if unsafe isGateway || exchange.isGRPC && exchange.endsWithHead && isUnavailable(base) {
      recordFailure(backend)
    } else if unsafe status >= 500 && exchange.service?.pointee.countsErrors == true
      && OutlierDetection.isError(status: status)
    {
      recordFailure(backend, isGateway: false)
    } else if status == 429 {
      let now = nowMilliseconds
      unsafe backend.pool?._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.refused(nowMilliseconds: now) }
      }
    } else if !exchange.isGRPC || exchange.endsWithHead {
      recordSuccess(backend, exchange)
    }
  }

  /// How long the attempt has taken to the head of its answer, where the choice goes by that.
  @inline(never)
  private func recordLatency(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ model: Ref<ModelRequest>
  ) {
    guard unsafe exchange.service?.pointee.policy == .peakEWMA else { return }
    let (taken, now) = (timeTaken(model), nowMilliseconds)
    unsafe backend.pool?._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef {
        $0.latency.record(microseconds: taken, nowMilliseconds: now)
      }
    }
  }

  /// What the end of a gRPC call that had messages says.
  fileprivate func recordTrailers(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>) {
    guard !exchange.endsWithHead, !(502...504 ~= exchange.status) else { return }
    if unsafe Self.saysUnavailable(exchange.trailers.bytes) {
      recordFailure(backend)
    } else {
      recordSuccess(backend, exchange)
    }
  }

  private static let unavailable: StaticString = "grpc-status: 14\r\n"

  /// Whether trailers that we wrote as text contain gRPC's UNAVAILABLE.
  private static func saysUnavailable(_ trailers: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let start = trailers.baseAddress else { return false }
    let wanted = unavailable.utf8CodeUnitCount
    var at = 0
    while at + wanted <= trailers.count {
      if unsafe memcmp(start + at, unavailable.utf8Start, wanted) == 0 { return true }
      guard let end = unsafe memchr(start + at, 0x0A, trailers.count - at) else { return false }
      at = unsafe UnsafeRawPointer(end) - UnsafeRawPointer(start) + 1
    }
    return false
  }

  private func recordSuccess(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>) {
    unsafe backend.pool?._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef { $0.succeeded() }
    }
    if unsafe exchange.service?.pointee.comparesBackends == true {
      compare(backend, exchange, isError: false)
    }
  }

  /// How long the attempt has taken so far, in microseconds.
  private func timeTaken(_ model: Ref<ModelRequest>) -> UInt64 {
    (nowNanoseconds &- min(model.sentNanoseconds, nowNanoseconds)) / 1000
  }

  /// A request failed as a gateway would say it, or with an answer of the backend's own: after too many in a row the backend
  /// is spared for a while.
  func recordFailure(
    _ backend: Ref<BackendConnection>, isConnection: Bool = false, isGateway: Bool = true
  ) {
    guard let exchange = backend.exchange, let pool = unsafe backend.pool,
      let service = unsafe exchange.service,
      unsafe service.pointee.ejects
    else { return }
    let now = nowMilliseconds
    let ejected = unsafe ejected(service)
    let (rule, count) = unsafe (service.pointee.outliers, service.pointee.count)
    let ejection = unsafe pool._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef {
        $0.failed(
          nowMilliseconds: now, rule: rule, ejected: ejected, count: count, isConnection: isConnection,
          isGateway: isGateway)
      }
    }
    if let ejection { unsafe tellEjection(pool, ejection.milliseconds, ejection.reason) }
    if unsafe service.pointee.comparesBackends { compare(backend, exchange, isError: true) }
  }

  /// How many of a service's backends are spared at present.
  private func ejected(_ service: UnsafeMutablePointer<ServiceEntry>) -> Int {
    var ejected = 0
    for i in unsafe 0..<service.pointee.count {
      let isOut = unsafe service.pointee.pools[i]._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.isEjected(nowMilliseconds: nowMilliseconds) }
      }
      if isOut { ejected += 1 }
    }
    return ejected
  }

  @inline(never)
  private func tellEjection(
    _ pool: Unmanaged<BackendPool>, _ milliseconds: UInt64, _ reason: OutlierDetection.Reason
  ) {
    counters.add(reason.counter)
    unsafe shared.report(
      .backendEjected(
        backend: pool._withUnsafeGuaranteedRef { $0.settings.key }, seconds: Int((milliseconds + 999) / 1000),
        reason: reason))
  }

  /// Counts a request for the comparison of its service's backends, which is made when an interval is over.
  @inline(never)
  private func compare(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, isError: Bool) {
    guard let service = unsafe exchange.service else { return }
    let taken = isError ? 0 : exchange.model.map { max(1, timeTaken($0)) } ?? 0
    unsafe backend.pool?._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef { $0.window.count(isError: isError, microseconds: taken) }
    }
    let (rule, now) = unsafe (service.pointee.outliers, nowMilliseconds)
    let isDue = unsafe service.pointee.state._withUnsafeGuaranteedRef {
      $0.isIntervalOver(rule.interval, nowMilliseconds: now)
    }
    guard isDue else { return }
    let intervals = unsafe (0..<service.pointee.count).map { place in
      unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.window.take() }
      }
    }
    for (place, reason) in rule.outliers(intervals) {
      let (pool, out) = unsafe (service.pointee.pools[place], ejected(service))
      let count = unsafe service.pointee.count
      let long = unsafe pool._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef {
          $0.eject(nowMilliseconds: now, rule: rule, ejected: out, count: count, reason)
        }
      }
      if let long { unsafe tellEjection(pool, long, reason) }
    }
  }
}

extension OutlierDetection.Reason {
  fileprivate var counter: Counter {
    switch self {
    case .errors: .ejectionsForErrors
    case .gatewayErrors: .ejectionsForGatewayErrors
    case .successRate: .ejectionsForSuccessRate
    case .latency: .ejectionsForLatency
    }
  }
}

/// A service's backends, as a worker sees them at one moment.
@safe struct Pools: Candidates {
  let service: UnsafeMutablePointer<ServiceEntry>
  /// Requests under way at which one has no room; 0 for no limit.
  let maximumRequests: Int
  let now: UInt64
  let sparing: UInt64
  /// Of the request's session.
  let session: UInt64
  /// Of its model, where only engines that list it will do; 0 where all will.
  let name: UInt64
  /// Of the request's prompt.
  let tokens: Int
  /// What one of its blocks has.
  let tokensOfBlock: Double
  let blocks: UnsafeBufferPointer<UInt64>

  var count: Int { unsafe service.pointee.count }
  private var pools: UnsafeMutablePointer<Unmanaged<BackendPool>> { unsafe service.pointee.pools }

  @inline(__always)
  func isUsable(_ index: Int) -> Bool {
    unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.isUsable(service.pointee.maximumConnections)
        && !pool.status._withUnsafeGuaranteedRef {
          unsafe $0.isEjected(nowMilliseconds: sparing)
            || service.pointee.readsPrompts && sparing != .max
              && $0.engine.isSuspended(nowMilliseconds: sparing)
            || maximumRequests > 0 && $0.inFlight >= maximumRequests
            || name != 0 && !$0.engine.models.mayHave(name)
        }
    }
  }

  @inline(__always)
  func load(_ index: Int) -> Int {
    unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.status._withUnsafeGuaranteedRef { $0.load(nowMilliseconds: now) }
    }
  }

  @inline(__always)
  func weight(_ index: Int) -> Int {
    let weight = unsafe pools[index]._withUnsafeGuaranteedRef { $0.weight }
    return unsafe service.pointee.slowStart == 0 ? weight : warmWeight(index, weight)
  }

  /// In percent of one: all of a service are counted so.
  @inline(never)
  private func warmWeight(_ index: Int, _ weight: Int) -> Int {
    let slowStart = unsafe service.pointee.slowStart
    return unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.status._withUnsafeGuaranteedRef {
        min(weight, 1 << 20) * $0.warmth(nowMilliseconds: now, slowStart: slowStart)
      }
    }
  }

  func wait(_ index: Int) -> UInt64 {
    unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.status._withUnsafeGuaranteedRef { status in
        let known = unsafe status.engine.index.match(Span(_unsafeElements: blocks))
        return status.engine.wait(
          uncached: tokens - Int(Double(known) * tokensOfBlock),
          requests: status.load(nowMilliseconds: now), nowMilliseconds: now)
      }
    }
  }

  func fill(_ index: Int) -> Int {
    unsafe pools[index]._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef { $0.engine.index.fill }
    }
  }

  func rank(_ index: Int) -> UInt64 {
    guard let first = unsafe blocks.first else { return 0 }
    return unsafe Rendezvous.rank(first, pools[index]._withUnsafeGuaranteedRef { $0.nameHash })
  }

  var hasPrompt: Bool { unsafe !blocks.isEmpty }

  var key: UInt64 {
    let isOfPrompt = unsafe service.pointee.keySource.kind == .prompt && service.pointee.policy.goesByKey
    return unsafe isOfPrompt ? blocks.first ?? session : session
  }

  func keyRank(_ index: Int) -> UInt64 {
    unsafe Rendezvous.rank(session, pools[index]._withUnsafeGuaranteedRef { $0.nameHash })
  }

  func latency(_ index: Int) -> UInt64 {
    unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.status._withUnsafeGuaranteedRef { $0.latency.expected(nowMilliseconds: now) }
    }
  }

  var keyTable: Unmanaged<KeyTable>? { unsafe service.pointee.keyTable }
  var balanceFactor: Int { unsafe service.pointee.balanceFactor }
}
