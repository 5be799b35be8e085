internal import Bytes
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

  /// Why the last try at an answered challenge failed although the CA leaves it open (RFC 8555 §8.2).
  func error(answered type: ChallengeType) -> Problem? {
    challenges.first { $0.type == type.rawValue && $0.status == .pending }?.error
  }

  /// The challenges that can be answered: those of the given types that are offered and well formed, in their order.
  func ways(_ types: [ChallengeType], thumbprint: String) -> [OpenAuthorization.Way] {
    types.compactMap { type in
      for challenge in challenges where challenge.type == type.rawValue {
        guard let token = challenge.usableToken else { continue }
        let answer = ChallengeAnswer(
          type: type, identifier: identifier, token: token, keyAuthorization: token + "." + thumbprint)
        return OpenAuthorization.Way(challenge: challenge, answer: answer)
      }
      return nil
    }
  }
}

/// An authorization on its way.
struct OpenAuthorization {
  /// One challenge that may be answered.
  struct Way {
    let challenge: Challenge
    let answer: ChallengeAnswer
  }

  let url: URL
  let identifier: Identifier
  /// The way that is tried at present.
  var way: Way
  /// Those that are left, the preferred one first.
  var others: ArraySlice<Way>
}

extension Client {
  func authorization(at url: URL, _ identifier: Identifier? = nil) -> Call<(Authorization, RetryAfter?)> {
    let limit = options.limits.jsonBytes
    return Call(.authorization, .post(payload: nil, by: .account), url, identifier: identifier) {
      (answer) throws(Unusable) in
      (try ACMEJSON.decode(Authorization.self, answer.body, limitInBytes: limit), RetryAfter(answer.fields))
    }
  }

  /// Proves control of every identifier of an order: publishes all answers, tells the CA, waits for it.
  ///
  /// Appends what it publishes to `published` before publishing; the caller withdraws. Throws `validation`
  /// with the CA's reason for each identifier that failed.
  func satisfy(
    _ order: Order, _ responder: any ChallengeResponder, published: inout [ChallengeAnswer]
  ) async throws(ACMEError) {
    var open = try await openAuthorizations(order, responder.challengeTypes)
    for index in open.indices { try await publish(&open[index], responder, &published) }
    do { try await responder.settle(open.map(\.way.answer)) } catch {
      throw ACMEError(.challenge, .local("the answers are not visible: \(error)"))
    }
    var isProven: Set<URL> = []
    for item in open where item.way.challenge.status == .pending {
      // Some CAs validate while they are asked to.
      let status = try await respond(to: item.way.challenge, of: item.url, item.identifier)
      if status == .valid { isProven.insert(item.url) }
    }
    var failures: [ValidationFailure] = []
    for item in open where !isProven.contains(item.url) {
      if let problem = try await failure(of: item) {
        failures.append(ValidationFailure(identifier: item.identifier, problem: problem))
      }
    }
    if !failures.isEmpty { throw ACMEError(.authorization, .validation(failures)) }
  }

  /// Puts up the answer to the first way that can be seen to work from here. No validation is asked for by a way that
  /// would fail.
  private func publish(
    _ item: inout OpenAuthorization, _ responder: any ChallengeResponder, _ published: inout [ChallengeAnswer]
  ) async throws(ACMEError) {
    var objections: [String] = []
    while true {
      let answer = item.way.answer
      published.append(answer)
      do { try await responder.publish(answer) } catch {
        throw ACMEError(
          .challenge, .local("the answer could not be published: \(error)"), identifier: item.identifier)
      }
      // What an earlier run has answered already is the CA's to judge.
      guard item.way.challenge.status == .pending, let why = await responder.objection(to: answer) else {
        return
      }
      objections.append("\(answer.type.rawValue): \(why)")
      guard let next = item.others.popFirst() else {
        throw ACMEError(
          .challenge,
          .local(
            "the CA was not asked, for it would not find the answer: \(objections.joined(separator: "; "))"),
          identifier: item.identifier)
      }
      item.way = next
    }
  }

  /// Waits until the CA has decided. One that leaves a challenge open with an error is asked to try once more
  /// (RFC 8555 §8.2); what it then says is the end. Nil when the identifier is proven.
  private func failure(of item: OpenAuthorization) async throws(ACMEError) -> Problem? {
    let (call, type) = (authorization(at: item.url, item.identifier), item.way.answer.type)
    let what = "validating \(item.identifier)"
    var read = try await poll(call, what: what) {
      $0.result(answered: type) != nil || $0.error(answered: type) != nil
    }
    if read.result(answered: type) == nil {
      try await pause(options.limits.repetitionPauseSeconds, .challenge)
      if try await respond(to: item.way.challenge, of: item.url, item.identifier) == .valid { return nil }
      let endsAt = environment.now() + options.limits.repetitionSeconds
      read = try await poll(call, what: what) {
        $0.result(answered: type) != nil
          || $0.error(answered: type) != nil && environment.now() >= endsAt
      }
    }
    if case .failed(let problem)? = read.result(answered: type) { return problem }
    return read.result(answered: type) == .proven ? nil : read.error(answered: type)
  }

  /// Reads every authorization and finds the ways to prove each that is not proven yet.
  private func openAuthorizations(
    _ order: Order, _ types: [ChallengeType]
  ) async throws(ACMEError) -> [OpenAuthorization] {
    var open: [OpenAuthorization] = []
    var failures: [ValidationFailure] = []
    for url in order.authorizations {
      let read = try await perform(authorization(at: url)).0
      var ways = read.ways(types, thumbprint: signer.thumbprint)[...]
      switch read.result(answered: ways.first?.answer.type) {
      case .proven: continue
      case .failed(let problem):
        failures.append(ValidationFailure(identifier: read.identifier, problem: problem))
      case nil:
        // One under way is gone on with.
        if let begun = ways.firstIndex(where: { $0.challenge.status != .pending }) { ways = ways[begun...] }
        guard let first = ways.popFirst() else {
          throw ACMEError(.authorization, .local(Self.noChallenge(read, types)), identifier: read.identifier)
        }
        open.append(OpenAuthorization(url: url, identifier: read.identifier, way: first, others: ways))
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
