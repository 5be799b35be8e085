import Bytes
import CertStore

/// Whether another order would break what an issuer has published, as far as the ledger knows.
struct LimitRule {
  private let limits: IssuerLimits
  private let entries: [LedgerEntry]
  private let now: UnixTime

  static let orderWindowSeconds: Int64 = 3 * 3600
  static let duplicateWindowSeconds: Int64 = 7 * 86_400
  static let failureWindowSeconds: Int64 = 3600

  init(_ limits: IssuerLimits, issuer: String, _ ledger: [LedgerEntry], now: UnixTime) {
    self.limits = limits
    self.now = now
    entries = ledger.filter { $0.issuer == issuer }
  }

  /// When another order is allowed again and why not now; nil when it is allowed. `planned` orders of this
  /// plan count already. A renewal that the CA suggested is exempt, as RFC 9773 §5 recommends to CAs.
  func wait(
    _ identifiers: Set<String>, isAdvised: Bool, planned: Int
  ) -> (until: UnixTime, why: String)? {
    if isAdvised { return nil }
    if let most = limits.ordersPerThreeHours,
      let until = full(most - planned, Self.orderWindowSeconds, where: { $0.event == .ordered })
    {
      return (until, "the CA allows \(most) orders in 3 hours")
    }
    if let most = limits.duplicatesPerWeek,
      let until = full(
        most, Self.duplicateWindowSeconds,
        where: { $0.event == .issued && Set($0.identifiers) == identifiers })
    {
      return (until, "the CA allows \(most) certificates for the same names in 7 days")
    }
    guard let most = limits.failuresPerNameAndHour else { return nil }
    for identifier in identifiers.sorted() {
      if let until = full(
        most, Self.failureWindowSeconds,
        where: { $0.failure == .validation && $0.identifiers.contains(identifier) })
      {
        return (until, "the CA allows \(most) failed validations of \(identifier) in an hour")
      }
    }
    return nil
  }

  /// When the window has room again, if it has none now.
  private func full(
    _ most: Int, _ windowSeconds: Int64, where counts: (LedgerEntry) -> Bool
  ) -> UnixTime? {
    let inside = entries.filter { $0.at > now - windowSeconds && $0.at <= now && counts($0) }.map(\.at)
      .sorted()
    guard inside.count >= most else { return nil }
    // Once enough of them are out of the window; all of it, when this plan alone fills it.
    let index = inside.count - max(1, most)
    return (inside.indices.contains(index) ? inside[index] : now) + windowSeconds
  }
}
