import Bytes
import CertStore
import PKI
import Renewal
import TestRun
import Testing

@Suite(.ownThread) struct PlanTests {
  let policy = Policy(builtAt: now - 365 * day)

  private func decide(
    _ wanted: ManagedCertificate = managed(), _ have: HeldCertificate? = held(),
    record: RenewalRecord? = nil, ledger: [LedgerEntry] = [], force: Situation.Force = .none,
    policy: Policy? = nil, offset: Int64? = nil, at time: UnixTime = now
  ) throws -> Action.Decision {
    let situation = Situation(
      managed: [wanted], held: have.map { [wanted.name: $0] } ?? [:],
      records: record.map { [wanted.name: $0] } ?? [:],
      history: History(ledger, issuers: (policy ?? self.policy).issuers),
      clockOffsets: offset.map { ["ca": $0] } ?? [:], force: force, now: time)
    return try #require(Plan.make(situation, policy ?? self.policy).actions.first).decision
  }

  @Test("what is missing or differs from what is wanted is due now")
  func differences() throws {
    let both = ManagedCertificate(
      name: example, identifiers: [.dns("example.com"), .dns("b.example")], issuer: "ca")
    let cases: [(ManagedCertificate, HeldCertificate?, RenewalReason?)] = [
      (managed(), nil, .missing),
      (managed(), held(), nil),
      (both, held(), .identifiersChanged),
      (both, held(["b.example", "example.com"]), nil),
      (managed(), held(["b.example", "example.com"]), .identifiersChanged),
      // A CA may have added names to what we know from the leaf only.
      (managed(), held(["b.example", "example.com"], isRebuilt: true), nil),
      (both, held(isRebuilt: true), .identifiersChanged),
      (managed(keyType: .rsa2048), held(), .keyTypeChanged),
      (managed(), held(keyType: nil), .keyTypeChanged),
      (managed(issuer: "other"), held(), .issuerChanged),
      (managed(issuer: "other"), held(issuer: nil), nil),
      (managed(), held(isStale: true), .issuerChanged),
    ]
    for (index, (wanted, have, reason)) in cases.enumerated() {
      let decision = try decide(wanted, have)
      if let reason {
        #expect(decision == .renew(reason, wanted.issuers[0]), "case \(index)")
      } else {
        #expect(decision == .idle(until: now + 50 * day), "case \(index)")
      }
    }
  }

  @Test(
    "without advice a certificate is due with a third of its life left, a short one with half",
    arguments: [
      (90, 31, false), (90, 30, true), (90, -1, true), (10, 4, false), (9, 5, false), (9, 4, true),
      (6, 3, true), (398, 133, false), (398, 132, true),
    ] as [(Int64, Int64, Bool)])
  func lifetimeRule(lifetime: Int64, left: Int64, isDue: Bool) throws {
    let have = held(lifetime: lifetime * day, left: left * day)
    let isRenewed = try decide(managed(), have) == .renew(.lifetime)
    #expect(isRenewed == isDue)
  }

  @Test(
    "with advice the chosen moment decides, and the next wake must not miss it",
    arguments: [(-5, true), (0, true), (600, true), (601, false), (70 * 86_400, false)] as [(Int64, Bool)])
  func advice(chosen: Int64, isDue: Bool) throws {
    let record = RenewalRecord(
      certificateID: "id.1", windowStart: now, windowEnd: now + 80 * day, chosen: now + chosen,
      askAgainAt: now)
    let decision = try decide(managed(), held(left: 75 * day), record: record)
    #expect((decision == .renew(.advised)) == isDue)
    // A third left does not matter while the CA advises something later.
    let later = try decide(managed(), held(left: 20 * day), record: record)
    #expect((later == .renew(.advised)) == isDue)
  }

  @Test("advice for another certificate, or for after the last moment, is not followed")
  func badAdvice() throws {
    let other = RenewalRecord(certificateID: "id.0", chosen: now - 1, askAgainAt: now)
    #expect(try decide(record: other) == .idle(until: now + 50 * day))
    let late = RenewalRecord(certificateID: "id.1", chosen: now + 900 * day, askAgainAt: now)
    #expect(try decide(record: late) == .idle(until: now + 71 * day))
    #expect(try decide(managed(), held(left: 9 * day), record: late) == .renew(.lifetime))
  }

  @Test(
    "failures in a row wait 1, 10, 100 minutes, then an eighth of the remaining life up to a day",
    arguments: [
      (1, 80 * 86_400, 60), (2, 80 * 86_400, 600), (3, 80 * 86_400, 6000), (4, 80 * 86_400, 86_400),
      (9, 4 * 86_400, 43_200), (4, 3600, 720), (4, -100, 6000),
    ] as [(Int, Int64, Int64)])
  func backoff(failures: Int, left: Int64, wait: Int64) throws {
    let have = held(lifetime: max(90 * day, left), left: left, isStale: true)
    for (ago, isWaiting) in [(wait - 1, true), (wait, false)] {
      let ledger = (0..<failures).flatMap { n in
        let at = ago + Int64(failures - 1 - n)
        return [entry(.attempted, at), entry(.failed, at, failure: .other)]
      }
      let decision = try decide(managed(), have, ledger: ledger)
      let why = failures == 1 ? "1 failed attempt" : "\(failures) failed attempts"
      let expected = Action.Decision.wait(until: now + 1, why: why)
      #expect(decision == (isWaiting ? expected : .renew(.issuerChanged)))
    }
  }

  @Test("a success ends the row of failures; other names, issuers and certificates do not count")
  func backoffEnds() throws {
    let failed = entry(.failed, 5, failure: .other)
    let cases: [([LedgerEntry], Bool)] = [
      ([failed], true),
      ([failed, entry(.issued, 4)], false),
      ([entry(.issued, 6), failed], true),
      ([entry(.failed, 5, failure: .other, issuer: "other")], false),
      ([entry(.failed, 5, failure: .other, name: "b.example")], false),
      // Written by a clock that ran years ahead.
      ([entry(.failed, -900 * day, failure: .other)], false),
    ]
    for (index, (ledger, isWaiting)) in cases.enumerated() {
      let decision = try decide(managed(), nil, ledger: ledger)
      #expect((decision != .renew(.missing)) == isWaiting, "case \(index)")
    }
  }

  @Test("an attempt cut off by a kill goes on at once, a second one waits")
  func cutOff() throws {
    #expect(try decide(managed(), nil, ledger: [entry(.attempted, 5)]) == .renew(.missing))
    #expect(
      try decide(managed(), nil, ledger: [entry(.attempted, 9), entry(.attempted, 5)])
        == .wait(until: now + 55, why: "1 failed attempt"))
  }

  @Test("a failed validation waits at least twelve minutes")
  func validation() throws {
    let ledger = [entry(.failed, 100, failure: .validation)]
    #expect(
      try decide(managed(), nil, ledger: ledger) == .wait(until: now + 620, why: "1 failed attempt"))
  }

  @Test("Retry-After is obeyed even when hours and even when forced, but no longer than a week")
  func retryAfter() throws {
    for (wish, wait) in [(7200, 7200), (900 * day, 7 * day - 5)] as [(Int64, Int64)] {
      let ledger = [entry(.failed, 5, failure: .rateLimited, retryAfter: now + wish)]
      let expected = Action.Decision.wait(until: now + wait, why: "the CA asked to wait")
      #expect(try decide(managed(), nil, ledger: ledger) == expected)
      #expect(try decide(managed(), nil, ledger: ledger, force: .all) == expected)
    }
  }

  @Test("force renews what is not due and does not wait for our own backoff")
  func force() throws {
    #expect(try decide(force: .all) == .renew(.forced))
    #expect(try decide(force: .names([example])) == .renew(.forced))
    #expect(try decide(force: .names([LineageName(.dns("b.example"))])) == .idle(until: now + 50 * day))
    let ledger = [entry(.failed, 5, failure: .validation)]
    #expect(try decide(managed(), nil, ledger: ledger, force: .all) == .renew(.missing))
  }

  @Test("an operator's run does not wait for our own backoff, and renews nothing that is not due")
  func impatient() throws {
    #expect(try decide(force: .impatient) == .idle(until: now + 50 * day))
    let failed = [entry(.failed, 5, failure: .validation)]
    #expect(try decide(managed(), nil, ledger: failed, force: .impatient) == .renew(.missing))
  }

  @Test("nothing is decided by a clock before the build or an hour from the CA's")
  func clockGuard() throws {
    func isRefused(_ decision: Action.Decision) -> Bool {
      if case .refuse = decision { true } else { false }
    }
    #expect(try isRefused(decide(managed(), nil, at: policy.builtAt - 1)))
    #expect(try isRefused(decide(managed(), nil, force: .all, at: policy.builtAt - 1)))
    for (offset, refused) in [(3600, false), (3601, true), (-3601, true), (.min, true)] as [(Int64, Bool)] {
      #expect(try isRefused(decide(managed(), nil, offset: offset)) == refused)
    }
  }

  @Test("what expires first comes first, and what is missing before that")
  func order() {
    let names = ["c.example", "a.example", "b.example", "d.example"].map { LineageName(.dns($0)) }
    let situation = Situation(
      managed: names.map { managed($0.description) },
      held: [names[0]: held(left: 9 * day), names[1]: held(left: 20 * day), names[2]: held(left: -3 * day)],
      now: now)
    let order = Plan.make(situation, policy).renewals.map(\.certificate.name.description)
    #expect(order == ["d.example", "b.example", "c.example", "a.example"])
  }

  @Test("only a certificate of the same issuer is replaced")
  func replaces() {
    func replaced(_ issuer: String) -> String? {
      let situation = Situation(
        managed: [managed(issuer: issuer)], held: [example: held()], force: .all, now: now)
      return Plan.make(situation, policy).actions.first?.replaces
    }
    #expect(replaced("ca") == "id.1")
    #expect(replaced("other") == nil)
  }

  @Test("the next look is at the regular time, or earlier when a wait ends before it")
  func wake() {
    func wake(_ ledger: [LedgerEntry]) -> Int64 {
      let plan = Plan.make(
        Situation(managed: [managed()], history: History(ledger, issuers: [:]), now: now), policy)
      return plan.nextWake(regular: now + 600, now: now) - now
    }
    #expect(wake([]) == 600)
    #expect(wake([entry(.failed, 20, failure: .other)]) == 40)
    #expect(wake([entry(.failed, 20, failure: .validation)]) == 600)
  }

  @Test(
    "the wake interval is ten minutes, a fifth more or less",
    arguments: [(0, 480), (0.5, 600), (1, 720), (7, 720), (-1, 480)] as [(Double, Int64)])
  func interval(random: Double, seconds: Int64) {
    #expect(Policy.wakeInterval(random: random) == seconds)
  }
}
