import Bytes
import FoundationEssentials
import HTTP
import PKI

/// Orders, authorizations, challenges and certificates of the CA in memory.
extension FakeCA {
  private struct NewOrder: Decodable {
    struct Name: Decodable {
      let type: String
      let value: String
    }
    let identifiers: [Name]
    let replaces: String?
    let profile: String?
  }

  func newOrder(_ jws: JWS, _ account: Int) throws -> Response {
    let wish = try JSONDecoder().decode(NewOrder.self, from: Data(jws.payload))
    let names = wish.identifiers.compactMap { Identifier($0.value) }
    guard names.count == wish.identifiers.count else {
      throw Refusal(status: 400, kind: "rejectedIdentifier")
    }
    if let replaces = wish.replaces {
      guard dialect.hasRenewalInfo else { throw Refusal(status: 400, kind: "malformed") }
      state.replacesSeen += 1
      if let (status, kind) = dialect.refusesReplaces { throw Refusal(status: status, kind: kind) }
      state.replaced.append(replaces)
    }
    if let profile = wish.profile {
      guard dialect.profiles?.contains(profile) == true, !dialect.refusesProfiles else {
        throw Refusal(status: 400, kind: "invalidProfile", detail: "not for you")
      }
      state.profiles.append(profile)
    }
    let authorizations = names.map { name in
      let id = state.next()
      state.authorizations[id] = CAState.Authorization(
        identifier: name, token: "token_-\(id)", account: account)
      return id
    }
    let id = state.next()
    let order = CAState.Order(
      account: account, identifiers: names, authorizations: authorizations,
      expires: (now() + 86_400).description)
    state.orders[id] = order
    return Self.json(201, text(order, id), [.init("Location", Self.base + "/order/\(id)")])
  }

  func readOrder(_ jws: JWS, _ id: Int, _ account: Int) throws -> Response {
    guard jws.payload.isEmpty else { throw Refusal(status: 405, kind: "malformed") }
    guard var order = state.orders[id] else { throw Refusal(status: 404, kind: "malformed") }
    guard order.account == account else { throw Refusal(status: 403, kind: "unauthorized") }
    order = settled(order)
    if order.status == "processing" {
      if order.readsLeft <= 0 { order.status = dialect.refusesIssuance ? "invalid" : "valid" }
      order.readsLeft -= 1
      if order.status == "invalid" { order.error = Self.caaError }
    }
    state.orders[id] = order
    return orderResponse(order, id)
  }

  /// A pending order follows its authorizations.
  private func settled(_ order: CAState.Order) -> CAState.Order {
    var order = order
    let states = order.authorizations.compactMap { state.authorizations[$0]?.status }
    if order.status == "pending", states.contains("invalid") { order.status = "invalid" }
    if order.status == "pending", states.allSatisfy({ $0 == "valid" }) { order.status = "ready" }
    return order
  }

  private func orderResponse(_ order: CAState.Order, _ id: Int) -> Response {
    var fields: Fields = []
    if dialect.tellsOrderLocation { fields.add("Location", Self.base + "/order/\(id)") }
    if order.status == "processing", let wait = dialect.pollRetryAfter { fields.add("Retry-After", wait) }
    return Self.json(200, text(order, id), fields)
  }

  func readAuthorization(_ jws: JWS, _ id: Int, _ account: Int) throws -> Response {
    guard jws.payload.isEmpty else { throw Refusal(status: 405, kind: "malformed") }
    guard var authorization = state.authorizations[id] else { throw Refusal(status: 404, kind: "malformed") }
    guard authorization.account == account else { throw Refusal(status: 403, kind: "unauthorized") }
    var fields: Fields = []
    if let left = authorization.readsLeft {
      authorization.readsLeft = left > 0 ? left - 1 : nil
      if left == 0 { settle(&authorization) }
      if left > 0, let wait = dialect.pollRetryAfter { fields.add("Retry-After", wait) }
    }
    state.authorizations[id] = authorization
    return Self.json(200, text(authorization, id), fields)
  }

  /// Looks at the published answer, as a CA would over HTTP.
  private func settle(_ authorization: inout CAState.Authorization) {
    let published = publishedAnswer(authorization.token)
    let account = state.accounts[authorization.account]
    let key = account.map { #"{"crv":"P-256","kty":"EC","x":"\#($0.key.x)","y":"\#($0.key.y)"}"# } ?? ""
    let expected = (try? JOSE.thumbprint(ofCanonicalJWK: key)).map { "\(authorization.token).\($0)" }
    let fails = authorization.answers <= dialect.failuresAtFirst
    if published == expected, !fails, !dialect.unreachable.contains(authorization.identifier.description) {
      authorization.challenge = "valid"
      authorization.status = "valid"
    } else if authorization.answers <= dialect.lenience {
      authorization.error =
        #"{"type":"urn:ietf:params:acme:error:connection","detail":"refused","status":400}"#
    } else {
      authorization.challenge = "invalid"
      authorization.status = dialect.leavesFailedAuthorizationPending ? "pending" : "invalid"
      authorization.error =
        #"{"type":"urn:ietf:params:acme:error:connection","detail":"timeout","status":400}"#
    }
  }

  func respond(_ jws: JWS, _ id: Int, _ account: Int) throws -> Response {
    guard jws.payload == Array("{}".utf8) else { throw Refusal(status: 400, kind: "malformed") }
    guard var authorization = state.authorizations[id] else { throw Refusal(status: 404, kind: "malformed") }
    guard authorization.account == account else { throw Refusal(status: 403, kind: "unauthorized") }
    guard authorization.status == "pending", authorization.readsLeft == nil else {
      throw Refusal(status: 400, kind: "malformed", detail: "the challenge is not pending")
    }
    authorization.answers += 1
    authorization.readsLeft = dialect.validationReads
    if dialect.showsProcessingChallenges { authorization.challenge = "processing" }
    state.authorizations[id] = authorization
    return Self.json(
      200, challengeText(authorization, id), [.init("Link", #"<\#(Self.base)/authz/\#(id)>;rel="up""#)])
  }

  private struct Finalize: Decodable { let csr: String }

  func finalize(_ jws: JWS, _ id: Int, _ account: Int) throws -> Response {
    guard var order = state.orders[id] else { throw Refusal(status: 404, kind: "malformed") }
    guard order.account == account else { throw Refusal(status: 403, kind: "unauthorized") }
    order = settled(order)
    guard order.status == "ready" else {
      throw Refusal(status: 403, kind: "orderNotReady", detail: "the order is \(order.status)")
    }
    let wish = try JSONDecoder().decode(Finalize.self, from: Data(jws.payload))
    guard let der = Base64URL.decode(wish.csr), let request = ParsedRequest(der),
      request.names == Set(order.identifiers)
    else { throw Refusal(status: 400, kind: "badCSR") }
    order.publicKeyInfo = request.publicKeyInfo
    order.status = dialect.finalizesAtOnce ? "valid" : "processing"
    order.readsLeft = dialect.issuanceReads
    state.orders[id] = order
    return orderResponse(order, id)
  }

  private func chain(_ order: CAState.Order, _ issuer: Issuer) throws -> [UInt8] {
    let leaf = try CertificateAuthority.issue(
      identifiers: order.identifiers, publicKeyInfo: order.publicKeyInfo, issuer: issuer.certificate,
      issuerKey: issuer.key, notBefore: now() - 3600, lifetimeSeconds: 86_400 * 90,
      serial: [UInt8](repeating: 7, count: 16))
    return leaf.pem + issuer.certificate.pem
  }

  func certificate(_ jws: JWS, _ id: Int, _ account: Int, _ isAlternate: Bool) throws -> Response {
    guard jws.payload.isEmpty else { throw Refusal(status: 405, kind: "malformed") }
    guard let order = state.orders[id], order.status == "valid" else {
      throw Refusal(status: 404, kind: "malformed")
    }
    guard order.account == account else { throw Refusal(status: 403, kind: "unauthorized") }
    state.certificatesSent += 1
    let isWrong = state.certificatesSent <= dialect.wrongCertificates
    let body = isWrong ? otherRoot.certificate.pem : try chain(order, isAlternate ? otherRoot : root)
    var fields: Fields = [.init("Content-Type", "application/pem-certificate-chain")]
    let index = #"<\#(Self.base)/directory>;rel="index""#
    let alternate = #"</alternate/\#(id)>;rel="alternate""#
    if dialect.sendsSeveralLinkLines {
      fields.add("Link", index)
      fields.add("Link", alternate)
    } else {
      fields.add("Link", "\(index), \(alternate)")
    }
    return Response(status: 200, fields: fields, body: body)
  }

  private static let caaError =
    #"{"type":"urn:ietf:params:acme:error:compound","detail":"issuance refused","subproblems":["#
    + #"{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids","#
    + #""identifier":{"type":"dns","value":"b.example"}}]}"#
}
