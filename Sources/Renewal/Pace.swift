import Bytes
import CertStore

/// How many orders an hour renewals may make: a backlog, after an outage for one, is worked off evenly and in the order
/// of expiry, and faster only when certificates would expire otherwise.
struct Pace {
  /// Orders in an hour that are never held up.
  static let freeOrdersPerHour = 10.0
  /// How many times the orders that the certificates need in the long run are allowed.
  static let multipleOfSteady = 2.0
  /// How far back attempts count, in seconds.
  static let windowSeconds: Int64 = 3600
  /// A certificate is to be renewed before this part of the time that it has left is over.
  static let deadlineShare = 0.5

  private let allowed: Int
  private let moments: [UnixTime]
  private let now: UnixTime

  /// The pace at one moment. `deadlines` of everything that is due, in any order.
  init(steadyPerHour: Double, deadlines: [UnixTime], _ history: History, now: UnixTime) {
    self.now = now
    moments = history.moments(History.allOrders, windowSeconds: Self.windowSeconds, now: now)
    var most = max(Self.freeOrdersPerHour, Self.multipleOfSteady * steadyPerHour)
    for (index, deadline) in deadlines.sorted().enumerated() {
      let hours = max(0.01, Double(deadline - now) / 3600 * Self.deadlineShare)
      most = max(most, Double(index + 1) / hours)
    }
    allowed = Int(min(most.rounded(.up), 1e6))
  }

  /// When another renewal may be ordered, if it has to wait; `planned` ones of this plan count already, and `waiting`
  /// ones come before it.
  func wait(planned: Int, waiting: Int) -> UnixTime? {
    guard waiting > 0 || moments.count + planned >= allowed else { return nil }
    let index = moments.count + planned + waiting - allowed
    if moments.indices.contains(index) { return max(now + 1, moments[index] + Self.windowSeconds) }
    // Those that are ordered now, or have to wait themselves, make room an hour after their own turn.
    let later = max(0, index - moments.count)
    return now + Self.windowSeconds + Int64(later) * Self.windowSeconds / Int64(max(1, allowed))
  }

  /// The orders that certificates need in an hour in the long run.
  static func steadyPerHour(_ held: some Sequence<HeldCertificate>) -> Double {
    held.reduce(0) { sum, certificate in
      let interval = DueRule.lifetimeDue(certificate) - certificate.notBefore
      return sum + 3600 / Double(max(60, interval))
    }
  }

  /// By when a certificate that is due must be renewed: before it expires, or, where the CA wants it long before that, by
  /// the end of the CA's window.
  static func deadline(_ held: HeldCertificate, _ record: RenewalRecord?) -> UnixTime {
    guard let record, record.certificateID == held.certificateID, let end = record.windowEnd,
      end < held.notBefore + (held.notAfter - held.notBefore) / 2
    else { return held.notAfter }
    return end
  }
}
