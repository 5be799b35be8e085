public import Bytes
internal import HTTP
public import PKI

/// A certificate to obtain.
public struct IssuanceRequest: Sendable {
  /// The names and addresses, without repeats, in the order in which they shall stand.
  public let identifiers: [Identifier]
  /// The certificate's key. The caller has stored it already: a resumed order needs the same one.
  public let key: PrivateKey
  /// One of the CA's profiles, or its default.
  public var profile: String?
  /// The `ariCertID` of the certificate that this one replaces (RFC 9773 §5).
  public var replaces: String?
  /// The common name of the CA that the chain shall lead to, if there is a choice.
  public var preferredIssuer: String?
  /// When the certificate shall end (RFC 8555 §7.4.1); nil for the CA's choice.
  public var notAfter: UnixTime?

  /// A request.
  public init(
    identifiers: [Identifier], key: PrivateKey, profile: String? = nil, replaces: String? = nil,
    preferredIssuer: String? = nil
  ) {
    var seen: Set<Identifier> = []
    self.identifiers = identifiers.filter { seen.insert($0).inserted }
    self.key = key
    self.profile = profile
    self.replaces = replaces
    self.preferredIssuer = preferredIssuer
  }
}

/// What the caller writes down on the way, so that a crash costs neither account nor order.
public protocol IssuanceJournal: Sendable {
  /// The account in use; MUST be durable on return.
  func accountFound(url: String) async throws
  /// The order was made; MUST be durable on return. A later call may resume it.
  func orderCreated(url: String) async throws
  /// The order came to nothing; it MUST NOT be resumed. Not called after success: then the caller forgets
  /// the order once the chain is stored.
  func orderClosed(url: String) async
}

extension Client {
  /// Obtains a certificate: account, order, authorizations, finalize, download.
  ///
  /// Given the URL of an order from an earlier run, goes on with it if it is still good for this request,
  /// and makes a new one otherwise. The chain returned is checked: it belongs to the key, covers every
  /// identifier, is in order and valid now. Every challenge answer is withdrawn before it returns or throws.
  public func issue(
    _ request: IssuanceRequest, resuming orderURL: String? = nil, journal: any IssuanceJournal,
    responder: any ChallengeResponder
  ) async throws(ACMEError) -> CertificateChain {
    try check(request, responder)
    var published: [ChallengeAnswer] = []
    let result: Result<CertificateChain, ACMEError>
    do throws(ACMEError) {
      result = .success(try await issue(request, orderURL, journal, responder, &published))
    } catch {
      result = .failure(error)
    }
    for answer in published { await responder.withdraw(answer) }
    return try result.get()
  }

  private func check(
    _ request: IssuanceRequest, _ responder: any ChallengeResponder
  ) throws(ACMEError) {
    let most = options.limits.authorizations
    guard (1...max(1, most)).contains(request.identifiers.count) else {
      throw ACMEError(.newOrder, .local("a certificate has 1 to \(most) names"))
    }
    // A wildcard is only proven by DNS; better told before an order is made.
    if !responder.challengeTypes.contains(.dns01),
      let wildcard = request.identifiers.first(where: \.isWildcard)
    {
      throw ACMEError(.newOrder, .local("a wildcard needs a dns-01 challenge"), identifier: wildcard)
    }
  }

  /// The most accounts lost to the CA's forgetfulness during one issuance.
  private static let maximumLostAccounts = 2

  private func issue(
    _ request: IssuanceRequest, _ orderURL: String?, _ journal: any IssuanceJournal,
    _ responder: any ChallengeResponder, _ published: inout [ChallengeAnswer]
  ) async throws(ACMEError) -> CertificateChain {
    var resumed = orderURL.flatMap { URL($0) }
    var lost = 0
    while true {
      try await identify(journal)
      let account = accountURL
      do throws(ACMEError) {
        if let url = resumed {
          resumed = nil
          if let order = try await resumable(url, request),
            let chain = try await complete(
              order, url, request, journal, responder, &published, isResumed: true)
          {
            return chain
          }
          await journal.orderClosed(url: url.description)
        }
        let (url, order) = try await newOrder(request)
        try await record(.newOrder) { try await journal.orderCreated(url: url.description) }
        if let chain = try await complete(
          order, url, request, journal, responder, &published, isResumed: false)
        {
          return chain
        }
      } catch {
        // An account that the CA has lost takes its orders along: registered anew, ordered anew.
        guard error.problem?.kind == .accountDoesNotExist, lost < Self.maximumLostAccounts else {
          throw error
        }
        lost += 1
        forgetAccount(account)
      }
    }
  }

  /// Makes the account known and has it written down.
  private func identify(_ journal: any IssuanceJournal) async throws(ACMEError) {
    let wasKnown = accountURL != nil
    try await ensureAccount()
    if !wasKnown, let url = accountURL {
      try await record(.account) { try await journal.accountFound(url: url.description) }
    }
  }

  private func record(
    _ step: ACMEError.Step, _ write: () async throws -> Void
  ) async throws(ACMEError) {
    do { try await write() } catch {
      throw ACMEError(step, .local("progress could not be written down: \(error)"))
    }
  }

  /// An order of an earlier run if it is still good: not refused, not for other names, not over, not failed.
  private func resumable(_ url: URL, _ request: IssuanceRequest) async throws(ACMEError) -> Order? {
    do throws(ACMEError) {
      let order = try await perform(order(at: url, request)).0
      if order.status == .invalid { return nil }
      if order.status != .valid, let expires = order.expires, expires <= environment.now() { return nil }
      return order
    } catch {
      if error.problem?.kind == .accountDoesNotExist { throw error }
      switch error.cause {
      case .refused, .status: if !error.isTransient { return nil }
      case .unusable, .local: return nil
      default: break
      }
      throw error
    }
  }

  /// Takes an order from wherever it is to its certificate. Nil when a resumed order turns out to be dead
  /// through no act of this run.
  private func complete(
    _ first: Order, _ url: URL, _ request: IssuanceRequest, _ journal: any IssuanceJournal,
    _ responder: any ChallengeResponder, _ published: inout [ChallengeAnswer], isResumed: Bool
  ) async throws(ACMEError) -> CertificateChain? {
    do throws(ACMEError) {
      return try await advance(first, url, request, responder, &published)
    } catch {
      if isResumed, published.isEmpty {
        switch error.cause {
        case .validation, .unusable: return nil
        default: break
        }
      }
      if error.endsOrder { await journal.orderClosed(url: url.description) }
      throw error
    }
  }

  /// The order's states (RFC 8555 §7.1.6), each entered at most once in this direction.
  private func advance(
    _ first: Order, _ url: URL, _ request: IssuanceRequest, _ responder: any ChallengeResponder,
    _ published: inout [ChallengeAnswer]
  ) async throws(ACMEError) -> CertificateChain {
    var order = first
    if order.status == .pending {
      try await satisfy(order, responder, published: &published)
      order = try await finalizeOnceReady(order, at: url, request)
    }
    if order.status == .ready { order = try await finalize(order, at: url, request) }
    if order.status == .processing || order.status == .ready {
      order = try await poll(self.order(at: url, request), what: "issuing the certificate") {
        $0.status == .valid || $0.status == .invalid
      }
    }
    guard order.status == .valid, let certificate = order.certificate else {
      throw ACMEError(
        .order,
        .refused(order.error ?? Problem(type: "about:blank", detail: "the order is \(order.status.rawValue)"))
      )
    }
    return try await download(certificate, request)
  }
}

extension Client {
  /// All is proven, so that the order should be ready: a CA that takes longer to see it says so.
  fileprivate func finalizeOnceReady(
    _ order: Order, at url: URL, _ request: IssuanceRequest
  ) async throws(ACMEError) -> Order {
    do throws(ACMEError) { return try await finalize(order, at: url, request) } catch {
      guard error.problem?.kind == .orderNotReady else { throw error }
      return try await poll(self.order(at: url, request), what: "preparing the order") {
        $0.status != .pending
      }
    }
  }
}

extension ACMEError {
  /// Whether the order that it happened to is of no further use.
  fileprivate var endsOrder: Bool {
    switch cause {
    case .validation: true
    case .refused, .status: !isTransient && problem?.kind != .accountDoesNotExist
    default: false
    }
  }
}
