import APIKeys
import Bytes
import Configuration
import Fleet
import JSON
import OS
import PKI
import Proxy
import Telemetry
import Upstream

// What the daemon is and does, as JSON.
extension Daemon {
  /// The most keys near their limits that are told of.
  static let maximumNearKeys = 100
  /// From what part of a limit on a key is near it, in percent.
  static let nearPercent = 80

  /// In the format that the reader asks for: OpenMetrics where it names that, else Prometheus' own.
  func metricsAnswer(_ request: AdminRequest) async -> AdminAnswer {
    let metrics = await metrics()
    guard request.accept.contains("application/openmetrics-text") else {
      return AdminAnswer(status: 200, contentType: Exposition.contentType, body: metrics.text)
    }
    return AdminAnswer(status: 200, contentType: MetricsText.openMetricsType, body: metrics.openMetrics)
  }

  /// Whether new clients are wanted.
  func readiness() -> AdminAnswer {
    isLeaving ? AdminAnswer(status: 503, body: "draining\n") : AdminAnswer(status: 200, body: "ok\n")
  }

  /// Everything in one.
  func statusJSON() async -> JSONValue {
    let counters = proxy.counters
    let connections = (counters[.connectionsAccepted] ?? 0) &- (counters[.connectionsClosed] ?? 0)
    let services = await servicesJSON()
    let running = services.flatMap { $0["backends"]?.elements ?? [] }.compactMap { $0["requests"]?.int }
    var status: JSONValue = [
      "version": .string(Version.text), "since": .string(startedAt.description),
      "uptime_seconds": JSONValue(Int(clamping: World.now() - startedAt)),
      "draining": .bool(isLeaving), "log_level": .string("\(log.level)"),
      "connections": JSONValue(Int(clamping: connections)),
      "requests_total": JSONValue(Int(clamping: counters[.requests] ?? 0)),
      "requests": JSONValue(Int(running.reduce(0, +))), "services": .array(services),
      "certificates": .array(certificatesJSON()), "keys_near_limits": .array(nearKeys()),
      "problems": .array(log.recentProblems.compactMap { try? JSONValue(parsing: $0) }),
      "events": .array(log.recentEvents.compactMap { try? JSONValue(parsing: $0) }),
    ]
    var listeners: [JSONValue] = []
    for (listener, address) in zip(plan.settings.listeners, proxy.addresses) {
      let speaks = listener.profile != nil ? "https" : listener.redirectPort != nil ? "redirect" : "http"
      listeners.append(["address": .string("\(address)"), "protocol": .string(speaks)])
    }
    status["listeners"] = .array(listeners)
    status["reload"] = [
      "ok": .bool(reloaded.isSuccess), "at": .string(reloaded.at.description),
      "error": refusal.map { .string($0) } ?? .null,
    ]
    if let fleet { status["fleet"] = await fleet.status() }
    status["unusable_files"] = JSONValue(plan.problems + plan.broken)
    return status
  }

  /// Services with their backends and queues.
  func servicesJSON() async -> [JSONValue] {
    let all = Dictionary(grouping: await backendsJSON()) { $0["service"]?.string ?? "" }
    var out: [JSONValue] = []
    for service in plan.configuration.services {
      let own = all[service.name] ?? []
      var one: JSONValue = [
        "name": .string(service.name), "kind": .string(service.kind.rawValue),
        "policy": .string(service.policyName), "backends": .array(own),
      ]
      if let source = service.source {
        let failure = discoveryFailures[service.name]
        one["discovery"] = [
          "source": .string(source.word), "ok": .bool(failure == nil),
          "why": failure.map { .string($0) } ?? .null, "backends": JSONValue(service.backends.count),
        ]
      }
      if let most = service.rules.maxRequestsPerBackend {
        let standing = await backends.room(service: service.name).standing
        one["max_requests_per_backend"] = JSONValue(most)
        one["queue"] = [
          "waiting": JSONValue(standing.waiting), "size": JSONValue(service.rules.queue.size),
          "refused": JSONValue(Int(clamping: standing.refusedFull + standing.refusedLate)),
        ]
      }
      out.append(one)
    }
    return out
  }

  /// Every address of every backend.
  func backendsJSON() async -> [JSONValue] {
    let configuration = plan.configuration
    let now = OS.Clock.monotonicNanoseconds() / 1_000_000
    var out: [JSONValue] = []
    for (service, candidates) in zip(configuration.services, await backends.candidates(configuration)) {
      for (backend, ofBackend) in zip(service.backends, candidates) {
        let weight = await backends.weight(service.name, backend.address) ?? backend.weight
        for one in ofBackend {
          var value = Self.json(one, now)
          value["service"] = .string(service.name)
          value["backend"] = .string("\(backend.address)")
          value["weight"] = JSONValue(weight)
          if service.groups.indices.contains(backend.group) {
            let group = service.groups[backend.group]
            value["group"] = [
              "place": JSONValue(backend.group), "priority": JSONValue(group.priority),
              "zone": group.zone.map { .string($0) } ?? .null,
            ]
          }
          out.append(value)
        }
      }
    }
    return out
  }

  private static func json(_ known: BackendRegistry.Known, _ now: UInt64) -> JSONValue {
    let status = known.status
    let ejected = status.ejectedMilliseconds(nowMilliseconds: now)
    let standsStill = status.engine.isSuspended(nowMilliseconds: now)
    let state =
      if known.address == nil { "unresolved" } else if status.isDrained { "drained" } else if ejected > 0 {
        "ejected"
      } else if standsStill { "stands still" } else if let pause = status.pause { word(pause) } else {
        word(status.checkedHealth)
      }
    var why: String? = status.failure
    if known.address == nil { why = "its name leads to no address" }
    if why == nil, status.isDrained { why = "an operator has taken it out" }
    if why == nil, ejected > 0 { why = status.ejectionReason.words }
    if why == nil, standsStill { why = "it gives nothing to anybody although its health is good" }
    return [
      "address": known.address.map { .string("\($0)") } ?? .null, "state": .string(state),
      "health": .string(word(status.checkedHealth)), "why": why.map { .string($0) } ?? .null,
      "drained": .bool(status.isDrained), "ejected_ms": JSONValue(Int(clamping: ejected)),
      "requests": JSONValue(max(0, status.inFlight)), "connections": JSONValue(max(0, status.connections)),
      "tokens_in_flight": JSONValue(status.engine.prefill),
      "tokens_per_second": JSONValue(status.engine.rate),
    ]
  }

  private static func word(_ pause: BackendStatus.Pause) -> String {
    switch pause {
    case .loading: "loading"
    case .busy: "busy"
    }
  }

  private static func word(_ health: BackendStatus.Health) -> String {
    switch health {
    case .unknown: "unchecked"
    case .healthy: "healthy"
    case .unhealthy: "unhealthy"
    }
  }

  /// Certificates as they are presented.
  func certificatesJSON() -> [JSONValue] {
    standings.map { one in
      let findings = one.findings(now: World.now())
      return [
        "name": .string(one.name), "source": one.isFile ? "file" : "store",
        "not_before": .string(one.notBefore.description), "not_after": .string(one.notAfter.description),
        "findings": .array(findings.map { ["kind": .string($0.kind), "message": .string($0.description)] }),
        "renewal_failing": .bool(failing.contains(one.name)), "names": JSONValue(one.names),
        "issuer": .string(one.issuer),
        "next_attempt": attempts[one.name]?.next.map { .string($0.description) } ?? .null,
        "last_error": failures[one.name].map { .string($0) } ?? .null,
      ]
    }
  }

  /// Keys that have used most of what they may in a minute.
  private func nearKeys() -> [JSONValue] {
    let now = Self.wallMilliseconds
    var out: [JSONValue] = []
    for (key, _) in keys.records() where key.revoked == nil && out.count < Self.maximumNearKeys {
      let limits = key.limits
      guard limits.requestsPerMinute != nil || limits.tokensPerMinute != nil else { continue }
      let standing = keys.usages.usage(.init(group: key.group, id: key.id)).standing(limits, now: now)
      func near(_ name: String, _ limit: Int?, _ left: Int) {
        guard let limit, limit - left >= limit * Self.nearPercent / 100, out.count < Self.maximumNearKeys
        else { return }
        out.append([
          "id": .string(key.id), "name": .string(key.name), "group": .string(key.group),
          "limit": .string(name),
          "used": JSONValue(limit - left), "of": JSONValue(limit),
        ])
      }
      near("requests_per_minute", limits.requestsPerMinute, standing.requests)
      near("tokens_per_minute", limits.tokensPerMinute, standing.tokens)
    }
    return out
  }
}
