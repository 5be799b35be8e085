import Bytes
import CertStore
import HTTP
import OS
import PKI

/// The account at one CA as the store has it: made once, used by every later run.
actor AccountKeeper {
  private let store: CertStore
  private let now: @Sendable () -> UnixTime
  private let authority: String
  private nonisolated let contacts: [String]
  /// What the store had at the beginning.
  nonisolated let atStart: AccountRecord
  private(set) var stored: StoredAccount

  /// The account for a directory and an external key, with a new key if there is none.
  init(
    store: CertStore, directory: URL, contacts: [String], externalKeyID: String?,
    now: @escaping @Sendable () -> UnixTime
  ) throws {
    self.now = now
    authority = directory.authority
    self.store = store
    self.contacts = contacts
    let text = directory.description
    // Two processes that find none must not make two; one that waits in vain makes its own.
    let lock = try FileLock.acquire(
      store.registrationLockPath(host: "key.\(directory.authority)"), FileSystem(),
      patienceNanoseconds: Self.creationPatienceNanoseconds)
    defer { withExtendedLifetime(lock) {} }
    if let found = try store.account(
      host: directory.authority, directory: text, externalKeyID: externalKeyID, now: now())
    {
      stored = found
    } else {
      stored = try store.createAccount(
        host: directory.authority, key: PrivateKey.generate(.ecP256),
        record: AccountRecord(
          directory: text, externalKeyID: externalKeyID, contacts: contacts, createdAt: now()))
    }
    atStart = stored.record
  }

  /// How long another process may take to make a key, in nanoseconds.
  private static let creationPatienceNanoseconds: UInt64 = 5_000_000_000

  /// Whether the CA knows the account under other contacts.
  nonisolated var hadOtherContacts: Bool { atStart.url != nil && atStart.contacts != contacts }

  /// Whether the store still has this account with this key. What cannot be read at present says nothing else.
  func isCurrent() -> Bool {
    let again: StoredAccount?
    do {
      again = try store.account(
        host: authority, directory: stored.record.directory, externalKeyID: stored.record.externalKeyID,
        now: now())
    } catch { return true }
    return again?.id == stored.id && again?.key.publicKeyInfo == stored.key.publicKeyInfo
  }

  /// What another process has written down meanwhile.
  func readAgain() throws {
    let again = try store.account(
      host: authority, directory: stored.record.directory, externalKeyID: stored.record.externalKeyID,
      now: now())
    if let again, again.id == stored.id { stored = again }
  }

  /// The external key that is kept until the account is registered, unless it is too old.
  func externalKey(youngerThanSeconds seconds: Int64) throws -> ExternalKey? {
    guard let kept = try store.externalKey(of: stored) else { return nil }
    return now() - kept.obtainedAt < seconds ? kept : nil
  }

  /// Keeps an external key until the account is registered.
  func keep(externalKey name: String, _ key: String) throws {
    try store.keepExternalKey(ExternalKey(keyID: name, key: key, obtainedAt: now()), of: stored)
  }

  /// The external key is used, or of no use. One that cannot be removed is refused by the CA and asked for anew.
  func dropExternalKey() { try? store.dropExternalKey(of: stored) }

  /// A key that the account was about to change to when a run was cut off.
  func stagedKey() throws -> PrivateKey? { try store.stagedKey(of: stored) }

  /// Stores a new key before the CA hears of it.
  func stage(_ key: PrivateKey) throws { try store.stageKey(key, of: stored) }

  /// The CA knows the account by its new key.
  func adoptStagedKey() throws { stored = try store.adoptStagedKey(of: stored) }

  /// The CA knows the account by its old key.
  func dropStagedKey() throws { try store.dropStagedKey(of: stored) }

  /// The account is over.
  func retire(now: UnixTime) throws { try store.retireAccount(stored, now: now) }

  /// The CA has told the account's URL; durable on return.
  func found(url: String) throws {
    var changed = stored
    changed.record.url = url
    changed.record.contacts = contacts
    guard changed.record != stored.record else { return }
    try store.updateAccount(changed)
    dropExternalKey()
    if stored.record.url != url { try? noteRegistration() }
    stored = changed
  }

  /// Counted, because CAs limit it: also an account that was found again by its key, which nobody can tell apart.
  private func noteRegistration() throws {
    var entry = LedgerEntry(at: now(), event: .registered, name: nil, issuer: authority, identifiers: [])
    entry.authority = authority
    try store.append(entry)
  }
}
