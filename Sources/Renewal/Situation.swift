// Renewal: decides when certificates are due, and gets them.
//
// It does not speak ACME, keep files, read a clock or sleep: it is given issuers, a store, times and
// randomness. It promises that a plan depends on nothing but its arguments; that whatever is decided can be
// killed at any instruction and is taken up again without asking a CA for more than it allows; that one
// certificate's failure never stops another's renewal; that a hook runs for each renewal until it has
// succeeded, and never undoes it.

public import Bytes
public import CertStore

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
  public var history: History
  /// How far our clock is ahead of each issuer's, in seconds, where that is known.
  public var clockOffsets: [String: Int64]
  /// The orders that all certificates need in an hour in the long run; nil when `held` is all there is.
  public var steadyOrdersPerHour: Double?
  /// Whether renewals are spread over time; not once it has been decided whose turn it is.
  var isPaced = true
  /// What is to be renewed in any case.
  public var force: Force
  /// The time of the decision.
  public var now: UnixTime
  /// When the next decision will be made.
  public var nextWakeAt: UnixTime

  /// A situation.
  public init(
    managed: [ManagedCertificate], held: [LineageName: HeldCertificate] = [:],
    records: [LineageName: RenewalRecord] = [:], history: History = History([], issuers: [:]),
    clockOffsets: [String: Int64] = [:], force: Force = .none, now: UnixTime, nextWakeAt: UnixTime? = nil
  ) {
    self.managed = managed
    self.held = held
    self.records = records
    self.history = history
    self.clockOffsets = clockOffsets
    self.force = force
    self.now = now
    self.nextWakeAt = nextWakeAt ?? now + Policy.wakeSeconds
  }
}

extension Situation {
  /// Whether any certificate is due by itself, or to be renewed in any case.
  var hasSomethingDue: Bool {
    managed.contains { wanted in
      if force.includes(wanted.name) { return true }
      let verdict = DueRule.judge(
        wanted, held[wanted.name], records[wanted.name], now: now, nextWakeAt: nextWakeAt)
      if case .due = verdict { return true }
      return false
    }
  }
}
