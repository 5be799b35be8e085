import Bytes
import CertStore
import PKI
import Renewal
import TestRun
import Testing

@Suite(.ownThread) struct SeveralIssuersTests {
  private let policy = Policy(
    builtAt: now - 365 * day,
    issuers: [
      "ca": IssuerTraits(authority: "ca.example", staging: "ca/staging"),
      "second": IssuerTraits(authority: "second.example"),
    ])

  private var wanted: ManagedCertificate {
    ManagedCertificate(
      name: example, identifiers: [.dns("example.com")],
      issuers: [IssuerChoice("ca"), IssuerChoice("second")])
  }

  private func action(
    _ ledger: [LedgerEntry], _ have: HeldCertificate? = nil, offsets: [String: Int64] = [:],
    record: RenewalRecord? = nil
  ) throws -> Action {
    let situation = Situation(
      managed: [wanted], held: have.map { [example: $0] } ?? [:],
      records: record.map { [example: $0] } ?? [:],
      history: History(ledger, issuers: policy.issuers), clockOffsets: offsets, now: now)
    return try #require(Plan.make(situation, policy).actions.first)
  }

  @Test("the first issuer that may be asked is asked")
  func order() throws {
    let second = Action.Decision.renew(.missing, IssuerChoice("second"))
    let limited = entry(.failed, 100, failure: .rateLimited, retryAfter: now + 5000)
    let cases: [([LedgerEntry], Action.Decision)] = [
      ([], .renew(.missing)),
      ([entry(.failed, 5, failure: .unavailable)], second),
      ([entry(.failed, 5, failure: .other)], second),
      ([limited], second),
      ([entry(.failed, 65, failure: .unavailable)], .renew(.missing)),
      // Both have failed: the one that may be asked first.
      (
        [limited, entry(.failed, 5, failure: .other, issuer: "second")],
        .wait(until: now + 55, why: "1 failed attempt")
      ),
    ]
    for (index, (ledger, decision)) in cases.enumerated() {
      #expect(try action(ledger).decision == decision, "case \(index)")
    }
  }

  @Test("a failed validation keeps every issuer waiting: the next one would not reach us either")
  func validation() throws {
    let failed = entry(.failed, 20, failure: .validation)
    #expect(try action([failed]).decision == .wait(until: now + 700, why: "1 failed attempt"))
    let three = (0..<3).map { entry(.failed, 800 + Int64($0), failure: .validation) }.reversed()
    #expect(try action(Array(three)).decision == .renew(.missing, IssuerChoice("second")))
  }

  @Test("a certificate by the second issuer is none of another issuer, and is renewed by the first one again")
  func backToTheFirst() throws {
    #expect(try action([], held(issuer: "second")).decision == .idle(until: now + 50 * day))
    let due = try action([], held(issuer: "second", left: day))
    #expect(due.decision == .renew(.lifetime))
    #expect(due.replaces == nil)
    #expect(try action([], held(issuer: "third")).decision == .renew(.issuerChanged))
  }

  @Test("the attempt after a failed validation is rehearsed, until one rehearsal went well")
  func rehearsal() throws {
    let failed = entry(.failed, 800, failure: .validation)
    #expect(try action([]).rehearsal == nil)
    #expect(try action([entry(.failed, 800, failure: .unavailable)]).rehearsal == nil)
    #expect(try action([failed]).rehearsal == "ca/staging")
    #expect(try action([failed, entry(.attempted, 790), entry(.rehearsed, 780)]).rehearsal == nil)
    #expect(try action([failed, entry(.rehearsed, 780), entry(.issued, 770)]).rehearsal == nil)
  }

  @Test("an issuer whose clock disagrees with ours is passed over; when all do, nothing is decided")
  func clocks() throws {
    #expect(try action([], offsets: ["ca": 90_000]).decision == .renew(.missing, IssuerChoice("second")))
    guard case .refuse = try action([], offsets: ["ca": 90_000, "second": 90_000]).decision else {
      Issue.record("decided by a wrong clock")
      return
    }
  }

  @Test("a CA that failed several certificates in a row is left alone for a while by all of them")
  func outage() throws {
    let failures = (0..<4).map {
      entry(.failed, 30 - Int64($0), failure: .unavailable, name: "n\($0).example")
    }
    let decision = try action(failures).decision
    #expect(decision == .renew(.missing, IssuerChoice("second")))
    #expect(try action(Array(failures.prefix(3))).decision == .renew(.missing))
    // A failed validation or an issued certificate shows that it works.
    #expect(
      try action(failures + [entry(.failed, 20, failure: .validation, name: "x.example")]).decision
        == .renew(.missing))
    #expect(try action(failures + [entry(.issued, 20, name: "x.example")]).decision == .renew(.missing))
  }

  private func run(
    _ first: FakeIssuer, _ second: FakeIssuer, staging: FakeIssuer? = nil, _ bench: Bench,
    force: Situation.Force = .none
  ) async -> Report {
    var issuers: [String: any Issuer] = ["ca": first, "second": second]
    issuers["ca/staging"] = staging
    return await bench.executor(issuers: issuers, policy: policy).run([wanted], force: force)
  }

  @Test(
    "a CA that is down, refuses or limits us hands over to the next in the same run",
    arguments: [.unavailable, .rateLimited, .other] as [LedgerEntry.Failure])
  func handsOver(kind: LedgerEntry.Failure) async throws {
    let first = try FakeIssuer(["example.com": .fails(IssuerError(kind, "no"))])
    let second = try FakeIssuer()
    let bench = try Bench(first)
    let report = await run(first, second, bench, force: .all)
    #expect(report.isRenewed("example.com"))
    #expect(report.certificates.first?.issuer == "second")
    #expect(report.certificates.first?.remarks == ["ca: no"])
    #expect(bench.store.load(example, now: bench.time)?.meta.issuer == "second")
    // Another CA gets another key.
    #expect(first.requests.map(\.key.publicKeyInfo) != second.requests.map(\.key.publicKeyInfo))
  }

  @Test("when no issuer gives it, the report tells why each did not")
  func allFail() async throws {
    let issuers = try ["down", "broken"].map {
      try FakeIssuer(["example.com": .fails(IssuerError(.unavailable, $0))])
    }
    let bench = try Bench(issuers[0])
    let report = await run(issuers[0], issuers[1], bench)
    #expect(report.outcome("example.com") == .failed(why: "ca: down; second: broken"))
  }

  @Test("after a failed validation the CA itself is asked only once its staging environment has agreed")
  func rehearsedFirst() async throws {
    let refusal = FakeIssuer.Behaviour.fails(IssuerError(.validation, "no answer"))
    let (first, second) = (try FakeIssuer(["example.com": refusal]), try FakeIssuer())
    let staging = try FakeIssuer(["example.com": refusal])
    let bench = try Bench(first)
    #expect(
      await run(first, second, staging: staging, bench).outcome("example.com") == .failed(why: "no answer"))
    bench.pass(seconds: 800)
    let failed = await run(first, second, staging: staging, bench)
    #expect(failed.outcome("example.com") == .failed(why: "rehearsed at ca/staging: no answer"))
    #expect((first.requests.count, staging.requests.count, second.requests.count) == (1, 1, 0))
    staging.behave("example.com", .good)
    first.behave("example.com", .good)
    bench.pass(seconds: 800)
    let renewed = await run(first, second, staging: staging, bench)
    #expect(renewed.isRenewed("example.com"))
    #expect((first.requests.count, staging.requests.count) == (2, 2))
    // What is served is the CA's own, by a key that the rehearsal has not seen.
    #expect(bench.store.load(example, now: bench.time)?.meta.issuer == "ca")
    #expect(staging.requests.last?.key.publicKeyInfo != first.requests.last?.key.publicKeyInfo)
  }

  @Test("a staging environment that does not work is no reason not to ask the CA")
  func brokenStaging() async throws {
    let first = try FakeIssuer(["example.com": .fails(IssuerError(.validation, "no answer"))])
    let second = try FakeIssuer()
    let staging = try FakeIssuer(["example.com": .fails(IssuerError(.unavailable, "down"))])
    let bench = try Bench(first)
    _ = await run(first, second, staging: staging, bench)
    first.behave("example.com", .good)
    bench.pass(seconds: 800)
    #expect(await run(first, second, staging: staging, bench).certificates.first?.issuer == "ca")
  }
}
