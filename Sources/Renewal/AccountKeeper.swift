import Bytes
import CertStore
import HTTP
import PKI

/// The account at one CA as the store has it: made once, used by every later run.
actor AccountKeeper {
  private let store: CertStore
  private nonisolated let contacts: [String]
  nonisolated let key: PrivateKey
  /// What the store had at the beginning.
  nonisolated let atStart: AccountRecord
  private var stored: StoredAccount

  /// The account for a directory and an external key, with a new key if there is none.
  init(
    store: CertStore, directory: URL, contacts: [String], externalKeyID: String?, now: UnixTime
  ) throws {
    self.store = store
    self.contacts = contacts
    let text = directory.description
    if let found = try store.account(
      host: directory.authority, directory: text, externalKeyID: externalKeyID, now: now)
    {
      stored = found
    } else {
      stored = try store.createAccount(
        host: directory.authority, key: PrivateKey.generate(.ecP256),
        record: AccountRecord(
          directory: text, externalKeyID: externalKeyID, contacts: contacts, createdAt: now))
    }
    key = stored.key
    atStart = stored.record
  }

  /// Whether the CA knows the account under other contacts.
  nonisolated var hadOtherContacts: Bool { atStart.url != nil && atStart.contacts != contacts }

  /// The CA has told the account's URL; durable on return.
  func found(url: String) throws {
    var changed = stored
    changed.record.url = url
    changed.record.contacts = contacts
    guard changed.record != stored.record else { return }
    try store.updateAccount(changed)
    stored = changed
  }
}
