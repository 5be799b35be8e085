public import HTTP
internal import PKI

/// An account as the CA has it (RFC 8555 §7.1.2).
public struct Account: Sendable, Equatable {
  /// Its name in every later request.
  public let url: URL
  /// Where the CA writes to.
  public let contacts: [String]
}

/// The JSON of an account.
struct WireAccount: Decodable {
  enum Status: String, Decodable { case valid, deactivated, revoked }
  let status: Status
  let contact: [String]?
}

private struct NewAccount: Encodable {
  var contact: [String]?
  var termsOfServiceAgreed: Bool?
  var onlyReturnExisting: Bool?
  var externalAccountBinding: FlattenedJWS?
}

private struct AccountUpdate: Encodable {
  var contact: [String]?
  var status: String?
}

extension Client {
  /// The account of our key, registered if the CA does not know it, its contacts brought up to date.
  ///
  /// Repeating is harmless: a CA answers a known key with its account (RFC 8555 §7.3.1).
  public func account() async throws(ACMEError) -> Account {
    let found = try await register()
    return found.contacts == options.contacts ? found : try await setContacts(options.contacts)
  }

  /// The account of our key if the CA has one; never makes one (RFC 8555 §7.3.1).
  public func existingAccount() async throws(ACMEError) -> Account? {
    do throws(ACMEError) {
      return try await newAccount(NewAccount(onlyReturnExisting: true))
    } catch {
      if error.problem?.kind == .accountDoesNotExist { return nil }
      throw error
    }
  }

  /// Replaces the account's contacts (RFC 8555 §7.3.2).
  public func setContacts(_ contacts: [String]) async throws(ACMEError) -> Account {
    try await withAccount { (url) throws(ACMEError) in
      let account = try await self.perform(self.update(url, AccountUpdate(contact: contacts)))
      return Account(url: url, contacts: account.contact ?? [])
    }
  }

  /// Ends the account for good (RFC 8555 §7.3.6): neither it nor its key can be used again.
  public func deactivateAccount() async throws(ACMEError) {
    try await ensureAccount()
    guard let url = accountURL else { return }
    var mayHaveTakenEffect = false
    _ = try await perform(update(url, AccountUpdate(status: "deactivated"))) {
      (failure) throws(ACMEError) -> WireAccount? in
      // The repeated request of a deactivated account is unauthorized: it is what we wanted.
      if case .refused(let status, _, _) = failure, status == 401 || status == 403, mayHaveTakenEffect {
        return WireAccount(status: .deactivated, contact: nil)
      }
      mayHaveTakenEffect = true
      return nil
    }
    accountURL = nil
  }

  /// Makes the account's URL known, by registration if need be.
  func ensureAccount() async throws(ACMEError) {
    _ = try await directory()
    if accountURL == nil { _ = try await register() }
  }

  /// Runs something as the account; once more with a new account if the CA has lost it.
  func withAccount<Value>(
    _ body: (URL) async throws(ACMEError) -> Value
  ) async throws(ACMEError) -> Value {
    for isLast in [false, true] {
      try await ensureAccount()
      guard let url = accountURL else { continue }
      do throws(ACMEError) {
        return try await body(url)
      } catch {
        guard error.problem?.kind == .accountDoesNotExist, !isLast else { throw error }
        forgetAccount(url)
      }
    }
    throw ACMEError(.account, .local("the account was lost again while it was being used"))
  }

  /// The CA does not know the account any more.
  func forgetAccount(_ url: URL?) {
    if accountURL == url { accountURL = nil }
  }

  private func register() async throws(ACMEError) -> Account {
    let directory = try await directory()
    var request = NewAccount(contact: options.contacts.isEmpty ? nil : options.contacts)
    if let terms = directory.termsOfService {
      guard options.agreesToTerms else {
        throw ACMEError(.account, .local("agree to the CA's terms of service first: \(terms)"))
      }
    }
    request.termsOfServiceAgreed = options.agreesToTerms ? true : nil
    let isBound = options.externalAccount != nil || options.externalAccountSource != nil
    guard directory.externalAccountRequired || isBound else { return try await newAccount(request) }
    // A binding is often good for one use, and some CAs look at it before they look for the account.
    if let known = try await accountBeforeBinding() { return known }
    let external = try await binding()
    do throws(PKIError) {
      request.externalAccountBinding = try external.object(jwk: signer.jwk, newAccount: directory.newAccount)
    } catch {
      throw ACMEError(.account, .local("the external account binding could not be signed: \(error)"))
    }
    do throws(ACMEError) { return try await newAccount(request) } catch {
      if error.problem != nil, !error.isTransient { await options.externalAccountSource?.refused() }
      throw error
    }
  }

  private func binding() async throws(ACMEError) -> ExternalAccountBinding {
    if let given = options.externalAccount { return given }
    guard let source = options.externalAccountSource else {
      throw ACMEError(.account, .local("this CA wants an external account binding (key ID and HMAC key)"))
    }
    do { return try await source.binding() } catch {
      throw ACMEError(.account, .local("no external account binding could be had: \(error)"))
    }
  }

  /// The account's URL, registered if the CA does not know our key; asks nothing when it is known.
  public func enrol() async throws(ACMEError) -> URL {
    try await ensureAccount()
    guard let accountURL else { throw ACMEError(.account, .local("the account is not known")) }
    return accountURL
  }

  /// Another process has registered the account of our key meanwhile.
  public func adopt(accountURL url: String) {
    if accountURL == nil { accountURL = URL(url) }
  }

  /// The account of our key, if the CA tells; a CA that will not tell without a binding has none for us.
  private func accountBeforeBinding() async throws(ACMEError) -> Account? {
    do throws(ACMEError) { return try await existingAccount() } catch {
      if error.problem != nil, !error.isTransient { return nil }
      throw error
    }
  }

  private func newAccount(_ request: NewAccount) async throws(ACMEError) -> Account {
    let directory = try await directory()
    let limit = options.limits.jsonBytes
    let call = Call(
      .account, .post(payload: ACMEJSON.encode(request), by: .key(signer)), directory.newAccount
    ) { (answer) throws(Unusable) in
      let account = try ACMEJSON.decode(WireAccount.self, answer.body, limitInBytes: limit)
      guard let location = answer.fields["Location"], let url = directory.newAccount.resolving(location)
      else {
        throw Unusable(reason: "the account's Location is missing")
      }
      return (account, url)
    }
    var mayHaveTakenEffect = false
    let (account, url) = try await perform(call) { (failure) throws(ACMEError) -> (WireAccount, URL)? in
      // A binding is good for one use: if its answer was lost, the repeat is refused, yet the account exists.
      if case .refused(let status, _, _) = failure, (400..<500).contains(status), status != 429 {
        guard mayHaveTakenEffect, request.externalAccountBinding != nil else { return nil }
        guard let known = try await self.existingAccount() else { return nil }
        return (WireAccount(status: .valid, contact: known.contacts), known.url)
      }
      mayHaveTakenEffect = true
      return nil
    }
    guard account.status == .valid else {
      throw ACMEError(
        .account, .local("the account \(url) is \(account.status.rawValue); use another account key"))
    }
    accountURL = url
    return Account(url: url, contacts: account.contact ?? [])
  }

  private func update(_ url: URL, _ update: AccountUpdate) -> Call<WireAccount> {
    let limit = options.limits.jsonBytes
    return Call(.account, .post(payload: ACMEJSON.encode(update), by: .account), url) {
      (answer) throws(Unusable) in
      try ACMEJSON.decode(WireAccount.self, answer.body, limitInBytes: limit)
    }
  }
}
