internal import HTTP
public import PKI

/// How control of an identifier is proven.
public enum ChallengeType: String, Sendable, CaseIterable {
  /// A file under `/.well-known/acme-challenge/` on port 80 (RFC 8555 §8.3). Not for wildcards.
  case http01 = "http-01"
  /// A self-signed certificate with ALPN `acme-tls/1` on port 443 (RFC 8737).
  case tlsALPN01 = "tls-alpn-01"
  /// A TXT record at `_acme-challenge.` (RFC 8555 §8.4).
  case dns01 = "dns-01"
}

/// What has to be visible to the CA while it validates one identifier.
public struct ChallengeAnswer: Sendable, Hashable {
  /// How it is proven.
  public let type: ChallengeType
  /// What is proven.
  public let identifier: Identifier
  /// The challenge's name: 1 to 256 letters, digits, `-` and `_`, so it may be a file's name.
  public let token: String
  /// Token and account thumbprint (RFC 8555 §8.1); the content of an HTTP-01 answer.
  public let keyAuthorization: String
}

/// Makes challenge answers visible to the CA.
public protocol ChallengeResponder: Sendable {
  /// The types it can answer, the preferred one first.
  var challengeTypes: [ChallengeType] { get }
  /// Removes what runs that were killed have left. Called before each order.
  func tidy() async
  /// Makes an answer visible. Publishing the same answer twice MUST be harmless.
  func publish(_ answer: ChallengeAnswer) async throws
  /// Why the CA would not find a published answer, as far as that can be seen from here; nil when nothing speaks
  /// against it. Then another way is tried, and no validation is spent.
  func objection(to answer: ChallengeAnswer) async -> String?
  /// Called once all answers of an order are published. MUST return only when the CA would see them.
  func settle(_ answers: [ChallengeAnswer]) async throws
  /// Removes an answer; called for every published one when the issuance ends, however it ends.
  func withdraw(_ answer: ChallengeAnswer) async
}

extension ChallengeResponder {
  /// Nothing is left, unless told otherwise.
  public func tidy() async {}
  /// None, unless told otherwise.
  public func objection(to answer: ChallengeAnswer) async -> String? { nil }
  /// Nothing to wait for, unless told otherwise.
  public func settle(_ answers: [ChallengeAnswer]) async throws {}
}

/// The JSON of a challenge (RFC 8555 §8).
struct Challenge: Decodable, Equatable {
  enum Status: String, Decodable { case pending, processing, valid, invalid }
  let type: String
  let url: URL
  let status: Status
  let token: String?
  let error: Problem?

  /// The longest token that is taken, in characters.
  static let maximumTokenCharacters = 256

  private enum Keys: String, CodingKey { case type, url, status, token, error }

  init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Keys.self)
    type = try object.decode(String.self, forKey: .type)
    url = try object.decode(WireURL.self, forKey: .url).url
    status = try object.decode(Status.self, forKey: .status)
    token = try object.decodeIfPresent(String.self, forKey: .token)
    error = try? object.decodeIfPresent(Problem.self, forKey: .error)
  }

  /// The token if it is well formed: it becomes a file's name.
  var usableToken: String? {
    guard let token, (1...Self.maximumTokenCharacters).contains(token.utf8.count),
      token.utf8.allSatisfy(isBase64URL)
    else { return nil }
    return token
  }
}

extension Client {
  /// Tells the CA that the answer to a challenge is visible (RFC 8555 §7.5.1).
  ///
  /// When no good answer comes, the authorization is read: the CA may have begun, and a challenge that is no
  /// longer pending must not be answered again.
  func respond(
    to challenge: Challenge, of url: URL, _ identifier: Identifier
  ) async throws(ACMEError) -> Challenge.Status {
    let limit = options.limits.jsonBytes
    let call = Call(
      .challenge, .post(payload: Array("{}".utf8), by: .account), challenge.url, identifier: identifier
    ) { (answer) throws(Unusable) in
      try ACMEJSON.decode(Challenge.self, answer.body, limitInBytes: limit).status
    }
    return try await perform(call) { (_) throws(ACMEError) -> Challenge.Status? in
      let now = try await self.perform(self.authorization(at: url, identifier)).0
      let same = now.challenges.first { $0.url == challenge.url || $0.type == challenge.type }
      // How it stands is asked for later on.
      return now.status == .pending && same?.status == .pending ? nil : .processing
    }
  }
}
