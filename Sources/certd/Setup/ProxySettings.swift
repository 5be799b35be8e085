import ACME
import APIKeys
import Configuration
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
  /// What is known of keys with limits.
  var keys = KeyStore()

  func make() async throws(SetupError) -> Proxy.Settings {
    var settings = Proxy.Settings()
    settings.listeners = try listeners()
    settings.limits = limits()
    settings.accessLog = Logging.access(configuration.log)
    settings.traces = configuration.traces.map { TraceSettings(sample: $0.sample) }
    if configuration.services.contains(where: { $0.rules.affinity != nil }) {
      settings.affinitySecret = .init(backends.affinitySecret)
    }
    settings.trustedProxies = configuration.trustedProxies
    settings.forwarding = configuration.forwarding
    await backends.prepare(configuration.services.flatMap(\.backends).map(\.address))
    for service in configuration.services { settings.services.append(try await self.service(service)) }
    if configuration.routes.contains(where: \.answersItself),
      !settings.services.contains(where: { !$0.isPassage })
    {
      // Where nobody asks a service there need be none.
      settings.services.append(Proxy.Settings.Service(name: "", backends: []))
    }
    let groups = try keys.load(configuration, lenience)
    for route in configuration.routes {
      let stand = settings.services.firstIndex { !$0.isPassage }
      if let route = try self.route(route, stand, groups) { settings.routes.append(route) }
    }
    try RouteTests.run(configuration, settings)
    return settings
  }

  private func route(
    _ route: Route, _ standIn: Int?, _ groups: [String: KeyGroup]
  ) throws(SetupError) -> Proxy.Settings.Route? {
    guard let service = route.answersItself ? standIn : index(of: route.service.value) else { return nil }
    let hosts = route.hosts.contains { $0.value == .any } ? [] : route.hosts.map(\.value.description)
    var made = Proxy.Settings.Route(hosts: hosts, paths: route.paths.map(\.value), service: service)
    made.match = route.match
    made.rules = route.rules
    made.rules.headers = route.rules.headers.after(configuration.headers)
    if let file = route.files.respond { made.rules.respond?.page.body = try content(file) }
    for (status, file) in route.files.errors { made.rules.errors[status]?.body = try content(file) }
    if let rate = route.rules.limits.requestsPerSecond {
      made.rates = RateTable(requestsPerSecond: rate, burst: route.rules.limits.burst ?? rate)
    }
    made.gate = try gate(route)
    (made.split, made.splitKey) = (targets(route.split), route.splitKey)
    made.models = route.models.map { rule in
      .init(rule.pattern, targets(rule.targets), fallback: targets(rule.fallback))
    }
    if !route.keyGroups.isEmpty {
      made.ring = keys.ring(route.keyGroups.map(\.value), groups)
      made.tokens = keys.door(route.keyGroups.map(\.value), configuration)
    }
    guard let file = route.keyFile else { return made }
    do throws(SetupError) { made.keys = try KeyFile.read(file, configuration) } catch {
      guard let lenience else { throw error }
      made.keys = lenience.keys(made, file, error)
    }
    return made
  }

  /// Who is asked whether requests of a route may go on.
  private func gate(_ route: Route) throws(SetupError) -> RouteGate? {
    switch route.auth {
    case nil: return nil
    case .forward(let forward):
      // What is no URL has been refused.
      return URL(forward.url.value).map { ForwardGate(forward, $0).gate() }
    case .basic(let basic):
      var users: [String: String] = [:]
      do throws(SetupError) { users = try PasswordGate.read(basic.users, configuration) } catch {
        guard let lenience else { throw error }
        lenience.note(users: error)
      }
      return PasswordGate(users, basic).gate()
    }
  }

  /// The content of a file that answers have.
  private func content(_ file: Located<String>) throws(SetupError) -> [UInt8] {
    do throws(SystemError) {
      return try FileSystem().read(
        file.value, limitInBytes: Proxy.Settings.DirectAnswer.maximumBytes, followingLinks: true)
    } catch {
      let problem = SetupError.configuration(
        configuration.error(at: file.origin, "\(error)", hint: "it is read whole, up to 32 KiB").description)
      guard let lenience else { throw problem }
      lenience.note(file: problem)
      return []
    }
  }

  private func targets(_ all: [ModelTarget]) -> [Proxy.Settings.ModelTarget] {
    all.compactMap { target in
      index(of: target.service.value).map { .init(service: $0, model: target.model, weight: target.weight) }
    }
  }

  private func index(of service: String) -> Int? {
    configuration.services.firstIndex { $0.name == service }
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

  /// The limits of the file, cut to what this machine has.
  private func limits() -> Proxy.Limits {
    var limits = configuration.limits
    limits.connections = min(limits.connections, DescriptorBudget.clients)
    limits.bufferMemory = limits.bufferMemory ?? Int(clamping: MemoryLimit.bytes() / 2)
    return limits
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
      one.proxyProtocolFrom = listener.proxyProtocolFrom
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
    let wanted = configuration.acme.http01.address
    guard isManaged, configuration.acme.challenges.contains(.http01),
      configuration.acme.http01.webroot == nil,
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

  private func service(_ service: Service) async throws(SetupError) -> Proxy.Settings.Service {
    guard service.backends.count <= Balancer.maximumBackends else {
      throw .configuration(
        configuration.error(at: service.origin, "at most \(Balancer.maximumBackends) backends are balanced")
          .description)
    }
    let security = try security(service)
    var members: [Proxy.Settings.Backend] = []
    // Without what they are to be trusted by, backends get nothing.
    for backend in security == nil ? [] : service.backends {
      let weight = await backends.weight(service.name, backend.address) ?? backend.weight
      for known in await backends.candidates(service: service.name, backend.address) {
        var member = Proxy.Settings.Backend(
          key: known.key, address: known.address,
          tlsHost: service.protocol.isSecure ? known.host : nil, trust: security?.trust ?? .init(),
          tlsServerName: service.tls.serverName, tlsIdentity: security?.identity,
          http2: service.protocol.isHTTP2,
          status: known.status, weight: weight * known.share)
        member.sendProxy = service.sendProxy
        member.isOpaque = service.protocol.isPassage
        member.host = service.authority(of: backend)
        member.isOneOfSeveral = known.isOneOfSeveral
        member.group = backend.group
        members.append(member)
      }
    }
    var made = Proxy.Settings.Service(
      name: service.name, backends: Array(members.prefix(Balancer.maximumBackends)), rules: service.rules,
      room: await backends.room(service: service.name),
      state: await backends.state(service: service.name))
    made.isPassage = service.protocol.isPassage
    made.groups = service.groups.map { group in
      let isElsewhere = configuration.zone != nil && group.zone != nil && group.zone != configuration.zone
      return .init(priority: group.priority, weight: group.weight, isElsewhere: isElsewhere)
    }
    return made
  }

  private func security(
    _ service: Service
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
  func identity(_ service: Service) throws(SetupError) -> Credential? {
    guard let files = service.tls.identity else { return nil }
    return try Credentials.load(files, configuration)
  }

  static func trust(_ service: Service) throws(SetupError) -> ClientContext.Trust {
    var extra: [[UInt8]] = []
    for path in service.tls.roots { extra.append(try IssuerFactory.read(path)) }
    return ClientContext.Trust(
      system: extra.isEmpty, extraPEM: extra, verifies: service.tls.verify)
  }
}
