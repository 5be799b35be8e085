// APIKeys: who may ask a model server, and how much: keys as hashes, their limits, and what has been used of them.
//
// It does not read files, the clock or requests: lines, times and digests come in. It promises that no secret is kept, that
// what is used is counted once and given back once, and that no limit of requests is passed, nor one of tokens by more than
// what one request was not expected to use.

/// How much one key, or one group of keys, may have. Nil is no limit.
public struct KeyLimits: Sendable, Equatable, BitwiseCopyable {
  /// Requests in any 60 seconds.
  public var requestsPerMinute: Int?
  /// Tokens, of prompts and answers, in any 60 seconds.
  public var tokensPerMinute: Int?
  /// Tokens in a day of UTC.
  public var tokensPerDay: Int?
  /// Tokens in a month of UTC.
  public var tokensPerMonth: Int?
  /// Requests at once.
  public var concurrent: Int?

  /// The greatest number that a limit may be.
  public static let maximum = 1_000_000_000_000

  /// No limits.
  public init() {}

  /// Whether tokens are counted for a limit: requests are read then.
  public var limitsTokens: Bool {
    tokensPerMinute != nil || tokensPerDay != nil || tokensPerMonth != nil
  }
}

/// Which limit a request has met.
public enum KeyLimit: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// `KeyLimits.requestsPerMinute`
  case requestsPerMinute
  /// `KeyLimits.tokensPerMinute`
  case tokensPerMinute
  /// `KeyLimits.tokensPerDay`
  case tokensPerDay
  /// `KeyLimits.tokensPerMonth`
  case tokensPerMonth
  /// `KeyLimits.concurrent`
  case concurrent
}

/// Why a request has to wait, and how long.
public struct KeyRefusal: Error, Sendable, Equatable, BitwiseCopyable {
  /// What stands in its way.
  public let limit: KeyLimit
  /// After how long it may be tried again, in milliseconds; at least 1.
  public let retryAfterMilliseconds: UInt64

  /// A refusal.
  public init(_ limit: KeyLimit, retryAfterMilliseconds: UInt64) {
    self.limit = limit
    self.retryAfterMilliseconds = max(1, retryAfterMilliseconds)
  }
}

/// How urgent a key's requests are.
public enum KeyPriority: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  case high = 0
  case normal = 1
  case low = 2

  /// As it is written in files and on command lines.
  public var word: String {
    switch self {
    case .high: "high"
    case .normal: "normal"
    case .low: "low"
    }
  }

  /// The priority of a word; nil for another word.
  public init?(word: String) {
    guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
    self = found
  }
}
