internal import Bytes
internal import PKI

/// What a client shows: made here, given away once, and kept by nobody but the client.
public struct KeySecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
  /// What all of them begin with, so that scanners of repositories find them.
  public static let prefix = "sk-certd-"
  /// Characters of randomness: 27 of 62 are 160 bits.
  public static let randomCharacters = 27
  /// Characters of the checksum, by which a scanner tells a key from what only looks like one.
  public static let checksumCharacters = 6
  /// Random bytes that are enough for one: each is used or passed over.
  public static let randomBytes = 96
  /// The longest secret that is looked up, in bytes; tokens of issuers are longer and are none.
  public static let maximumBytes = 512

  private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  /// The text, for the one place where it is shown.
  public let text: String

  /// A secret of random bytes; nil when they are too few.
  public init?(random: [UInt8]) {
    // Bytes beyond the last multiple of 62 would make some characters likelier.
    let characters = random.filter { $0 < 248 }.prefix(Self.randomCharacters).map {
      Self.alphabet[Int($0 % 62)]
    }
    guard characters.count == Self.randomCharacters else { return nil }
    let body = Self.prefix + String(decoding: characters, as: UTF8.self)
    guard let checksum = Self.checksum(body) else { return nil }
    text = body + checksum
  }

  private static func checksum(_ body: String) -> String? {
    guard let digest = try? Digest.sha256(Array(body.utf8)) else { return nil }
    var value = digest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    var out: [UInt8] = []
    for _ in 0..<checksumCharacters {
      out.append(alphabet[Int(value % 62)])
      value /= 62
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Whether a text is made like a secret of ours, checksum included.
  public static func isWellFormed(_ text: String) -> Bool {
    let bodyCount = prefix.utf8.count + randomCharacters
    guard text.hasPrefix(prefix), text.utf8.count == bodyCount + checksumCharacters else { return false }
    let body = String(decoding: text.utf8.prefix(bodyCount), as: UTF8.self)
    return checksum(body).map { body + $0 == text } ?? false
  }

  /// What is kept of it. A plain hash is right here: nobody guesses 160 random bits, and a slow one, as passwords need, would be
  /// paid for by every request.
  public var sha256: String? { (try? Digest.sha256(Array(text.utf8))).map { Hex.encode($0) } }

  /// Never the secret.
  public var description: String { "\(Self.prefix)…" }
  /// Never the secret.
  public var debugDescription: String { description }
}
