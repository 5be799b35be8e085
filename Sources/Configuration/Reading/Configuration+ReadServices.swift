internal import Exchange
internal import Proxy
internal import Upstream

extension Configuration {
  static func readServices(_ top: Section, _ limits: Limits) -> [Service] {
    guard top.has("services") else { return [] }
    return top.members("services").compactMap { member in
      let path = Section.join("services", member.key)
      do throws(Invalid) { _ = try Word.name(member.key) } catch {
        top.report.error(Origin(position: member.position, path: path), error)
      }
      let section = Section(member.value, tablePath: "services.*", path: path, report: top.report)
      var service = readService(member.key, section, Origin(position: member.position, path: path))
      let timeouts = section.section("timeouts")
      service.rules.tunnelIdle =
        timeouts.has("idle") ? service.rules.timeouts.idle : limits.upgradeIdleTimeout
      return service
    }
  }

  private static func readService(_ name: String, _ section: Section, _ origin: Origin) -> Service {
    var service = Service(name: name, origin: origin)
    section.fill(&service)
    if service.kind == .auto {
      service.isRecognized = true
      service.kind = section.report.recognized[name] ?? .http
    }
    let written: ServiceProtocol? = section.choice("protocol")
    let members = BackendReading(section, written)
    let spoken = written ?? members.agreed ?? .http1
    let tls = section.section("tls")
    if section.has("tls"), !spoken.isSecure {
      section.report.error(
        tls.origin, "the backends are spoken to without TLS",
        "set protocol: \(spoken == .tcp ? "tls" : spoken == .h2c ? "h2" : "https") or remove tls")
    }
    if spoken.isPassage { checkPassage(section, spoken) }
    if spoken.isHTTP2, section.has("send_proxy") {
      section.report.error(
        section.origin(of: "send_proxy"), "HTTP/2 connections are shared by clients",
        "remove it or set protocol: http1")
    }
    if section.has("request_buffering"), spoken != .http1, spoken != .https {
      section.report.error(
        section.origin(of: "request_buffering"), "goes with HTTP/1.1 towards the backends",
        "remove it, or set protocol: http1 or https")
    }
    service.backends = members.backends
    service.groups = members.groups
    service.source = members.source
    service.protocol = spoken
    service.tls = tls.settings()
    service.tls.identity = readIdentity(tls)
    service.metrics = readMetrics(section.section("metrics"))
    service.cacheEvents = readCacheEvents(section)
    service.health = readHealth(section.section("health"), service.kind, spoken)
    service.rules = readRules(section, service.kind)
    if let health = service.health {
      service.rules.recheck = Milliseconds(UInt64(max(0, health.interval / .milliseconds(1))))
    }
    return service
  }

  private static func readRules(_ section: Section, _ kind: ServiceKind) -> Settings.ServiceRules {
    var rules: Settings.ServiceRules = section.settings()
    rules.apiKey = section.text("api_key", engineKey).map { Settings.EngineKey($0) }
    if rules.apiKey != nil, rules.passKey {
      section.report.error(
        section.origin(of: "pass_key"), "the backends get api_key in place of the client's key",
        "remove one of both")
    }
    if !section.has("policy") { rules.policy = .standard(for: kind) }
    rules.hash = readHash(section)
    if kind.isModelServer, !section.has("heartbeat") {
      rules.heartbeat = Settings.ServiceRules.modelHeartbeat
    }
    if kind.batches, !section.has("progress_timeout") {
      rules.progressTimeout = Settings.ServiceRules.batchingProgressTimeout
    }
    rules.groupRule = section.settings()
    rules.affinity = readAffinity(section)
    rules.circuitBreakers = section.section("circuit_breakers").settings()
    rules.timeouts = section.section("timeouts").settings()
    if section.has("queue"), !section.has("max_requests_per_backend") {
      section.report.error(
        section.origin(of: "queue"), "nobody waits as long as backends take any number of requests",
        "set max_requests_per_backend beside it")
    }
    rules.queue = section.section("queue").settings()
    rules.retries = readRetries(section.section("retries"), kind)
    rules.outlierDetection = readOutliers(section, kind)
    if let compression = section.sectionOrSwitch("compression") {
      let compressed: Settings.Compression = compression.settings()
      if compressed.types.isEmpty {
        section.report.error(compression.origin(of: "types"), "the list is empty")
      }
      rules.compression = compressed
    }
    rules.hedging = readHedging(section)
    return rules
  }

  /// Its errors never tell what was written.
  private static func engineKey(_ text: String) throws(Invalid) -> String {
    guard !text.isEmpty, text.utf8.count <= 4096, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Invalid("is no key", "a key has only visible ASCII characters, at most 4096, on one line")
    }
    return text
  }

  private static func readHash(_ section: Section) -> Settings.HashKey {
    guard case .mapping? = section.written("hash")?.content else {
      let words: [String: Settings.HashKey] = ["session": .session, "address": .address, "prompt": .prompt]
      return section.text("hash") { text throws(Invalid) -> Settings.HashKey in
        guard let key = words[text] else {
          throw Invalid(
            "\(quoted(text)) is not known",
            "write session, address, prompt, {header: NAME} or {cookie: NAME}")
        }
        return key
      } ?? .session
    }
    let own = section.section("hash")
    let (header, cookie) = (own.text("header", FieldText.name), own.text("cookie", FieldText.name))
    if own.has("header") == own.has("cookie") {
      section.report.error(own.origin, "needs either a header or a cookie")
    }
    return header.map { .header($0) } ?? cookie.map { .cookie($0) } ?? .session
  }

  private static func readRetries(_ section: Section, _ kind: ServiceKind) -> Settings.Retries {
    var retries: Settings.Retries = section.settings()
    let written: [RetryCondition]? = section.read("on")
    let conditions = written ?? RetryCondition.usual(for: kind)
    retries.rule.repeatsAll = kind.isModelServer
    retries.rule.onConnectFailure = conditions.contains(.connectFailure)
    retries.rule.onReset = conditions.contains(.reset)
    retries.rule.onResponseTimeout = conditions.contains(.responseTimeout)
    for case .status(let code) in conditions { retries.rule.insert(status: code) }
    // gRPC's word for 503.
    retries.rule.onUnavailable = written == nil || retries.rule.covers(503)
    return retries
  }

  /// The certificate that backends are shown.
  private static func readIdentity(_ section: Section) -> CertificateFiles? {
    for (key, other) in [("cert", "key"), ("key", "cert")] where section.has(other) && !section.has(key) {
      section.report.error(section.origin, "the key \"\(key)\" is missing beside \"\(other)\"")
    }
    let (certificate, key) = (section.path("cert"), section.path("key"))
    guard let certificate, let key else { return nil }
    return CertificateFiles(
      certificate: certificate, key: key, origin: section.origin(of: "cert"))
  }

  /// Connections that nobody reads have no requests: keys that speak of them would not do what they say.
  private static func checkPassage(_ section: Section, _ spoken: ServiceProtocol) {
    let timeouts = ["response_head", "first_byte", "keepalive"]
    let places =
      [
        (
          section,
          [
            "kind", "compression", "host", "hash", "affinity", "heartbeat", "progress_timeout",
            "include_usage",
            "api_key",
            "pass_key", "metrics", "kv_events", "hedging", "max_requests_per_backend", "queue",
          ]
        ),
        (section.section("health"), ["path", "expect", "expected"]),
      ]
      + (section.has("timeouts") ? [(section.section("timeouts"), timeouts)] : [])
    if section.has("policy"), let policy: Balancer.Policy = section.choice("policy"), policy.readsRequests {
      section.report.error(
        section.origin(of: "policy"), "reads requests in a service that speaks \(spoken.rawValue)",
        "write least-request, round-robin, random or p2c")
    }
    for (place, keys) in places {
      for key in keys where place.has(key) {
        section.report.error(
          place.origin(of: key), "speaks of HTTP in a service that speaks \(spoken.rawValue)", "remove it")
      }
    }
  }
}
