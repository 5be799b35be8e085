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
  var notAfter: String?
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
  /// `replaces` is only sent to a CA with renewal information, and given up once if the order is refused, whatever
  /// the reason (RFC 9773 §5): a certificate matters more than what it is called the successor of.
  func newOrder(_ request: IssuanceRequest) async throws(ACMEError) -> (URL, Order) {
    let directory = try await directory()
    var body = NewOrder(
      identifiers: request.identifiers.map(WireIdentifier.init),
      replaces: directory.renewalInfo == nil ? nil : request.replaces,
      profile: try Self.profile(request, directory),
      notAfter: request.notAfter?.description)
    do throws(ACMEError) {
      do throws(ACMEError) {
        return try await perform(newOrder(body, directory, request))
      } catch {
        guard body.replaces != nil, Self.mayBeAboutReplaces(error) else { throw error }
        body.replaces = nil
        return try await perform(newOrder(body, directory, request))
      }
    } catch {
      guard let problem = error.problem, problem.kind == .invalidProfile else { throw error }
      throw Self.unfit(problem, body.profile, directory)
    }
  }

  /// The profile that issues certificates for IP addresses at Let's Encrypt, and at nobody else under this name.
  private static let addressProfile = "shortlived"

  /// The profile to ask for: what is wanted, if the CA has it; for addresses the one that is meant for them.
  private static func profile(
    _ request: IssuanceRequest, _ directory: Directory
  ) throws(ACMEError) -> String? {
    guard let wanted = request.profile else {
      let isNeeded = request.identifiers.contains(where: \.isAddress)
      return isNeeded && directory.profiles[addressProfile] != nil ? addressProfile : nil
    }
    guard directory.profiles[wanted] == nil else { return wanted }
    throw ACMEError(.newOrder, .local("the CA has no profile \(wanted); \(offer(directory))"))
  }

  private static func offer(_ directory: Directory) -> String {
    let known = directory.profiles.keys.sorted().joined(separator: ", ")
    return known.isEmpty ? "it has none: ask for none" : "it has \(known)"
  }

  /// The CA would not issue by the profile: its reason, with what else it offers.
  private static func unfit(_ problem: Problem, _ profile: String?, _ directory: Directory) -> ACMEError {
    let asked = profile.map { "the profile \($0) was asked for" } ?? "no profile was asked for"
    return ACMEError(
      .newOrder,
      .refused(
        Problem(
          type: problem.type, detail: "\(problem.detail) (\(asked); \(offer(directory)))",
          status: problem.status, instance: problem.instance, identifier: problem.identifier,
          subproblems: problem.subproblems)))
  }

  private func newOrder(
    _ body: NewOrder, _ directory: Directory, _ request: IssuanceRequest
  ) -> Call<(URL, Order)> {
    let check = orderReader(request)
    return Call(.newOrder, .post(payload: ACMEJSON.encode(body), by: .account), directory.newOrder) {
      (answer) throws(Unusable) in
      let order = try check(answer)
      guard let location = answer.fields["Location"], let url = directory.newOrder.resolving(location) else {
        throw Unusable(reason: "the order's Location is missing")
      }
      return (url, order)
    }
  }

  /// Any refusal but those that are certainly about something else: a limit, or an account that is not there.
  private static func mayBeAboutReplaces(_ error: ACMEError) -> Bool {
    let status: Int
    switch error.cause {
    case .refused(let problem):
      switch problem.kind {
      case .rateLimited, .accountDoesNotExist, .badNonce, .userActionRequired: return false
      default: status = problem.status ?? 400
      }
    case .status(let answered): status = answered
    default: return false
    }
    // A CA may stumble over the field instead of refusing it; an outage says 502 or more.
    return (400...501).contains(status) && status != 429
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
    let payload = ACMEJSON.encode(Finalize(csr: Base64URL.encode(csr)))
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
      let order = try ACMEJSON.decode(Order.self, answer.body, limitInBytes: limits.jsonBytes)
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
