import Bytes
import CertStore
import PKI
import Renewal
import TestRun
import Testing

@Suite(.ownThread) struct LimitTests {
  private func policy(_ limits: [IssuerLimit], perDay: Int = 1000) -> Policy {
    Policy(
      builtAt: now - 365 * day, issuers: ["ca": IssuerTraits(authority: "ca.example", limits: limits)],
      issuancesPerDay: perDay)
  }

  private func decide(
    _ ledger: [LedgerEntry], _ policy: Policy, _ wanted: ManagedCertificate = managed(),
    _ have: HeldCertificate? = held(), record: RenewalRecord? = nil, force: Situation.Force = .all
  ) throws -> Action.Decision {
    let situation = Situation(
      managed: [wanted], held: have.map { [wanted.name: $0] } ?? [:],
      records: record.map { [wanted.name: $0] } ?? [:],
      history: History(ledger, issuers: policy.issuers), force: force, now: now)
    return try #require(Plan.make(situation, policy).actions.first).decision
  }

  private func wait(_ decision: Action.Decision) -> Int64? {
    if case .wait(let until, _) = decision { until - now } else { nil }
  }

  private static let limits = [
    IssuerLimit(.orders, most: 3, windowSeconds: 3 * 3600),
    IssuerLimit(.certificatesPerNameSet, most: 2, windowSeconds: 7 * day),
    IssuerLimit(.failedValidations, most: 2, windowSeconds: 3600),
    IssuerLimit(.registrations, most: 2, windowSeconds: 3 * 3600),
  ]

  @Test("published limits stop an order before the CA does")
  func limits() throws {
    let policy = policy(Self.limits)
    let cases: [([LedgerEntry], Int64?)] = [
      ([entry(.ordered, 10_000), entry(.ordered, 9000), entry(.ordered, 10_800)], nil),
      ([entry(.ordered, 10_000), entry(.ordered, 9000), entry(.ordered, 8000)], 800),
      // Whether an attempt that was cut off made an order, nobody knows.
      ([entry(.ordered, 10_000), entry(.ordered, 9000), entry(.attempted, 8000, name: "b.example")], 800),
      ((1...3).map { entry(.ordered, 100 * $0, issuer: "other") }, nil),
      ([entry(.issued, 6 * day), entry(.issued, day)], day),
      ([entry(.issued, 8 * day), entry(.issued, day)], nil),
      (
        [
          entry(.failed, 3000, failure: .validation), entry(.failed, 2900, failure: .validation),
          entry(.issued, 2800),
        ], 600
      ),
      ([entry(.registered, 9000), entry(.registered, 8000)], 1800),
    ]
    for (index, (ledger, expected)) in cases.enumerated() {
      let decision = try decide(ledger, policy)
      #expect(wait(decision) == expected, "case \(index)")
      #expect((decision == .renew(.forced)) == (expected == nil), "case \(index)")
    }
  }

  @Test("a renewal that the CA suggested is exempt from limits on certificates")
  func advised() throws {
    let record = RenewalRecord(certificateID: "id.1", chosen: now, askAgainAt: now)
    let ledger = [entry(.issued, 6 * day), entry(.issued, day)]
    let decision = try decide(ledger, policy(Self.limits), record: record, force: .none)
    #expect(decision == .renew(.advised))
  }

  @Test("orders of the same plan count, and a fifth is kept for what is being served")
  func withinPlan() {
    let policy = policy([IssuerLimit(.orders, most: 10, windowSeconds: 3600)])
    let names = (10..<25).map { "n\($0).example" }
    let missing = Plan.make(Situation(managed: names.map { managed($0) }, now: now), policy)
    #expect(missing.renewals.count == 8)
    var held: [LineageName: HeldCertificate] = [:]
    for name in names { held[LineageName(.dns(name))] = RenewalTests.held([name], left: day) }
    let due = Plan.make(Situation(managed: names.map { managed($0) }, held: held, now: now), policy)
    #expect(due.renewals.count == 10)
  }

  @Test("new sets of names count for their registered domain, renewals do not")
  func registeredDomain() throws {
    let policy = policy([IssuerLimit(.certificatesPerRegisteredDomain, most: 2, windowSeconds: 7 * day)])
    let wanted = managed("d.example.co.uk")
    let both = ["a.example.co.uk", "b.example.co.uk"]
    let fresh = both.map { entry(.issued, day, name: $0) }
    #expect(try wait(decide(fresh, policy, wanted, nil)) == 6 * day)
    // Of two issued for the same names, the second one is a renewal.
    let renewed = ["a.example.co.uk", "a.example.co.uk"].map { entry(.issued, day, name: $0) }
    #expect(try decide(renewed, policy, wanted, nil) == .renew(.missing))
    #expect(try decide(fresh, policy, managed("d.other.co.uk"), nil) == .renew(.missing))
    let known = fresh + [entry(.issued, 20 * day, name: "d.example.co.uk")]
    #expect(try decide(known, policy, wanted, nil) == .renew(.missing))
  }

  @Test("limits outlive a renamed issuer: they count for the CA and the account")
  func renamedIssuer() throws {
    var old = entry(.issued, day, issuer: "before")
    old.authority = "ca.example"
    let policy = policy([IssuerLimit(.certificatesPerNameSet, most: 1, windowSeconds: 7 * day)])
    #expect(try wait(decide([old], policy)) == 6 * day)
    old.authority = "other.example"
    #expect(try decide([old], policy) == .renew(.forced))
  }

  @Test("one certificate is issued only so often in a day, however it is asked for")
  func perDay() throws {
    let policy = policy([], perDay: 2)
    let twice = [entry(.issued, 7200), entry(.issued, 3600)]
    #expect(try wait(decide(twice, policy)) == day - 7200)
    #expect(try decide([entry(.issued, day), entry(.issued, 3600)], policy) == .renew(.forced))
    // A life of six hours needs more.
    #expect(try decide(twice, policy, managed(), held(lifetime: 6 * 3600, left: 3600)) == .renew(.lifetime))
    // Nobody else's CA.
    var own = policy
    own.issuers["ca"]?.isRemote = false
    #expect(try decide(twice, own) == .renew(.forced))
  }

  @Test("the published limits of the known CAs are known by their directories' hosts")
  func published() {
    let real = PublishedLimits.of(host: "acme-v02.api.letsencrypt.org")
    #expect(real.first { $0.subject == .certificatesPerNameSet }?.most == 5)
    #expect(PublishedLimits.of(host: "acme-staging-v02.api.letsencrypt.org").count == real.count)
    #expect(PublishedLimits.of(host: "ca.example").isEmpty)
  }
}
