public import Bytes
import OS
public import PKI

/// What is known of an account at a CA besides its key.
public struct AccountRecord: Codable, Sendable, Equatable {
  /// The URL of the CA's directory.
  public var directory: String
  /// The key identifier of an external account binding (RFC 8555 §7.3.4), if one was used.
  public var externalKeyID: String?
  /// The account's URL; nil until the CA has told.
  public var url: String?
  /// Contact URLs last sent to the CA.
  public var contacts: [String]
  /// When the key was made.
  public var createdAt: UnixTime

  /// A record.
  public init(
    directory: String, externalKeyID: String? = nil, url: String? = nil, contacts: [String],
    createdAt: UnixTime
  ) {
    self.directory = directory
    self.externalKeyID = externalKeyID
    self.url = url
    self.contacts = contacts
    self.createdAt = createdAt
  }
}

/// An account with its key, as stored.
public struct StoredAccount: Sendable {
  /// The host of the CA, made fit for a directory.
  public let host: String
  /// The account's own directory below it.
  public let id: String
  /// What is known of it.
  public var record: AccountRecord
  /// Its key.
  public let key: PrivateKey
}

extension CertStore {
  /// The account of a CA's directory and external key, or nil. The oldest one, should there be several.
  /// Damaged ones are moved to quarantine; one that only lost its record is found again by its key.
  public func account(
    host: String, directory: String, externalKeyID: String?, now: UnixTime
  ) throws(StoreError) -> StoredAccount? {
    let host = Self.directoryName(host: host)
    let parent = layout.accounts + "/" + host
    return try doing("reading the accounts at \(host)") {
      guard try fs.statusIfPresent(parent) != nil else { return nil }
      var found: [StoredAccount] = []
      for id in try fs.list(parent) where !id.hasSuffix(FileSystem.scratchSuffix) {
        let fallback = AccountRecord(
          directory: directory, externalKeyID: externalKeyID, contacts: [], createdAt: now)
        if let account = try readAccount(host, id, fallback, now) { found.append(account) }
      }
      return found.filter { $0.record.directory == directory && $0.record.externalKeyID == externalKeyID }
        .min { ($0.record.createdAt, $0.id) < ($1.record.createdAt, $1.id) }
    }
  }

  /// Stores a new account's key and record in one step, before the CA hears of them.
  public func createAccount(
    host: String, key: PrivateKey, record: AccountRecord
  ) throws(StoreError) -> StoredAccount {
    let host = Self.directoryName(host: host)
    return try doing("storing an account at \(host)") {
      let id = try Self.accountID(key)
      let parent = layout.accounts + "/" + host
      try underStoreLock {
        try ensureDirectory(parent, shared: false)
        try writeDirectory(
          "\(parent)/\(id)", [("key.pem", try key.pem()), ("account.json", try StoreJSON.file(record))])
      }
      return StoredAccount(host: host, id: id, record: record, key: key)
    }
  }

  /// Whether there is an account with this key.
  public func hasAccount(host: String, key: PrivateKey) throws(StoreError) -> Bool {
    try doing("looking for an account at \(host)") {
      let path = layout.accounts + "/" + Self.directoryName(host: host)
      return try fs.statusIfPresent("\(path)/\(try Self.accountID(key))/key.pem") != nil
    }
  }

  private static func accountID(_ key: PrivateKey) throws -> String {
    Hex.encode(try Digest.sha256(key.publicKeyInfo).prefix(8))
  }

  /// Replaces what is known of an account.
  public func updateAccount(_ account: StoredAccount) throws(StoreError) {
    try doing("storing the account at \(account.host)") {
      try underStoreLock {
        try fs.publish(
          "\(layout.accounts)/\(account.host)/\(account.id)/account.json", StoreJSON.file(account.record),
          mode: 0o600)
      }
    }
  }

  /// Stores the key that an account is about to change to, beside the one that it has.
  public func stageKey(_ key: PrivateKey, of account: StoredAccount) throws(StoreError) {
    try doing("storing a new key of the account at \(account.host)") {
      try underStoreLock { try fs.publish(stagedKeyPath(account), try key.pem(), mode: 0o600) }
    }
  }

  /// The key that an account was about to change to when somebody was cut off; nil when there is none.
  public func stagedKey(of account: StoredAccount) throws(StoreError) -> PrivateKey? {
    try doing("reading a new key of the account at \(account.host)") {
      let path = stagedKeyPath(account)
      guard let pem = try fs.readIfPresent(path, limitInBytes: PrivateKey.maximumPEMBytes) else { return nil }
      return try PrivateKey(pem: pem)
    }
  }

  /// The change has taken effect: the staged key is the account's from now on.
  public func adoptStagedKey(of account: StoredAccount) throws(StoreError) -> StoredAccount {
    try doing("changing the key of the account at \(account.host)") {
      guard let key = try stagedKey(of: account) else { return account }
      try underStoreLock {
        try fs.rename(stagedKeyPath(account), to: accountDirectory(account) + "/key.pem")
        try fs.flushDirectory(accountDirectory(account))
      }
      return StoredAccount(host: account.host, id: account.id, record: account.record, key: key)
    }
  }

  /// The change has not taken effect: the staged key is of no use.
  public func dropStagedKey(of account: StoredAccount) throws(StoreError) {
    try doing("removing a new key of the account at \(account.host)") {
      try fs.unlinkIfPresent(stagedKeyPath(account))
    }
  }

  /// Forgets an account that the CA has ended: its files go to quarantine.
  public func retireAccount(_ account: StoredAccount, now: UnixTime) throws(StoreError) {
    try doing("retiring the account at \(account.host)") {
      _ = try underStoreLock {
        quarantine(
          accountDirectory(account), subject: "account at \(account.host)", reason: "it was deactivated",
          now: now)
      }
    }
  }

  func accountDirectory(_ account: StoredAccount) -> String {
    "\(layout.accounts)/\(account.host)/\(account.id)"
  }

  private func stagedKeyPath(_ account: StoredAccount) -> String {
    accountDirectory(account) + "/next-key.pem"
  }

  /// Writes a directory of secret files in one step: all of them, or nothing.
  func writeDirectory(_ path: String, _ files: [(String, [UInt8])]) throws {
    let scratch = path + FileSystem.scratchSuffix
    try fs.removeTree(scratch, inside: root)
    do {
      try fs.makeDirectory(scratch, mode: 0o700)
      for (file, content) in files { try fs.writeNew("\(scratch)/\(file)", content, mode: 0o600) }
      try fs.flushDirectory(scratch)
      try fs.rename(scratch, to: path)
    } catch {
      try? fs.removeTree(scratch, inside: root)
      throw error
    }
    try fs.flushDirectory(FileSystem.parent(of: path))
  }

  private func readAccount(
    _ host: String, _ id: String, _ fallback: AccountRecord, _ now: UnixTime
  ) throws -> StoredAccount? {
    let directory = "\(layout.accounts)/\(host)/\(id)"
    let key: PrivateKey
    do {
      key = try PrivateKey(pem: fs.read(directory + "/key.pem", limitInBytes: PrivateKey.maximumPEMBytes))
    } catch {
      if let error = error as? SystemError, error.isResourceFailure { throw error }
      let reason = "its key is damaged (\(error)); a new account will be registered"
      _ = try underStoreLock {
        quarantine(directory, subject: "account at \(host)", reason: reason, now: now)
      }
      return nil
    }
    let path = directory + "/account.json"
    let account = StoredAccount(host: host, id: id, record: fallback, key: key)
    switch try readRecord(AccountRecord.self, path) {
    case .found(let record):
      return StoredAccount(host: host, id: id, record: record, key: key)
    case .missing: break
    case .damaged(let reason):
      let note = reason + "; the account will be found by its key"
      _ = try underStoreLock { quarantine(path, subject: "account at \(host)", reason: note, now: now) }
    }
    try updateAccount(account)
    return account
  }

  /// A host as a directory's name: lower-case, anything but letters, digits, `.` and `-` as `_`.
  static func directoryName(host: String) -> String {
    let safe = host.lowercased().utf8.map { c -> UInt8 in
      let isSafe = (0x30...0x39).contains(c) || (0x61...0x7A).contains(c) || c == 0x2D || c == 0x2E
      return isSafe ? c : 0x5F
    }
    let text = String(decoding: safe.prefix(200), as: UTF8.self)
    return text.isEmpty || text.hasPrefix(".") ? "_" + text : text
  }
}
