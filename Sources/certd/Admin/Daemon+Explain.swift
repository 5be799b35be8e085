import APIKeys
import Bytes
import Configuration
import JSON
import OS
import Proxy

// Where a request would go, asked of the code that sends them. Prompts are read, and neither kept, logged nor echoed.
extension Daemon {
  private static let members = [
    "method", "host", "path", "headers", "model", "prompt", "body", "client", "key_id",
  ]

  /// Answers POST /explain.
  func explain(_ request: AdminRequest) async -> AdminAnswer {
    guard let asked = request.json, case .object(let members) = asked else {
      return .error(400, "bad_request", "write a JSON object: {\"path\": …, \"model\": …, \"prompt\": …}")
    }
    if let other = members.keys.sorted().first(where: { !Self.members.contains($0) }) {
      return .error(
        400, "bad_request", "\(other) is not known; there are \(Self.members.joined(separator: ", "))")
    }
    for (name, value) in members.sorted(by: { $0.key < $1.key }) where name != "headers" && value != .null {
      guard value.string != nil else { return .error(400, "bad_request", "\(name) has to be a text") }
    }
    let question: RouteQuestion
    switch read(asked) {
    case .success(let made): question = made
    case .failure(let problem): return .error(400, "bad_request", problem.text)
    }
    guard let found = await proxy.explain(question) else {
      return .error(400, "bad_request", "this cannot be sent as a request: look at path, host and headers")
    }
    var out = found.json(plan)
    if let id = asked["key_id"]?.string {
      guard let (key, groupLimits) = keys.records().first(where: { $0.key.id == id || $0.key.name == id })
      else {
        return .error(404, "no_such_key", "there is no key \(id); certd key list shows them")
      }
      out["key"] = standing(key, groupLimits, found)
    }
    return .json(out)
  }

  private struct Problem: Error { let text: String }

  private func read(_ asked: JSONValue) -> Result<RouteQuestion, Problem> {
    let path = asked["path"]?.string ?? (asked["model"] == nil ? "/" : "/v1/chat/completions")
    let first = plan.configuration.routes.lazy.compactMap { $0.hosts.first?.value }.first
    let host = asked["host"]?.string ?? first.map { $0 == .any ? "localhost" : "\($0)" } ?? "localhost"
    var question = RouteQuestion(method: asked["method"]?.string ?? "GET", host: host, target: path)
    if let body = asked["body"]?.string {
      question.content = Array(body.utf8)
      question.method = asked["method"]?.string ?? "POST"
    } else if asked["model"] != nil || asked["prompt"] != nil {
      guard let model = asked["model"]?.string else {
        return .failure(Problem(text: "a prompt is for a model: name it"))
      }
      question = RouteQuestion(host: host, target: path, model: model, prompt: asked["prompt"]?.string ?? "")
    }
    for (name, value) in (asked["headers"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard let text = value.string else {
        return .failure(Problem(text: "headers.\(name) has to be a text"))
      }
      let isOurs = ["host", "content-length", "transfer-encoding", "expect"].contains(name.lowercased())
      guard !isOurs else {
        return .failure(Problem(text: "headers.\(name) is written by the request itself"))
      }
      question.fields.append((name, text))
    }
    if let client = asked["client"]?.string { question.client = client }
    return .success(question)
  }

  /// What limits would hold for a key.
  private func standing(_ key: KeyRecord, _ groupLimits: KeyLimits, _ found: RouteExplanation) -> JSONValue {
    let now = Self.wallMilliseconds
    let groups = found.route.map { plan.configuration.routes[$0].keyGroups.map(\.value) } ?? []
    var refusals: [String] = []
    if !groups.contains(key.group) { refusals.append("the route does not take keys of group \(key.group)") }
    if key.revoked != nil { refusals.append("it is revoked") }
    if let expires = key.expires, expires < World.now() { refusals.append("it has ended") }
    if let model = found.model, !key.models.isEmpty, !key.models.contains(where: { Self.covers($0, model) }) {
      refusals.append("it is not for \(model)")
    }
    func limits(_ limits: KeyLimits, _ id: String) -> JSONValue {
      let standing = keys.usages.usage(.init(group: key.group, id: id)).standing(limits, now: now)
      if limits.requestsPerMinute != nil, standing.requests == 0 {
        refusals.append("no requests are left in this minute")
      }
      if limits.tokensPerMinute != nil, standing.tokens == 0 {
        refusals.append("no tokens are left in this minute")
      }
      var out: JSONValue = [:]
      if let most = limits.requestsPerMinute {
        out["requests_per_minute"] = ["limit": JSONValue(most), "left": JSONValue(standing.requests)]
      }
      if let most = limits.tokensPerMinute {
        out["tokens_per_minute"] = ["limit": JSONValue(most), "left": JSONValue(standing.tokens)]
      }
      if let most = limits.tokensPerDay { out["tokens_per_day"] = ["limit": JSONValue(most)] }
      if let most = limits.tokensPerMonth { out["tokens_per_month"] = ["limit": JSONValue(most)] }
      if let most = limits.concurrent { out["concurrent"] = ["limit": JSONValue(most)] }
      return out
    }
    let (own, ofGroup) = (limits(key.limits, key.id), limits(groupLimits, ""))
    return [
      "id": .string(key.id), "group": .string(key.group), "limits": own, "group_limits": ofGroup,
      "refusals": JSONValue(refusals), "priority": .string(key.priority.word),
    ]
  }

  private static func covers(_ pattern: String, _ model: String) -> Bool {
    pattern.hasSuffix("*") ? model.hasPrefix(pattern.dropLast()) : pattern == model
  }
}

extension RouteExplanation {
  /// As it is told.
  func json(_ plan: Blueprint) -> JSONValue {
    var out: JSONValue = ["worker": JSONValue(worker), "services": .array(services.map { $0.json(plan) })]
    if let route, plan.configuration.routes.indices.contains(route) {
      let one = plan.configuration.routes[route]
      let paths = plan.settings.routes.indices.contains(route) ? plan.settings.routes[route].paths : []
      out["route"] = [
        "number": JSONValue(route + 1), "hosts": JSONValue(one.hosts.map { "\($0.value)" }),
        "paths": JSONValue(paths.map(\.description)), "service": .string(one.service.value),
        "asks_for_key": .bool(one.keyFile != nil || !one.keyGroups.isEmpty),
        "key_groups": JSONValue(one.keyGroups.map(\.value)), "line": JSONValue(one.origin.position.line),
        "match": .string(one.match.description),
      ]
    }
    if let refusal {
      out["refusal"] = [
        "status": JSONValue(refusal.status), "code": .string(refusal.code),
        "message": .string(refusal.reason),
      ]
    }
    if let model { out["model"] = .string(model) }
    if let modelLine { out["model_line"] = .string(modelLine) }
    if model != nil { out["model_from"] = isModelFromHead ? "head" : "content" }
    if let promptTokens { out["prompt_tokens"] = JSONValue(promptTokens) }
    return out
  }
}

extension RouteExplanation.ServiceView {
  func json(_ plan: Blueprint) -> JSONValue {
    var out: JSONValue = [
      "name": .string(name), "reason": .string(reason),
      "choice": choice.map { .string(backends[$0].name) } ?? .null,
      "backends": .array(backends.map(\.json)),
    ]
    if let service = plan.configuration.services.first(where: { $0.name == name }) {
      out["kind"] = .string(service.kind.rawValue)
      out["policy"] = .string(service.policyName)
    }
    if let engineModel { out["engine_model"] = .string(engineModel) }
    if let maximumRequests {
      out["max_requests_per_backend"] = JSONValue(maximumRequests)
      out["queue"] = ["waiting": JSONValue(waiting), "size": JSONValue(queueSize)]
    }
    return out
  }
}

extension RouteExplanation.BackendView {
  var json: JSONValue {
    // Shares of addresses that start slowly are parts of the weight.
    var out: JSONValue = [
      "backend": .string(name), "state": .string(state.rawValue),
      "weight": JSONValue(max(1, weight / BackendRegistry.wholeShare)),
      "warmth_percent": JSONValue(warmth), "ejected_ms": JSONValue(Int(clamping: ejectedMilliseconds)),
      "requests": JSONValue(requests), "load": JSONValue(load), "connections": JSONValue(connections),
      "tokens_in_flight": JSONValue(tokensInFlight), "tokens_per_second": JSONValue(rate),
      "known_tokens": JSONValue(knownTokens), "has_room": .bool(hasRoom),
      "may_have_model": .bool(mayHaveModel),
    ]
    if let waitMicroseconds {
      out["expected_wait_ms"] = .number("\(waitMicroseconds / 1000).\(Self.digits(waitMicroseconds % 1000))")
    }
    if let latencyMicroseconds { out["latency_ms"] = JSONValue(Int(clamping: latencyMicroseconds / 1000)) }
    return out
  }

  private static func digits(_ value: UInt64) -> String {
    String(repeating: "0", count: 3 - String(value).utf8.count) + String(value)
  }
}
