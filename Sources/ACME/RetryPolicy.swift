internal import Bytes
internal import HTTP

/// Why one try of one request failed.
enum Failure: Equatable {
  /// No response.
  case transport(TransportError)
  /// A response other than success.
  case refused(status: Int, problem: Problem?, retryAfter: RetryAfter?)
  /// A success that makes no sense.
  case unusable(String)
  /// Nothing was sent.
  case local(String)
}

/// What to do after a failed try.
enum Decision: Equatable {
  case again(afterSeconds: Double)
  case stop(retryAfter: UnixTime?)
}

/// The one retry layer: decides, from what went wrong so far in one call, whether and when to try again.
/// Pure; the clock's reading and the chance are given.
struct RetryPolicy {
  /// Tries of one call, the first included.
  static let maximumTries = 7
  /// Answers that make no sense in one call.
  static let maximumUnusable = 5
  /// Refusals for a rate without a time: the limit is probably a long one.
  static let maximumRateLimitsWithoutTime = 3
  /// Failures to trust the peer: rarely a passing one.
  static let maximumTLSFailures = 3
  /// Nonces refused in a row; each answer brings a new one.
  static let maximumBadNonces = 20
  /// The first wait, in seconds; doubles each time.
  static let firstWaitSeconds = 0.5
  /// The longest wait of our own choice, in seconds.
  static let longestWaitSeconds = 30.0

  let patienceSeconds: Int64
  private var failures = 0
  private var badNonces = 0
  private var unusable = 0
  private var rateLimits = 0
  private var tlsFailures = 0

  init(patienceSeconds: Int64) { self.patienceSeconds = patienceSeconds }

  mutating func decide(after failure: Failure, now: UnixTime, random: Double) -> Decision {
    if case .refused(_, let problem?, _) = failure, problem.kind == .badNonce {
      badNonces += 1
      return badNonces <= Self.maximumBadNonces ? .again(afterSeconds: 0) : .stop(retryAfter: nil)
    }
    failures += 1
    guard failures < Self.maximumTries else { return .stop(retryAfter: earliest(failure, now)) }
    switch failure {
    case .local: return .stop(retryAfter: nil)
    case .unusable:
      unusable += 1
      return unusable < Self.maximumUnusable ? backoff(random) : .stop(retryAfter: nil)
    case .transport(let error):
      if error.kind == .cancelled { return .stop(retryAfter: nil) }
      if error.kind == .tls {
        tlsFailures += 1
        if tlsFailures >= Self.maximumTLSFailures { return .stop(retryAfter: nil) }
      }
      return backoff(random)
    case .refused(let status, let problem, let retryAfter):
      guard isPassing(status, problem) else { return .stop(retryAfter: earliest(failure, now)) }
      if let retryAfter { return obey(retryAfter, now, random) }
      if status == 429 || problem?.kind == .rateLimited {
        rateLimits += 1
        if rateLimits >= Self.maximumRateLimitsWithoutTime { return .stop(retryAfter: nil) }
      }
      return backoff(random)
    }
  }

  /// A refusal that may be gone at the next try.
  private func isPassing(_ status: Int, _ problem: Problem?) -> Bool {
    // What a CA cannot do today it cannot do in a second.
    if status == 501 { return false }
    if status >= 500 || [408, 425, 429].contains(status) { return true }
    return problem?.kind == .rateLimited || problem?.kind == .orderNotReady
  }

  private func obey(_ retryAfter: RetryAfter, _ now: UnixTime, _ random: Double) -> Decision {
    let seconds = retryAfter.seconds(from: now)
    if seconds > patienceSeconds { return .stop(retryAfter: now + seconds) }
    return seconds == 0 ? backoff(random) : .again(afterSeconds: Double(seconds))
  }

  /// Between half and all of a wait that doubles up to its cap.
  private func backoff(_ random: Double) -> Decision {
    var wait = Self.firstWaitSeconds
    for _ in 1..<max(1, failures) { wait = min(wait * 2, Self.longestWaitSeconds) }
    return .again(afterSeconds: wait * (0.5 + 0.5 * min(max(random, 0), 1)))
  }

  private func earliest(_ failure: Failure, _ now: UnixTime) -> UnixTime? {
    guard case .refused(_, _, let retryAfter?) = failure else { return nil }
    return now + retryAfter.seconds(from: now)
  }
}
