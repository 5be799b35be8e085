internal import Synchronization

/// Spreads calls so that a project's limit is not met: a bucket of permissions that fills at a steady rate.
/// Decides only; whoever asks does the waiting.
struct RateLimit: Sendable {
  let perSecond: Double
  let burst: Double
  private var available: Double
  private var updated: Double?

  init(perSecond: Double, burst: Double) {
    self.perSecond = perSecond
    self.burst = burst
    available = burst
  }

  /// Takes one permission, on credit if need be; answers how long to wait for it, in seconds.
  mutating func take(at now: Double) -> Double {
    let passed = max(0, now - (updated ?? now))
    updated = max(now, updated ?? now)
    available = min(burst, available + passed * perSecond) - 1
    return available >= 0 ? 0 : -available / perSecond
  }
}

/// The limits of a session's interfaces, shared by its calls.
final class RateLimiter: Sendable {
  private let limits: Mutex<[API: RateLimit]>

  init(_ rates: Limits) {
    limits = Mutex([
      .compute: RateLimit(perSecond: rates.computeCallsPerSecond, burst: rates.computeBurst),
      .certificateManager: RateLimit(
        perSecond: rates.certificateManagerCallsPerSecond, burst: rates.certificateManagerBurst),
      .publicCA: RateLimit(perSecond: 1, burst: 5), .dns: RateLimit(perSecond: 8, burst: 40),
    ])
  }

  func take(_ api: API, at now: Double) -> Double {
    limits.withLock { $0[api]?.take(at: now) ?? 0 }
  }
}
