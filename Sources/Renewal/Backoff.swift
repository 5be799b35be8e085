import Bytes
import CertStore

/// What the ledger tells about failures of one certificate since it was last issued.
struct FailureHistory: Equatable {
  /// Failed attempts; attempts that a kill cut off count from the second on, so that a restart goes on at
  /// once and a crash loop does not.
  private(set) var failures = 0
  /// When the last of them was.
  private(set) var lastAt: UnixTime?
  /// Whether the last one was a failed validation.
  private(set) var lastWasValidation = false
  /// What it failed by.
  private(set) var lastDetail: String?
  /// What the CA asked for with the last one.
  private(set) var retryAfter: UnixTime?
  /// Whether the last attempt failed by a validation that has not been rehearsed since.
  private(set) var needsRehearsal = false

  init(_ wanted: ManagedCertificate, issuer: String, _ past: History, now: UnixTime) {
    let identifiers = wanted.identifierTexts
    var open: UnixTime?
    var cutOff = 0
    func cut(_ history: inout FailureHistory) {
      guard let at = open else { return }
      open = nil
      cutOff += 1
      if cutOff > 1 { history.count(at) }
    }
    // Another issuer or other names are another story: an operator has changed something.
    for entry in past.entriesByName[wanted.name.description] ?? []
    where entry.issuer == issuer && entry.at <= now + History.toleranceSeconds
      && Set(entry.identifiers) == identifiers
    {
      switch entry.event {
      case .attempted:
        cut(&self)
        open = entry.at
      case .ordered, .registered: break
      case .rehearsed: needsRehearsal = false
      case .issued:
        self = FailureHistory()
        open = nil
        cutOff = 0
      case .failed:
        open = nil
        count(entry.at)
        lastWasValidation = entry.failure == .validation
        if lastWasValidation { needsRehearsal = true }
        lastDetail = entry.detail
        retryAfter = entry.retryAfter.map { min($0, entry.at + Policy.longestRetryAfterSeconds) }
      }
    }
    cut(&self)
  }

  private init() {}

  private mutating func count(_ at: UnixTime) {
    failures += 1
    lastAt = at
    lastWasValidation = false
    lastDetail = nil
  }

  /// How often it failed and why it did so last, for people.
  var description: String {
    let count = failures == 1 ? "1 failed attempt" : "\(failures) failed attempts"
    return lastDetail.map { "\(count), the last: \($0)" } ?? count
  }

  /// The first moment at which our own policy allows another attempt; nil when nothing failed.
  func waitUntil(_ held: HeldCertificate?, now: UnixTime) -> UnixTime? {
    guard failures > 0, let lastAt else { return nil }
    var wait = Self.backoff(failures: failures, remainingSeconds: held.map { $0.notAfter - now } ?? 0)
    if lastWasValidation { wait = max(wait, Policy.validationBackoffSeconds) }
    return min(lastAt, now) + wait
  }

  /// Until when no issuer is asked because a validation has just failed; nil when none has.
  func validationWaitUntil(now: UnixTime) -> UnixTime? {
    guard lastWasValidation, let lastAt else { return nil }
    return min(lastAt, now) + Policy.validationBackoffSeconds
  }

  /// The wait after so many failures in a row, in seconds.
  static func backoff(failures: Int, remainingSeconds: Int64) -> Int64 {
    let first = Policy.firstBackoffSeconds
    guard failures > 0 else { return 0 }
    if failures <= first.count { return first[failures - 1] }
    // Nothing is being served: an eighth of no life would be no wait at all.
    guard remainingSeconds > 0 else { return first.last ?? Policy.validationBackoffSeconds }
    return max(
      Policy.validationBackoffSeconds,
      min(Policy.longestBackoffSeconds, remainingSeconds / Policy.backoffDivisor))
  }
}
