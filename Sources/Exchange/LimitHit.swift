/// A limit of a key that a request has met, as its client is told.
public struct LimitHit: Equatable, Sendable, BitwiseCopyable {
  /// What there is too much of.
  public enum What: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Requests in a minute.
    case requests
    /// Tokens in a minute.
    case tokens
    /// Tokens in a day or a month.
    case quota
    /// Requests at once.
    case concurrent
    /// Tokens of one request: waiting does not help.
    case size
    /// Requests of one client in a second.
    case rate
  }

  /// What there is too much of.
  public let what: What
  /// When it may be tried again, in seconds from now; at least 1.
  public let seconds: UInt32

  /// A limit that has been met.
  public init(_ what: What, milliseconds: UInt64) {
    self.what = what
    seconds = UInt32(clamping: max(1, (min(milliseconds, 1 << 50) + 999) / 1000))
  }

  var message: String {
    switch what {
    case .requests: "too many requests in a minute for this key; try again in \(seconds) s"
    case .rate: "too many requests; try again in \(seconds) s"
    case .tokens: "too many tokens in a minute for this key; try again in \(seconds) s"
    case .quota: "the tokens of this key are used up; there are new ones in \(seconds) s"
    case .concurrent: "too many requests at once for this key"
    case .size:
      "the request asks for more tokens, prompt and answer together, than this key may use in a minute, a day or a month"
    }
  }
}
