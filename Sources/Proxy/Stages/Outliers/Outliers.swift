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
    if unsafe service.pointee.outliers.consecutiveFailures > 0 || service.pointee.readsPrompts,
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
  private func candidates(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ model: Ref<ModelRequest>?, sparing time: UInt64,
    maximumRequests: Int
  ) -> Pools {
    unsafe Pools(
      pools: service.pointee.pools, count: service.pointee.count,
      maximumConnections: service.pointee.maximumConnections, maximumRequests: maximumRequests,
      now: nowMilliseconds, sparing: time,
      goesByEngines: service.pointee.readsPrompts, tokens: model?.tokens ?? 0,
      blocks: prompts.blocks(of: model))
  }

  /// The same among those that have fewer requests than they may. `sparing` is what `sparingTime` says.
  @inline(never)
  func pickWithRoom(
    _ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet, _ model: Ref<ModelRequest>?,
    sparing time: UInt64, maximumRequests: Int
  ) -> Int? {
    unsafe pick(service, tried: tried, model, sparing: time, maximumRequests: maximumRequests)
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
    let countsErrors = unsafe exchange.service?.pointee.outliers.countsServerErrors == true
    let isGateway = 502...504 ~= desk.response.status || countsErrors && desk.response.status == 500
    if unsafe isGateway || exchange.isGRPC && exchange.endsWithHead && isUnavailable(base) {
      recordFailure(backend)
    } else if desk.response.status == 429 {
      let now = nowMilliseconds
      unsafe backend.pool?._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.refused(nowMilliseconds: now) }
      }
    } else if !exchange.isGRPC || exchange.endsWithHead {
      recordSuccess(backend)
    }
  }

  /// What the end of a gRPC call that had messages says.
  fileprivate func recordTrailers(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>) {
    guard !exchange.endsWithHead, !(502...504 ~= exchange.status) else { return }
    if unsafe Self.saysUnavailable(exchange.trailers.bytes) {
      recordFailure(backend)
    } else {
      recordSuccess(backend)
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

  private func recordSuccess(_ backend: Ref<BackendConnection>) {
    let now = nowMilliseconds
    unsafe backend.pool?._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef { $0.succeeded(nowMilliseconds: now) }
    }
  }

  /// A request failed as a gateway would say it: after too many in a row the backend is spared for a while.
  func recordFailure(_ backend: Ref<BackendConnection>, isConnection: Bool = false) {
    guard let pool = unsafe backend.pool, let service = unsafe backend.exchange?.service,
      unsafe service.pointee.outliers.consecutiveFailures > 0
    else { return }
    let now = nowMilliseconds
    var ejected = 0
    for i in unsafe 0..<service.pointee.count {
      let isOut = unsafe service.pointee.pools[i]._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { $0.isEjected(nowMilliseconds: now) }
      }
      if isOut { ejected += 1 }
    }
    let (rule, count) = unsafe (service.pointee.outliers, service.pointee.count)
    let long = unsafe pool._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef {
        $0.failed(
          nowMilliseconds: now, rule: rule, ejected: ejected, count: count, isConnection: isConnection)
      }
    }
    guard let long else { return }
    counters.add(.backendEjections)
    unsafe shared.report(
      .backendEjected(
        backend: pool._withUnsafeGuaranteedRef { $0.settings.key }, seconds: Int((long + 999) / 1000)))
  }
}

/// A service's backends, as a worker sees them at one moment.
@safe private struct Pools: Candidates {
  let pools: UnsafeMutablePointer<Unmanaged<BackendPool>>
  let count: Int
  let maximumConnections: Int
  /// Requests under way at which one has no room; 0 for no limit.
  let maximumRequests: Int
  let now: UInt64
  let sparing: UInt64
  /// The service goes by what its engines do.
  let goesByEngines: Bool
  /// Of the request's prompt.
  let tokens: Int
  let blocks: UnsafeBufferPointer<UInt64>

  @inline(__always)
  func isUsable(_ index: Int) -> Bool {
    unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.isUsable(maximumConnections)
        && !pool.status._withUnsafeGuaranteedRef {
          $0.isEjected(nowMilliseconds: sparing)
            || goesByEngines && sparing != .max && $0.engine.isSuspended(nowMilliseconds: sparing)
            || maximumRequests > 0 && $0.inFlight >= maximumRequests
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
  func weight(_ index: Int) -> Int { unsafe pools[index]._withUnsafeGuaranteedRef { $0.weight } }

  func wait(_ index: Int) -> UInt64 {
    unsafe pools[index]._withUnsafeGuaranteedRef { pool in
      unsafe pool.status._withUnsafeGuaranteedRef { status in
        let known = unsafe status.engine.index.match(Span(_unsafeElements: blocks))
        return status.engine.wait(
          uncached: tokens - known * PrefixIndex.tokensOfBlock,
          requests: status.load(nowMilliseconds: now))
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
}
