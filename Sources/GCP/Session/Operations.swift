public import JSON

extension Session {
  // MARK: Changing

  /// Makes a resource in a collection; returns when the operation is done. For Certificate Manager the query
  /// names the resource: `["certificateId": "n"]`.
  @discardableResult
  public func insert(
    _ collection: Path, _ resource: JSONValue, query: [String: String] = [:]
  ) async throws(GCPError) -> JSONValue {
    let name = resource["name"]?.string ?? query.values.first
    return try await change(
      "POST", collection, query: query, body: resource,
      step: "creating \(collection)\(name.map { "/\($0)" } ?? "")")
  }

  /// Changes the members given; returns when the operation is done.
  @discardableResult
  public func patch(
    _ path: Path, _ members: JSONValue, query: [String: String] = [:]
  ) async throws(GCPError) -> JSONValue {
    try await change("PATCH", path, query: query, body: members, step: "changing \(path)")
  }

  /// Replaces a resource; returns when the operation is done.
  @discardableResult
  public func update(_ path: Path, _ resource: JSONValue) async throws(GCPError) -> JSONValue {
    try await change("PUT", path, body: resource, step: "replacing \(path)")
  }

  /// A POST that changes something, such as `…/setSslCertificates`; returns when the operation is done.
  @discardableResult
  public func post(_ path: Path, _ body: JSONValue = .object([:])) async throws(GCPError) -> JSONValue {
    try await change("POST", path, body: body, step: "changing \(path)")
  }

  /// Removes a resource; returns when the operation is done. One that is not there any more is a success.
  public func delete(_ path: Path) async throws(GCPError) {
    do throws(GCPError) { try await change("DELETE", path, step: "deleting \(path)") } catch {
      if error.problem?.kind != .notFound { throw error }
    }
  }

  /// Carries a change to the end of its operation, and answers that operation (or the object, when the
  /// interface answers one instead).
  ///
  /// One `requestId` goes with all tries of the call, so that Compute does the thing once. An operation
  /// that was accepted and failed for a passing reason is asked for anew, with another one. Certificate
  /// Manager knows no `requestId` in its version 1: there a try after a lost answer may be told
  /// `alreadyExists`.
  @discardableResult
  public func change(
    _ method: String, _ path: Path, query: [String: String] = [:], body: JSONValue? = nil, step: String
  ) async throws(GCPError) -> JSONValue {
    var policy = RetryPolicy(limits)
    let start = environment.uptime()
    while true {
      var query = query
      if path.api == .compute { query["requestId"] = environment.uuid() }
      let answer = try await call(method, path, query: query, body: body, step: step)
      guard let operation = Operation(answer, of: path, project: project) else { return answer }
      do throws(GCPError) { return try await finish(operation, step) } catch {
        guard case .operationFailed = error.cause else { throw error }
        let decision = policy.decide(
          after: error.cause, retryAfter: nil, elapsed: environment.uptime() - start,
          random: environment.random())
        guard case .again(let seconds) = decision else { throw error }
        environment.retrying(error, seconds)
        try await pause(seconds, step)
      }
    }
  }

  // MARK: Operations

  /// Waits until an operation is done; throws when it failed, or is not done in time.
  private func finish(_ operation: Operation, _ step: String) async throws(GCPError) -> JSONValue {
    var operation = operation
    let start = environment.uptime()
    var wait = limits.firstWaitSeconds
    var isFirst = true
    while !operation.isDone {
      let elapsed = environment.uptime() - start
      guard elapsed < limits.operationSeconds else {
        throw GCPError(
          step,
          .unfinished(
            operation: operation.name, status: operation.status, afterSeconds: Int(clamping: Int64(elapsed))))
      }
      // Compute's `wait` blocks by itself; only when it comes back early is there something to wait for here.
      if !isFirst || operation.api != .compute {
        try await pause(wait, step)
        wait = min(wait * 1.5, limits.longestWaitSeconds)
      }
      isFirst = false
      let answer = try await call(
        operation.api == .compute ? "POST" : "GET", operation.pollPath, step: step, purpose: .poll)
      guard let next = Operation(answer, of: operation.path, project: project) else {
        throw GCPError(step, .unusable("the operation \(operation.name) answers without being one"))
      }
      operation = next
    }
    if let problem = operation.problem {
      throw GCPError(step, .operationFailed(problem, operation: operation.name))
    }
    return operation.json
  }
}

/// A long-running operation of either interface.
struct Operation {
  let json: JSONValue
  let name: String
  /// The call that began it, or the operation's own path: tells interface and scope.
  let path: Path
  let pollPath: Path

  var api: API { path.api }

  /// Nil when the object is no operation.
  init?(_ json: JSONValue, of path: Path, project: String) {
    guard let name = json["name"]?.string else { return nil }
    self.json = json
    self.path = path
    if path.api == .compute {
      guard let kind = json["kind"]?.string ?? json["operationType"]?.string,
        kind == "compute#operation" || json["operationType"] != nil, json["status"] != nil
      else { return nil }
      self.name = name
      // An operation is only found in its own scope.
      let scope: Scope =
        if let zone = json["zone"]?.string {
          .zone(ResourceLink(zone, project: project).name)
        } else if let region = json["region"]?.string {
          .region(ResourceLink(region, project: project).name)
        } else {
          path.scope
        }
      pollPath = Path(.compute, "projects/\(project)/\(scope)/operations/\(name)/wait")
    } else {
      let parts = name.split(separator: "/")
      guard parts.count > 1, parts[parts.count - 2] == "operations" else { return nil }
      self.name = String(parts[parts.count - 1])
      pollPath = Path(path.api, name)
    }
  }

  var isDone: Bool { api == .compute ? json["status"]?.string == "DONE" : json["done"]?.bool == true }

  var status: String { api == .compute ? json["status"]?.string ?? "unknown" : "running" }

  /// Why it failed; HTTP 200 and DONE prove nothing.
  var problem: Problem? {
    if api != .compute { return json["error"].map { Problem(status: $0) } }
    if json["error"] != nil { return Problem(computeOperation: json) }
    guard let status = json["httpErrorStatusCode"]?.int, status >= 400 else { return nil }
    return Problem(computeOperation: json)
  }
}
