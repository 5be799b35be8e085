public import Bytes
import OS
import PKI

// What several stores have in common, as text: for whoever carries it from one to another.

extension CertificateMeta {
  /// As JSON.
  public var record: [UInt8] { (try? StoreJSON.line(self)) ?? [] }

  /// What was written as JSON; nil for anything else.
  public init?(record: [UInt8]) {
    guard let value = StoreJSON.decode(Self.self, record) else { return nil }
    self = value
  }
}

extension LedgerEntry {
  /// As JSON: the same entry is the same text.
  public var record: [UInt8] { (try? StoreJSON.line(self)) ?? [] }

  /// What was written as JSON; nil for anything else.
  public init?(record: [UInt8]) {
    guard let value = StoreJSON.decode(Self.self, record) else { return nil }
    self = value
  }
}

extension PendingOrder {
  /// As JSON, the key in it: a secret.
  public func record() throws -> [UInt8] { try StoreJSON.line(OrderRecord(self)) }

  /// What was written as JSON; nil for anything else.
  public init?(record: [UInt8]) {
    guard let found = StoreJSON.decode(OrderRecord.self, record), let order = found.order else { return nil }
    self = order
  }
}

/// An account with its key, as one text.
private struct SharedAccount: Codable {
  let host: String
  let keyPEM: String
  let record: AccountRecord
}

extension StoredAccount {
  /// As JSON, the key in it: a secret.
  public func shared() throws -> [UInt8] {
    try StoreJSON.line(
      SharedAccount(host: host, keyPEM: String(decoding: try key.pem(), as: UTF8.self), record: record))
  }
}

extension CertStore {
  /// Every account of the store.
  public func accounts(now: UnixTime) throws(StoreError) -> [StoredAccount] {
    try doing("reading the accounts") {
      var all: [StoredAccount] = []
      for host in try fs.list(layout.accounts) where !host.hasSuffix(FileSystem.scratchSuffix) {
        for id in try fs.list("\(layout.accounts)/\(host)") {
          let path = "\(layout.accounts)/\(host)/\(id)"
          guard case .found(let record)? = try? readRecord(AccountRecord.self, path + "/account.json"),
            let pem = try? fs.read(path + "/key.pem", limitInBytes: PrivateKey.maximumPEMBytes),
            let key = try? PrivateKey(pem: pem)
          else { continue }
          all.append(StoredAccount(host: host, id: id, record: record, key: key))
        }
      }
      return all
    }
  }

  /// Takes an account of another store up, unless it is here already; one whose URL is not known here gets it.
  public func adoptAccount(_ shared: [UInt8]) throws(StoreError) {
    try doing("taking up an account") {
      guard let found = StoreJSON.decode(SharedAccount.self, shared),
        found.host == Self.directoryName(host: found.host)
      else { throw StoreError.invalid("an account that another store has sent is damaged") }
      let key = try PrivateKey(pem: Array(found.keyPEM.utf8))
      guard try hasAccount(host: found.host, key: key) else {
        _ = try createAccount(host: found.host, key: key, record: found.record)
        return
      }
      let known = try accounts(now: found.record.createdAt).first {
        $0.host == found.host && $0.key.publicKeyInfo == key.publicKeyInfo
      }
      guard var known, known.record.url == nil, found.record.url != nil else { return }
      known.record = found.record
      try updateAccount(known)
    }
  }
}
