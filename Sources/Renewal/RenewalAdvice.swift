public import Bytes
public import CertStore

/// When a CA would like a certificate to be renewed (RFC 9773 §4.2).
public struct RenewalAdvice: Sendable, Equatable {
  /// The window's beginning.
  public var start: UnixTime
  /// Its end.
  public var end: UnixTime
  /// When to ask again.
  public var askAgainAt: UnixTime

  /// Advice.
  public init(start: UnixTime, end: UnixTime, askAgainAt: UnixTime) {
    self.start = start
    self.end = end
    self.askAgainAt = askAgainAt
  }
}

extension RenewalRecord {
  /// How long to wait after an answer that never came, or when the CA has nothing to tell, in seconds.
  public static let retrySeconds: Int64 = 3600

  /// How long to wait with a CA that tells nothing about a certificate, in seconds.
  static let unsupportedSeconds: Int64 = 86_400
  /// The longest part of a window that a moment is drawn from.
  static let longestWindowSeconds: Int64 = 366 * 86_400

  /// Whether the CA should be asked about a certificate.
  static func isDue(_ record: RenewalRecord?, certificateID: String, now: UnixTime) -> Bool {
    guard let record, record.certificateID == certificateID else { return true }
    // A time that is too far away was written by a wrong clock.
    return record.askAgainAt <= now || record.askAgainAt > now + 2 * 86_400
  }

  /// The record after an answer. A moment is drawn, evenly over the window, only when the window is another
  /// one; a window that is over means now. `random` is at least 0 and less than 1.
  static func after(
    _ advice: RenewalAdvice, _ previous: RenewalRecord?, certificateID: String, now: UnixTime, random: Double
  ) -> RenewalRecord {
    var chosen: UnixTime
    if let previous, previous.certificateID == certificateID, previous.windowStart == advice.start,
      previous.windowEnd == advice.end, let before = previous.chosen
    {
      chosen = before
    } else {
      let length = Double(min(max(0, advice.end - advice.start), longestWindowSeconds))
      chosen = advice.start + Int64((length * min(max(random, 0), 1)).rounded(.down))
    }
    if advice.end <= now { chosen = min(chosen, now) }
    return RenewalRecord(
      certificateID: certificateID, windowStart: advice.start, windowEnd: advice.end, chosen: chosen,
      askAgainAt: advice.askAgainAt)
  }

  /// The record after no answer: what was known stays.
  static func afterSilence(
    _ previous: RenewalRecord?, certificateID: String, retryAfter: UnixTime?, now: UnixTime
  ) -> RenewalRecord {
    let same = previous.flatMap { $0.certificateID == certificateID ? $0 : nil }
    let wish = min(retryAfter ?? now, now + 86_400)
    return RenewalRecord(
      certificateID: certificateID, windowStart: same?.windowStart, windowEnd: same?.windowEnd,
      chosen: same?.chosen, askAgainAt: max(wish, now + retrySeconds))
  }
}
