import Bytes
import Configuration
import Exchange
import HTTP
import OS
import Proxy
import TLS
import Telemetry
import Upstream

/// A configuration as the proxy is told it.
struct ProxySettings {
  let configuration: Configuration
  let backends: BackendRegistry
  /// For who serves and does not check: files that cannot be used are noted there, and the others go on.
  var lenience: Lenience?

  /// No limit, in milliseconds, and still far from overflow when added to a clock.
  private static let never: UInt64 = 1 << 50

  func make() async throws(SetupError) -> Proxy.Settings {
    var settings = Proxy.Settings()
    settings.listeners = try listeners()
    settings.limits = limits()
    settings.accessLog =
      switch configuration.log.access {
      case .off: nil
      case .standardOutput: .descriptor(1)
      case .file(let path): .file(path)
      }
    settings.trustedProxies = Self.ranges(configuration.trustedProxies)
    settings.forwarding.xForwarded = configuration.forwarding.xForwarded
    settings.forwarding.forwarded = configuration.forwarding.forwarded
    settings.forwarding.via = configuration.forwarding.via
    await backends.prepare(configuration.services.flatMap(\.backends).map(\.address))
    for service in configuration.services { settings.services.append(try await self.service(service)) }
    for route in configuration.routes {
      guard let index = configuration.services.firstIndex(where: { $0.name == route.service.value }) else {
        continue
      }
      let hosts = route.hosts.contains { $0.value == .any } ? [] : route.hosts.map(\.value.description)
      var one = Proxy.Settings.Route(
        hosts: hosts, paths: route.paths.map { path($0.value) }, service: index, edits: edits(route))
      one.needsIdentity = route.needsClientCertificate
      do throws(SetupError) {
        one.keys = try route.keyFile.map { (file) throws(SetupError) in try KeyFile.read(file, configuration)
        }
      } catch {
        guard let lenience, let file = route.keyFile else { throw error }
        one.keys = lenience.keys(one, file, error)
      }
      one.models = route.models.compactMap { rule in
        guard let index = configuration.services.firstIndex(where: { $0.name == rule.service.value }) else {
          return nil
        }
        return Self.model(rule, index)
      }
      one.stripPrefix = route.stripPrefix
      one.addPrefix = route.addPrefix
      one.rejectsOddPaths = route.rejectsOddPaths
      one.cors = route.cors.map {
        .init(
          origins: $0.origins, methods: $0.methods, fields: $0.fields, exposed: $0.exposed,
          allowsCredentials: $0.allowsCredentials,
          maximumAgeSeconds: Int($0.maximumAge.components.seconds))
      }
      settings.routes.append(one)
    }
    return settings
  }

  /// The files besides certificates that cannot be used, in words; nothing is looked up for it.
  func fileProblems() -> [String] {
    let lenience = Lenience(before: nil)
    let lenient = ProxySettings(configuration: configuration, backends: backends, lenience: lenience)
    _ = try? lenient.listeners()
    for service in configuration.services { _ = try? lenient.security(service) }
    let files = configuration.routes.compactMap(\.keyFile)
    return lenience.problems
      + files.compactMap { file in
        do throws(SetupError) {
          _ = try KeyFile.read(file, configuration)
          return nil
        } catch { return "\(error); the route answers nobody until it can be" }
      }
  }

  private static func ranges(_ ranges: [ConfiguredAddressRange]) -> [Proxy.AddressRange] {
    ranges.compactMap { Proxy.AddressRange(address: $0.address.bytes, prefixLength: $0.prefixLength) }
  }

  private static func model(_ rule: ModelRule, _ service: Int) -> Proxy.Settings.ModelRule {
    switch rule.pattern {
    case .any: .init(text: "", isExact: false, service: service, model: rule.model)
    case .exact(let name): .init(text: name, isExact: true, service: service, model: rule.model)
    case .prefix(let start): .init(text: start, isExact: false, service: service, model: rule.model)
    }
  }

  private func path(_ pattern: PathPattern) -> Proxy.Settings.PathMatch {
    switch pattern {
    case .exact(let path): .exact(path)
    case .prefix(let path): .prefix(path)
    }
  }

  private func edits(_ route: ConfiguredRoute) -> Proxy.Settings.FieldEdits {
    var edits = Proxy.Settings.FieldEdits()
    for source in [configuration.headers, route.headers] {
      let (request, response) = (source.request, source.response)
      // A route's own setting replaces one that is meant for all.
      edits.setRequest.removeAll { old in
        request.settings.contains { $0.name.lowercased() == old.name.lowercased() }
      }
      edits.setResponse.removeAll { old in
        response.settings.contains { $0.name.lowercased() == old.name.lowercased() }
      }
      edits.setRequest += request.settings.map { Fields.Field($0.name, $0.value) }
      edits.removeRequest += request.removals
      edits.setResponse += response.settings.map { Fields.Field($0.name, $0.value) }
      edits.removeResponse += response.removals
    }
    return edits
  }

  private func limits() -> Proxy.Limits {
    let from = configuration.limits
    var limits = Proxy.Limits()
    limits.headBytes = min(from.requestHeadBytes, Proxy.Limits.maximumHeadBytes)
    limits.headFields = from.requestHeadFields
    limits.connections = min(from.connections, DescriptorBudget.clients)
    limits.bufferBytes = from.bufferMemory ?? Int(clamping: MemoryLimit.bytes() / 2)
    limits.handshakeMilliseconds = milliseconds(from.handshakeTimeout)
    limits.headMilliseconds = milliseconds(from.headerTimeout)
    limits.keepAliveMilliseconds = milliseconds(from.keepaliveTimeout)
    limits.bodyIdleMilliseconds = milliseconds(from.requestBodyIdleTimeout)
    limits.sendStallMilliseconds = milliseconds(from.sendTimeout)
    limits.tunnelIdleMilliseconds = milliseconds(from.upgradeIdleTimeout)
    return limits
  }

  private func milliseconds(_ duration: Duration?) -> UInt64 {
    duration.map { UInt64(clamping: $0.wholeMilliseconds) } ?? Self.never
  }

  // MARK: Listeners

  private func listeners() throws(SetupError) -> [Proxy.Settings.Listener] {
    let firstTLS = configuration.listeners.first { $0.tls != .off }
    var made: [Proxy.Settings.Listener] = []
    for listener in configuration.listeners {
      let security = ListenerSecurity(configuration: configuration)
      let address = try Self.address(listener.address)
      var clients: ClientCheck?
      do throws(SetupError) { clients = try security.clients(listener) } catch {
        guard let lenience else { throw error }
        clients = lenience.clients("\(address)", listener.clientCertificates, error)
        if clients == nil { continue }
      }
      var one = Proxy.Settings.Listener(
        address: address, profile: try security.profile(listener),
        redirectPort: listener.redirectsToHTTPS ? firstTLS?.address.port ?? 443 : nil, h2c: listener.h2c,
        clients: clients, acceptsEarlyData: listener.earlyData)
      one.proxyProtocolFrom = Self.ranges(listener.proxyProtocolFrom)
      made.append(one)
    }
    if made.isEmpty, !configuration.listeners.isEmpty, let problem = lenience?.problems.first {
      throw .configuration(problem)
    }
    return made
  }

  /// Where HTTP-01 is to be answered while something is ordered; nil when nothing is proven so, or a listener of the
  /// configuration has the port all the time.
  static func challengeAddress(
    _ configuration: Configuration, isManaged: Bool
  ) throws(SetupError) -> SocketAddress? {
    let wanted = configuration.acme.http01Address
    guard isManaged, configuration.acme.challenges.contains(.http01), configuration.acme.webroot == nil,
      configuration.acme.issuers.contains(where: { $0.kind != .local }),
      !configuration.listeners.contains(where: { $0.tls == .off && $0.address.port == wanted.port })
    else { return nil }
    return try address(wanted)
  }

  /// An address without a host is every address of the machine: IPv6 and IPv4 on one socket where there is IPv6.
  static func address(_ listen: ListenAddress) throws(SetupError) -> SocketAddress {
    if let host = listen.host {
      guard let address = SocketAddress(host: host, port: listen.port) else {
        throw .configuration("\(listen): not an address")
      }
      return address
    }
    guard let address = SocketAddress(host: ListeningSocket.hasIPv6 ? "::" : "0.0.0.0", port: listen.port)
    else {
      throw .configuration("\(listen): not an address")
    }
    return address
  }

  // MARK: Services

  private func service(_ service: ConfiguredService) async throws(SetupError) -> Proxy.Settings.Service {
    var timeouts = Proxy.Settings.Timeouts()
    timeouts.connectMilliseconds = milliseconds(service.timeouts.connect)
    timeouts.responseHeadMilliseconds = milliseconds(service.timeouts.responseHead)
    timeouts.firstByteMilliseconds = milliseconds(service.timeouts.firstByte)
    timeouts.idleMilliseconds = milliseconds(service.timeouts.idle)
    timeouts.keepAliveMilliseconds = milliseconds(service.timeouts.keepalive)
    guard service.backends.count <= Balancer.maximumBackends else {
      throw .configuration(
        configuration.error(at: service.origin, "at most \(Balancer.maximumBackends) backends are balanced")
          .description)
    }
    let security = try security(service)
    var members: [Proxy.Settings.Backend] = []
    // Without what they are to be trusted by, backends get nothing.
    for backend in security == nil ? [] : service.backends {
      for known in await backends.candidates(service: service.name, backend.address) {
        var member = Proxy.Settings.Backend(
          key: known.key, address: known.address,
          tlsHost: service.protocol.isSecure ? known.host : nil, trust: security?.trust ?? .init(),
          tlsServerName: service.tls.serverName, tlsIdentity: security?.identity,
          http2: service.protocol.isHTTP2,
          status: known.status, weight: backend.weight * known.share)
        member.sendProxy = service.proxyVersion
        member.isOpaque = service.protocol.isPassage
        member.host = service.authority(of: backend)
        member.isOneOfSeveral = known.isOneOfSeveral
        members.append(member)
      }
    }
    var made = Proxy.Settings.Service(
      name: service.name, backends: Array(members.prefix(Balancer.maximumBackends)),
      policy: service.policy.upstream, timeouts: timeouts,
      attempts: service.retries.attempts + 1, retryBudgetPercent: service.retries.budgetPercent,
      maximumConnections: service.maxConnections ?? 0)
    made.requestBufferBytes = service.requestBuffering ?? 0
    made.compression = service.compression.map {
      .init(types: $0.types, minimumBytes: $0.minimumBytes, level: $0.level)
    }
    if let rule = service.outliers {
      made.outliers = OutlierDetection(
        consecutiveFailures: rule.consecutiveFailures, ejectionMilliseconds: milliseconds(rule.ejectionTime),
        maximumEjectionPercent: rule.maximumEjectionPercent, countsServerErrors: service.kind.isModelServer)
    }
    made.retryRule = Self.rule(service)
    if service.kind.isModelServer { made.heartbeatMilliseconds = 15_000 }
    made.isPassage = service.protocol.isPassage
    made.tunnelIdleMilliseconds = milliseconds(
      service.timeouts.writesIdle ? service.timeouts.idle : configuration.limits.upgradeIdleTimeout)
    return made
  }

  private static func rule(_ service: ConfiguredService) -> RetryRule {
    let conditions = service.retries.conditions ?? Retries.conditions(of: service.kind)
    var rule = RetryRule()
    rule.repeatsAll = service.kind.isModelServer
    rule.onConnectFailure = conditions.contains(.connectFailure)
    rule.onReset = conditions.contains(.reset)
    rule.onResponseTimeout = conditions.contains(.responseTimeout)
    for case .status(let code) in conditions { rule.insert(status: code) }
    // gRPC's word for 503.
    rule.onUnavailable = service.retries.conditions == nil || rule.covers(503)
    return rule
  }

  private func security(
    _ service: ConfiguredService
  ) throws(SetupError) -> (trust: ClientContext.Trust, identity: Credential?)? {
    do throws(SetupError) {
      let trust = try Self.trust(service)
      // Roots that hold nothing would only show at the first handshake.
      if !service.tls.roots.isEmpty {
        do throws(ContextError) { _ = try ClientContext(trust: trust) } catch {
          throw .configuration(configuration.error(at: service.origin, "tls.roots: \(error)").description)
        }
      }
      return (trust, try identity(service))
    } catch {
      guard let lenience else { throw error }
      return lenience.security(service, error)
    }
  }

  /// Who we are to a service's backends.
  func identity(_ service: ConfiguredService) throws(SetupError) -> Credential? {
    guard let files = service.tls.identity else { return nil }
    return try Credentials.load(files, configuration)
  }

  static func trust(_ service: ConfiguredService) throws(SetupError) -> ClientContext.Trust {
    var extra: [[UInt8]] = []
    for path in service.tls.roots { extra.append(try IssuerFactory.read(path)) }
    return ClientContext.Trust(
      system: extra.isEmpty, extraPEM: extra, verifies: service.tls.verifies)
  }
}

extension ConfiguredService {
  /// The PROXY header for its backends, as the proxy names it.
  var proxyVersion: ProxyProtocol.Version? {
    switch sendProxy {
    case .v1: .v1
    case .v2: .v2
    case nil: nil
    }
  }
}
