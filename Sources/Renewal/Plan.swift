public import Bytes
import CertStore

/// What to do about one certificate.
public struct Action: Sendable, Equatable {
  /// The decision.
  public enum Decision: Sendable, Equatable {
    /// Issue it now.
    case renew(RenewalReason, IssuerChoice)
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
  /// The issuer at which the attempt is rehearsed first, because the last one failed by a validation.
  public let rehearsal: String?

  init(
    _ certificate: ManagedCertificate, _ decision: Decision, replaces: String? = nil, rehearsal: String? = nil
  ) {
    self.certificate = certificate
    self.decision = decision
    self.replaces = replaces
    self.rehearsal = rehearsal
  }
}

/// The decisions for all certificates at one moment.
public struct Plan: Sendable, Equatable {
  /// One for each certificate, those that expire first in front.
  public let actions: [Action]

  /// Decides. Pure: the same situation and policy give the same plan.
  public static func make(_ situation: Situation, _ policy: Policy) -> Plan {
    let candidates = situation.managed.map { Candidate($0, situation) }
      .sorted { ($0.expiry, $0.wanted.name) < ($1.expiry, $1.wanted.name) }
    let pace = pace(candidates, situation)
    var planned: [String: Int] = [:]
    var (total, waiting) = (0, 0)
    return Plan(
      actions: candidates.map { candidate in
        let turn = candidate.isDueByTime ? pace?.wait(planned: total, waiting: waiting) : nil
        let action = Choice(situation, policy, candidate, planned, turn).action
        switch action.decision {
        case .renew(_, let choice):
          planned[policy.traits(choice.name).account, default: 0] += 1
          total += 1
        case .wait where turn != nil: waiting += 1
        case .wait, .idle, .refuse: break
        }
        return action
      })
  }

  /// The pace of renewals; nil when an operator's command, which runs once, is not to leave anything for later.
  private static func pace(_ candidates: [Candidate], _ situation: Situation) -> Pace? {
    guard situation.force == .none, situation.isPaced else { return nil }
    let deadlines = candidates.compactMap { candidate in
      candidate.isDueByTime ? candidate.held.map { Pace.deadline($0, candidate.record) } : nil
    }
    guard !deadlines.isEmpty else { return nil }
    let steady = situation.steadyOrdersPerHour ?? Pace.steadyPerHour(situation.held.values)
    return Pace(steadyPerHour: steady, deadlines: deadlines, situation.history, now: situation.now)
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
}
