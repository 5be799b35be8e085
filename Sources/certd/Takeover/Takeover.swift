import Bytes
import CertStore
import Configuration
import HTTP
import PKI

/// Puts what another program keeps into the store, asking no CA for anything. Doing it again changes nothing.
struct Takeover {
  var state: ForeignState
  /// Paths of the CAs' roots, for those that the system does not trust.
  var roots: [String] = []
  /// The program that changes zones; nil where there is none.
  var dnsProgram: String?
  /// Whether the store stays as it is.
  let isDryRun: Bool
  let now: UnixTime

  /// A certificate that is in the store, or would be.
  struct Taken {
    let name: LineageName
    let certificate: ForeignCertificate
    let issuer: String
    let outcome: String
  }

  /// What came of it, for the report and the configuration.
  struct Result {
    var taken: [Taken] = []
    var accounts: [(account: ForeignAccount, outcome: String)] = []
    /// The issuers in the order of their use, as names and directories.
    var issuers: [(name: String, directory: String)] = []
    var state: ForeignState
  }

  func run(_ store: CertStore?) -> Result {
    var result = Result(state: state)
    result.issuers = issuers()
    takeAccounts(store, &result)
    for (name, certificate) in unique(&result.state) {
      guard let directory = certificate.directory else {
        result.state.refuse(
          certificate.place,
          "nothing tells which CA renews it: name its directory with --directory URL, or list the files as cert and key "
            + "under certificates")
        continue
      }
      let issuer = result.issuers.first { $0.directory == directory }?.name ?? directory
      do {
        let outcome = try take(certificate, name, issuer, store)
        result.taken.append(Taken(name: name, certificate: certificate, issuer: issuer, outcome: outcome))
      } catch { result.state.refuse(certificate.place, "\(error)") }
    }
    return result
  }

  /// One certificate a name; of two the one that is valid for longer.
  private func unique(_ state: inout ForeignState) -> [(LineageName, ForeignCertificate)] {
    var best: [LineageName: ForeignCertificate] = [:]
    for certificate in state.certificates {
      guard let first = certificate.chain.leaf.identifiers.first else {
        state.refuse(certificate.place, "the certificate is about no name or address")
        continue
      }
      let name = LineageName(certificate.name) ?? LineageName(first)
      guard let other = best[name] else {
        best[name] = certificate
        continue
      }
      let isLonger = certificate.chain.leaf.notAfter > other.chain.leaf.notAfter
      best[name] = isLonger ? certificate : other
      state.note(
        (isLonger ? other : certificate).place,
        "\(name) is there twice; the one that is valid for longer is taken")
    }
    return best.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private func take(
    _ certificate: ForeignCertificate, _ name: LineageName, _ issuer: String, _ store: CertStore?
  ) throws -> String {
    let leaf = certificate.chain.leaf
    // The same checks that publishing makes, so that a rehearsal tells what would come of it.
    try certificate.chain.check(key: certificate.key, identifiers: leaf.identifiers, now: now)
    guard let type = certificate.key.type else {
      throw Unreadable("its key is of a kind that certd does not use; 'certd issue' obtains another one")
    }
    guard let store else { return "would be taken" }
    if let held = store.load(name, now: now) {
      if held.chain.leaf == leaf { return "there already" }
      if held.chain.leaf.notAfter > leaf.notAfter { return "the store has a newer one, which stays" }
    }
    if isDryRun { return "would be taken" }
    guard let lock = try store.lock(name) else { throw Unreadable("another certd is at work on \(name)") }
    try store.publish(
      lock, key: certificate.key, chain: certificate.chain,
      meta: CertificateMeta(identifiers: leaf.identifiers, keyType: type, issuer: issuer, storedAt: now),
      now: now)
    if let id = leaf.ariCertID, let moment = certificate.renewAt {
      try store.record(lock, RenewalRecord(certificateID: id, chosen: moment, askAgainAt: now))
    }
    return "taken"
  }

  // MARK: Accounts

  /// Directories by how many certificates came from them, each with a name for the configuration.
  private func issuers() -> [(name: String, directory: String)] {
    var uses: [String: Int] = [:]
    for account in state.accounts { uses[account.directory, default: 0] += 0 }
    for certificate in state.certificates {
      if let directory = certificate.directory { uses[directory, default: 0] += 1 }
    }
    var named: [(name: String, directory: String)] = []
    for (directory, _) in uses.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      let preset = IssuerPreset.all.first { $0.directory == directory && !$0.needsExternalAccount }
      let host = URL(directory)?.host ?? "ca"
      var name = preset?.name ?? host
      var number = 2
      while named.contains(where: { $0.name == name }) {
        name = "\(host)-\(number)"
        number += 1
      }
      named.append((name, directory))
    }
    return named
  }

  /// All of them, the most used first: of several at one CA, certd goes on with the first that it was given.
  private func takeAccounts(_ store: CertStore?, _ result: inout Result) {
    func uses(_ account: ForeignAccount) -> Int {
      state.certificates.count { $0.directory == account.directory && $0.account == account.url }
    }
    var first: [String: String] = [:]
    let sorted = state.accounts.map { (uses($0), $0) }.sorted { ($1.0, $0.1.url) < ($0.0, $1.1.url) }.map(\.1)
    for (index, account) in sorted.enumerated() {
      do {
        let outcome = try take(account, after: Int64(index), store)
        result.accounts.append((account, outcome))
        if let other = first[account.directory] {
          result.state.note(
            account.place,
            "is a second account at \(account.directory): kept, but certd goes on with \(other)")
        }
        first[account.directory] = first[account.directory] ?? account.url
      } catch { result.state.refuse(account.place, "\(error)") }
    }
  }

  private func take(_ account: ForeignAccount, after seconds: Int64, _ store: CertStore?) throws -> String {
    guard account.key.type != nil else {
      throw Unreadable(
        "the account's key is of a kind that certd does not use; another account will be registered")
    }
    guard let directory = URL(account.directory) else {
      throw Unreadable("\(account.directory) is not the URL of a directory")
    }
    guard let store else { return "would be taken" }
    let authority = directory.authority
    if try store.hasAccount(host: authority, key: account.key) { return "there already" }
    let own = try store.account(
      host: authority, directory: account.directory, externalKeyID: nil, now: now)
    if isDryRun { return "would be taken" }
    let made = try store.createAccount(
      host: authority, key: account.key,
      record: AccountRecord(
        directory: account.directory, url: account.url, contacts: account.contacts, createdAt: now + seconds))
    _ = made
    if let url = own?.record.url, !state.accounts.contains(where: { $0.url == url }) {
      return "taken, but certd goes on with its own account \(url)"
    }
    return "taken"
  }
}
