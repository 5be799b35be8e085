internal import HTTP
internal import PKI

/// The JSON of an authorization (RFC 8555 §7.1.4).
struct Authorization: Decodable, Equatable {
  enum Status: String, Decodable { case pending, valid, invalid, deactivated, expired, revoked }
  let status: Status
  let identifier: Identifier
  let challenges: [Challenge]

  private enum Keys: String, CodingKey { case status, identifier, challenges, wildcard }

  init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Keys.self)
    status = try object.decode(Status.self, forKey: .status)
    challenges = try object.decode([Lenient<Challenge>].self, forKey: .challenges).compactMap(\.value)
    let wire = try object.decode(WireIdentifier.self, forKey: .identifier)
    let isWildcard = try object.decodeIfPresent(Bool.self, forKey: .wildcard) ?? false
    let text = isWildcard && !wire.value.hasPrefix("*.") ? "*." + wire.value : wire.value
    guard wire.identifier != nil, let identifier = Identifier(text) else {
      throw DecodingError.dataCorruptedError(
        forKey: .identifier, in: object, debugDescription: "no identifier")
    }
    self.identifier = identifier
  }

  /// How it ended, as far as it has.
  enum Result: Equatable {
    case proven
    case failed(Problem)
  }

  /// The end of the authorization, or nil while it is open.
  ///
  /// Its challenge counts as well: some CAs leave an authorization pending when its challenge is invalid, and
  /// some are late to mark it when the challenge is valid; the order tells the rest.
  func result(answered type: ChallengeType?) -> Result? {
    let answered = challenges.first { $0.type == type?.rawValue }
    switch status {
    case .valid: return .proven
    case .pending:
      if answered?.status == .valid { return .proven }
      return answered?.status == .invalid ? .failed(reason(answered)) : nil
    case .invalid, .deactivated, .expired, .revoked:
      return .failed(reason(challenges.first { $0.error != nil } ?? answered))
    }
  }

  private func reason(_ challenge: Challenge?) -> Problem {
    challenge?.error ?? Problem(type: "about:blank", detail: "the authorization is \(status.rawValue)")
  }

  /// The challenge to answer: the first of the given types that is offered and well formed.
  func challenge(_ types: [ChallengeType]) -> (ChallengeType, Challenge, token: String)? {
    for type in types {
      for challenge in challenges where challenge.type == type.rawValue {
        if let token = challenge.usableToken { return (type, challenge, token) }
      }
    }
    return nil
  }
}

/// An authorization on its way.
struct OpenAuthorization {
  let url: URL
  let identifier: Identifier
  let challenge: Challenge
  let answer: ChallengeAnswer
}

extension Client {
  func authorization(at url: URL, _ identifier: Identifier? = nil) -> Call<(Authorization, RetryAfter?)> {
    let limit = options.limits.jsonBytes
    return Call(.authorization, .post(payload: nil, by: .account), url, identifier: identifier) {
      (answer) throws(Unusable) in
      (try JSON.decode(Authorization.self, answer.body, limitInBytes: limit), RetryAfter(answer.fields))
    }
  }

  /// Proves control of every identifier of an order: publishes all answers, tells the CA, waits for it.
  ///
  /// Appends what it publishes to `published` before publishing; the caller withdraws. Throws `validation`
  /// with the CA's reason for each identifier that failed.
  func satisfy(
    _ order: Order, _ responder: any ChallengeResponder, published: inout [ChallengeAnswer]
  ) async throws(ACMEError) {
    let open = try await openAuthorizations(order, responder.challengeTypes)
    for item in open {
      published.append(item.answer)
      do { try await responder.publish(item.answer) } catch {
        throw ACMEError(
          .challenge, .local("the answer could not be published: \(error)"), identifier: item.identifier)
      }
    }
    do { try await responder.settle(open.map(\.answer)) } catch {
      throw ACMEError(.challenge, .local("the answers are not visible: \(error)"))
    }
    var isProven: Set<URL> = []
    for item in open where item.challenge.status == .pending {
      // Some CAs validate while they are asked to.
      let status = try await respond(to: item.challenge, of: item.url, item.identifier)
      if status == .valid { isProven.insert(item.url) }
    }
    var failures: [ValidationFailure] = []
    for item in open where !isProven.contains(item.url) {
      let settled = try await poll(
        authorization(at: item.url, item.identifier), what: "validating \(item.identifier)"
      ) { $0.result(answered: item.answer.type) != nil }
      if case .failed(let problem)? = settled.result(answered: item.answer.type) {
        failures.append(ValidationFailure(identifier: item.identifier, problem: problem))
      }
    }
    if !failures.isEmpty { throw ACMEError(.authorization, .validation(failures)) }
  }

  /// Reads every authorization and picks a challenge for each that is not proven yet.
  private func openAuthorizations(
    _ order: Order, _ types: [ChallengeType]
  ) async throws(ACMEError) -> [OpenAuthorization] {
    var open: [OpenAuthorization] = []
    var failures: [ValidationFailure] = []
    for url in order.authorizations {
      let read = try await perform(authorization(at: url)).0
      switch read.result(answered: read.challenge(types)?.0) {
      case .proven: continue
      case .failed(let problem):
        failures.append(ValidationFailure(identifier: read.identifier, problem: problem))
      case nil:
        guard let (type, challenge, token) = read.challenge(types) else {
          throw ACMEError(.authorization, .local(Self.noChallenge(read, types)), identifier: read.identifier)
        }
        let answer = ChallengeAnswer(
          type: type, identifier: read.identifier, token: token,
          keyAuthorization: token + "." + signer.thumbprint)
        open.append(
          OpenAuthorization(url: url, identifier: read.identifier, challenge: challenge, answer: answer))
      }
    }
    if !failures.isEmpty { throw ACMEError(.authorization, .validation(failures)) }
    return open
  }

  private static func noChallenge(_ authorization: Authorization, _ types: [ChallengeType]) -> String {
    let offered = authorization.challenges.map(\.type).joined(separator: ", ")
    let ours = types.map(\.rawValue).joined(separator: ", ")
    return "the CA offers no challenge that can be answered here (it offers \(offered); we answer \(ours))"
  }
}
