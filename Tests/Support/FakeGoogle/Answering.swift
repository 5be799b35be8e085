import Bytes
import OS
import Synchronization

extension FakeGoogle {
  /// Serves one request; nil cuts the connection.
  func answer(_ request: Exchange.Request) -> Exchange.Answer? {
    state.withLock { state in
      let isAPI = Self.isAPI(request.path)
      let fault = state.faults.next("\(request.method) \(request.path)", isAPI: isAPI)
      switch fault {
      case .dropBefore:
        state.note(request, 0)
        return nil
      case .status(let status, let reason, let message, let retryAfter):
        state.note(request, status)
        var answer = Exchange.Answer.html(status)
        if let reason {
          let failure = Failure(status, reason, message)
          answer = .init(
            status: status, body: failure.body(compute: request.path.hasPrefix("/compute/")).text)
        }
        if let retryAfter { answer.fields.append(("Retry-After", "\(retryAfter)")) }
        return answer
      case .operationError(let code, let message, let status):
        state.world.operationFault = .fail(code: code, message: message, status: status)
      default: break
      }
      var answer = state.answer(request)
      state.world.operationFault = nil
      state.note(request, answer.status)
      if case .dropAfter = fault { return nil }
      if case .truncate = fault { answer.cutAt = answer.body.utf8.count / 2 }
      return answer
    }
  }
}

extension FakeGoogle.State {
  private static let secrets: Set<String> = [
    "privateKey", "pemPrivateKey", "assertion", "refresh_token", "client_secret", "subject_token",
  ]

  mutating func note(_ request: Exchange.Request, _ status: Int) {
    func redacted(_ value: JSON) -> JSON {
      switch value {
      case .object(let members):
        .object(
          Dictionary(
            uniqueKeysWithValues: members.map {
              ($0.key, Self.secrets.contains($0.key) ? "redacted" : redacted($0.value))
            }))
      case .list(let items): .list(items.map(redacted))
      default: value
      }
    }
    let body = JSON.parse(request.body) ?? .null
    journal.append(
      .init(
        method: request.method, path: request.path, query: request.query, body: redacted(body),
        status: status))
  }

  mutating func answer(_ request: Exchange.Request) -> Exchange.Answer {
    let path = request.path.split(separator: "/").map(String.init)
    if request.method != "GET", request.method != "DELETE", !request.hasLength { return .html(411) }
    if request.path == "/" || path.first == "computeMetadata" { return metadata(request, path) }
    let lifetime = world.settings.tokenLifetime
    switch (request.method, request.path) {
    case ("POST", "/token"):
      guard let key = FakeGoogle.accountKey else { return .html(500) }
      let (status, body) = tokens.answer(request.form, key: key, lifetime: lifetime)
      return .init(status: status, body: body.text)
    case ("POST", "/v1/token"):
      let (status, body) = tokens.exchange(request.form, lifetime: lifetime)
      return .init(status: status, body: body.text)
    default: break
    }
    let isCompute = path.starts(with: ["compute", "v1", "projects"])
    do throws(Failure) {
      if request.path.hasSuffix(":generateAccessToken") { return try impersonate(request, lifetime) }
      let isDNS = path.starts(with: ["dns", "v1", "projects"])
      guard isCompute || isDNS || path.starts(with: ["v1", "projects"]) else { return .html(404) }
      var body: JSON = [:]
      if !request.body.isEmpty {
        guard let parsed = JSON.parse(request.body), case .object = parsed else {
          throw Failure(400, "parseError", "Invalid JSON payload received.", canonical: "INVALID_ARGUMENT")
        }
        body = parsed
      }
      if isDNS {
        try tokens.check(request.fields["authorization"])
        let answer = try world.serveDNS(request.method, Array(path.dropFirst(2)), request.query, body)
        return answer.map { .init(body: $0.text) } ?? .html(404)
      }
      return try isCompute ? compute(request, path, body) : manager(request, path, body)
    } catch {
      return .init(status: error.status, body: error.body(compute: isCompute).text)
    }
  }

  private mutating func compute(
    _ request: Exchange.Request, _ path: [String], _ body: JSON
  ) throws(Failure) -> Exchange.Answer {
    let call = ComputeCall(method: request.method, path: path, query: request.query, body: body)
    let isProject = request.method == "GET" && path.count == 4
    guard call != nil || isProject else { return .html(404) }
    try tokens.check(request.fields["authorization"])
    guard path[3] == world.project else {
      throw Failure(404, "notFound", "Failed to find project \(path[3])")
    }
    guard let call else {
      try world.permit("compute.projects.get", on: "projects/\(world.project)")
      return .init(body: JSON.object(["kind": "compute#project", "name": .string(world.project)]).text)
    }
    guard let answer = try world.serve(call) else { return .init(status: 204) }
    return .init(body: answer.text)
  }

  private mutating func manager(
    _ request: Exchange.Request, _ path: [String], _ body: JSON
  ) throws(Failure) -> Exchange.Answer {
    try tokens.check(request.fields["authorization"])
    let answer = try world.serveManager(
      request.method, Array(path.dropFirst()), request.query, body)
    return answer.map { .init(body: $0.text) } ?? .html(404)
  }

  private mutating func impersonate(
    _ request: Exchange.Request, _ lifetime: Int64
  ) throws(Failure) -> Exchange.Answer {
    try tokens.check(request.fields["authorization"])
    guard request.path.contains("/serviceAccounts/\(FakeGoogle.serviceAccount):") else {
      throw .canonical(404, "NOT_FOUND", "Not found; Gaia id not found for email")
    }
    let expiry = UnixTime(seconds: Clock.wallSeconds()) + lifetime
    let answer: JSON = [
      "accessToken": .string(tokens.make(lifetime: lifetime)), "expireTime": .string(expiry.description),
    ]
    return .init(body: answer.text)
  }

  /// Answers as the metadata server of a virtual machine.
  private mutating func metadata(_ request: Exchange.Request, _ path: [String]) -> Exchange.Answer {
    let flavor = [("Metadata-Flavor", "Google")]
    guard world.settings.hasMetadata else { return .html(404) }
    guard request.fields["metadata-flavor"] == "Google" else { return .html(403) }
    let name = path.dropFirst(2).joined(separator: "/")
    let account = "instance/service-accounts/default"
    switch name {
    case "\(account)/token":
      return .init(fields: flavor, body: tokens.grant(world.settings.tokenLifetime).text)
    case "\(account)/email":
      return .init(type: "application/text", fields: flavor, body: FakeGoogle.serviceAccount)
    case "project/project-id":
      return .init(type: "application/text", fields: flavor, body: world.project)
    case "universe/universe-domain", "universe/universe_domain":
      return .init(type: "application/text", fields: flavor, body: "googleapis.com")
    case "": return .init(type: "application/text", fields: flavor, body: "computeMetadata/\n")
    default: return .html(404)
    }
  }
}
