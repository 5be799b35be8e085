internal import JSON

// The URL map and the backend services in our words.
extension ImportedChainReader {
  mutating func readRoutes(_ map: ImportedResource) {
    let matchers = map.members["pathMatchers"]?.elements ?? []
    for rule in map.members["hostRules"]?.elements ?? [] {
      let hosts = rule["hosts"]?.strings.filter(isHost) ?? []
      for odd in rule["hosts"]?.strings ?? [] where !isHost(odd) {
        notes.append("\(map.address): the host \(odd) is neither a name nor *.suffix and not carried")
      }
      guard !hosts.isEmpty, let matcher = matchers.first(where: { $0["name"] == rule["pathMatcher"] }) else {
        continue
      }
      for one in matcher["pathRules"]?.elements ?? [] { add(hosts, one["paths"]?.strings ?? [], one, map) }
      if matcher["routeRules"]?.elements.isEmpty == false {
        notes.append("\(map.address): routeRules of \(hosts.joined(separator: ", ")) are not carried")
      }
      add(hosts, [], matcher, map)
    }
    let names = domains()
    let isWhole = chain.routes.isEmpty
    add(isWhole ? names + ["*"] : ["*"], [], map.members, map)
    for member in ["headerAction", "tests"] where isSet(map.members[member]) {
      notes.append("\(map.address): \(member) is not carried")
    }
  }

  private func isHost(_ text: String) -> Bool {
    let rest = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
    return text == "*" || (!rest.contains("*") && !rest.isEmpty)
  }

  /// A route for what a path rule, a path matcher or the map itself leads to.
  private mutating func add(_ hosts: [String], _ paths: [String], _ rule: JSONValue, _ map: ImportedResource)
  {
    let action = rule["routeAction"] ?? rule["defaultRouteAction"]
    // Our own answer 404, in a map that an earlier certd made.
    if isSet(action?["faultInjectionPolicy"]) { return }
    let place = "\(map.address): \(hosts.joined(separator: ", ")) \(paths.joined(separator: ", "))"
    if isSet(rule["urlRedirect"] ?? rule["defaultUrlRedirect"]) {
      return notes.append("\(place): a redirect is not carried")
    }
    let weighted = action?["weightedBackendServices"]?.elements ?? []
    if weighted.count > 1 { notes.append("\(place): weights are not carried; the first service gets all") }
    for member in ["urlRewrite", "corsPolicy", "retryPolicy", "requestMirrorPolicy", "timeout"]
    where isSet(action?[member]) { notes.append("\(place): \(member) is not carried") }
    if isSet(weighted.first?["headerAction"]) || isSet(rule["headerAction"]) {
      notes.append("\(place): headerAction is not carried; write it as headers of the route")
    }
    let link = rule["service"] ?? rule["defaultService"] ?? weighted.first?["backendService"]
    guard let service = find(link, "backendServices") else {
      if let text = link?.string {
        notes.append("\(place): leads to \(text), which is no backend service of the file")
      }
      return
    }
    chain.routes.append(.init(hosts: hosts, paths: paths.filter { $0 != "/*" }, service: service.name))
  }

  func isSet(_ value: JSONValue?) -> Bool {
    switch value {
    case nil, .null?: false
    case .bool(let flag)?: flag
    case .string(let text)?: !text.isEmpty
    case .array(let elements)?: elements.contains { isSet($0) }
    case .object(let members)?: members.values.contains { isSet($0) }
    case .number(let text)?: text != "0"
    }
  }

  // MARK: Services

  mutating func readServices() {
    var seen: Set<String> = []
    var affinities: Set<String> = []
    for name in chain.routes.map(\.service) where seen.insert(name).inserted {
      guard
        let found = state.resources.first(where: { $0.collection == "backendServices" && $0.name == name })
      else {
        continue
      }
      carried.insert(found.label)
      chain.call(.backendService, ChainName.make(chain.name, name), found.name)
      chain.services.append(service(found))
      affinities.insert(found.members["sessionAffinity"]?.string ?? "NONE")
      chain.timeout = max(chain.timeout, found.members["timeoutSec"]?.int.map { Int($0) } ?? 30)
      let drain =
        found.members["connectionDraining"]?["drainingTimeoutSec"] ?? found.members["drainingTimeoutSec"]
      if let drain = drain?.int { chain.drain = max(chain.drain ?? 0, Int(drain)) }
    }
    switch affinities {
    case ["CLIENT_IP"]: chain.affinity = "client-ip"
    case ["GENERATED_COOKIE"]: chain.affinity = "generated-cookie"
    case ["NONE"], []: break
    default:
      notes.append("sessionAffinity \(affinities.sorted().joined(separator: ", ")) stays as it is at Google")
    }
  }

  private mutating func service(_ found: ImportedResource) -> ImportedChain.Service {
    var service = ImportedChain.Service(name: found.name)
    let protocols = [
      "HTTP": "http1", "HTTPS": "https", "HTTP2": "h2", "H2C": "h2c", "TCP": "tcp", "SSL": "tls",
    ]
    service.proto = protocols[found.members["protocol"]?.string ?? "HTTP"] ?? "http1"
    switch found.members["localityLbPolicy"]?.string ?? "" {
    case "LEAST_REQUEST": service.policy = "least-request"
    case "", "ROUND_ROBIN": break
    case let other: notes.append("\(found.address): localityLbPolicy \(other) becomes ROUND_ROBIN")
    }
    for member in [
      "securityPolicy", "edgeSecurityPolicy", "enableCDN", "iap", "logConfig", "customRequestHeaders",
      "customResponseHeaders", "outlierDetection", "circuitBreakers", "failoverPolicy",
    ]
    where isSet(found.members[member]) {
      notes.append("\(found.address): \(member) stays as it is at Google; certd does not write it")
    }
    let portName = found.members["portName"]?.string
    for backend in found.members["backends"]?.elements ?? [] { add(backend, portName, found, &service) }
    if service.groups.isEmpty {
      notes.append("\(found.address) has no backends in the file: write its groups")
    }
    let link = found.members["healthChecks"]
    if let check = find(link?.strings.first.map { .string($0) } ?? link, "healthChecks") {
      carried.insert(check.label)
      read(check, &service)
    }
    return service
  }

  private mutating func add(
    _ backend: JSONValue, _ portName: String?, _ found: ImportedResource,
    _ service: inout ImportedChain.Service
  ) {
    guard let text = backend["group"]?.string else { return }
    let link = ResourceLink(text, project: "-")
    let isInstances = link.collection == "instanceGroups"
    var group = ImportedChain.Group(key: isInstances ? "instance_group" : "neg", path: link.description)
    if isInstances { group.namedPort = portName }
    func positive(_ members: String...) -> String? {
      members.lazy.compactMap { backend[$0] }.compactMap { value -> String? in
        if case .number(let number) = value, let size = Double(number), size > 0 { number } else { nil }
      }.first
    }
    switch backend["balancingMode"]?.string ?? "" {
    case "RATE":
      let rate = positive("maxRatePerInstance", "maxRatePerEndpoint").flatMap(Double.init)
      if let rate { group.measure = ("max_rate", "\(max(1, Int(exactly: rate.rounded()) ?? .max))") }
      if rate == nil { notes.append("\(found.address): maxRate of \(link.name) as a whole is not carried") }
    case "CONNECTION":
      let count = positive("maxConnectionsPerInstance", "maxConnectionsPerEndpoint")
      let whole = count.flatMap(Double.init).flatMap { Int(exactly: $0.rounded()) }
      if let whole { group.measure = ("max_connections", "\(max(1, whole))") }
    default:
      if isInstances, let share = positive("maxUtilization") { group.measure = ("max_utilization", share) }
    }
    if let scaler = positive("capacityScaler"), Double(scaler) != 1 {
      notes.append("\(found.address): capacityScaler \(scaler) of \(link.name) becomes 1")
    }
    service.groups.append(group)
  }

  private mutating func read(_ check: ImportedResource, _ service: inout ImportedChain.Service) {
    func number(_ member: String, _ usual: Int) -> Int { check.members[member]?.int.map { Int($0) } ?? usual }
    service.interval = number("checkIntervalSec", 5)
    service.timeout = min(service.interval, number("timeoutSec", 5))
    service.healthy = number("healthyThreshold", 2)
    service.unhealthy = number("unhealthyThreshold", 2)
    let kinds = ["http", "https", "http2", "tcp", "ssl", "grpc"]
    guard
      let kind = kinds.first(where: { isSet(check.members["\($0)HealthCheck"]) })
        ?? kinds.first(where: { check.members["type"]?.string == $0.uppercased() })
    else { return }
    let more = check.members["\(kind)HealthCheck"] ?? .object([:])
    if isSet(more["response"]) { notes.append("\(check.address): the expected response is not carried") }
    if let port = more["port"]?.int, port > 0 {
      service.healthPort = "\(port)"
      service.port = "\(port)"
    }
    var made = "tcp"
    switch kind {
    case "http", "https", "http2":
      service.healthPath = more["requestPath"]?.string ?? "/"
      made = ["http1": "http", "https": "https", "h2": "http2"][service.proto] ?? "tcp"
    case "grpc":
      service.grpc = more["grpcServiceName"]?.string ?? ""
      made = "grpc"
    default: break
    }
    guard made == kind else {
      return notes.append(
        "\(check.address) checks by \(kind), certd makes a check of its own by \(made) for \(service.proto)")
    }
    chain.call(.healthCheck, ChainName.make(chain.name, service.name, made), check.name)
  }
}
