public import Bytes
public import CertStore

// Renewal: decides when certificates are due, and gets them.
//
// It does not speak ACME, keep files, read a clock or sleep: it is given issuers, a store, times and
// randomness. It promises that a plan depends on nothing but its arguments; that whatever is decided can be
// killed at any instruction and is taken up again without asking a CA for more than it allows; that one
// certificate's failure never stops another's renewal; that a hook runs for each renewal until it has
// succeeded, and never undoes it.

/// Everything that a plan depends on.
public struct Situation: Sendable {
  /// Which certificates to renew although they are not due.
  public enum Force: Sendable, Equatable {
    /// None.
    case none
    /// None, but what is due is not held up by our own waits after failures: an operator asks. What the CA asked
    /// for and its published limits still count.
    case impatient
    /// Every one.
    case all
    /// These.
    case names(Set<LineageName>)

    /// Whether our own waits after failures count for this certificate.
    func heedsBackoff(_ name: LineageName) -> Bool {
      self == .none || (self != .impatient && !includes(name))
    }

    func includes(_ name: LineageName) -> Bool {
      switch self {
      case .none, .impatient: false
      case .all: true
      case .names(let names): names.contains(name)
      }
    }
  }

  /// What the operator wants.
  public var managed: [ManagedCertificate]
  /// What is in the store.
  public var held: [LineageName: HeldCertificate]
  /// What CAs have told about when to renew.
  public var records: [LineageName: RenewalRecord]
  /// What has happened.
  public var ledger: [LedgerEntry]
  /// How far our clock is ahead of each issuer's, in seconds, where that is known.
  public var clockOffsets: [String: Int64]
  /// What is to be renewed in any case.
  public var force: Force
  /// The time of the decision.
  public var now: UnixTime
  /// When the next decision will be made.
  public var nextWakeAt: UnixTime

  /// A situation.
  public init(
    managed: [ManagedCertificate], held: [LineageName: HeldCertificate] = [:],
    records: [LineageName: RenewalRecord] = [:], ledger: [LedgerEntry] = [],
    clockOffsets: [String: Int64] = [:], force: Force = .none, now: UnixTime, nextWakeAt: UnixTime? = nil
  ) {
    self.managed = managed
    self.held = held
    self.records = records
    self.ledger = ledger
    self.clockOffsets = clockOffsets
    self.force = force
    self.now = now
    self.nextWakeAt = nextWakeAt ?? now + Policy.wakeSeconds
  }
}

/// What to do about one certificate.
public struct Action: Sendable, Equatable {
  /// The decision.
  public enum Decision: Sendable, Equatable {
    /// Issue it now.
    case renew(RenewalReason)
    /// It is not due before this moment.
    case idle(until: UnixTime)
    /// It is due, but must wait.
    case wait(until: UnixTime, why: String)
    /// Nothing can be decided: the clock is wrong.
    case refuse(why: String)
  }

  /// Which certificate.
  public let certificate: ManagedCertificate
  /// What to do.
  public let decision: Decision
  /// The name of the certificate that a new one replaces (RFC 9773 §5), if it has one.
  public let replaces: String?
}

/// The decisions for all certificates at one moment.
public struct Plan: Sendable, Equatable {
  /// One for each certificate, those that expire first in front.
  public let actions: [Action]

  /// Decides. Pure: the same situation and policy give the same plan.
  public static func make(_ situation: Situation, _ policy: Policy) -> Plan {
    let now = situation.now
    func expiry(_ wanted: ManagedCertificate) -> UnixTime {
      situation.held[wanted.name]?.notAfter ?? UnixTime(seconds: .min)
    }
    var planned: [String: Int] = [:]
    let ordered = situation.managed.sorted { (expiry($0), $0.name) < (expiry($1), $1.name) }
    return Plan(
      actions: ordered.map { wanted in
        let held = situation.held[wanted.name]
        let decision =
          clockDoubt(situation.clockOffsets[wanted.issuer], policy, now: now).map { .refuse(why: $0) }
          ?? decide(wanted, held, situation, policy, planned: planned[wanted.issuer] ?? 0)
        if case .renew = decision { planned[wanted.issuer, default: 0] += 1 }
        // Only a certificate of the same issuer can be replaced there.
        let replaces = held?.issuer == wanted.issuer ? held?.certificateID : nil
        return Action(certificate: wanted, decision: decision, replaces: replaces)
      })
  }

  /// The certificates to issue now, in order.
  public var renewals: [Action] {
    actions.filter { if case .renew = $0.decision { true } else { false } }
  }

  /// When to look again: at the regular time, or earlier when something becomes due or may be tried again
  /// before it; never earlier than in a second.
  public func nextWake(regular: UnixTime, now: UnixTime) -> UnixTime {
    let moments = actions.compactMap { action -> UnixTime? in
      switch action.decision {
      case .idle(let until), .wait(let until, _): until
      case .renew, .refuse: nil
      }
    }
    return max(now + 1, moments.min().map { min($0, regular) } ?? regular)
  }

  private static func decide(
    _ wanted: ManagedCertificate, _ held: HeldCertificate?, _ situation: Situation, _ policy: Policy,
    planned: Int
  ) -> Action.Decision {
    let now = situation.now
    let isForced = situation.force.includes(wanted.name)
    let reason: RenewalReason
    switch DueRule.judge(
      wanted, held, situation.records[wanted.name], now: now, nextWakeAt: situation.nextWakeAt)
    {
    case .due(let why): reason = why
    case .later(let until):
      guard isForced else { return .idle(until: until) }
      reason = .forced
    }
    let history = FailureHistory(wanted, situation.ledger, now: now)
    if let until = history.retryAfter, until > now {
      return .wait(until: until, why: "the CA asked to wait")
    }
    if situation.force.heedsBackoff(wanted.name), let until = history.waitUntil(held, now: now), until > now {
      return .wait(until: until, why: history.description)
    }
    let rule = LimitRule(
      policy.limits[wanted.issuer] ?? IssuerLimits(), issuer: wanted.issuer, situation.ledger, now: now)
    if let (until, why) = rule.wait(
      wanted.identifierTexts, isAdvised: reason == .advised, planned: planned)
    {
      return .wait(until: until, why: why)
    }
    return .renew(reason)
  }

  /// Why the clock cannot be believed, if so.
  private static func clockDoubt(_ offsetSeconds: Int64?, _ policy: Policy, now: UnixTime) -> String? {
    if now < policy.builtAt {
      return "the system's clock says \(now), before this program was built; set the clock"
    }
    guard let offsetSeconds, offsetSeconds.magnitude > UInt64(Policy.maximumClockOffsetSeconds) else {
      return nil
    }
    let direction = offsetSeconds > 0 ? "ahead of" : "behind"
    return "the system's clock is \(offsetSeconds.magnitude) s \(direction) the CA's; set the clock"
  }
}
