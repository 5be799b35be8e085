internal import JSON

extension ChainSettings {
  /// Everything that the chain is made of, what others refer to first. Pure: the same settings give the same
  /// resources. Certificates are not among them: they are uploaded by the push.
  public func desired(project: String) -> [ChainResource] {
    let all = derived(project: project)
    if names.isEmpty { return all }
    var links: [String: String] = [:]
    let renamed = all.map { resource -> ChainResource in
      guard let name = names["\(resource.kind.collection)/\(resource.name)"] else { return resource }
      let made = ChainResource(
        resource.kind, resource.scope, name, body: resource.body, endpoints: resource.endpoints,
        isShared: resource.isShared)
      links[ResourceLink(resource.label, project: project).computeURL] =
        ResourceLink(made.label, project: project).computeURL
      return made
    }
    return renamed.map { resource in
      var resource = resource
      resource.body = resource.body.replacing(links)
      return resource
    }
  }

  /// The name of one of the chain's resources.
  func name(of kind: ChainKind, _ usual: String) -> String { names["\(kind.collection)/\(usual)"] ?? usual }

  private func derived(project: String) -> [ChainResource] {
    func link(_ kind: ChainKind, _ name: String) -> String {
      ResourceLink("\(scope)/\(kind.collection)/\(name)", project: project).computeURL
    }
    let used = Set(routes.map(\.service))
    let wanted = services.filter { used.contains($0.name) }
    var resources: [ChainResource] = []
    for service in wanted {
      resources += groups(of: service, project)
      if let check = service.health { resources.append(healthCheck(of: service, check)) }
    }
    for service in wanted { resources.append(backendService(service, project, link)) }
    func serviceName(_ name: String) -> String { ChainName.make(self.name, name) }
    let front: (kind: ChainKind, name: String)
    switch kind {
    case .https:
      let map = ChainURLMap(settings: self) { link(.backendService, serviceName($0)) }
      resources.append(resource(.urlMap, ChainName.make(name, "map"), map.body()))
      front = (.httpsProxy, ChainName.make(name, "proxy"))
      resources.append(
        resource(
          front.kind, front.name,
          withCertificates([
            "urlMap": .string(link(.urlMap, ChainName.make(name, "map"))),
            "sslPolicy": sslPolicy.map { .string($0.computeURL) } ?? .null,
          ])))
    case .ssl:
      let service = wanted.first
      front = (.sslProxy, ChainName.make(name, "ssl-proxy"))
      resources.append(
        resource(
          front.kind, front.name,
          withCertificates([
            "service": .string(link(.backendService, serviceName(service?.name ?? ""))),
            "sslPolicy": sslPolicy.map { .string($0.computeURL) } ?? .null,
            "proxyHeader": service?.sendsProxyHeader == true ? "PROXY_V1" : "NONE",
          ])))
    }
    resources.append(
      ChainResource(
        .address, scope, address,
        body: region == nil
          ? ["description": mark, "ipVersion": "IPV4", "labels": labels]
          : ["description": mark, "addressType": "EXTERNAL", "labels": labels],
        isShared: true))
    resources.append(rule("https", 443, link(front.kind, front.name), link(.address, address)))
    if redirects, kind == .https { resources += redirect(link) }
    if let ipv6Address, region == nil {
      resources.append(
        ChainResource(
          .address, scope, ipv6Address, body: ["description": mark, "ipVersion": "IPV6", "labels": labels],
          isShared: true))
      let holder = link(.address, ipv6Address)
      resources.append(rule("https-ipv6", 443, link(front.kind, front.name), holder))
      if redirects, kind == .https {
        resources.append(rule("http-ipv6", 80, link(.httpProxy, ChainName.make(name, "redirect")), holder))
      }
    }
    return resources
  }

  /// A proxy's members with what it presents: a map, or the certificates themselves.
  private func withCertificates(_ members: JSONValue) -> JSONValue {
    var members = members
    if let certificateMap {
      members["certificateMap"] = .string(certificateMap.reference)
    } else {
      members["sslCertificates"] = JSONValue(certificates.map(\.reference))
    }
    return members
  }

  private var mark: JSONValue { .string(ChainMark.description(name, installation: installation)) }
  private var labels: JSONValue { [ChainMark.label: .string(name)] }
  private static let scheme: JSONValue = "EXTERNAL_MANAGED"

  private func resource(_ kind: ChainKind, _ name: String, _ members: JSONValue) -> ChainResource {
    var body = members
    body["description"] = mark
    return ChainResource(kind, scope, name, body: body)
  }

  private func rule(
    _ word: String, _ port: Int, _ target: String, _ address: String
  ) -> ChainResource {
    var body: JSONValue = [
      "description": mark, "labels": labels, "loadBalancingScheme": Self.scheme, "IPProtocol": "TCP",
      "IPAddress": .string(address), "portRange": .string("\(port)-\(port)"), "target": .string(target),
    ]
    if let network, region != nil { body["network"] = .string(network.computeURL) }
    return ChainResource(.forwardingRule, scope, ChainName.make(name, word), body: body)
  }

  /// Port 80: a URL map that only redirects, as our own listeners do, with status 308.
  private func redirect(_ link: (ChainKind, String) -> String) -> [ChainResource] {
    let map = ChainName.make(name, "redirect")
    let redirect: JSONValue = [
      "httpsRedirect": true, "redirectResponseCode": "PERMANENT_REDIRECT", "stripQuery": false,
    ]
    return [
      resource(
        .urlMap, map,
        [
          "defaultUrlRedirect": redirect, "defaultService": .null, "defaultRouteAction": .null,
          "hostRules": .null, "pathMatchers": .null,
        ]),
      resource(.httpProxy, map, ["urlMap": .string(link(.urlMap, map))]),
      rule("http", 80, link(.httpProxy, map), link(.address, address)),
    ]
  }

  // MARK: Backends

  private func groupName(_ service: ChainService, _ made: ChainEndpoints) -> String {
    ChainName.make([name, service.name, made.zone, made.kind.word].compactMap(\.self).joined(separator: "-"))
  }

  private func groups(of service: ChainService, _ project: String) -> [ChainResource] {
    service.groups.compactMap { group in
      guard case .made(let made) = group.place else { return nil }
      var body: JSONValue = ["description": mark, "networkEndpointType": .string(made.kind.rawValue)]
      if let network = made.network { body["network"] = .string(network.computeURL) }
      if let subnetwork = made.subnetwork { body["subnetwork"] = .string(subnetwork.computeURL) }
      let endpoints: [JSONValue] = made.endpoints.map { endpoint in
        var json: JSONValue = ["port": JSONValue(Int(endpoint.port))]
        if let address = endpoint.address { json["ipAddress"] = .string(address) }
        if let fqdn = endpoint.name { json["fqdn"] = .string(fqdn) }
        if let instance = endpoint.instance { json["instance"] = .string(instance) }
        return json
      }
      return ChainResource(
        .endpointGroup, made.zone.map { .zone($0) } ?? scope, groupName(service, made), body: body,
        endpoints: endpoints)
    }
  }

  private func backendService(
    _ service: ChainService, _ project: String, _ link: (ChainKind, String) -> String
  ) -> ChainResource {
    let backends: [JSONValue] = service.groups.map { group in
      let target: String
      switch group.place {
      case .existing(let existing): target = existing.computeURL
      case .made(let made):
        let scope = made.zone.map { .zone($0) } ?? scope
        target =
          ResourceLink("\(scope)/networkEndpointGroups/\(groupName(service, made))", project: project)
          .computeURL
      }
      var backend: JSONValue = ["group": .string(target)]
      for (member, value) in capacity(group.capacity) { backend[member] = value }
      return backend
    }
    var body: JSONValue = [
      "loadBalancingScheme": Self.scheme, "protocol": .string(service.wire.rawValue),
      "timeoutSec": JSONValue(service.timeoutSeconds), "backends": .array(backends),
      "healthChecks": service.health.map { [.string(link(.healthCheck, checkName(service, $0)))] } ?? .null,
      "connectionDraining": ["drainingTimeoutSec": JSONValue(drainSeconds)],
    ]
    if let policy = service.localityPolicy { body["localityLbPolicy"] = .string(policy) }
    if let affinity = service.sessionAffinity { body["sessionAffinity"] = .string(affinity) }
    if let outliers = service.outlierDetection { body["outlierDetection"] = outliers }
    if let port = service.portName { body["portName"] = .string(port) }
    return resource(.backendService, ChainName.make(name, service.name), body)
  }

  /// All members that say how full a group may be: the one that counts, and that the others are not there.
  private func capacity(_ capacity: ChainGroup.Capacity) -> [(String, JSONValue)] {
    var members: [String: JSONValue] = [
      "maxUtilization": .null, "maxRatePerEndpoint": .null, "maxRatePerInstance": .null,
      "maxConnectionsPerEndpoint": .null, "maxConnectionsPerInstance": .null,
    ]
    func number(_ value: Double) -> JSONValue {
      Int64(exactly: value).map { .number("\($0)") } ?? .number("\(value)")
    }
    switch capacity {
    // Google fills in what it likes for endpoints on the internet.
    case .none: return []
    case .utilization(let share):
      members["balancingMode"] = "UTILIZATION"
      members["maxUtilization"] = number(share)
    case .ratePerEndpoint(let rate):
      members["balancingMode"] = "RATE"
      members["maxRatePerEndpoint"] = number(rate)
    case .ratePerInstance(let rate):
      members["balancingMode"] = "RATE"
      members["maxRatePerInstance"] = number(rate)
    case .connectionsPerEndpoint(let count):
      members["balancingMode"] = "CONNECTION"
      members["maxConnectionsPerEndpoint"] = JSONValue(count)
    case .connectionsPerInstance(let count):
      members["balancingMode"] = "CONNECTION"
      members["maxConnectionsPerInstance"] = JSONValue(count)
    }
    members["capacityScaler"] = 1
    return members.sorted { $0.key < $1.key }
  }

  // MARK: Health

  /// The type is part of the name: Google does not change a check's type, and a new name lets the service move.
  private func checkName(_ service: ChainService, _ check: ChainHealth) -> String {
    ChainName.make(name, service.name, check.type.lowercased().replacing("_", with: "-"))
  }

  private func healthCheck(of service: ChainService, _ check: ChainHealth) -> ChainResource {
    resource(
      .healthCheck, checkName(service, check),
      [
        "type": .string(check.type), "checkIntervalSec": JSONValue(check.intervalSeconds),
        "timeoutSec": JSONValue(check.timeoutSeconds),
        "healthyThreshold": JSONValue(check.healthyThreshold),
        "unhealthyThreshold": JSONValue(check.unhealthyThreshold), check.section.name: check.section.members,
      ])
  }
}

extension ChainHealth {
  /// In Google's words.
  var type: String {
    switch probe {
    case .tcp: "TCP"
    case .get(let wire, _, _): wire == .https ? "HTTPS" : wire == .h2 ? "HTTP2" : "HTTP"
    case .grpc(_, let tls): tls ? "GRPC_WITH_TLS" : "GRPC"
    }
  }

  /// The member that says more, and what it says.
  var section: (name: String, members: JSONValue) {
    var members: JSONValue =
      port.map { ["portSpecification": "USE_FIXED_PORT", "port": JSONValue(Int($0))] }
      ?? ["portSpecification": "USE_SERVING_PORT", "port": .null]
    switch probe {
    case .tcp: return ("tcpHealthCheck", members)
    case .get(let wire, let path, let response):
      members["requestPath"] = .string(path)
      members["response"] = response.isEmpty ? .null : .string(response)
      let name = wire == .https ? "httpsHealthCheck" : wire == .h2 ? "http2HealthCheck" : "httpHealthCheck"
      return (name, members)
    case .grpc(let service, let tls):
      members["grpcServiceName"] = service.isEmpty ? .null : .string(service)
      return (tls ? "grpcTlsHealthCheck" : "grpcHealthCheck", members)
    }
  }
}

extension JSONValue {
  /// The value with some of its strings replaced, at any depth.
  fileprivate func replacing(_ texts: [String: String]) -> JSONValue {
    switch self {
    case .string(let text): .string(texts[text] ?? text)
    case .array(let elements): .array(elements.map { $0.replacing(texts) })
    case .object(let members): .object(members.mapValues { $0.replacing(texts) })
    default: self
    }
  }
}
