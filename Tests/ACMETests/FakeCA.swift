import Bytes
import FoundationEssentials
import HTTP
import JSON
import PKI

/// A root and its key, made once for all tests.
struct Issuer {
  let certificate: Certificate
  let key: PrivateKey

  static let first = Result { try Issuer("Default Root") }
  static let second = Result { try Issuer("Other Root") }

  private init(_ name: String) throws {
    key = try PrivateKey.generate(.ecP256)
    certificate = try CertificateAuthority.makeRoot(
      commonName: name, key: key, notBefore: TestClock.start - 86_400, lifetimeSeconds: 86_400 * 365,
      serial: [1])
  }
}

/// A CA in memory that speaks RFC 8555 strictly: every JWS is verified, every nonce good for one use.
actor FakeCA {
  static let base = "https://ca.example"
  let dialect: Dialect
  var state = CAState()
  let root: Issuer
  let otherRoot: Issuer
  let now: @Sendable () -> UnixTime
  let publishedAnswer: @Sendable (String) -> String?

  init(
    _ dialect: Dialect, now: @escaping @Sendable () -> UnixTime,
    answer: @escaping @Sendable (String) -> String?
  ) throws {
    self.dialect = dialect
    self.now = now
    publishedAnswer = answer
    root = try Issuer.first.get()
    otherRoot = try Issuer.second.get()
  }

  /// Answers one request; whatever it is, with a new nonce.
  func answer(_ request: HTTP.Request) -> HTTP.Response {
    state.requests += 1
    if let at = dialect.forgetsAt, at == state.requests {
      state.accounts = [:]
      state.orders = [:]
      state.authorizations = [:]
    }
    var response: Response
    do {
      response = try route(request)
    } catch let refusal as Refusal {
      response = refusal.response
    } catch {
      response = Refusal(status: 400, kind: "malformed", detail: "\(error)").response
    }
    if request.method != "GET" {
      let nonce = "nonce-\(state.next())"
      state.nonces.insert(nonce)
      response.fields["Replay-Nonce"] = nonce
    }
    if request.method == "HEAD" { response.body = [] }
    return response
  }

  private func route(_ request: HTTP.Request) throws -> Response {
    guard request.fields["User-Agent"] != nil else { throw Refusal(status: 400, kind: "malformed") }
    let path = request.url.target.split(separator: "/").map(String.init)
    switch (request.method, path.first) {
    case ("GET", "directory"): return Self.json(200, directoryText)
    case ("HEAD", "nonce"): return Response(status: 200)
    case ("GET", "renewal"):
      // Two parts of base64url (RFC 9773 §4.1).
      let parts = path.last?.split(separator: ".", omittingEmptySubsequences: false).map(String.init) ?? []
      guard path.count == 2, parts.count == 2,
        parts.allSatisfy({ !$0.isEmpty && Base64URL.decode($0) != nil })
      else {
        throw Refusal(status: 404, kind: "malformed")
      }
      return Self.json(
        200, #"{"suggestedWindow":{"start":"2027-01-20T00:00:00Z","end":"2027-01-21T00:00:00Z"}}"#,
        [.init("Retry-After", "21600")])
    case ("POST", _): break
    default: throw Refusal(status: 405, kind: "malformed")
    }
    guard request.fields["Content-Type"] == "application/jose+json" else {
      throw Refusal(status: 415, kind: "malformed")
    }
    let jws = try JWS(request.body)
    guard jws.header.url == request.url.description else { throw Refusal(status: 401, kind: "unauthorized") }
    let account = try signatory(jws, path.first ?? "")
    guard let nonce = jws.header.nonce, state.nonces.remove(nonce) != nil else {
      throw Refusal(status: 400, kind: "badNonce", detail: "stale")
    }
    let id = path.count > 1 ? Int(path[1]) ?? 0 : 0
    switch path.first {
    case "new-account": return try newAccount(jws)
    case "account": return try updateAccount(jws, id, account)
    case "key-change": return try changeKey(jws, account)
    case "new-order": return try newOrder(jws, account)
    case "order": return try readOrder(jws, id, account)
    case "authz": return try readAuthorization(jws, id, account)
    case "challenge": return try respond(jws, id, account)
    case "finalize": return try finalize(jws, id, account)
    case "certificate", "alternate": return try certificate(jws, id, account, path.first == "alternate")
    case "revoke": return try revoke(jws, account)
    default: throw Refusal(status: 404, kind: "malformed")
    }
  }

  /// The account that signed, or 0 for a key sent along, allowed at two resources only (RFC 8555 §6.2).
  private func signatory(_ jws: JWS, _ resource: String) throws -> Int {
    if let key = jws.header.jwk {
      guard jws.header.kid == nil, ["new-account", "revoke"].contains(resource), jws.isSigned(by: key) else {
        throw Refusal(status: 400, kind: "malformed", detail: "bad signature or place for a jwk")
      }
      return 0
    }
    guard let kid = jws.header.kid, let id = kid.split(separator: "/").last.flatMap({ Int($0) }),
      let account = state.accounts[id], kid == Self.base + "/account/\(id)"
    else { throw Refusal(status: 400, kind: "accountDoesNotExist") }
    guard jws.isSigned(by: account.key) else {
      throw Refusal(status: 400, kind: "malformed", detail: "signature")
    }
    guard !account.isDeactivated else {
      throw Refusal(status: 401, kind: "unauthorized", detail: "deactivated")
    }
    return id
  }

  private struct NewAccount: Decodable {
    let contact: [String]?
    let termsOfServiceAgreed: Bool?
    let onlyReturnExisting: Bool?
    let externalAccountBinding: FlattenedBinding?
  }
  private struct FlattenedBinding: Codable {
    let protected: String
    let payload: String
    let signature: String
  }

  private func newAccount(_ jws: JWS) throws -> Response {
    let wish = try JSONDecoder().decode(NewAccount.self, from: Data(jws.payload))
    guard let key = jws.header.jwk else { throw Refusal(status: 400, kind: "malformed") }
    if let secret = dialect.externalKey, wish.onlyReturnExisting != true {
      guard let binding = wish.externalAccountBinding else {
        throw Refusal(status: 403, kind: "externalAccountRequired")
      }
      let inner = try JWS(Array(try JSONEncoder().encode(binding)))
      let bound = try JSONDecoder().decode(JWS.Key.self, from: Data(inner.payload))
      guard inner.isSigned(with: secret), inner.header.kid == "customer", bound == key,
        inner.header.url == Self.base + "/new-account", state.usedExternalKeys == 0
      else { throw Refusal(status: 403, kind: "unauthorized", detail: "external account binding") }
      state.usedExternalKeys += 1
    }
    if let (id, account) = state.accounts.first(where: { $0.value.key == key }) {
      if account.isDeactivated { throw Refusal(status: 401, kind: "unauthorized", detail: "deactivated") }
      return accountResponse(200, id, account)
    }
    if wish.onlyReturnExisting == true { throw Refusal(status: 400, kind: "accountDoesNotExist") }
    guard wish.termsOfServiceAgreed == true else { throw Refusal(status: 403, kind: "userActionRequired") }
    let id = state.next()
    let account = CAState.Account(key: key, contact: wish.contact ?? [])
    state.accounts[id] = account
    return accountResponse(201, id, account)
  }

  private struct Update: Decodable {
    let contact: [String]?
    let status: String?
  }

  private func updateAccount(_ jws: JWS, _ id: Int, _ signer: Int) throws -> Response {
    guard var account = state.accounts[id], id == signer else {
      throw Refusal(status: 403, kind: "unauthorized")
    }
    let update = try JSONDecoder().decode(Update.self, from: Data(jws.payload))
    if let contact = update.contact { account.contact = contact }
    if update.status == "deactivated" { account.isDeactivated = true }
    state.accounts[id] = account
    return accountResponse(200, id, account)
  }

  private func accountResponse(_ status: Int, _ id: Int, _ account: CAState.Account) -> Response {
    let contact = Self.array(account.contact.map { JSONString.quoted($0) })
    let word = account.isDeactivated ? "deactivated" : "valid"
    return Self.json(
      status, #"{"status":"\#(word)","contact":\#(contact),"orders":"\#(Self.base)/orders"}"#,
      [.init("Location", Self.base + "/account/\(id)")])
  }

  private struct Revocation: Decodable {
    let certificate: String
    let reason: Int
  }

  private func revoke(_ jws: JWS, _ account: Int) throws -> Response {
    let wish = try JSONDecoder().decode(Revocation.self, from: Data(jws.payload))
    guard let der = Base64URL.decode(wish.certificate) else { throw Refusal(status: 400, kind: "malformed") }
    let certificate = try Certificate(der: der)
    if account == 0 {
      let point = certificate.publicKeyInfo.suffix(64)
      guard Base64URL.encode(Array(point.prefix(32))) == jws.header.jwk?.x else {
        throw Refusal(status: 403, kind: "unauthorized")
      }
    } else if !state.orders.values.contains(where: {
      $0.account == account && $0.publicKeyInfo == certificate.publicKeyInfo
    }) {
      throw Refusal(status: 403, kind: "unauthorized", detail: "another account ordered it")
    }
    guard !state.revoked.contains(der) else { throw Refusal(status: 400, kind: "alreadyRevoked") }
    state.revoked.append(der)
    return Response(status: 200)
  }
}
