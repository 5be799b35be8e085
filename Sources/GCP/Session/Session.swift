// GCP: Google's load balancers and certificates, spoken to over their REST interfaces.
//
// It does not open files or sockets, read a clock or know ACME, renewal or our store: it is given a
// transport, an environment, and certificates as values. It promises: nothing is made twice (`requestId`
// over the tries of a call, names from content), every call ends, an error says what was going on and what
// to do, and neither a private key nor a token is in any error, description or plan.

internal import HTTP
internal import Bytes
public import JSON
internal import Synchronization

/// Calls to one project's resources: tokens, rates, tries and operations are its business. Resources are
/// JSON.
public final class Session: Sendable {
  /// The project's ID.
  public let project: String
  /// Which installation of certd speaks; nil for one without a store.
  public let installation: String?
  /// Time and chance.
  public let environment: Environment
  let endpoints: Endpoints
  let limits: Limits
  private let tokens: TokenCache
  private let transport: any Transport
  private let limiter: RateLimiter
  private let counts = Mutex(CallCounts())
  /// Until when calls are made just once, by the monotonic clock in seconds: nobody could be reached a moment ago.
  private let hurriesUntil = Mutex(-Double.infinity)

  /// How many requests were sent, by what they were for.
  public struct CallCounts: Sendable, Equatable {
    /// Calls of an API, tries included.
    public var calls = 0
    /// Reads of an operation's state.
    public var operationPolls = 0
  }

  /// What is sent with each request, for Google's records.
  private let userAgent: String

  /// A session of one project.
  public init(
    project: String, endpoints: Endpoints = Endpoints(), tokens: TokenCache, transport: any Transport,
    environment: Environment, limits: Limits = Limits(), userAgent: String = "certd",
    installation: String? = nil
  ) {
    self.installation = installation
    self.project = project
    self.endpoints = endpoints
    self.tokens = tokens
    self.transport = transport
    self.environment = environment
    self.limits = limits
    self.userAgent = userAgent
    limiter = RateLimiter(limits)
  }

  /// How many requests were sent so far.
  public var callCounts: CallCounts { counts.withLock { $0 } }

  // MARK: Paths

  /// A Compute path with its scope: `projects/p/global/sslCertificates/n`.
  public func path(_ scope: Scope, _ parts: String...) -> Path {
    Path(.compute, "projects/\(project)/\(scope)/\(parts.joined(separator: "/"))")
  }

  /// A Compute path without a scope, as `targetHttpsProxies/n/setSslCertificates` wants it.
  public func unscopedPath(_ parts: String...) -> Path {
    Path(.compute, "projects/\(project)/\(parts.joined(separator: "/"))")
  }

  /// A path of Certificate Manager: `projects/p/locations/global/certificates/n`.
  public func path(location: String, _ parts: String...) -> Path {
    Path(.certificateManager, "projects/\(project)/locations/\(location)/\(parts.joined(separator: "/"))")
  }

  /// A reference in its comparable form.
  public func link(_ text: String) -> ResourceLink { ResourceLink(text, project: project) }

  // MARK: Reading

  /// Reads one object.
  public func get(_ path: Path, query: [String: String] = [:]) async throws(GCPError) -> JSONValue {
    try await call("GET", path, query: query, step: "reading \(path)")
  }

  /// Reads one object, or nil when it is not there.
  public func find(_ path: Path) async throws(GCPError) -> JSONValue? {
    do throws(GCPError) { return try await get(path) } catch {
      if error.problem?.kind == .notFound { return nil }
      throw error
    }
  }

  /// Reads a whole collection, page by page. `query` may hold `filter` and `fields`; `fields` MUST then name
  /// `nextPageToken` too.
  public func list(_ path: Path, query: [String: String] = [:]) async throws(GCPError) -> [JSONValue] {
    let member =
      path.api == .compute ? "items" : (path.text.split(separator: "/").last.map(String.init) ?? "")
    var found: [JSONValue] = []
    try await pages(path, query) { found += $0[member]?.elements ?? [] }
    return found
  }

  /// Reads a collection over all scopes (`aggregated/…`); `member` is the collection's name.
  public func aggregated(
    _ member: String, query: [String: String] = [:]
  ) async throws(GCPError) -> [JSONValue] {
    var found: [JSONValue] = []
    try await pages(unscopedPath("aggregated", member), query) { page in
      for scope in (page["items"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
        found += scope.value[member]?.elements ?? []
      }
    }
    return found
  }

  private func pages(
    _ path: Path, _ query: [String: String], _ body: (JSONValue) -> Void
  ) async throws(GCPError) {
    var query = query
    query[path.api.pageSizeParameter] = String(limits.pageSize)
    for _ in 0..<limits.pages {
      let page = try await call("GET", path, query: query, step: "listing \(path)")
      body(page)
      guard let next = page["nextPageToken"]?.string, !next.isEmpty else { return }
      query["pageToken"] = next
    }
    throw GCPError("listing \(path)", .unusable("more than \(limits.pages) pages"))
  }

  /// A POST that changes nothing, such as `getHealth` or `listNetworkEndpoints`.
  public func ask(_ path: Path, body: JSONValue = .object([:])) async throws(GCPError) -> JSONValue {
    try await call("POST", path, body: body, step: "asking \(path)")
  }

  // MARK: One call

  /// What a request is counted as.
  enum Purpose { case call, poll }

  /// Carries a call to its answer, trying again as `RetryPolicy` decides.
  func call(
    _ method: String, _ path: Path, query: [String: String] = [:], body: JSONValue? = nil, step: String,
    purpose: Purpose = .call
  ) async throws(GCPError) -> JSONValue {
    guard let url = endpoints.url(path, query: query) else {
      throw GCPError(step, .refusedHere("\(endpoints.base(path.api)) with \(path) makes no URL"))
    }
    guard url.scheme == .https || url.isOnThisMachine else {
      throw GCPError(step, .refusedHere("\(url.authority) is not asked without TLS"))
    }
    var request = HTTP.Request(method, url, fields: [.init("Accept", "application/json")])
    request.fields.add("User-Agent", userAgent)
    if let quotaProject = tokens.quotaProject { request.fields.add("X-Goog-User-Project", quotaProject) }
    if let body {
      request.fields.add("Content-Type", "application/json")
      request.body = Array(body.text.utf8)
    }
    let start = environment.uptime()
    var limits = limits
    if start < hurriesUntil.withLock({ $0 }) { limits.tries = 1 }
    var policy = RetryPolicy(limits)
    var refused: AccessToken?
    while true {
      if Task.isCancelled { throw GCPError(step, .cancelled) }
      let token = try await tokens.token(refused: refused)
      refused = nil
      let (cause, retryAfter): (GCPError.Cause, Double?)
      switch await attempt(request, path.api, token, purpose) {
      case .answer(let value): return value
      case .failed(let reason, let after): (cause, retryAfter) = (reason, after)
      }
      let decision = policy.decide(
        after: cause, retryAfter: retryAfter, elapsed: environment.uptime() - start,
        random: environment.random())
      switch decision {
      case .stop:
        if GCPError.isUnreachable(cause) {
          let until = environment.uptime() + limits.unreachableMemorySeconds
          hurriesUntil.withLock { $0 = until }
        }
        throw GCPError(step, cause)
      case .withNewToken: refused = token
      case .again(let seconds):
        environment.retrying(GCPError(step, cause), seconds)
        try await pause(seconds, step)
      }
    }
  }

  /// Waits; only cancellation ends a wait early.
  func pause(_ seconds: Double, _ step: String) async throws(GCPError) {
    do { try await environment.sleep(seconds) } catch { throw GCPError(step, .cancelled) }
  }

  private enum Outcome {
    case answer(JSONValue)
    case failed(GCPError.Cause, retryAfter: Double?)
  }

  /// One try: room in the rate, the request, its answer.
  private func attempt(
    _ request: HTTP.Request, _ api: API, _ token: AccessToken, _ purpose: Purpose
  ) async -> Outcome {
    let wait = limiter.take(api, at: environment.uptime())
    if wait > 0 {
      do { try await environment.sleep(wait) } catch { return .failed(.cancelled, retryAfter: nil) }
    }
    var request = request
    request.fields.add("Authorization", "Bearer \(token.value)")
    counts.withLock {
      switch purpose {
      case .call: $0.calls += 1
      case .poll: $0.operationPolls += 1
      }
    }
    let response: HTTP.Response
    do throws(TransportError) {
      let deadline = purpose == .poll ? limits.waitCallSeconds : limits.callSeconds
      response = try await transport.send(request, deadlineSeconds: deadline)
    } catch { return .failed(error.kind == .cancelled ? .cancelled : .transport(error), retryAfter: nil) }
    guard (200..<300).contains(response.status) else {
      return .failed(
        .refused(Problem(status: response.status, body: response.body)),
        retryAfter: retryAfter(response.fields["Retry-After"], now: environment.now()))
    }
    if response.body.isEmpty { return .answer(.object([:])) }
    guard let value = try? JSONValue(parsing: response.body), case .object = value else {
      return .failed(.unusable("\(response.status) without a JSON object"), retryAfter: nil)
    }
    return .answer(value)
  }
}

/// A Retry-After field (RFC 9110 §10.2.3) as seconds from now; nil when absent or neither form.
func retryAfter(_ text: String?, now: UnixTime) -> Double? {
  guard let text else { return nil }
  if text.utf8.count <= 9, let seconds = UInt32(text) { return Double(seconds) }
  return UnixTime(httpDate: text).map { Double(max(0, min($0 - now, 1 << 31))) }
}
