internal import Bytes
internal import HTTP
internal import JSON
internal import PKI

/// Sending requests, with everything that can go wrong on the way.
extension Client {
  /// Carries a call to its answer, trying again as `RetryPolicy` decides.
  ///
  /// `recover` is asked after a failure, before the request is repeated or given up: the request may have
  /// taken effect although no good answer came. What it returns is taken for the answer.
  func perform<Value>(
    _ call: Call<Value>, recover: ((Failure) async throws(ACMEError) -> Value?)? = nil
  ) async throws(ACMEError) -> Value {
    environment.stepping(call.step, call.identifier)
    var policy = RetryPolicy(patienceSeconds: options.limits.patienceSeconds)
    while true {
      if Task.isCancelled { throw ACMEError(call.step, .cancelled, identifier: call.identifier) }
      let failure: Failure
      switch await attempt(call) {
      case .answer(let value): return value
      case .failed(let reason): failure = reason
      }
      switch policy.decide(after: failure, now: environment.now(), random: environment.random()) {
      case .stop(let retryAfter):
        if let recover, let value = try await recover(failure) { return value }
        throw error(call, failure, retryAfter)
      case .again(let seconds):
        environment.retrying(error(call, failure, nil), seconds)
        guard seconds > 0 else { continue }
        try await pause(seconds, call.step)
        if let recover, let value = try await recover(failure) { return value }
      }
    }
  }

  /// Reads an object again and again until it is settled, at the CA's pace or ours.
  func poll<Value>(
    _ call: Call<(Value, RetryAfter?)>, what: String, until isSettled: (Value) -> Bool
  ) async throws(ACMEError) -> Value {
    let limits = options.limits
    let deadline = environment.now() + limits.pollSeconds
    var wait = limits.secondPollSeconds
    try await pause(limits.firstPollSeconds, call.step)
    for _ in 0..<limits.polls {
      let (value, retryAfter) = try await perform(call)
      if isSettled(value) { return value }
      let now = environment.now()
      let wished = retryAfter?.seconds(from: now) ?? 0
      guard now < deadline, wished <= limits.patienceSeconds else {
        throw unfinished(call, what, wished > 0 ? now + wished : nil)
      }
      try await pause(wished > 0 ? Double(wished) : wait, call.step)
      wait = min(wait * 1.5, limits.longestPollSeconds)
    }
    throw unfinished(call, what, nil)
  }

  /// Waits; only cancellation ends a wait early.
  func pause(_ seconds: Double, _ step: ACMEError.Step) async throws(ACMEError) {
    do { try await environment.sleep(seconds) } catch { throw ACMEError(step, .cancelled) }
  }

  private enum Outcome<Value> {
    case answer(Value)
    case failed(Failure)
  }

  /// One try: a nonce if one is needed, the request, its answer.
  private func attempt<Value>(_ call: Call<Value>) async -> Outcome<Value> {
    guard call.url.scheme == .https || options.allowsPlainHTTP else {
      return .failed(.local("the CA names a URL without TLS: \(call.url)"))
    }
    let request: Request
    switch call.method {
    case .get: request = unsigned("GET", call.url, accept: call.accept)
    case .head: request = unsigned("HEAD", call.url, accept: call.accept)
    case .post(let payload, let author):
      switch await nonce() {
      case .failed(let failure): return .failed(failure)
      case .answer(let nonce):
        do throws(PKIError) {
          guard let body = try signed(payload, author, nonce, call.url) else {
            return .failed(.refused(status: 401, problem: Self.noAccount, retryAfter: nil))
          }
          request = posted(body, to: call.url, accept: call.accept)
        } catch {
          return .failed(.local("the request could not be signed: \(error)"))
        }
      }
    }
    return await send(request, call.read)
  }

  private func send<Value>(
    _ request: Request, _ read: (Response) throws(Unusable) -> Value
  ) async -> Outcome<Value> {
    do throws(TransportError) {
      let answer = try await transport.send(request)
      guard (200..<300).contains(answer.status) else { return .failed(refusal(answer)) }
      nonces.keep(from: answer.fields)
      do throws(Unusable) { return .answer(try read(answer)) } catch {
        return .failed(.unusable(error.reason))
      }
    } catch {
      return .failed(.transport(error))
    }
  }

  /// Reads an answer that is not a success.
  private func refusal(_ answer: Response) -> Failure {
    let problem: Problem?
    do throws(Unusable) {
      problem = try ACMEJSON.decode(Problem.self, answer.body, limitInBytes: options.limits.jsonBytes)
    } catch {
      problem = nil
      // Announced as a problem document but none: cut off on the way, so that nothing is known.
      let type = answer.fields["Content-Type"]?.lowercased() ?? ""
      if answer.status < 500, type.hasPrefix("application/problem+json"), !answer.body.isEmpty {
        return .unusable("status \(answer.status) with a broken problem document")
      }
    }
    if problem?.kind == .badNonce { nonces.forget() }
    nonces.keep(from: answer.fields)
    return .refused(status: answer.status, problem: problem, retryAfter: RetryAfter(answer.fields))
  }

  /// An unused nonce, or a new one from the CA (RFC 8555 §7.2).
  private func nonce() async -> Outcome<String> {
    if let nonce = nonces.take() { return .answer(nonce) }
    guard let (directory, _) = knownDirectory else { return .failed(.local("the directory was not read")) }
    switch await attempt(Call(.nonce, .head, directory.newNonce) { _ in }) {
    case .answer:
      if let nonce = nonces.take() { return .answer(nonce) }
      return .failed(.unusable("a new nonce was asked for and none came"))
    case .failed(.refused(let status, _, let retryAfter)):
      // Only an outage can refuse a nonce; whatever the status, it is worth another try.
      return .failed(.refused(status: max(status, 500), problem: nil, retryAfter: retryAfter))
    case .failed(let failure): return .failed(failure)
    }
  }

  /// The JWS of a request (RFC 8555 §6.2); nil when the account that shall sign is not known.
  private func signed(
    _ payload: [UInt8]?, _ author: Author, _ nonce: String, _ url: URL
  ) throws(PKIError) -> [UInt8]? {
    let key: any Signer
    var out = JSONWriter()
    out.beginObject()
    switch author {
    case .account:
      guard let accountURL else { return nil }
      key = signer
      out.member("alg", key.algorithm)
      out.member("kid", accountURL.description)
    case .key(let other):
      key = other
      out.member("alg", key.algorithm)
      out.name("jwk")
      out.raw(other.jwk)
    }
    out.member("nonce", nonce)
    out.member("url", url.description)
    out.endObject()
    let header = String(decoding: out.bytes, as: UTF8.self)
    return try JOSE.flattened(header: header, payload: payload, sign: key.sign)
  }

  /// What the CA would say: another task found the account lost meanwhile.
  private static let noAccount = Problem(
    type: Problem.namespace + Problem.Kind.accountDoesNotExist.rawValue, detail: "the account is not known")

  private func unsigned(_ method: String, _ url: URL, accept: String?) -> Request {
    var fields: Fields = [.init("User-Agent", options.userAgent)]
    if let accept { fields.add("Accept", accept) }
    return Request(method, url, fields: fields)
  }

  private func posted(_ body: [UInt8], to url: URL, accept: String?) -> Request {
    var request = unsigned("POST", url, accept: accept)
    request.fields.add("Content-Type", "application/jose+json")
    request.body = body
    return request
  }

  private func error<Value>(_ call: Call<Value>, _ failure: Failure, _ retryAfter: UnixTime?) -> ACMEError {
    let cause: ACMEError.Cause =
      switch failure {
      case .transport(let error): error.kind == .cancelled ? .cancelled : .transport(error)
      case .refused(let status, let problem?, _): .refused(problem.with(status: status))
      case .refused(let status, nil, _): .status(status)
      case .unusable(let reason): .unusable(reason)
      case .local(let reason): .local(reason)
      }
    return ACMEError(call.step, cause, identifier: call.identifier, retryAfter: retryAfter)
  }

  private func unfinished<Value>(_ call: Call<Value>, _ what: String, _ retryAfter: UnixTime?) -> ACMEError {
    ACMEError(
      call.step, .unfinished("the CA did not finish \(what) in time"), identifier: call.identifier,
      retryAfter: retryAfter)
  }
}
