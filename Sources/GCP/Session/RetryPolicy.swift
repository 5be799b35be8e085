internal import HTTP

/// What to do after a failed try of one call.
enum Decision: Equatable {
  case again(afterSeconds: Double)
  /// With a token other than the one refused.
  case withNewToken
  case stop
}

/// The one retry layer: decides whether and when a call is made again. Pure; times and chance are given.
struct RetryPolicy {
  private let limits: Limits
  private var failures = 0
  private var busy = 0
  private var hasRenewedToken = false
  private var tlsFailures = 0

  /// Failures to trust the peer in one call: rarely a passing one.
  static let maximumTLSFailures = 2
  /// Waits for a resource that another operation is busy with.
  static let maximumWaitsForBusy = 60

  init(_ limits: Limits) { self.limits = limits }

  /// `elapsed` is how long the call has taken so far, in seconds.
  mutating func decide(
    after cause: GCPError.Cause, retryAfter: Double?, elapsed: Double, random: Double
  ) -> Decision {
    switch cause {
    case .transport(let error):
      switch error.kind {
      case .cancelled, .tooLarge: return .stop
      case .tls:
        if GCPError.isUntrusted(cause) { return .stop }
        tlsFailures += 1
        if tlsFailures >= Self.maximumTLSFailures { return .stop }
      case .connect: return backoff(elapsed, random, limit: limits.unreachableSeconds)
      case .dropped, .timeout, .malformed: break
      }
      return backoff(elapsed, random)
    case .unusable: return backoff(elapsed, random)
    case .refused(let problem), .operationFailed(let problem, _):
      switch problem.kind {
      case .unauthenticated:
        guard !hasRenewedToken else { return .stop }
        hasRenewedToken = true
        return .withNewToken
      case .rateLimited, .passing: return backoff(elapsed, random, atLeast: retryAfter)
      case .notReady:
        busy += 1
        guard busy <= Self.maximumWaitsForBusy else { return .stop }
        return wait(step: busy, elapsed, random, atLeast: retryAfter, limit: limits.busySeconds)
      default: return .stop
      }
    case .unfinished, .credentials, .refusedHere, .cancelled: return .stop
    }
  }

  private mutating func backoff(
    _ elapsed: Double, _ random: Double, atLeast: Double? = nil, limit: Double? = nil
  ) -> Decision {
    failures += 1
    guard failures < limits.tries else { return .stop }
    return wait(
      step: failures, elapsed, random, atLeast: atLeast, limit: limit ?? limits.retrySeconds)
  }

  /// Between half and all of a wait that doubles up to its cap, but never less than Google asks for.
  private func wait(
    step: Int, _ elapsed: Double, _ random: Double, atLeast: Double?, limit: Double
  ) -> Decision {
    var wait = limits.firstWaitSeconds
    for _ in 1..<max(1, min(step, 32)) { wait = min(wait * 2, limits.longestWaitSeconds) }
    wait *= 0.5 + 0.5 * min(max(random, 0), 1)
    if let atLeast {
      guard atLeast <= limits.patienceSeconds else { return .stop }
      wait = max(wait, atLeast)
    }
    return elapsed + wait > limit ? .stop : .again(afterSeconds: wait)
  }
}
