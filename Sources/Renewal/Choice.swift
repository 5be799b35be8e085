import Bytes
import CertStore

/// One certificate in a plan.
struct Candidate {
  let wanted: ManagedCertificate
  let held: HeldCertificate?
  let record: RenewalRecord?
  /// When it is due, by itself.
  let verdict: DueRule.Verdict
  /// When it expires; what is missing comes before everything else.
  var expiry: UnixTime { held?.notAfter ?? UnixTime(seconds: .min) }

  init(_ wanted: ManagedCertificate, _ situation: Situation) {
    self.wanted = wanted
    held = situation.held[wanted.name]
    record = situation.records[wanted.name]
    verdict = DueRule.judge(wanted, held, record, now: situation.now, nextWakeAt: situation.nextWakeAt)
  }

  /// Whether it is due because its time has come, and not because something else is wanted.
  var isDueByTime: Bool { verdict == .due(.lifetime) || verdict == .due(.advised) }
}

/// The decision about one certificate: whether it is due, and who may be asked for it now.
struct Choice {
  private let situation: Situation
  private let policy: Policy
  private let candidate: Candidate
  /// Orders of this plan so far, by account.
  private let planned: [String: Int]
  /// Until when renewals that are in no hurry wait for their turn.
  private let turn: UnixTime?
  private var wanted: ManagedCertificate { candidate.wanted }
  private var held: HeldCertificate? { candidate.held }
  private var now: UnixTime { situation.now }

  init(
    _ situation: Situation, _ policy: Policy, _ candidate: Candidate, _ planned: [String: Int],
    _ turn: UnixTime?
  ) {
    self.turn = turn
    self.situation = situation
    self.policy = policy
    self.candidate = candidate
    self.planned = planned
  }

  var action: Action {
    if now < policy.builtAt {
      let why = "the system's clock says \(now), before this program was built; set the clock"
      return Action(wanted, .refuse(why: why))
    }
    switch candidate.verdict {
    case .due(let reason): return choose(reason)
    case .later(let until):
      return situation.force.includes(wanted.name) ? choose(.forced) : Action(wanted, .idle(until: until))
    }
  }

  /// Why an issuer is not asked now.
  private enum Obstacle {
    case wait(until: UnixTime, why: String)
    case doubt(why: String)
  }

  /// The first issuer that may be asked; otherwise the earliest moment at which one may be.
  private func choose(_ reason: RenewalReason) -> Action {
    let histories = wanted.issuers.map {
      FailureHistory(wanted, issuer: $0.name, situation.history, now: now)
    }
    if let turn {
      return Action(wanted, .wait(until: turn, why: "renewals are spread over time"))
    }
    var obstacles: [Obstacle] = []
    for (choice, history) in zip(wanted.issuers, histories) {
      if let obstacle = obstacle(choice, history, histories, reason) {
        obstacles.append(obstacle)
        continue
      }
      // Only a certificate of the same issuer can be replaced there.
      return Action(
        wanted, .renew(reason, choice), replaces: held?.issuer == choice.name ? held?.certificateID : nil,
        rehearsal: history.needsRehearsal ? policy.traits(choice.name).staging : nil)
    }
    return Action(wanted, Self.earliest(obstacles))
  }

  private static func earliest(_ obstacles: [Obstacle]) -> Action.Decision {
    var wait: (until: UnixTime, why: String)?
    var doubt: String?
    for obstacle in obstacles {
      switch obstacle {
      case .wait(let until, let why): if wait.map({ until < $0.until }) ?? true { wait = (until, why) }
      case .doubt(let why): doubt = doubt ?? why
      }
    }
    if let doubt { return .refuse(why: doubt) }
    guard let wait else { return .refuse(why: "no issuer is configured for it") }
    return .wait(until: wait.until, why: wait.why)
  }

  private func obstacle(
    _ choice: IssuerChoice, _ history: FailureHistory, _ histories: [FailureHistory], _ reason: RenewalReason
  ) -> Obstacle? {
    let traits = policy.traits(choice.name)
    if let why = clockDoubt(situation.clockOffsets[choice.name]) { return .doubt(why: why) }
    if let until = history.retryAfter, until > now { return .wait(until: until, why: "the CA asked to wait") }
    if situation.force.heedsBackoff(wanted.name) {
      if let until = history.waitUntil(held, now: now), until > now {
        return .wait(until: until, why: history.description)
      }
      // What one CA could not reach, the next one would most likely not reach either.
      if let failed = histories.first(where: { ($0.validationWaitUntil(now: now) ?? now) > now }),
        let until = failed.validationWaitUntil(now: now)
      {
        return .wait(until: until, why: failed.description)
      }
    }
    if situation.force.heedsBackoff(wanted.name), let (until, why) = outageWait(traits) {
      return .wait(until: until, why: why)
    }
    // A key that others have is worse than one certificate more.
    if reason != .compromised, let (until, why) = dailyWait(traits) { return .wait(until: until, why: why) }
    let request = LimitRule.Request(
      identifiers: wanted.identifierTexts, isAdvised: reason == .advised && held?.issuer == choice.name,
      isHeld: held != nil, planned: planned[traits.account] ?? 0)
    return LimitRule(traits, situation.history, now: now).wait(request).map {
      .wait(until: $0.until, why: $0.why)
    }
  }

  /// When a CA that has failed several certificates in a row is asked again: they do not all find out by themselves.
  private func outageWait(_ traits: IssuerTraits) -> (UnixTime, String)? {
    guard let outage = situation.history.outages[traits.account] else { return nil }
    let wait = Policy.outageWaitSeconds(failures: outage.failures)
    let until = min(outage.lastAt, now) + wait
    return wait == 0 || until <= now ? nil : (until, "the CA has failed \(outage.failures) times in a row")
  }

  /// When the certificate may be issued once more, if it has been issued too often today.
  private func dailyWait(_ traits: IssuerTraits) -> (UnixTime, String)? {
    guard traits.isRemote else { return nil }
    let day: Int64 = 86_400
    let lifetime = held.map { max(1, $0.notAfter - $0.notBefore) } ?? day
    let most = max(Int64(policy.issuancesPerDay), Policy.issuancesPerLifetime * day / lifetime)
    let past = situation.history.issuances(wanted.name.description, windowSeconds: day, now: now)
    guard past.count >= most, let oldest = past.suffix(Int(most)).first else { return nil }
    return (oldest + day, "it was issued \(past.count) times in a day, and \(most) are allowed")
  }

  /// Why the clock cannot be believed, if so.
  private func clockDoubt(_ offsetSeconds: Int64?) -> String? {
    guard let offsetSeconds, offsetSeconds.magnitude > UInt64(Policy.maximumClockOffsetSeconds) else {
      return nil
    }
    let direction = offsetSeconds > 0 ? "ahead of" : "behind"
    return "the system's clock is \(offsetSeconds.magnitude) s \(direction) the CA's; set the clock"
  }
}
