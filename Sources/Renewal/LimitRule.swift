import Bytes
import CertStore

/// Whether another order would break what an issuer has published, as far as the ledger knows.
struct LimitRule {
  private let issuer: IssuerTraits
  private let history: History
  private let now: UnixTime

  /// The part of the orders in a window that is kept for certificates that are being served.
  static let reserveDivisor = 5

  init(_ issuer: IssuerTraits, _ history: History, now: UnixTime) {
    self.issuer = issuer
    self.history = history
    self.now = now
  }

  /// What is about to be ordered.
  struct Request {
    let identifiers: Set<String>
    /// Whether the CA suggested it.
    let isAdvised: Bool
    /// Whether a certificate of ours is being served.
    let isHeld: Bool
    /// Orders of the same plan, which count already.
    let planned: Int
  }

  /// One limit, and what counts for it.
  struct Usage: Equatable {
    let limit: IssuerLimit
    let about: String
    let moments: [UnixTime]
  }

  /// When another order is allowed again and why not now; nil when it is allowed.
  func wait(_ request: Request) -> (until: UnixTime, why: String)? {
    var longest: (until: UnixTime, why: String)?
    for limit in issuer.limits where !(request.isAdvised && limit.exemptsAdvisedRenewals) {
      for usage in usages(limit, request.identifiers) {
        guard let until = full(usage, request), longest.map({ $0.until < until }) ?? true else { continue }
        longest = (until, Self.describe(usage))
      }
    }
    return longest
  }

  /// What counts for a limit when these names are asked for.
  func usages(_ limit: IssuerLimit, _ identifiers: Set<String>) -> [Usage] {
    func usage(_ owner: String, _ about: String) -> Usage {
      let mark = History.Mark(subject: limit.subject, owner: owner, about: about)
      return Usage(
        limit: limit, about: about,
        moments: history.moments(mark, windowSeconds: limit.windowSeconds, now: now))
    }
    switch limit.subject {
    case .registrations: return [usage(issuer.authority, "")]
    case .orders: return [usage(issuer.account, "")]
    case .certificatesPerNameSet: return [usage(issuer.authority, History.text(identifiers))]
    case .certificatesPerRegisteredDomain:
      guard !history.hasIssued(identifiers, issuer.authority) else { return [] }
      return Set(identifiers.compactMap(RegisteredDomain.of)).sorted().map { usage(issuer.authority, $0) }
    case .failedValidations: return identifiers.sorted().map { usage(issuer.account, $0) }
    }
  }

  /// When the window has room again, if it has none now.
  private func full(_ usage: Usage, _ request: Request) -> UnixTime? {
    var most = usage.limit.most
    if usage.limit.subject == .orders {
      if !request.isHeld { most -= most / Self.reserveDivisor }
      most -= request.planned
    }
    let inside = usage.moments
    guard inside.count >= most else { return nil }
    // Once enough of them are out of the window; all of it, when this plan alone fills it.
    let index = inside.count - max(1, most)
    return (inside.indices.contains(index) ? inside[index] : now) + usage.limit.windowSeconds
  }

  private static func describe(_ usage: Usage) -> String {
    let limit = usage.limit
    let window =
      switch limit.windowSeconds {
      case 3600: "an hour"
      case let seconds where seconds % 86_400 == 0: "\(seconds / 86_400) days"
      default: "\(limit.windowSeconds / 3600) hours"
      }
    let what =
      switch limit.subject {
      case .certificatesPerRegisteredDomain: "new certificates of \(usage.about)"
      case .failedValidations: "failed validations of \(usage.about)"
      case .registrations, .orders, .certificatesPerNameSet: limit.subject.rawValue
      }
    return "the CA allows \(limit.most) \(what) in \(window)"
  }
}
