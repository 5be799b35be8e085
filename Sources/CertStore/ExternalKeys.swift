public import Bytes
import OS

/// A key of an external account (RFC 8555 §7.3.4) between the CA's handing it out and the account's registration. The
/// key is a secret.
public struct ExternalKey: Codable, Sendable, Equatable, CustomStringConvertible {
  /// The key's name.
  public let keyID: String
  /// The key as base64url text.
  public let key: String
  /// When it was handed out.
  public let obtainedAt: UnixTime

  /// A key.
  public init(keyID: String, key: String, obtainedAt: UnixTime) {
    self.keyID = keyID
    self.key = key
    self.obtainedAt = obtainedAt
  }

  /// The name only.
  public var description: String { "external account \(keyID)" }
}

extension CertStore {
  /// The external key that is kept for an account's registration; nil when there is none, or only a damaged one.
  public func externalKey(of account: StoredAccount) throws(StoreError) -> ExternalKey? {
    try doing("reading the external key of the account at \(account.host)") {
      if case .found(let key) = try readRecord(ExternalKey.self, externalKeyPath(account)) {
        key
      } else {
        nil
      }
    }
  }

  /// Keeps one, durably and for the owner's eyes only, replacing what is there.
  public func keepExternalKey(_ key: ExternalKey, of account: StoredAccount) throws(StoreError) {
    try doing("storing the external key of the account at \(account.host)") {
      try underStoreLock { try fs.publish(externalKeyPath(account), StoreJSON.file(key), mode: 0o600) }
    }
  }

  /// Forgets it: the account is registered, or the CA does not take the key.
  public func dropExternalKey(of account: StoredAccount) throws(StoreError) {
    try doing("removing the external key of the account at \(account.host)") {
      try fs.unlinkIfPresent(externalKeyPath(account))
    }
  }

  /// The file that is locked while an account at a CA is being made.
  public func registrationLockPath(host: String) -> String {
    "\(root)/registration.\(Self.directoryName(host: host)).lock"
  }

  private func externalKeyPath(_ account: StoredAccount) -> String {
    accountDirectory(account) + "/external-key.json"
  }
}
