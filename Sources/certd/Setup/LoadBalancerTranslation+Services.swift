import Configuration
import GCP
import Proxy
import Upstream

/// Services and their backends in Google's terms.
extension LoadBalancerTranslation {
  /// Requests a second of an endpoint from which on a group is full, when the file says nothing.
  static let defaultRate = 1000.0
  /// Connections of an endpoint from which on a group is full, when the file says nothing.
  static let defaultConnections = 10_000
  /// Share of CPU from which on an instance group is full, when the file says nothing: Google's own.
  static let defaultUtilization = 0.8

  func service(_ service: Service) -> ChainService {
    let groups = self.groups(of: service)
    let isInternet = !groups.isEmpty && groups.allSatisfy(\.isOutside)
    if groups.contains(where: \.isOutside), !isInternet || groups.count > 1 {
      error(
        service.origin, "a group on the internet stands alone behind a service of Google's",
        "give the service one group")
    }
    checkMixture(groups, service)
    checkWhatStays(service)
    checkLeftovers(service)
    var sendsHeader = false
    switch (service.sendProxy, balancer.kind) {
    case (nil, _): break
    case (.v1?, .ssl): sendsHeader = true
    case (.v2?, .ssl):
      error(service.origin, "Google sends the PROXY header of version 1", "set send_proxy: v1")
    default: error(service.origin, "an https load balancer sends no PROXY header", "remove send_proxy")
    }
    let isHTTP = !service.protocol.isPassage
    // Google reads no prompts: what comes nearest.
    let policy = service.rules.policy == .roundRobin ? "ROUND_ROBIN" : "LEAST_REQUEST"
    var made = ChainService(
      name: service.name, wire: wire(service), timeoutSeconds: timeout(service),
      localityPolicy: isHTTP && !isInternet ? policy : nil, groups: groups,
      health: isInternet ? nil : health(service), portName: portName(service), sendsProxyHeader: sendsHeader,
      sessionAffinity: affinity(service))
    made.outlierDetection = outliers(service)
    return made
  }

  /// What the balancer says, else the service: Google knows addresses and cookies of its own.
  private func affinity(_ service: Service) -> String? {
    guard balancer.sessionAffinity == nil, let written = service.rules.affinity else { return affinity }
    switch written.source {
    case .address: return "CLIENT_IP"
    case .cookie:
      warn(service.origin, "Google keeps clients by a cookie of its own name (GCLB)")
      return "GENERATED_COOKIE"
    case .header, .key:
      error(
        service.origin, "affinity by a header or a key is not carried over to Google",
        "use affinity: address or a cookie, or say gcp.load_balancer.session_affinity")
      return nil
    }
  }

  private var affinity: String? {
    switch balancer.sessionAffinity {
    case nil: nil
    case .some(.none): "NONE"
    case .clientIP: "CLIENT_IP"
    case .cookie: "GENERATED_COOKIE"
    }
  }

  /// Instances are measured by what they do as a whole, endpoints one by one: Google takes no mixture.
  private func checkMixture(_ groups: [ChainGroup], _ service: Service) {
    let kinds = Set(
      groups.map { group in
        if case .existing(let link) = group.place { link.collection } else { "networkEndpointGroups" }
      })
    guard kinds.count > 1 else { return }
    error(
      service.origin, "Google takes no instance groups beside network endpoint groups in one backend service",
      "make a service of each kind")
  }

  private func wire(_ service: Service) -> ChainService.Wire {
    switch service.protocol {
    case .http1: .http
    case .https: .https
    case .h2: .h2
    case .h2c: .h2c
    case .tcp: .tcp
    case .tls: .ssl
    }
  }

  /// Tells what of a service Google does otherwise, or not at all.
  private func checkWhatStays(_ service: Service) {
    if service.tls.identity != nil {
      error(service.origin, "Google shows backends no certificate of this configuration", "remove tls.cert")
    }
    if service.protocol.isSecure, service.tls.verify {
      warn(service.origin, "Google encrypts to the backends without verifying their certificates")
    }
    if let group = service.groups.first(where: { !$0.origin.path.isEmpty }) {
      error(
        group.origin, "groups are not carried over to Google, whose own stand elsewhere",
        "name them under gcp.load_balancer.groups, and the backends under services.\(service.name).backends")
    }
    if service.rules.compression != nil { warn(service.origin, "compression is not carried over to Google") }
    if service.rules.maxRequestsPerBackend != nil {
      warn(
        service.origin, "max_requests_per_backend and queue are not carried over to Google",
        "set max_rate of its groups")
    }
    if let source = service.source {
      error(
        service.origin, "backends from \(source.word) are not carried over to Google",
        "list them under services.\(service.name).backends")
    }
    if service.rules.circuitBreakers.areSet {
      error(
        service.origin, "circuit_breakers are not carried over to Google's load balancer",
        "remove them from services.\(service.name), or set max_rate of its groups")
    }
    if service.rules.maxConnections != nil {
      warn(service.origin, "max_connections is not carried over to Google", "set max_rate of its groups")
    }
  }

  /// Google has one limit for a whole response; see the key's documentation.
  private func timeout(_ service: Service) -> Int {
    if let timeout = balancer.timeout { return seconds(timeout) }
    if service.protocol.isPassage {
      return service.rules.tunnelIdle == .never ? Self.unlimitedSeconds : seconds(service.rules.tunnelIdle)
    }
    let (head, first) = (service.rules.timeouts.responseHead, service.rules.timeouts.firstByte)
    guard head != .never, first != .never else { return Self.unlimitedSeconds }
    return min(Self.unlimitedSeconds, seconds(head) + seconds(first))
  }

  // MARK: Groups

  private func groups(of service: Service) -> [ChainGroup] {
    if let written = balancer.services.first(where: { $0.service == service.name }) {
      return written.groups.map { group($0, service) }
    }
    guard service.backends.count == 1, let backend = service.backends.first, backend.address.isPublic else {
      error(
        service.origin, "nothing says where Google's load balancer finds its backends",
        "add \(service.name) under gcp.load_balancer.groups")
      return []
    }
    return [ChainGroup(.made(internetGroup(service, nil, backend.origin)), .none)]
  }

  private func group(_ group: LoadBalancerGroup, _ service: Service) -> ChainGroup {
    let isHTTP = !service.protocol.isPassage
    if isHTTP, group.maxConnections != nil {
      error(group.origin, "max_connections counts behind tcp and tls", "set max_rate or max_utilization")
    }
    if !isHTTP, group.maxRate != nil {
      error(group.origin, "max_rate counts requests, which \(service.protocol.rawValue) has not")
    }
    let place: ChainGroup.Place
    var isInstances = false
    switch group.place {
    case .instanceGroup(let path):
      isInstances = true
      place = .existing(link(path))
    case .endpointGroup(let path): place = .existing(link(path))
    case .made(let made): place = .made(self.made(made, service, group.origin))
    }
    let made = ChainGroup(place, .none)
    if made.isOutside {
      if group.maxRate ?? group.maxConnections != nil {
        error(group.origin, "Google measures no load of a group on the internet", "remove the limit")
      }
      return made
    }
    return ChainGroup(place, capacity(group, isHTTP: isHTTP, isInstances: isInstances))
  }

  private func capacity(
    _ group: LoadBalancerGroup, isHTTP: Bool, isInstances: Bool
  ) -> ChainGroup.Capacity {
    if isInstances {
      if let rate = group.maxRate { return .ratePerInstance(Double(rate)) }
      if let count = group.maxConnections { return .connectionsPerInstance(count) }
      return .utilization(group.maxUtilization ?? Self.defaultUtilization)
    }
    return isHTTP
      ? .ratePerEndpoint(group.maxRate.map(Double.init) ?? Self.defaultRate)
      : .connectionsPerEndpoint(group.maxConnections ?? Self.defaultConnections)
  }

  private func made(_ made: MadeEndpointGroup, _ service: Service, _ origin: Origin) -> ChainEndpoints {
    guard let zone = made.zone else { return internetGroup(service, made.type, origin) }
    let kind = zonalKind(made, service, origin)
    var endpoints: [ChainEndpoints.Endpoint] = []
    for backend in service.backends {
      if backend.weight != 1 {
        error(backend.origin, "Google weighs no single endpoints", "remove weight, or make groups of them")
      }
      guard case .tcp(let host, let port) = backend.address else {
        error(backend.origin, "Google reaches no Unix socket")
        continue
      }
      guard IPAddress(host) != nil else {
        error(backend.origin, "an endpoint in a zone is an address, not a name", "write the address")
        continue
      }
      guard !host.contains(":") else {
        error(
          backend.origin, "Google's ipAddress of an endpoint holds an IPv4 address, not \(host)",
          "write the machine's IPv4 address")
        continue
      }
      let instance = made.instances[host]
      if kind == .vm, instance == nil {
        error(
          origin, "GCE_VM_IP_PORT needs to know which instance has \(host)",
          "add it to make_neg.instances, or leave out type")
      }
      endpoints.append(.init(address: host, instance: kind == .vm ? instance : nil, port: port))
    }
    return ChainEndpoints(
      kind: kind, zone: zone, network: link("global/networks/\(made.network)"),
      subnetwork: made.subnetwork.map(link), endpoints: endpoints)
  }

  /// Machines of Google's when their instances are named; else a hybrid group, and that is said: its health checks come
  /// from elsewhere, and Google does not check there that the addresses are what they shall be.
  private func zonalKind(
    _ made: MadeEndpointGroup, _ service: Service, _ origin: Origin
  ) -> ChainEndpoints.Kind {
    switch made.type {
    case .vm?: return .vm
    case .some: return .privateAddress
    case nil where !made.instances.isEmpty: return .vm
    case nil:
      warn(
        origin,
        "a hybrid group (NON_GCP_PRIVATE_IP_PORT) is made, which is for machines outside Google Cloud",
        "name the instances of Google's machines under make_neg.instances, or say type: NON_GCP_PRIVATE_IP_PORT"
      )
      return .privateAddress
    }
  }

  /// A group of one public endpoint.
  private func internetGroup(
    _ service: Service, _ wanted: ChainEndpoints.Kind?, _ origin: Origin
  ) -> ChainEndpoints {
    let nothing = ChainEndpoints(kind: .internetName, zone: nil, endpoints: [])
    guard service.backends.count == 1, let backend = service.backends.first else {
      error(origin, "a group on the internet holds one endpoint, the service has \(service.backends.count)")
      return nothing
    }
    guard case .tcp(let host, let port) = backend.address, backend.address.isPublic else {
      error(backend.origin, "the internet does not lead to \(backend.address)", "add the zone that it is in")
      return nothing
    }
    let isAddress = IPAddress(host) != nil
    if let wanted, (wanted == .internetAddress) != isAddress {
      error(origin, "\(host) is no endpoint of type \(wanted.rawValue)", "leave out type")
    }
    return isAddress
      ? ChainEndpoints(kind: .internetAddress, zone: nil, endpoints: [.init(address: host, port: port)])
      : ChainEndpoints(kind: .internetName, zone: nil, endpoints: [.init(name: host, port: port)])
  }

  private func portName(_ service: Service) -> String? {
    let groups = balancer.services.first { $0.service == service.name }?.groups ?? []
    var found: String?
    for group in groups {
      guard case .instanceGroup = group.place else { continue }
      let name = group.namedPort ?? "http"
      if let found, found != name {
        error(group.origin, "a service of Google's has one named port, here \(found) and \(name)")
      }
      found = name
    }
    return found
  }

  // MARK: Health

  private func health(_ service: Service) -> ChainHealth {
    guard let check = service.health else {
      warn(service.origin, "Google insists on a health check: a TCP connection is made")
      return ChainHealth(probe: .tcp)
    }
    var made = ChainHealth(
      probe: probe(service, check), port: check.port,
      intervalSeconds: clamped(seconds(check.interval), ChainHealth.secondsRange),
      healthyThreshold: clamped(check.healthyThreshold, ChainHealth.thresholdRange),
      unhealthyThreshold: clamped(check.unhealthyThreshold, ChainHealth.thresholdRange))
    made.timeoutSeconds = clamped(seconds(check.timeout), 1...made.intervalSeconds)
    let isSame =
      seconds(check.interval) == made.intervalSeconds && check.healthyThreshold == made.healthyThreshold
      && check.unhealthyThreshold == made.unhealthyThreshold
    if !isSame {
      warn(service.origin, "Google's health checks have intervals up to 300 s and thresholds up to 10")
    }
    return made
  }

  private func clamped(_ value: Int, _ range: ClosedRange<Int>) -> Int {
    min(max(value, range.lowerBound), range.upperBound)
  }

  private func probe(_ service: Service, _ check: HealthCheck) -> ChainHealth.Probe {
    switch check.probe {
    case .connect: return .tcp
    case .handshake:
      warn(service.origin, "Google's health check makes a TCP connection, and no TLS handshake")
      return .tcp
    case .command:
      error(
        service.origin, "Google runs no command to check health", "remove health.command, or set a path")
      return .tcp
    case .grpc(let name): return .grpc(service: name, tls: service.protocol.isSecure)
    case .get(let path, let range, let body):
      let expect = check.statuses.first { $0.contains(200) } ?? check.statuses.first ?? range
      // Any answer at all, as certd asks of servers without a health path, is what a connection shows.
      if expect.lowest < 200, expect.highest >= 400 { return .tcp }
      guard expect.contains(200) else {
        error(
          service.origin, "Google's health check takes 200 alone, the service's expects \(expect)",
          "choose another path")
        return .tcp
      }
      if service.protocol == .h2c {
        warn(
          service.origin, "Google checks no path in clear HTTP/2: a TCP connection is made", "set grpc: true")
        return .tcp
      }
      if expect.lowest != expect.highest {
        warn(service.origin, "Google's health check takes 200 alone, not \(expect)")
      }
      return .get(
        wire: wire(service), path: path,
        response: check.text ?? (body == .modelAvailable ? #""AVAILABLE""# : ""))
    }
  }
}

extension ChainGroup {
  /// Whether Google reaches it over the internet or without servers: without zone, measure and health check.
  var isOutside: Bool {
    switch place {
    case .made(let made): return made.kind.isInternet
    case .existing(let link):
      guard link.collection == "networkEndpointGroups" else { return false }
      if case .zone = link.scope { return false }
      return true
    }
  }
}
