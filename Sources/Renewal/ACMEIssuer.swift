public import ACME
import Bytes
public import CertStore
public import HTTP
public import OS
public import PKI

/// A CA that speaks ACME, with the account that the store has for it.
public actor ACMEIssuer: Issuer {
  /// How a CA is reached and spoken to.
  public struct Configuration: Sendable {
    /// The CA's directory.
    public var directory: URL
    /// Contacts, terms, external account and limits. The account's URL comes from the store.
    public var options: ACME.Options
    /// Makes challenge answers visible; the store's board if nil.
    public var responder: (any ChallengeResponder)?
    /// The common name of the CA that chains shall lead to, if there is a choice.
    public var preferredIssuer: String?
    /// How long after the order certificates shall end, in seconds; nil for the CA's choice.
    public var lifetimeSeconds: Int64?
    /// Gets the key of an external account where the CA hands them out by itself.
    public var externalKeys: ExternalKeyFetch?

    /// A configuration.
    public init(
      directory: URL, options: ACME.Options, responder: (any ChallengeResponder)? = nil,
      preferredIssuer: String? = nil, lifetimeSeconds: Int64? = nil
    ) {
      self.lifetimeSeconds = lifetimeSeconds
      self.directory = directory
      self.options = options
      self.responder = responder
      self.preferredIssuer = preferredIssuer
    }
  }

  private let configuration: Configuration
  private let store: CertStore
  private let environment: ACME.Environment
  private let transport: DateWatch
  private let warn: @Sendable (String) -> Void
  private var known: (client: Client, account: AccountKeeper)?
  private var hasToldOfRoot = false

  /// A CA. `transport` makes single requests; `warn` hears of what went wrong without stopping anything.
  public init(
    _ configuration: Configuration, store: CertStore, transport: any Transport,
    environment: ACME.Environment, uptime: @escaping @Sendable () -> Int64 = { Clock.bootSeconds() },
    warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.store = store
    self.environment = environment
    self.transport = DateWatch(transport, now: environment.now, uptime: uptime)
    self.warn = warn
  }

  /// A CA may have renewal information; its directory tells.
  public nonisolated var givesAdvice: Bool { true }

  /// Obtains a chain by an order. Nothing is ordered while our clock is far from the CA's.
  public func issue(
    _ request: IssueRequest, progress: any IssueProgress
  ) async throws(IssuerError) -> any Issued {
    let (client, account) = try await session()
    var wanted = IssuanceRequest(
      identifiers: request.identifiers, key: request.key, profile: request.profile,
      replaces: request.replaces, preferredIssuer: configuration.preferredIssuer)
    wanted.notAfter = configuration.lifetimeSeconds.map { environment.now() + $0 }
    let journal = Journal(account: account, progress: progress)
    let responder = configuration.responder ?? BoardResponder(store.challenges)
    await responder.tidy()
    do {
      _ = try await client.directory()
      try checkClock()
      try await enrol(client, account)
      let chain = try await client.issue(
        wanted, resuming: request.resuming, journal: journal, responder: responder)
      tellOfOtherRoot(chain)
      return chain
    } catch { throw Self.issuerError(error) }
  }

  /// Says once that the CA has no chain to the root that is preferred.
  private func tellOfOtherRoot(_ chain: CertificateChain) {
    guard let wanted = configuration.preferredIssuer, !chain.leads(to: wanted), !hasToldOfRoot else { return }
    hasToldOfRoot = true
    let last = chain.intermediates.last ?? chain.leaf
    warn(
      "the CA offers no chain to \"\(wanted)\" (preferred_chain); its own choice is served, by \(last.issuer)"
    )
  }

  /// What the CA suggests (RFC 9773); nil when it has nothing to suggest.
  public func advice(certificateID: String) async throws(IssuerError) -> RenewalAdvice? {
    let (client, _) = try await session()
    do throws(ACMEError) {
      guard let info = try await client.renewalInfo(for: certificateID) else { return nil }
      return RenewalAdvice(start: info.start, end: info.end, askAgainAt: info.askAgainAt)
    } catch { throw Self.issuerError(error) }
  }

  /// By the Date of the CA's last answer.
  public func clockOffsetSeconds() async -> Int64? { transport.offsetSeconds }

  /// Revokes a certificate (RFC 8555 §7.6). One that is revoked already is fine.
  public func revoke(
    _ certificate: Certificate, reason: RevocationReason, by author: RevocationAuthor
  ) async throws(IssuerError) {
    let (client, _) = try await session()
    do throws(ACMEError) { try await client.revoke(certificate, reason: reason, by: author) } catch {
      throw Self.issuerError(error)
    }
  }

  /// The account at the CA: found or registered, with its contacts brought up to date.
  public func account() async throws(IssuerError) -> Account {
    let (client, keeper) = try await session()
    do {
      try await enrol(client, keeper)
      let account = try await client.account()
      try await keeper.found(url: account.url.description)
      return account
    } catch { throw Self.issuerError(error) }
  }

  /// The account as the CA has it, without registering one; nil when it knows none of ours.
  public func existingAccount() async throws(IssuerError) -> Account? {
    let (client, _) = try await session()
    do throws(ACMEError) { return try await client.existingAccount() } catch { throw Self.issuerError(error) }
  }

  /// Replaces the contacts that the CA has.
  public func setContacts(_ contacts: [String]) async throws(IssuerError) -> Account {
    let (client, _) = try await session()
    do throws(ACMEError) { return try await client.setContacts(contacts) } catch {
      throw Self.issuerError(error)
    }
  }

  /// Gives the account a new key (RFC 8555 §7.3.5). Killed anywhere, the next use of the account finds out which of
  /// the two keys holds.
  public func changeKey() async throws(IssuerError) {
    let (client, keeper) = try await session()
    do {
      // Nobody else may find the staged key and take it for one that was left behind.
      let lock = try await accountLock()
      defer { withExtendedLifetime(lock) {} }
      let key = try PrivateKey.generate(.ecP256)
      let signer = try KeySigner(key)
      try await keeper.stage(key)
      do throws(ACMEError) { try await client.changeKey(to: signer) } catch {
        // Refused outright: what was staged holds nowhere. After anything else nobody knows.
        switch error.cause {
        case .local, .refused: try await keeper.dropStagedKey()
        default: break
        }
        throw error
      }
      try await keeper.adoptStagedKey()
      known = nil
    } catch { throw Self.issuerError(error) }
  }

  /// Ends the account for good (RFC 8555 §7.3.6). Its files are kept aside; the next order registers a new one.
  public func deactivate() async throws(IssuerError) {
    let (client, keeper) = try await session()
    do {
      do throws(ACMEError) { try await client.deactivateAccount() } catch {
        // The CA has ended it already: what is left is to put its files aside.
        guard Self.isRefusedAccount(error) else { throw error }
      }
      try await keeper.retire(now: environment.now())
      known = nil
    } catch { throw Self.issuerError(error) }
  }

  /// Finds out which key holds after a change that was cut off. A CA that cannot be asked leaves it open.
  private func settleKey(_ keeper: AccountKeeper) async throws {
    guard try await keeper.stagedKey() != nil else { return }
    let lock = try await accountLock()
    defer { withExtendedLifetime(lock) {} }
    // Whoever was changing it has ended by now.
    try await keeper.readAgain()
    guard let staged = try await keeper.stagedKey() else { return }
    var options = configuration.options
    options.accountURL = nil
    let probe = Client(
      directoryURL: configuration.directory, transport: transport, signer: try KeySigner(staged),
      environment: environment, options: options)
    let holds: Bool
    do throws(ACMEError) { holds = try await probe.existingAccount() != nil } catch {
      return warn(
        "the account's key is in doubt until \(configuration.directory.host) can be asked: \(error)")
    }
    if holds { try await keeper.adoptStagedKey() } else { try await keeper.dropStagedKey() }
  }

  /// How long another process may take to register, in seconds; after that we do it as well, which is harmless.
  private static let registrationPatienceSeconds = 60

  private static func registrationLock(
    _ path: String, _ sleep: @Sendable (Double) async throws -> Void
  ) async throws -> FileLock? {
    try await FileLock.acquire(path, FileSystem(), tries: registrationPatienceSeconds * 10) {
      try await sleep(0.1)
    }
  }

  /// Held by whoever changes the account or finds out how a change has ended.
  private func accountLock() async throws -> FileLock? {
    try await Self.registrationLock(
      store.registrationLockPath(host: "change.\(configuration.directory.authority)"), environment.sleep)
  }

  /// Has the account registered by one process at a time, so that one account is made and one external key used.
  private func enrol(_ client: Client, _ keeper: AccountKeeper) async throws {
    guard await keeper.stored.record.url == nil else { return }
    let lock = try await Self.registrationLock(
      store.registrationLockPath(host: configuration.directory.authority), environment.sleep)
    try await keeper.readAgain()
    if let url = await keeper.stored.record.url {
      await client.adopt(accountURL: url)
    } else {
      try await keeper.found(url: try await client.enrol().description)
    }
    withExtendedLifetime(lock) {}
  }

  /// The client for our account, whose key is made and stored before the CA hears of it.
  private func session() async throws(IssuerError) -> (Client, AccountKeeper) {
    // Another process may have changed the key, or put the account aside.
    if let known, await known.account.isCurrent() { return known }
    known = nil
    do {
      let keeper = try AccountKeeper(
        store: store, directory: configuration.directory, contacts: configuration.options.contacts,
        externalKeyID: configuration.options.externalAccount?.keyID, now: environment.now)
      try await settleKey(keeper)
      var options = configuration.options
      options.accountURL = keeper.atStart.url
      if let fetch = configuration.externalKeys {
        options.externalAccountSource = KeptExternalKey(keeper: keeper, fetch: fetch)
      }
      let client = Client(
        directoryURL: configuration.directory, transport: transport,
        signer: try KeySigner(await keeper.stored.key), environment: environment, options: options)
      known = (client, keeper)
      if keeper.hadOtherContacts { await updateContacts(client, keeper) }
      return (client, keeper)
    } catch { throw Self.issuerError(error) }
  }

  /// The CA's record of whom to write to is a courtesy: no certificate is worth less without it.
  private func updateContacts(_ client: Client, _ keeper: AccountKeeper) async {
    do {
      let account = try await client.account()
      try await keeper.found(url: account.url.description)
    } catch { warn("the contacts at \(configuration.directory.host) could not be changed: \(error)") }
  }

  private func checkClock() throws(IssuerError) {
    guard let offset = transport.offsetSeconds, offset.magnitude > UInt64(Policy.maximumClockOffsetSeconds)
    else { return }
    throw IssuerError(
      .other, "the system's clock is \(offset.magnitude) s away from the CA's; set the clock")
  }

  private static func issuerError(_ error: any Error) -> IssuerError {
    if let error = error as? IssuerError { return error }
    guard let error = error as? ACMEError else { return IssuerError(.other, "\(error)") }
    let kind: LedgerEntry.Failure?
    switch error.cause {
    case .cancelled: kind = nil
    case .transport(let cause) where cause.kind == .cancelled: kind = nil
    case .validation: kind = .validation
    case .refused(let problem) where problem.kind == .rateLimited || problem.status == 429:
      kind = .rateLimited
    case .status(429): kind = .rateLimited
    case .transport, .unusable, .unfinished: kind = .unavailable
    case .status(let status) where status >= 500: kind = .unavailable
    case .refused(let problem) where (problem.status ?? 0) >= 500 || problem.kind == .serverInternal:
      kind = .unavailable
    default: kind = .other
    }
    var failed: [String]?
    if case .validation(let failures) = error.cause { failed = failures.map(\.identifier.description) }
    let remedy =
      isRefusedAccount(error)
      ? "; if the account was deactivated or revoked there, 'certd account deactivate --ca NAME --yes' puts it aside "
        + "here, and the next order registers a new one" : ""
    return IssuerError(
      kind, error.description + remedy, retryAfter: error.retryAfter, failedIdentifiers: failed)
  }

  /// Whether the CA takes nothing more from the account: what is asked first of all was already "unauthorized".
  private static func isRefusedAccount(_ error: ACMEError) -> Bool {
    guard case .refused(let problem) = error.cause, problem.kind == .unauthorized else { return false }
    return error.step == .account || error.step == .newOrder
  }
}

/// Joins the account's and the order's side of what the engine wants written down.
private struct Journal: IssuanceJournal {
  let account: AccountKeeper
  let progress: any IssueProgress

  func accountFound(url: String) async throws { try await account.found(url: url) }
  func orderCreated(url: String) async throws { try await progress.orderCreated(url: url) }
  func orderClosed(url: String) async { await progress.orderClosed(url: url) }
}
