public import Bytes
import OS

/// The HTTP-01 answers of all issuances in progress, for whichever process listens on port 80.
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

  /// Takes down what killed issuances left.
  public func purge(now: UnixTime) {
    for name in (try? store.fs.list(store.layout.challenges)) ?? [] where Self.isToken(name) {
      guard let status = try? store.fs.status(path(name)),
        now.seconds &- status.modifiedNanoseconds / 1_000_000_000 > Self.lifetimeInSeconds
      else { continue }
      try? store.fs.unlink(path(name))
    }
  }

  private func path(_ token: String) -> String { store.layout.challenges + "/" + token }
}

extension CertStore {
  /// The store's challenge board.
  public var challenges: ChallengeBoard { ChallengeBoard(self) }
}
