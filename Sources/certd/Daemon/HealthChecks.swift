import Configuration
import HTTP
import HTTPClient
import JSON
import OS
import Proxy
import TLS
import Telemetry
import Upstream

/// Active health checks: one task for each backend, which publishes to the workers by the backend's status.
struct HealthChecks {
  private var tasks: [String: Task<Void, Never>] = [:]
  private var listeners = CacheListeners()
  /// Is told what the backends of a service are that were asked for it.
  let recognized: @Sendable (_ service: String, ServiceKind) -> Void

  init(recognized: @escaping @Sendable (_ service: String, ServiceKind) -> Void) {
    self.recognized = recognized
  }

  /// Replaces the checks by those of a configuration.
  mutating func start(
    _ configuration: Configuration, _ settings: Proxy.Settings, _ candidates: [[[BackendRegistry.Known]]],
    _ backends: BackendRegistry, _ world: World, _ log: Log
  ) {
    cancel()
    follow(configuration, settings, candidates, backends, world, log)
  }

  /// Checks what has come under a backend's name, and leaves what has gone.
  mutating func follow(
    _ configuration: Configuration, _ settings: Proxy.Settings, _ candidates: [[[BackendRegistry.Known]]],
    _ backends: BackendRegistry, _ world: World, _ log: Log
  ) {
    listeners.follow(configuration, candidates, log)
    var wanted: Set<String> = []
    // Engines whose models are told of by a route are asked for them.
    let listed = Set(configuration.routes.flatMap(\.models).flatMap(\.services).map(\.value))
    let count = candidates.joined().joined().count
    for (service, ofService) in zip(configuration.services, candidates) {
      for (backend, known) in zip(service.backends, ofService).flatMap({ pair in pair.1.map { (pair.0, $0) } }
      ) {
        // An address that has gone and come back in between is another one.
        let key = "\(service.name) \(known.key) \(ObjectIdentifier(known.status))"
        guard wanted.insert(key).inserted, tasks[key] == nil else { continue }
        // The same as requests: what was good before where files cannot be used.
        let security = settings.services.first { $0.name == service.name }?.backends.first
        let recognized = recognized
        tasks[key] = Task {
          guard let check = service.health else {
            known.status.health = .unknown
            known.status.pause = nil
            return
          }
          let host = service.authority(of: backend) ?? configuration.firstHost(of: service)
          await Self.watch(
            service, check, among: count, isListed: listed.contains(service.name), backend.address, host,
            known, security,
            backends, world, log, recognized)
        }
      }
    }
    for (key, task) in tasks where !wanted.contains(key) {
      task.cancel()
      tasks[key] = nil
    }
  }

  mutating func stop() {
    cancel()
    listeners.stop()
  }

  private mutating func cancel() {
    for task in tasks.values { task.cancel() }
    tasks = [:]
  }

  private static func watch(
    _ service: Service, _ check: HealthCheck, among count: Int, isListed: Bool, _ address: BackendAddress,
    _ host: String?,
    _ known: BackendRegistry.Known, _ security: Proxy.Settings.Backend?, _ backends: BackendRegistry,
    _ world: World, _ log: Log, _ recognized: @Sendable (String, ServiceKind) -> Void
  ) async {
    let identity = security?.tlsIdentity
    // The first checks of many backends are spread out, so that they are not asked in step.
    let first = HealthTiming.first(of: count, seconds: check.seconds, chance: World.random())
    if first > 0, (try? await World.sleep(seconds: first)) == nil { return }
    // A reload begins new checks of backends that are known already.
    let before = known.status.checkedHealth
    var tracker = HealthTracker(
      unhealthyThreshold: check.unhealthyThreshold, healthyThreshold: check.healthyThreshold, health: before)
    // Nobody is asked without knowing whom to trust: requests are not sent there either.
    let context =
      service.protocol.isSecure
      ? try? ClientContext(
        trust: security?.trust ?? .init(system: false), serverName: service.tls.serverName,
        applicationProtocols: [service.protocol.isHTTP2 ? "h2" : "http/1.1"], identity: identity) : nil
    var asksKind = service.isRecognized
    while !Task.isCancelled {
      let began = monotonicMilliseconds()
      let finding = await probe(service, check, known, context, world).judged(service, known, since: began)
      guard !Task.isCancelled else { return }
      tell(finding, service, known, log)
      let failure = finding.failure
      if case .paused = finding {
        if known.status.pause == .loading { tracker.wait() }
        guard await rest(check, known) else { return }
        continue
      }
      if failure != nil { await backends.suspect(address) }
      if failure == nil {
        known.status.checkPassed(beganMilliseconds: began, nowMilliseconds: monotonicMilliseconds())
      }
      if tracker.record(success: failure == nil) {
        known.status.health = tracker.health
        if let failure {
          // When it comes back, nothing is cached.
          known.status.engine.index.clear()
          log.warn(
            "backend unhealthy",
            ["service": .text(service.name), "backend": .text(known.key), "reason": .text(failure)])
        } else {
          known.status.becameReady(nowMilliseconds: monotonicMilliseconds())
          log.info("backend healthy", ["service": .text(service.name), "backend": .text(known.key)])
          if let refusal = await RequestProbe(service, check, host).refusal(known, context, world) {
            log.warn(
              "backend healthy, but it refuses requests",
              ["service": .text(service.name), "backend": .text(known.key), "reason": .text(refusal)])
          }
        }
      }
      if failure != nil { asksKind = service.isRecognized }
      if failure == nil, asksKind, let kind = await recognize(service, known, context, world) {
        asksKind = false
        recognized(service.name, kind)
      }
      if failure == nil, isListed { await askModels(service, known, context, world) }
      if failure == nil, service.rules.policy == .modelAware, !service.protocol.isPassage {
        if known.status.engine.isSuspended(nowMilliseconds: monotonicMilliseconds()) {
          await wake(service, known, context, world)
        }
        await askEngine(service, known, context, world)
      }
      guard await rest(check, known) else { return }
    }
  }

  /// Waits for the next check's time; false when there will be none.
  private static func rest(_ check: HealthCheck, _ known: BackendRegistry.Known) async -> Bool {
    var pause = HealthTiming.pause(seconds: check.seconds, chance: World.random())
    while pause > 0 {
      guard (try? await World.sleep(seconds: min(pause, impatienceSeconds))) != nil else { return false }
      pause -= impatienceSeconds
      // One that requests could not reach is looked at sooner: it may have come back.
      if known.status.awaitsCheck(nowMilliseconds: monotonicMilliseconds()) { break }
    }
    return true
  }

  /// Keeps what a check has found, and says once that a backend loads or is busy.
  private static func tell(
    _ finding: HealthFinding, _ service: Service, _ known: BackendRegistry.Known, _ log: Log
  ) {
    let before = known.status.pause
    known.status.failure = finding.reason
    if case .paused(let pause, let reason) = finding {
      known.status.pause = pause
      guard before != pause else { return }
      log.info(
        pause == .loading ? "backend loading" : "backend busy",
        ["service": .text(service.name), "backend": .text(known.key), "reason": .text(reason)])
    } else if before != nil {
      known.status.pause = nil
    }
  }

  /// How often a backend is checked that requests could not reach, in seconds.
  private static let impatienceSeconds = 0.5

  static func monotonicMilliseconds() -> UInt64 { OS.Clock.monotonicNanoseconds() / 1_000_000 }

  /// The largest health answer that is read, in bytes.
  static let maximumBodyBytes = 256 << 10

  /// The largest answer of an engine about itself that is read, in bytes.
  static let maximumMetricsBytes = 4 << 20
  /// How long an engine may take to tell of itself, in milliseconds.
  static let metricsMilliseconds: UInt64 = 2000

  /// How long an engine that stood still may take for one token before it is asked again, in milliseconds.
  private static let oneTokenMilliseconds: UInt64 = 3_000

  /// Asks an engine that stood still for one token. One that cannot be asked so gets requests again after a while.
  private static func wake(
    _ service: Service, _ known: BackendRegistry.Known, _ context: ClientContext?, _ world: World
  ) async {
    guard let target = known.address, let list = url("/v1/models", service, known, port: target.port),
      let completions = url("/v1/completions", service, known, port: target.port)
    else { return }
    let options = options(
      service, target, context, milliseconds: oneTokenMilliseconds, maximumBytes: maximumMetricsBytes)
    guard
      let models = try? await world.client.send(Request("GET", list, fields: service.ownFields()), options)
    else {
      return
    }
    let model = EngineModels(models.body).names.first ?? ""
    let body = #"{"model":\#(JSONString.quoted(model)),"prompt":"a","max_tokens":1}"#
    let request = Request(
      "POST", completions, fields: service.ownFields(.init("Content-Type", "application/json")),
      body: Array(body.utf8))
    guard let answer = try? await world.client.send(request, options), answer.status < 300 else { return }
    known.status.engine.resume()
  }

  /// Takes in which models the engine has. What it has told before holds while it cannot be asked.
  private static func askModels(
    _ service: Service, _ known: BackendRegistry.Known, _ context: ClientContext?, _ world: World
  ) async {
    guard let target = known.address, let url = url("/v1/models", service, known, port: target.port) else {
      return
    }
    let options = options(
      service, target, context, milliseconds: metricsMilliseconds, maximumBytes: maximumMetricsBytes)
    let request = Request("GET", url, fields: [.init("User-Agent", "certd-health/\(Version.text)")])
    guard let answer = try? await world.client.send(request, options) else { return }
    switch answer.status {
    case 200: known.status.engine.models.tell(EngineModels(answer.body).entries)
    case 401, 403, 404, 405, 501: known.status.engine.models.tell(nil)
    default: return
    }
  }

  static func url(
    _ path: String, _ service: Service, _ known: BackendRegistry.Known, port: UInt16
  ) -> URL? {
    let host = known.host.contains(":") ? "[\(known.host)]" : known.host
    return URL(
      "\(service.protocol.isSecure ? "https" : "http")://\(host)\(port == 0 ? "" : ":\(port)")\(path)")
  }

  static func options(
    _ service: Service, _ target: SocketAddress, _ context: ClientContext?, milliseconds: UInt64,
    maximumBytes: Int
  ) -> HTTPClient.Options {
    var options = HTTPClient.Options(
      context: context, address: target, deadlineMilliseconds: milliseconds, maximumBodyBytes: maximumBytes,
      keepsAlive: false)
    options.http2 = service.protocol.isHTTP2
    options.preamble = service.sendProxy.map(ProxyProtocol.ownHeader) ?? []
    return options
  }
}
