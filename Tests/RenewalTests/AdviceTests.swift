import Bytes
import CertStore
import PKI
import Synchronization
import TestRun
import Testing

@testable import Renewal

@Suite(.ownThread) struct AdviceTests {
  private let advice = RenewalAdvice(start: now + day, end: now + 3 * day, askAgainAt: now + 3600)

  private func record(
    _ advice: RenewalAdvice, _ previous: RenewalRecord? = nil, random: Double
  ) -> RenewalRecord {
    .after(advice, previous, certificateID: "id", now: now, random: random)
  }

  @Test("a moment is drawn evenly from the window", arguments: [(0, 0), (0.5, 1), (0.25, 0.5)])
  func draws(random: Double, days: Double) {
    #expect(record(advice, random: random).chosen == now + day + Int64(days * 86_400))
  }

  @Test("another moment is drawn only when the window changes or the certificate does")
  func keeps() {
    let first = record(advice, random: 0)
    #expect(record(advice, first, random: 0.9).chosen == first.chosen)
    let moved = RenewalAdvice(start: now + day, end: now + 4 * day, askAgainAt: now)
    #expect(record(moved, first, random: 0.5).chosen != first.chosen)
    var other = first
    other.certificateID = "other"
    #expect(record(advice, other, random: 0.5).chosen != first.chosen)
  }

  @Test("a window in the past means now")
  func past() {
    let over = RenewalAdvice(start: now - 3 * day, end: now - day, askAgainAt: now)
    #expect(record(over, random: 0.999).chosen ?? now + 1 <= now)
    let first = record(advice, random: 0.5)
    var late = first
    late.windowStart = over.start
    late.windowEnd = over.end
    #expect(record(over, late, random: 0).chosen ?? now + 1 <= now)
  }

  @Test("what a CA wants renewed now is known before anything is ordered: listeners are opened by that")
  func heardFirst() async throws {
    let advice = RenewalAdvice(start: now - 3 * day, end: now - day, askAgainAt: now + day)
    let bench = try Bench(FakeIssuer(advice: advice))
    let executor = bench.executor()
    let wanted = [managed()]
    _ = await executor.run(wanted)
    func preview() async -> Report.Outcome? {
      await executor.run(wanted, isDryRun: true).outcome("example.com")
    }
    #expect(await preview() == .notDue(until: now - 2400 + 60 * day))
    #expect(await executor.askAdvice(wanted) == [])
    #expect(await preview() == .wouldRenew(.advised))
    #expect(bench.issuer.adviceQuestions == 1)
  }

  @Test("a moment that came with a certificate stays where the CA suggests none, and goes where it does")
  func ownMoment() async throws {
    let advice = RenewalAdvice(start: now - 3 * day, end: now - day, askAgainAt: now + day)
    let bench = try Bench(FakeIssuer(advice: advice))
    let executor = bench.executor()
    let wanted = [managed()]
    _ = await executor.run(wanted)
    let held = try #require(bench.store.load(wanted[0].name, now: now))
    let id = try #require(held.chain.leaf.ariCertID)
    if let lock = try bench.store.lock(wanted[0].name) {
      try bench.store.record(
        lock, RenewalRecord(certificateID: id, chosen: now + 10 * day, askAgainAt: now))
    }
    bench.issuer.isWithoutAdvice.withLock { $0 = true }
    #expect(await executor.askAdvice(wanted) == [] && bench.issuer.adviceQuestions == 1)
    let kept = await executor.run(wanted, isDryRun: true)
    #expect(kept.outcome("example.com") == .notDue(until: now + 10 * day))
    bench.issuer.isWithoutAdvice.withLock { $0 = false }
    bench.pass(seconds: 2 * 86_400)
    _ = await executor.askAdvice(wanted)
    let advised = await executor.run(wanted, isDryRun: true)
    #expect(advised.outcome("example.com") == .wouldRenew(.advised))
  }

  @Test("a CA that does not answer is asked once in a run, one that refuses for each certificate")
  func silentAuthority() async throws {
    let advice = RenewalAdvice(start: now + 30 * day, end: now + 31 * day, askAgainAt: now + 60)
    let bench = try Bench(FakeIssuer(advice: advice))
    let executor = bench.executor()
    let wanted = ["a.example", "b.example", "c.example"].map { managed($0) }
    _ = await executor.run(wanted)
    for (kind, questions) in [(LedgerEntry.Failure.unavailable, 1), (.other, 3)] {
      bench.pass(seconds: 7200)
      bench.issuer.silence.withLock { $0 = IssuerError(kind, "no") }
      let before = bench.issuer.adviceQuestions
      #expect(await executor.askAdvice(wanted).count == questions)
      #expect(bench.issuer.adviceQuestions - before == questions)
    }
  }

  @Test("no answer keeps what was known and is asked again after an hour or the CA's wish")
  func silence() {
    let first = record(advice, random: 0.5)
    let after = RenewalRecord.afterSilence(first, certificateID: "id", retryAfter: nil, now: now)
    #expect(after.chosen == first.chosen && after.askAgainAt == now + 3600)
    let wished = RenewalRecord.afterSilence(nil, certificateID: "id", retryAfter: now + 7200, now: now)
    #expect(wished.chosen == nil && wished.askAgainAt == now + 7200)
  }

  @Test("the CA is asked when its time has come, about a new certificate, or when the time is absurd")
  func due() {
    func isDue(_ askAgainAt: UnixTime, _ id: String = "id") -> Bool {
      RenewalRecord.isDue(
        RenewalRecord(certificateID: id, askAgainAt: askAgainAt), certificateID: "id", now: now)
    }
    #expect(RenewalRecord.isDue(nil, certificateID: "id", now: now))
    #expect(isDue(now) && !isDue(now + 1) && isDue(now + 1, "other") && isDue(now + 9 * day))
  }
}
