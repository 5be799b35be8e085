internal import Bytes
internal import HTTP
internal import JSON

/// One exchange with a service that gives out tokens, tried again as any other call.
struct TokenCall: Sendable {
  let transport: any Transport
  let environment: Environment

  /// Seconds for one try.
  static let seconds = 30.0
  /// The longest life of a token that is believed, in seconds: half a day.
  static let maximumLifetimeSeconds: Int64 = 43_200

  /// Sends a form (RFC 6749 §4) and reads the JSON object that comes back.
  func form(_ url: URL, _ members: [(String, String)], fields: Fields = [], step: String)
    async throws(GCPError)
    -> JSONValue
  {
    var request = HTTP.Request("POST", url, fields: fields)
    request.fields.add("Content-Type", "application/x-www-form-urlencoded")
    request.body = Array(
      members.map { "\($0)=\(percentEncoded($1))" }.joined(separator: "&").utf8)
    return try await json(request, step: step)
  }

  /// Sends a request and reads the JSON object that comes back.
  func json(_ request: HTTP.Request, step: String) async throws(GCPError) -> JSONValue {
    let response = try await send(request, step: step)
    guard let value = try? JSONValue(parsing: response.body), case .object = value else {
      throw GCPError(step, .unusable("\(response.status) without a JSON object"))
    }
    return value
  }

  /// Sends a request until it succeeds, is refused, or was tried often enough.
  func send(
    _ request: HTTP.Request, step: String, deadlineSeconds: Double = seconds
  ) async throws(GCPError) -> HTTP.Response {
    guard request.url.scheme == .https || Self.mayBePlain(request.url) else {
      throw GCPError(step, .credentials("\(request.url.authority) is not asked without TLS"))
    }
    var request = request
    request.fields.add("Accept", "application/json")
    var policy = RetryPolicy(Limits())
    let start = environment.uptime()
    while true {
      if Task.isCancelled { throw GCPError(step, .cancelled) }
      let cause: GCPError.Cause
      var retryAfterSeconds: Double?
      do throws(TransportError) {
        let response = try await transport.send(request, deadlineSeconds: deadlineSeconds)
        if (200..<300).contains(response.status) { return response }
        cause = .refused(Problem(status: response.status, body: response.body))
        retryAfterSeconds = retryAfter(response.fields["Retry-After"], now: environment.now())
      } catch { cause = error.kind == .cancelled ? .cancelled : .transport(error) }
      let decision = policy.decide(
        after: cause, retryAfter: retryAfterSeconds, elapsed: environment.uptime() - start,
        random: environment.random())
      guard case .again(let seconds) = decision else { throw GCPError(step, cause) }
      environment.retrying(GCPError(step, cause), seconds)
      do { try await environment.sleep(seconds) } catch { throw GCPError(step, .cancelled) }
    }
  }

  /// Tokens go over TLS, but for the metadata server, which is the host itself, and this machine.
  private static func mayBePlain(_ url: URL) -> Bool {
    url.isOnThisMachine || url.target.hasPrefix("/computeMetadata/")
  }

  /// The token in an answer of RFC 6749 §5.1.
  func token(_ answer: JSONValue, step: String) throws(GCPError) -> AccessToken {
    guard let value = answer["access_token"]?.string, Self.isToken(value) else {
      throw GCPError(step, .unusable("there is no access_token in it"))
    }
    let lifetime = min(max(0, answer["expires_in"]?.int ?? 3600), Self.maximumLifetimeSeconds)
    return AccessToken(value, expires: environment.now() + lifetime)
  }

  /// Whether a text can stand in a header field.
  static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
  }
}
