internal import Bytes
internal import HTTP
internal import PKI

/// The JSON of an order (RFC 8555 §7.1.3).
struct Order: Decodable, Equatable {
  enum Status: String, Decodable { case pending, ready, processing, valid, invalid }
  let status: Status
  let identifiers: Set<Identifier>
  let authorizations: [URL]
  let finalize: URL
  let certificate: URL?
  let expires: UnixTime?
  let error: Problem?

  private enum Keys: String, CodingKey {
    case status, identifiers, authorizations, finalize, certificate, expires, error
  }

  init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Keys.self)
    status = try object.decode(Status.self, forKey: .status)
    let wire = try object.decode([WireIdentifier].self, forKey: .identifiers)
    identifiers = Set(wire.compactMap(\.identifier))
    authorizations = try object.decode([WireURL].self, forKey: .authorizations).map(\.url)
    finalize = try object.decode(WireURL.self, forKey: .finalize).url
    certificate = try object.decodeIfPresent(WireURL.self, forKey: .certificate)?.url
    expires = try object.decodeIfPresent(String.self, forKey: .expires).flatMap { UnixTime(rfc3339: $0) }
    error = try? object.decodeIfPresent(Problem.self, forKey: .error)
    guard status != .valid || certificate != nil else {
      throw DecodingError.dataCorruptedError(forKey: .certificate, in: object, debugDescription: "missing")
    }
  }
}

private struct NewOrder: Encodable {
  let identifiers: [WireIdentifier]
  var replaces: String?
  var profile: String?
}

private struct Finalize: Encodable { let csr: String }

extension Client {
  func order(at url: URL, _ request: IssuanceRequest) -> Call<(Order, RetryAfter?)> {
    let check = orderReader(request)
    return Call(.order, .post(payload: nil, by: .account), url) { (answer) throws(Unusable) in
      (try check(answer), RetryAfter(answer.fields))
    }
  }

  /// Makes an order (RFC 8555 §7.4). Repeating it is harmless: an unused order expires.
  ///
  /// `replaces` is only sent to a CA with renewal information, and given up once if it is refused
  /// (RFC 9773 §5).
  func newOrder(_ request: IssuanceRequest) async throws(ACMEError) -> (URL, Order) {
    let directory = try await directory()
    var body = NewOrder(
      identifiers: request.identifiers.map(WireIdentifier.init),
      replaces: directory.renewalInfo == nil ? nil : request.replaces, profile: request.profile)
    if let profile = request.profile, directory.profiles[profile] == nil {
      let known = directory.profiles.keys.sorted().joined(separator: ", ")
      let choice = known.isEmpty ? "it has none" : "it has \(known)"
      throw ACMEError(.newOrder, .local("the CA has no profile \(profile); \(choice)"))
    }
    do throws(ACMEError) {
      return try await perform(newOrder(body, directory, request))
    } catch {
      guard body.replaces != nil, Self.mayBeAboutReplaces(error) else { throw error }
      body.replaces = nil
      return try await perform(newOrder(body, directory, request))
    }
  }

  private func newOrder(
    _ body: NewOrder, _ directory: Directory, _ request: IssuanceRequest
  ) -> Call<(URL, Order)> {
    let check = orderReader(request)
    return Call(.newOrder, .post(payload: JSON.encode(body), by: .account), directory.newOrder) {
      (answer) throws(Unusable) in
      let order = try check(answer)
      guard let location = answer.fields["Location"], let url = directory.newOrder.resolving(location) else {
        throw Unusable(reason: "the order's Location is missing")
      }
      return (url, order)
    }
  }

  private static func mayBeAboutReplaces(_ error: ACMEError) -> Bool {
    guard let problem = error.problem else {
      if case .status(let status) = error.cause { return status == 404 || status == 409 }
      return false
    }
    switch problem.kind {
    case .alreadyReplaced, .malformed, .unauthorized: return true
    case nil: return problem.status == 404 || problem.status == 409
    default: return false
    }
  }

  /// Asks for the certificate of a ready order (RFC 8555 §7.4). Answers the order as the CA then has it.
  ///
  /// When no good answer comes the order is read: if the CA has gone on, so do we; only a ready order is
  /// finalized again. The order's URL is ours from newOrder: an answer needs no Location.
  func finalize(_ order: Order, at url: URL, _ request: IssuanceRequest) async throws(ACMEError) -> Order {
    let csr: [UInt8]
    do throws(PKIError) {
      csr = try CertificateRequest.der(identifiers: request.identifiers, key: request.key)
    } catch {
      throw ACMEError(.finalize, .local("\(error)"))
    }
    let payload = JSON.encode(Finalize(csr: Base64URL.encode(csr)))
    let call = Call(
      .finalize, .post(payload: payload, by: .account), order.finalize, read: orderReader(request))
    return try await perform(call) { (failure) throws(ACMEError) -> Order? in
      let now = try await self.perform(self.order(at: url, request)).0
      switch now.status {
      case .processing, .valid: return now
      case .invalid: return Self.isRefusal(failure) ? nil : now
      case .pending, .ready: return nil
      }
    }
  }

  /// A refusal that tells more than the order would.
  private static func isRefusal(_ failure: Failure) -> Bool {
    guard case .refused(_, let problem?, _) = failure else { return false }
    return problem.kind != .orderNotReady
  }

  /// Reads an order out of an answer and checks that it is for what was asked.
  private func orderReader(_ request: IssuanceRequest) -> (Response) throws(Unusable) -> Order {
    let limits = options.limits
    return { (answer) throws(Unusable) in
      let order = try JSON.decode(Order.self, answer.body, limitInBytes: limits.jsonBytes)
      guard order.identifiers == Set(request.identifiers) else {
        throw Unusable(reason: "the order is for other identifiers")
      }
      guard order.authorizations.count <= limits.authorizations else {
        throw Unusable(reason: "more than \(limits.authorizations) authorizations")
      }
      return order
    }
  }
}
