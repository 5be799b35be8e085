extension Configuration {
  static func readServices(_ top: Section) -> [Service] {
    guard top.has("services") else { return [] }
    return top.members("services").compactMap { member in
      let path = Section.join("services", member.key)
      do throws(Invalid) { _ = try Word.name(member.key) } catch {
        top.report.error(Origin(position: member.position, path: path), error)
      }
      let section = Section(member.value, tablePath: "services.*", path: path, report: top.report)
      return readService(
        member.key, section, Origin(position: member.position, path: path))
    }
  }

  private static func readService(_ name: String, _ section: Section, _ origin: Origin) -> Service? {
    let kind: ServiceKind = section.choice("kind") ?? .http
    let written: ServiceProtocol? = section.choice("protocol")
    let (backends, scheme) = readBackends(section, written)
    let spoken = written ?? scheme ?? .http1
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
    let policy: BalancingPolicy? = section.choice("policy")
    let timeouts = section.section("timeouts")
    let retries = section.section("retries")
    return Service(
      name: name, kind: kind, backends: backends, protocol: spoken,
      sendProxy: section.choice("send_proxy"), host: section.text("host", BackendHost.parse),
      policy: policy ?? .standard(of: kind),
      tls: BackendTLS(
        roots: tls.paths("roots"), serverName: tls.text("server_name", HostName.parse),
        verifies: tls.boolean("verify"), identity: readIdentity(tls)),
      health: readHealth(section.section("health"), kind, spoken),
      timeouts: ServiceTimeouts(
        connect: timeouts.duration("connect"), responseHead: timeouts.durationOrOff("response_head"),
        firstByte: timeouts.durationOrOff("first_byte"), idle: timeouts.durationOrOff("idle"),

        keepalive: timeouts.duration("keepalive"), writesIdle: timeouts.has("idle")),
      retries: Retries(
        attempts: retries.integer("attempts") ?? 0,
        budgetPercent: retries.integer("budget_percent") ?? 0,
        conditions: retries.has("on") ? retries.texts("on", RetryCondition.parse)?.map(\.value) : nil),
      outliers: readOutliers(section),
      compression: section.sectionOrSwitch("compression").map(readCompression),
      maxConnections: section.integer("max_connections"),
      requestBuffering: section.has("request_buffering") ? section.size("request_buffering") : nil,
      origin: origin)
  }

  /// The certificate that backends are shown.
  private static func readIdentity(_ section: Section) -> CertificateFiles? {
    for (key, other) in [("cert", "key"), ("key", "cert")] where section.has(other) && !section.has(key) {
      section.report.error(section.origin, "the key \"\(key)\" is missing beside \"\(other)\"")
    }
    let (certificate, key) = (section.path("cert"), section.path("key"))
    guard let certificate, let key else { return nil }
    return CertificateFiles(
      certificate: certificate, key: key, fetchesIssuers: false, origin: section.origin(of: "cert"))
  }

  private static func readOutliers(_ section: Section) -> OutlierRule? {
    let given = section.sectionOrSwitch("outlier_detection")
    if given == nil, section.has("outlier_detection") { return nil }
    let rule = given ?? section.section("outlier_detection")
    return OutlierRule(
      consecutiveFailures: rule.integer("consecutive_failures") ?? 0,
      ejectionTime: rule.duration("ejection_time"),
      maximumEjectionPercent: rule.integer("max_ejection_percent") ?? 0)
  }

  private static func readCompression(_ section: Section) -> Compression {
    let types = section.texts("types", nonEmpty: true, MediaType.parse)?.map(\.value)
    return Compression(
      types: types ?? Compression.defaultTypes, minimumBytes: section.size("minimum_size"),
      level: section.integer("level") ?? 1)
  }

  /// Connections that nobody reads have no requests: keys that speak of them would not do what they say.
  private static func checkPassage(_ section: Section, _ spoken: ServiceProtocol) {
    let timeouts = ["response_head", "first_byte", "keepalive"]
    let places =
      [(section, ["kind", "compression", "host"]), (section.section("health"), ["path", "expect"])]
      + (section.has("timeouts") ? [(section.section("timeouts"), timeouts)] : [])
    for (place, keys) in places {
      for key in keys where place.has(key) {
        section.report.error(
          place.origin(of: key), "speaks of HTTP in a service that speaks \(spoken.rawValue)", "remove it")
      }
    }
  }

  /// The backends and the protocol that their URLs, if they are URLs, agree on.
  private static func readBackends(
    _ section: Section, _ written: ServiceProtocol?
  ) -> ([Backend], ServiceProtocol?) {
    var backends: [Backend] = []
    var agreed = written
    for item in section.items("backends", nonEmpty: true) ?? [] {
      var weight = 1
      let text: BackendText?
      if case .mapping = item.node.content {
        let own = Section(
          item.node, tablePath: "services.*.backends[]", path: item.origin.path, report: section.report)
        text = own.text("address", BackendText.parse)
        weight = own.integer("weight") ?? 1
      } else {
        text = section.text(item.node, at: item.origin, BackendText.parse)
      }
      guard let text else { continue }
      if let scheme = text.scheme {
        if let agreed, !agreed.agrees(with: scheme) {
          let hint =
            written == nil
            ? "all backends of a service speak the same" : "change protocol or the backend"
          section.report.error(
            item.origin, "is \(scheme.rawValue) in a service that speaks \(agreed.rawValue)", hint)
        }
        agreed = agreed ?? scheme
      }
      if backends.contains(where: { $0.address == text.address }) {
        section.report.error(item.origin, "\(text.address) stands twice", "use weight for a larger share")
      }
      backends.append(Backend(address: text.address, weight: weight, origin: item.origin))
    }
    return (backends, agreed)
  }

  private static func readHealth(
    _ section: Section, _ kind: ServiceKind, _ spoken: ServiceProtocol
  ) -> HealthCheck? {
    let defaults = HealthDefaults.of(kind)
    let path = section.text("path") { text throws(Invalid) in
      guard case .exact(let path) = try PathPattern.parse(text) else {
        throw Invalid("\(quoted(text)) is a pattern", "a health check asks for one path")
      }
      return path
    }
    let expect = section.text("expect", StatusRange.parse)
    var probe = defaults.probe
    if let path {
      probe = .get(path: path, expect: expect ?? defaults.expect, body: defaults.body)
    } else if let expect, !section.has("path") {
      switch probe {
      case .connect, .grpc:
        section.report.error(
          section.origin(of: "expect"), "kind \(kind.rawValue) is checked by connecting only", "add a path")
      case .get(let path, _, let body): probe = .get(path: path, expect: expect, body: body)
      }
    }
    let grpcService = section.text("grpc_service", GRPCServiceName.parse)
    if section.boolean("grpc") {
      if !spoken.isHTTP2 {
        section.report.error(
          section.origin(of: "grpc"), "gRPC needs HTTP/2, the service speaks \(spoken.rawValue)",
          "set protocol: h2c, or h2 over TLS")
      }
      for key in ["path", "expect"] where section.has(key) {
        section.report.error(
          section.origin(of: key), "a gRPC health check has no \(key)", "remove it or grpc")
      }
      probe = .grpc(service: grpcService ?? "")
    } else if section.has("grpc_service") {
      section.report.error(
        section.origin(of: "grpc_service"), "names a service for gRPC's health protocol", "add grpc: true")
    }
    let check = HealthCheck(
      probe: probe, port: section.integer("port").flatMap(UInt16.init(exactly:)),
      interval: section.duration("interval"), timeout: section.duration("timeout"),
      unhealthyThreshold: section.integer("unhealthy_threshold") ?? 1,
      healthyThreshold: section.integer("healthy_threshold") ?? 1)
    if section.has("interval") || section.has("timeout"), check.timeout > check.interval,
      check.interval > .zero
    {
      let key = section.has("timeout") ? "timeout" : "interval"
      section.report.error(section.origin(of: key), "the timeout is longer than the interval")
    }
    return section.boolean("enabled") ? check : nil
  }
}
