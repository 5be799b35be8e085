/// When a request may be sent once more, to another backend. Pure.
///
/// It may be as long as nothing of a response's content has gone to the client and the whole request can still be sent.
/// Whether what a backend may have done with it already matters depends on what the backends are: a request to a model
/// server costs time and changes nothing, so that there POST is repeated like GET; elsewhere only what is idempotent
/// (RFC 9110 §9.2.2), or what the backend cannot have seen.
public struct RetryRule: Sendable, Equatable, BitwiseCopyable {
  /// What a backend did instead of answering.
  public enum Failure: Sendable, Equatable {
    /// No connection came about.
    case connect
    /// The connection ended before the response's head. `untouched`: the backend cannot have worked on the request.
    case reset(untouched: Bool)
    /// No response within its time.
    case responseTimeout
    /// This status, before any content.
    case status(Int)
  }

  /// Statuses that one rule may name.
  public static let maximumStatuses = 16

  /// Whether a connection that does not come about is followed by another one.
  public var onConnectFailure = true
  /// Whether a broken connection is.
  public var onReset = true
  /// Whether a response that does not come in time is.
  public var onResponseTimeout = true
  /// Whether a gRPC call that is answered UNAVAILABLE and with nothing else is.
  public var onUnavailable = true
  /// Whether requests that are not idempotent are repeated as well.
  public var repeatsAll = false
  private var statuses = InlineArray<16, UInt16>(repeating: 0)
  private var statusCount: UInt8 = 0

  /// Repeats after failures of connections, and after no status.
  public init() {}

  /// Names a status. False when there is no room for it.
  @discardableResult
  public mutating func insert(status: Int) -> Bool {
    guard !covers(status) else { return true }
    guard statusCount < Self.maximumStatuses, let code = UInt16(exactly: status) else { return false }
    statuses[Int(statusCount)] = code
    statusCount += 1
    return true
  }

  /// Whether a status is one that is followed by another attempt.
  @inline(__always)
  public func covers(_ status: Int) -> Bool {
    for i in 0..<Int(statusCount) where Int(statuses[i]) == status { return true }
    return false
  }

  /// Whether a request that has failed so may be sent once more, its budget and the number of backends apart.
  public func mayRepeat(after failure: Failure, isIdempotent: Bool) -> Bool {
    switch failure {
    case .connect: onConnectFailure
    case .reset(let untouched): onReset && (isIdempotent || repeatsAll || untouched)
    case .responseTimeout: onResponseTimeout && (isIdempotent || repeatsAll)
    case .status(let status): covers(status) && (isIdempotent || repeatsAll)
    }
  }

  /// Equal rules do the same.
  public static func == (a: Self, b: Self) -> Bool {
    a.onConnectFailure == b.onConnectFailure && a.onReset == b.onReset
      && a.onResponseTimeout == b.onResponseTimeout && a.repeatsAll == b.repeatsAll
      && a.onUnavailable == b.onUnavailable
      && a.statusCount == b.statusCount
      && (0..<Int(a.statusCount)).allSatisfy { b.covers(Int(a.statuses[$0])) }
  }
}
