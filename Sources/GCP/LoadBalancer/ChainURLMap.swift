internal import JSON

/// The URL map of a chain: our routes' meaning in Google's terms.
///
/// Ours: the most specific host wins, then its most specific path; what no path of a host takes is looked up
/// among the wildcards, then among the routes for every host; else 404. Google's: one path matcher for a host,
/// in it the longest path, else its default. So each matcher holds what its host takes and what it falls back
/// to, and its default is the service for `/*`, or an answer 404 of the load balancer.
struct ChainURLMap {
  let settings: ChainSettings
  /// The link of a backend service by our service's name.
  let link: (String) -> String

  /// What one path leads to.
  private struct Target: Equatable {
    let service: String
    let headers: ChainHeaders
  }

  private struct Rule: Equatable {
    /// `/v1/*` or `/health`.
    let path: String
    let target: Target

    /// Whether everything that another rule takes would come here as well.
    func takes(_ other: String) -> Bool {
      path.hasSuffix("*") ? other.hasPrefix(path.dropLast()) : other == path
    }
  }

  /// The members of the resource beside its name.
  func body() -> JSONValue {
    let hosts = orderedHosts()
    var matchers: [(rules: [Rule], hosts: [String])] = []
    for host in hosts {
      let rules = rules(for: host)
      if let same = matchers.firstIndex(where: { $0.rules == rules }) {
        matchers[same].hosts.append(host)
      } else {
        matchers.append((rules, [host]))
      }
    }
    var hostRules: [JSONValue] = []
    var pathMatchers: [JSONValue] = []
    for matcher in matchers {
      let name = ChainName.make("hosts", matcher.hosts[0] == "*" ? "any" : matcher.hosts[0])
      hostRules.append(["hosts": JSONValue(matcher.hosts), "pathMatcher": .string(name)])
      pathMatchers.append(pathMatcher(name, matcher.rules))
    }
    var body: JSONValue = ["hostRules": .array(hostRules), "pathMatchers": .array(pathMatchers)]
    // Every request for a host that no rule names.
    for (member, value) in nothing() { body[member] = value }
    body["defaultUrlRedirect"] = .null
    return body
  }

  /// All hosts, names before wildcards before `*`, in the order of the routes.
  private func orderedHosts() -> [String] {
    var seen: Set<String> = []
    let all = settings.routes.flatMap(\.hosts).filter { seen.insert($0).inserted }
    func rank(_ host: String) -> Int { host == "*" ? 2 : host.hasPrefix("*") ? 1 : 0 }
    return (0...2).flatMap { wanted in all.filter { rank($0) == wanted } }
  }

  /// What a host takes: its own rules, and those of less specific hosts that its own leave over.
  private func rules(for host: String) -> [Rule] {
    var chain = [host]
    if !host.hasPrefix("*"), let dot = host.firstIndex(of: ".") { chain.append("*\(host[dot...])") }
    if host != "*" { chain.append("*") }
    var rules: [Rule] = []
    for level in chain {
      var own: [Rule] = []
      for route in settings.routes where route.hosts.contains(level) {
        for path in route.paths {
          let rule = Rule(path: path, target: Target(service: route.service, headers: route.headers))
          if !own.contains(where: { $0.path == path }) { own.append(rule) }
        }
      }
      let earlier = rules
      rules += own.filter { rule in !earlier.contains { $0.takes(rule.path) } }
    }
    return rules
  }

  private func pathMatcher(_ name: String, _ rules: [Rule]) -> JSONValue {
    var matcher: JSONValue = ["name": .string(name)]
    let root = rules.first { $0.path == "/*" }
    for (member, value) in root.map({ leads(to: $0.target, "defaultService", "defaultRouteAction") })
      ?? nothing()
    {
      matcher[member] = value
    }
    // Paths that lead to the same place are one rule.
    var groups: [(target: Target, paths: [String])] = []
    for rule in rules where rule.path != "/*" {
      if let same = groups.firstIndex(where: { $0.target == rule.target }) {
        groups[same].paths.append(rule.path)
      } else {
        groups.append((rule.target, [rule.path]))
      }
    }
    let pathRules: [JSONValue] = groups.map { group in
      var rule: JSONValue = ["paths": JSONValue(group.paths), "urlRedirect": .null]
      for (member, value) in leads(to: group.target, "service", "routeAction") { rule[member] = value }
      return rule
    }
    matcher["pathRules"] = pathRules.isEmpty ? .null : .array(pathRules)
    matcher["routeRules"] = .null
    matcher["defaultUrlRedirect"] = .null
    matcher["headerAction"] = .null
    return matcher
  }

  /// The members that lead to a service: it alone, or, when fields are changed, as the only weighted one.
  private func leads(to target: Target, _ service: String, _ action: String) -> [(String, JSONValue)] {
    guard target.headers != .none else {
      return [(service, .string(link(target.service))), (action, .null)]
    }
    let weighted: JSONValue = [
      "backendService": .string(link(target.service)), "weight": 100,
      "headerAction": headerAction(target.headers),
    ]
    return [(service, .null), (action, ["weightedBackendServices": [weighted]])]
  }

  /// The members that answer 404, as certd does for what no route takes. A service is demanded all the same.
  private func nothing() -> [(String, JSONValue)] {
    let first = settings.routes.first?.service ?? settings.services.first?.name ?? ""
    let fault: JSONValue = ["abort": ["httpStatus": 404, "percentage": 100]]
    return [
      ("defaultService", .string(link(first))),
      ("defaultRouteAction", ["faultInjectionPolicy": fault, "weightedBackendServices": .null]),
    ]
  }

  private func headerAction(_ headers: ChainHeaders) -> JSONValue {
    func options(_ fields: [ChainHeaders.Field]) -> JSONValue {
      if fields.isEmpty { return .null }
      return .array(
        fields.map { field in
          ["headerName": .string(field.name), "headerValue": .string(field.value), "replace": true]
        })
    }
    // What is set replaces what was there: removing it as well would only raise the question of order.
    func removals(_ names: [String], _ fields: [ChainHeaders.Field]) -> JSONValue {
      let left = names.filter { name in
        !fields.contains { $0.name.lowercased() == name.lowercased() }
      }
      return left.isEmpty ? .null : JSONValue(left)
    }
    return [
      "requestHeadersToAdd": options(headers.requestSet),
      "requestHeadersToRemove": removals(headers.requestRemove, headers.requestSet),
      "responseHeadersToAdd": options(headers.responseSet),
      "responseHeadersToRemove": removals(headers.responseRemove, headers.responseSet),
    ]
  }
}
