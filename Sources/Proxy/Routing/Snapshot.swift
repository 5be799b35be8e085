internal import Exchange
internal import HTTP
internal import OS
internal import TLS
internal import Telemetry
internal import Upstream

/// One worker's compiled form of the settings: raw memory for the request path, owned here, never changed.
/// Exchanges keep the snapshot that they began with.
@safe final class Snapshot {
  let settings: Settings
  let routes: RouteTable
  /// Where server names lead, to HTTP or not; nil when no service is spoken to in TCP.
  let serverNames: RouteTable?
  let compiledRoutes: UnsafeMutablePointer<CompiledRoute>
  let services: UnsafeMutablePointer<ServiceEntry>
  let pools: [String: BackendPool]
  /// Whether any listener verifies clients' certificates.
  let verifiesClients: Bool
  /// Whether requests have identifiers or traces.
  let follows: Bool
  private let memory: Arena
  /// What services point to.
  private let keyTables: [KeyTable?]
  private let times: [ServiceTimes]

  /// Compiles a plan; pools of backends that stay are taken over from `previous`.
  init(_ plan: WorkerPlan, previous: Snapshot?) {
    let settings = plan.settings
    let arena = Arena()
    var pools: [String: BackendPool] = [:]
    let services = unsafe arena.array(of: ServiceEntry.self, count: settings.services.count)
    for (index, service) in settings.services.enumerated() {
      let rules = service.rules
      let members = unsafe arena.array(of: Unmanaged<BackendPool>.self, count: service.backends.count)
      for (position, backend) in service.backends.enumerated() {
        let key = "\(service.name) \(backend.key)"
        let pool: BackendPool
        if let kept = pools[key] {
          pool = kept
        } else if let old = previous?.pools[key], old.isSame(as: backend) {
          pool = old
          pool.keepAliveMilliseconds = rules.timeouts.keepalive.count
          pool.weight = backend.weight
          pool.isOneOfSeveral = backend.isOneOfSeveral
          pool.host = backend.host.map { Array($0.utf8) } ?? []
        } else {
          pool = BackendPool(
            backend, keepAliveMilliseconds: rules.timeouts.keepalive.count,
            BackendTLS(backend).flatMap { plan.clientContexts[$0] })
        }
        pool.maximumConnections = rules.maxConnections ?? 0
        pools[key] = pool
        unsafe (members + position).initialize(to: Unmanaged.passUnretained(pool))
      }
      unsafe (services + index).initialize(
        to: Self.entry(
          index, service, members, plan.keyTables[index], plan.times[index],
          settings.affinitySecret?.bytes ?? [], arena))
      unsafe services[index].finish()
    }
    let compiled = unsafe arena.array(of: CompiledRoute.self, count: settings.routes.count)
    for (index, route) in settings.routes.enumerated() {
      let rules = settings.services[route.service].rules
      let entries = unsafe ServiceEntries(services, route.rules.overrides, arena)
      let own = unsafe entries[route.service]
      unsafe (compiled + index).initialize(to: CompiledRoute(index: index, service: own, rules, route, arena))
      if !route.models.isEmpty {
        unsafe compiled[index].models = unsafe arena.value(CompiledModels(route.models, entries, arena))
        unsafe compiled[index].keySource = unsafe Self.keySource(route, services)
      }
      if !route.split.isEmpty { unsafe Self.compileSplit(compiled + index, route, entries, settings, arena) }
      guard let crossing = route.rules.cors else { continue }
      let forms = unsafe arena.array(of: CompiledRoute.self, count: crossing.origins.count)
      for (place, origin) in crossing.origins.enumerated() {
        unsafe (forms + place).initialize(
          to: CompiledRoute(
            index: index, service: own, rules, route, origin: origin, arena))
        unsafe (forms + place).pointee.models = unsafe compiled[index].models
        unsafe (forms + place).pointee.keySource = unsafe compiled[index].keySource
      }
      unsafe compiled[index].crossOrigin = unsafe arena.value(CompiledCrossOrigin(crossing, forms, arena))
    }
    self.settings = settings
    keyTables = plan.keyTables
    times = plan.times
    verifiesClients = settings.listeners.contains { $0.clients != nil }
    follows = settings.forwarding.requestID || settings.traces != nil
    self.pools = pools
    unsafe self.services = unsafe services
    unsafe compiledRoutes = unsafe compiled
    routes = plan.routes
    serverNames = plan.serverNames
    memory = arena
  }

  /// The forms of a route that services share.
  private static func compileSplit(
    _ compiled: UnsafeMutablePointer<CompiledRoute>, _ route: Settings.Route, _ entries: ServiceEntries,
    _ settings: Settings, _ arena: Arena
  ) {
    guard let actions = unsafe compiled.pointee.actions else { return }
    let index = unsafe compiled.pointee.index
    let split = CompiledSplit(route, arena) { service in
      unsafe CompiledRoute(
        index: index, service: entries[service], settings.services[service].rules, route, arena)
    }
    unsafe actions.pointee.split = unsafe arena.value(split)
  }

  private static func entry(
    _ index: Int, _ service: Settings.Service, _ pools: UnsafeMutablePointer<Unmanaged<BackendPool>>,
    _ keyTable: KeyTable?, _ times: ServiceTimes, _ secret: [UInt8], _ arena: Arena
  ) -> ServiceEntry {
    let rules = service.rules
    return unsafe ServiceEntry(
      index: index, pools: pools, count: min(service.backends.count, Balancer.maximumBackends),
      policy: rules.policy, keySource: KeySource(rules.hash, arena),
      keyTable: keyTable.map { unsafe Unmanaged.passUnretained($0) },
      balanceFactor: rules.balanceFactor ?? 0, slowStart: rules.slowStart.orNone,
      isHTTP2: service.isHTTP2,
      longestHost: service.backends.compactMap { $0.host?.utf8.count }.max() ?? 0,
      timeouts: rules.timeouts, attempts: rules.retries.attempts + 1,
      maximumConnections: service.maximumConnections, room: service.openRoom(),
      groups: service.groups.isEmpty ? nil : unsafe arena.value(CompiledGroups(service, arena)),
      affinity: service.isPassage
        ? nil
        : rules.affinity.map { unsafe arena.value(CompiledAffinity($0, service, secret: secret, arena)) },
      breakers: rules.circuitBreakers, breaks: rules.circuitBreakers.areSet,
      requestBuffer: rules.requestBuffering ?? 0, isPassage: service.isPassage,
      heartbeatMilliseconds: rules.heartbeat.orNone, progressMilliseconds: rules.progressTimeout.orNone,
      includesUsage: rules.includeUsage, tunnelIdle: rules.tunnelIdle,
      compression: rules.compression.map { unsafe arena.value(CompiledCompression($0, arena)) },
      state: Unmanaged.passUnretained(service.state), outliers: rules.outlierDetection,
      ejects: rules.outlierDetection.isOn,
      countsErrors: rules.outlierDetection.consecutiveErrors > 0 || rules.outlierDetection.successRate != nil,
      comparesBackends: rules.outlierDetection.compares, retryRule: rules.retries.rule,
      budget: RetryBudget(percent: rules.retries.budgetPercent),
      hedging: rules.hedging.map { unsafe arena.value(CompiledHedging($0)) },
      times: Unmanaged.passUnretained(times),
      cursor: rules.policy.draws ? .random(in: .min ... .max) : 0)
  }

  /// What a request has to be asked before its service is known: what the first one wants that goes by keys, or the session,
  /// which shares of services go by.
  private static func keySource(
    _ route: Settings.Route, _ services: UnsafeMutablePointer<ServiceEntry>
  ) -> KeySource {
    let all = [route.service] + route.models.flatMap { ($0.targets + $0.fallback).map(\.service) }
    for index in all where unsafe services[index].policy.goesByKey {
      return unsafe services[index].keySource
    }
    let own = unsafe services[route.service].wantedKey
    return own.kind == .none ? KeySource(.session) : own
  }
}

/// A service as the request path sees it.
@safe struct ServiceEntry: BitwiseCopyable {
  let index: Int
  let pools: UnsafeMutablePointer<Unmanaged<BackendPool>>
  let count: Int
  let policy: Balancer.Policy
  /// Where the key of a request is found.
  let keySource: KeySource
  let keyTable: Unmanaged<KeyTable>?
  /// In percent; 0 for no limit.
  let balanceFactor: Int
  /// How long a new backend gets less than its share, in milliseconds; 0 for not at all.
  let slowStart: UInt64
  let isHTTP2: Bool
  /// The longest Host of its own that a backend gets, in bytes; 0 when all get the client's.
  let longestHost: Int
  var timeouts: Settings.Timeouts
  var attempts: Int
  /// 0 for no limit.
  let maximumConnections: Int
  /// Where requests wait; nil where each is sent at once. The settings keep it.
  let room: Unmanaged<ServiceRoom>?
  /// Groups that its backends stand in; nil for none.
  let groups: UnsafeMutablePointer<CompiledGroups>?
  /// What keeps clients at a backend; nil for nothing.
  let affinity: UnsafeMutablePointer<CompiledAffinity>?
  /// What may be under way at once.
  let breakers: CircuitBreakers
  /// Any of that is limited.
  let breaks: Bool
  /// Its backends are not simply chosen: there are rooms, groups or limits.
  private(set) var choosesApart = false
  /// Bytes of content that are kept to tell its length; 0 for none.
  let requestBuffer: Int
  /// Connections are passed on in TCP.
  let isPassage: Bool
  /// After how much silence an event stream has a comment; 0 for never.
  let heartbeatMilliseconds: UInt64
  /// How long an engine may give nothing at all; 0 for no limit.
  let progressMilliseconds: UInt64
  /// Engines are asked to tell what streams have used.
  let includesUsage: Bool
  /// The backends are model servers: requests to them change nothing.
  var isModelServer: Bool { retryRule.repeatsAll }
  /// The choice of a backend depends on the prompt.
  private(set) var readsPrompts = false
  /// What has to be asked of a request's head for the choice of a backend: nothing where nothing depends on it.
  var wantedKey: KeySource {
    if count < 2 || isPassage { return KeySource(.none) }
    if policy.goesByKey { return keySource }
    if policy == .modelAware { return KeySource(.session) }
    let looks = unsafe policy == .peakEWMA || outliers.latency != nil || affinity != nil
    return KeySource(looks ? .nothingYet : .none)
  }
  let tunnelIdle: Milliseconds
  let compression: UnsafeMutablePointer<CompiledCompression>?
  /// What all workers share of it. The settings keep it.
  let state: Unmanaged<ServiceState>
  let outliers: OutlierDetection
  /// Answers to requests take backends out for a while.
  let ejects: Bool
  /// Statuses besides those of gateways count for that.
  let countsErrors: Bool
  /// Backends are compared with each other for that.
  let comparesBackends: Bool
  var retryRule: RetryRule
  var budget: RetryBudget
  /// When answers are late, and how long they take; nil where nobody asks twice.
  let hedging: UnsafeMutablePointer<CompiledHedging>?
  /// What this worker measures of it; the snapshot keeps it.
  let times: Unmanaged<ServiceTimes>
  var cursor = 0

  /// Says whether the choice depends on the prompt, which is asked more often than it changes.
  mutating func finish() {
    let goesByPrompt = policy == .modelAware || policy.goesByKey && keySource.kind == .prompt
    readsPrompts = goesByPrompt && count > 1 && !isPassage
    choosesApart = unsafe room != nil || groups != nil || affinity != nil || breaks
  }
}

/// The services as one route's requests find them: what the route says in a service's place stands in an entry of its own.
@safe struct ServiceEntries {
  private let all: UnsafeMutablePointer<ServiceEntry>
  private let overrides: Settings.ServiceOverrides
  private let arena: Arena

  init(
    _ all: UnsafeMutablePointer<ServiceEntry>, _ overrides: Settings.ServiceOverrides, _ arena: Arena
  ) {
    unsafe self.all = unsafe all
    self.overrides = overrides
    self.arena = arena
  }

  /// The entry of a service.
  subscript(_ index: Int) -> UnsafeMutablePointer<ServiceEntry> {
    guard !overrides.isEmpty else { return unsafe all + index }
    var entry = unsafe all[index]
    if let connect = overrides.connect { entry.timeouts.connect = connect }
    if let head = overrides.responseHead { entry.timeouts.responseHead = head }
    if let first = overrides.firstByte { entry.timeouts.firstByte = first }
    if let idle = overrides.idle { entry.timeouts.idle = idle }
    if let attempts = overrides.attempts { entry.attempts = attempts + 1 }
    if var rule = overrides.rule {
      rule.repeatsAll = entry.retryRule.repeatsAll
      entry.retryRule = rule
    }
    return unsafe arena.value(entry)
  }
}

/// A route as the request path sees it.
@safe struct CompiledRoute: BitwiseCopyable {
  let index: Int
  let service: UnsafeMutablePointer<ServiceEntry>
  let needsIdentity: Bool
  let path: PathEdit
  let keys: KeySet
  /// The Host is what its edits say, whatever its service says.
  let setsHost: Bool
  let request: HeadEdits
  let response: HeadEdits
  /// What our own answers get of the fields that are set on responses.
  let setOwn: RawBytes
  let rejectsOddPaths: Bool
  /// What else is done with its requests; nil for nothing.
  let actions: UnsafeMutablePointer<CompiledActions>?
  /// What pages of other origins may do; nil when that is the backends' to say.
  var crossOrigin: UnsafeMutablePointer<CompiledCrossOrigin>?
  /// Services by model; nil where the route's own has all.
  var models: UnsafeMutablePointer<CompiledModels>?
  /// The field that names the model, in lower case; empty for none.
  let modelHeader: RawBytes
  /// What the path begins with, a slash at its end, where the part behind names the model; empty for none.
  let modelPath: RawBytes
  /// What is asked of requests before a backend is chosen.
  var keySource: KeySource

  /// `origin` makes it the form of the route that answers pages of that origin.
  init(
    index: Int, service: UnsafeMutablePointer<ServiceEntry>, _ engine: Settings.ServiceRules,
    _ route: Settings.Route, origin: String? = nil, _ arena: Arena
  ) {
    let rules = route.rules
    let crossing = rules.cors.map { CompiledCrossOrigin.added($0, origin) } ?? []
    let dropped = rules.cors == nil ? [] : CompiledCrossOrigin.ownFields
    rejectsOddPaths = rules.normalize == .reject
    unsafe crossOrigin = nil
    unsafe models = nil
    keySource = unsafe service.pointee.wantedKey
    modelHeader = arena.bytes(Array((rules.modelHeader ?? "").lowercased().utf8))
    modelPath = arena.bytes(Array((rules.modelPath.isEmpty ? "" : rules.modelPath + "/").utf8))
    let edits = rules.headers
    let asks = route.keys != nil || route.ring != nil || route.tokens != nil
    let setsOwn = edits.request.set.contains { $0.name.lowercased() == "authorization" }
    let own = setsOwn ? nil : engine.apiKey?.text
    self.index = index
    unsafe self.service = unsafe service
    needsIdentity = rules.clientCertificate == .required
    keys = KeySet(route.keys, route.ring, route.tokens, arena)
    path = Self.pathEdit(route, arena)
    unsafe actions = CompiledActions(route, arena).map { unsafe arena.value($0) }
    setsHost = (edits.request.set.map(\.name) + edits.request.remove).contains { $0.lowercased() == "host" }
    request = HeadEdits(
      set: Self.constant(edits.request.set) + (own.map { [("Authorization", "Bearer \($0)")] } ?? []),
      remove: edits.request.remove + Self.varying(edits.request.set) + (route.gate?.owned ?? [])
        + (own != nil || asks && !engine.passKey ? Self.keyFields : [])
        // What is coded cannot be counted.
        + (route.ring != nil || route.tokens != nil ? ["accept-encoding"] : []),
      add: Self.constant(edits.request.add), arena)
    response = HeadEdits(
      set: Self.constant(edits.response.set),
      remove: edits.response.remove + Self.varying(edits.response.set) + dropped
        + (route.ring == nil && route.tokens == nil ? [] : Self.limitFields),
      add: Self.constant(edits.response.add) + crossing, arena)
    setOwn = HeadEdits.lines(
      Self.constant(edits.response.set + edits.response.add).filter {
        !HeadEdits.framesContent($0.name) && $0.name.lowercased() != "content-type"
      } + crossing, arena)
  }

  /// A key is for us: backends do not get it.
  private static let keyFields = ["authorization", "x-api-key", "api-key"]

  /// What a key has left is ours to tell.
  private static let limitFields = ["limit", "remaining", "reset"].flatMap {
    ["x-ratelimit-\($0)-requests", "x-ratelimit-\($0)-tokens"]
  }

  /// Fields that are the same for every request.
  private static func constant(_ fields: [Fields.Field]) -> [(name: String, value: String)] {
    fields.filter { ValueText($0.value).isConstant }.map { ($0.name, $0.value) }
  }

  /// Names of the others.
  private static func varying(_ fields: [Fields.Field]) -> [String] {
    fields.filter { !ValueText($0.value).isConstant }.map(\.name)
  }

  /// What a route changes in paths.
  static func pathEdit(_ route: Settings.Route, _ arena: Arena) -> PathEdit {
    let rules = route.rules
    return PathEdit(
      strip: rules.stripPrefix, add: rules.addPrefix, whole: whole(rules, route.paths, arena), arena)
  }

  /// The path that stands in place of the client's.
  private static func whole(
    _ rules: Settings.RouteRules, _ paths: [Settings.PathMatch], _ arena: Arena
  ) -> [PathEdit.Part] {
    guard let text = rules.rewritePath ?? rules.redirect?.path else { return [] }
    return ValueText(text).parts.compactMap { part in
      switch part {
      case .text(let text): .text(arena.bytes(Array(text.utf8)))
      case .variable(let name): paths.place(ofVariable: name).map { .segment($0) }
      default: nil
      }
    }
  }
}

extension Settings.Service {
  var isHTTP2: Bool { backends.first?.http2 ?? false }

  /// Connections beyond which a backend gets no requests; 0 for no limit, or where requests wait for them.
  var maximumConnections: Int {
    rules.maxRequestsPerBackend == nil || isHTTP2 || isPassage ? rules.maxConnections ?? 0 : 0
  }

  /// Where its requests wait, by what its rules say from now on; nil where each is sent at once.
  func openRoom() -> Unmanaged<ServiceRoom>? {
    guard rules.maxRequestsPerBackend != nil, !isPassage else { return nil }
    room.obey(rules, isHTTP2: isHTTP2)
    return unsafe Unmanaged.passUnretained(room)
  }
}

extension BackendPool {
  /// Whether a new configuration means the same server spoken to in the same way.
  func isSame(as backend: Settings.Backend) -> Bool {
    settings.http2 == backend.http2 && settings.tlsHost == backend.tlsHost && settings.trust == backend.trust
      && settings.tlsServerName == backend.tlsServerName && settings.tlsIdentity == backend.tlsIdentity
      && settings.status === backend.status
      && settings.sendProxy == backend.sendProxy && settings.isOpaque == backend.isOpaque
      && settings.address?.description == backend.address?.description
      && settings.host == backend.host
  }
}
