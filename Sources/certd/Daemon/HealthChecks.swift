import Configuration
import HTTP
import HTTPClient
import OS
import Proxy
import Telemetry
import TLS
import Upstream

/// Active health checks: one task for each backend, which publishes to the workers by the backend's status.
struct HealthChecks {
  private var tasks: [String: Task<Void, Never>] = [:]

  /// Replaces the checks by those of a configuration.
  mutating func start(
    _ configuration: Configuration, _ settings: Proxy.Settings, _ candidates: [[[BackendRegistry.Known]]],
    _ backends: BackendRegistry, _ world: World, _ log: Log
  ) {
    stop()
    follow(configuration, settings, candidates, backends, world, log)
  }

  /// Checks what has come under a backend's name, and leaves what has gone.
  mutating func follow(
    _ configuration: Configuration, _ settings: Proxy.Settings, _ candidates: [[[BackendRegistry.Known]]],
    _ backends: BackendRegistry, _ world: World, _ log: Log
  ) {
    var wanted: Set<String> = []
    for (service, ofService) in zip(configuration.services, candidates) {
      for (backend, known) in zip(service.backends, ofService).flatMap({ pair in pair.1.map { (pair.0, $0) } }
      ) {
        // An address that has gone and come back in between is another one.
        let key = "\(service.name) \(known.key) \(ObjectIdentifier(known.status))"
        guard wanted.insert(key).inserted, tasks[key] == nil else { continue }
        // The same as requests: what was good before where files cannot be used.
        let security = settings.services.first { $0.name == service.name }?.backends.first
        tasks[key] = Task {
          guard let check = service.health else {
            known.status.health = .unknown
            return
          }
          let host = service.authority(of: backend) ?? configuration.firstHost(of: service)
          await Self.watch(service, check, backend.address, host, known, security, backends, world, log)
        }
      }
    }
    for (key, task) in tasks where !wanted.contains(key) {
      task.cancel()
      tasks[key] = nil
    }
  }

  mutating func stop() {
    for task in tasks.values { task.cancel() }
    tasks = [:]
  }

  private static func watch(
    _ service: Service, _ check: HealthCheck, _ address: BackendAddress, _ host: String?,
    _ known: BackendRegistry.Known, _ security: Proxy.Settings.Backend?, _ backends: BackendRegistry,
    _ world: World, _ log: Log
  ) async {
    let identity = security?.tlsIdentity
    // A reload begins new checks of backends that are known already.
    let before = known.status.health
    var tracker = HealthTracker(
      unhealthyThreshold: check.unhealthyThreshold, healthyThreshold: check.healthyThreshold, health: before)
    // Nobody is asked without knowing whom to trust: requests are not sent there either.
    let context =
      service.protocol.isSecure
      ? try? ClientContext(
        trust: security?.trust ?? .init(system: false), serverName: service.tls.serverName,
        applicationProtocols: [service.protocol.isHTTP2 ? "h2" : "http/1.1"], identity: identity) : nil
    while !Task.isCancelled {
      let began = monotonicMilliseconds()
      let failure = await probe(service, check, known, context, world)
      guard !Task.isCancelled else { return }
      if failure != nil { await backends.suspect(address) }
      if failure == nil {
        known.status.checkPassed(beganMilliseconds: began, nowMilliseconds: monotonicMilliseconds())
      }
      if tracker.record(success: failure == nil) {
        known.status.health = tracker.health
        if let failure {
          log.warn(
            "backend unhealthy",
            ["service": .text(service.name), "backend": .text(known.key), "reason": .text(failure)])
        } else {
          log.info("backend healthy", ["service": .text(service.name), "backend": .text(known.key)])
          if let refusal = await RequestProbe(service, check, host).refusal(known, context, world) {
            log.warn(
              "backend healthy, but it refuses requests",
              ["service": .text(service.name), "backend": .text(known.key), "reason": .text(refusal)])
          }
        }
      }
      // Spread out, so that many backends are not asked in step.
      var pause = Double(check.interval.wholeMilliseconds) / 1000 * (0.9 + 0.2 * World.random())
      while pause > 0 {
        guard (try? await World.sleep(seconds: min(pause, impatienceSeconds))) != nil else { return }
        pause -= impatienceSeconds
        // One that requests could not reach is looked at sooner: it may have come back.
        if known.status.awaitsCheck(nowMilliseconds: monotonicMilliseconds()) { break }
      }
    }
  }

  /// How often a backend is checked that requests could not reach, in seconds.
  private static let impatienceSeconds = 0.5

  private static func monotonicMilliseconds() -> UInt64 { OS.Clock.monotonicNanoseconds() / 1_000_000 }

  /// The largest health answer that is read, in bytes.
  private static let maximumBodyBytes = 256 << 10

  /// Nil when the backend is ready, else why it is not.
  private static func probe(
    _ service: Service, _ check: HealthCheck, _ known: BackendRegistry.Known,
    _ context: ClientContext?, _ world: World
  ) async -> String? {
    guard var target = known.address else { return "its name does not resolve" }
    if let port = check.port { target.port = port }
    let timeout = UInt64(clamping: check.timeout.wholeMilliseconds)
    let scheme = service.protocol.isSecure ? "https" : "http"
    let host = known.host.contains(":") ? "[\(known.host)]" : known.host
    let port = target.port == 0 ? "" : ":\(target.port)"
    func url(_ path: String) -> URL? { URL("\(scheme)://\(host)\(port)\(path)") }
    var options = HTTPClient.Options(
      context: context, address: target, deadlineMilliseconds: timeout, maximumBodyBytes: maximumBodyBytes,
      keepsAlive: false)
    options.http2 = service.protocol.isHTTP2
    options.preamble = service.sendProxy.map(ProxyProtocol.ownHeader) ?? []
    do throws(HTTPClientError) {
      switch check.probe {
      case .connect:
        try await world.client.connect(to: target, deadlineMilliseconds: timeout)
        return nil
      case .grpc(let name):
        guard let url = url(GRPCHealth.path) else { return "no URL for its health path" }
        return GRPCHealth.judge(
          try await world.client.send(
            GRPCHealth.request(url, service: name, timeoutMilliseconds: timeout), options))
      case .get(let path, let expect, let rule):
        guard let url = url(path) else { return "no URL for its health path" }
        let request = Request(
          "GET", url, fields: [.init("User-Agent", "certd-health/\(Version.text)"), .init("Accept", "*/*")])
        return HealthVerdict.judge(
          try await world.client.send(request, options),
          expect: expect.lowest...max(expect.lowest, expect.highest), rule: rule)
      }
    } catch { return error.description }
  }
}

/// What a health answer means. Pure.
enum HealthVerdict {
  /// Nil when it says ready, else why it does not.
  static func judge(_ response: Response, expect: ClosedRange<Int>, rule: HealthBodyRule) -> String? {
    guard expect.contains(response.status) else { return "status \(response.status)" }
    switch rule {
    case .any: return nil
    case .modelAvailable:
      // `"state": "AVAILABLE"` with any white space; other states do not end in this word with its quote before.
      let text = String(decoding: response.body, as: UTF8.self).filter { !$0.isWhitespace }
      return text.contains(#""state":"AVAILABLE""#) ? nil : "no model version is AVAILABLE"
    }
  }
}
