public import Bytes
import OS
public import PKI

/// The HTTP-01 and TLS-ALPN-01 answers of all issuances in progress, for whichever process listens.
public struct ChallengeBoard: Sendable {
  private let store: CertStore

  init(_ store: CertStore) { self.store = store }

  /// The longest token and the longest answer, in bytes.
  public static let maximumTokenInBytes = 240
  /// The longest key authorization, in bytes.
  public static let maximumAnswerInBytes = 1024
  /// Answers older than this are of nobody's use.
  public static let lifetimeInSeconds: Int64 = 86_400

  /// Whether a text can be a token: base64url characters only (RFC 8555 §8.3), so that it is no path.
  public static func isToken(_ text: String) -> Bool {
    (1...maximumTokenInBytes).contains(text.utf8.count)
      && text.utf8.allSatisfy { c in
        (0x30...0x39).contains(c) || (0x41...0x5A).contains(c) || (0x61...0x7A).contains(c) || c == 0x2D
          || c == 0x5F
      }
  }

  /// Puts up an answer. It is readable by other processes when this returns.
  public func publish(token: String, keyAuthorization: String) throws(StoreError) {
    guard Self.isToken(token), keyAuthorization.utf8.count <= Self.maximumAnswerInBytes else {
      throw .invalid("the CA sent a challenge token that is not base64url or too long")
    }
    try doing("putting up the answer to a challenge") {
      try store.underStoreLock {
        try store.fs.publish(path(token), Array(keyAuthorization.utf8), mode: 0o600)
      }
    }
  }

  /// Takes an answer down; one that is not there is fine.
  public func withdraw(token: String) throws(StoreError) {
    guard Self.isToken(token) else { return }
    try doing("taking down the answer to a challenge") {
      try store.fs.unlinkIfPresent(path(token))
    }
  }

  /// The answer for a token as it came in a request; nil when there is none or the text is no token.
  public func answer(token: String) -> [UInt8]? {
    guard Self.isToken(token) else { return nil }
    return try? store.fs.read(path(token), limitInBytes: Self.maximumAnswerInBytes)
  }

  /// What a TLS-ALPN-01 validation of one server name is to be shown (RFC 8737 §3).
  public struct Validation: Codable, Sendable, Equatable {
    /// The identifier under validation.
    public let identifier: String
    /// The SHA-256 of the key authorization, in hexadecimal.
    public let keyAuthorizationSHA256: String
  }

  /// Puts up what validations of an identifier are shown; another order's answer for it is replaced.
  public func publishValidation(_ identifier: Identifier, keyAuthorization: String) throws(StoreError) {
    try doing("putting up the answer to a challenge") {
      let validation = try Self.validation(identifier, keyAuthorization)
      try store.underStoreLock {
        try store.fs.publish(
          validationPath(identifier.validationServerName), StoreJSON.file(validation), mode: 0o600)
      }
    }
  }

  /// Takes it down, unless another order's stands there by now.
  public func withdrawValidation(_ identifier: Identifier, keyAuthorization: String) throws(StoreError) {
    try doing("taking down the answer to a challenge") {
      let validation = try Self.validation(identifier, keyAuthorization)
      guard self.validation(serverName: identifier.validationServerName) == validation else { return }
      try store.fs.unlinkIfPresent(validationPath(identifier.validationServerName))
    }
  }

  /// What a validation of a server name is shown; nil when none is under way, or the text is no name.
  public func validation(serverName: String) -> Validation? {
    guard let name = Identifier(serverName), case .dns(let text) = name, !name.isWildcard,
      let bytes = try? store.fs.readIfPresent(
        validationPath(text), limitInBytes: Self.maximumAnswerInBytes)
    else { return nil }
    return StoreJSON.decode(Validation.self, bytes)
  }

  private static func validation(
    _ identifier: Identifier, _ keyAuthorization: String
  ) throws(PKIError) -> Validation {
    Validation(
      identifier: identifier.description,
      keyAuthorizationSHA256: Hex.encode(try Digest.sha256(Array(keyAuthorization.utf8))))
  }

  private static let validationPrefix = "alpn."

  private func validationPath(_ serverName: String) -> String {
    store.layout.challenges + "/" + Self.validationPrefix + serverName
  }

  /// Takes down what killed issuances left.
  public func purge(now: UnixTime) {
    for name in (try? store.fs.list(store.layout.challenges)) ?? []
    where Self.isToken(name) || name.hasPrefix(Self.validationPrefix) {
      guard let status = try? store.fs.status(path(name)),
        now.seconds &- status.modifiedNanoseconds / 1_000_000_000 > Self.lifetimeInSeconds
      else { continue }
      try? store.fs.unlink(path(name))
    }
  }

  private func path(_ token: String) -> String { store.layout.challenges + "/" + token }

  func directoryStatus() throws(SystemError) -> FileStatus { try store.fs.status(store.layout.challenges) }

  /// Everything that stands here, the first `most` of it.
  func all(most: Int) -> (answers: [String: [UInt8]], validations: [String: Validation]) {
    var answers: [String: [UInt8]] = [:]
    var validations: [String: Validation] = [:]
    for name in ((try? store.fs.list(store.layout.challenges)) ?? []).prefix(most) {
      if name.hasPrefix(Self.validationPrefix) {
        let serverName = String(name.dropFirst(Self.validationPrefix.count))
        validations[serverName] = validation(serverName: serverName)
      } else {
        answers[name] = answer(token: name)
      }
    }
    return (answers, validations)
  }
}

extension CertStore {
  /// The store's challenge board.
  public var challenges: ChallengeBoard { ChallengeBoard(self) }
}
