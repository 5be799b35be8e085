import Bytes
import CertStore
import PKI
import TestRun
import Testing

@testable import Renewal

@Suite("Certificates that live for minutes", .ownThread) struct ShortLifeTests {
  @Test(
    "are renewed over and over at two thirds of their life, and none is served when it has expired",
    arguments: [120, 300, 600, 1200, 3600, 7200] as [Int64])
  func overAndOver(_ lifetime: Int64) async throws {
    let bench = try Bench(FakeIssuer())
    // It lets certificates begin an hour before they are issued.
    let local = LocalAuthority(
      store: bench.store, commonName: "Test", leafLifetimeSeconds: lifetime, now: { bench.time })
    let executor = bench.executor(issuers: ["ca": local])
    let wanted = [managed()]
    let name = try #require(wanted.first?.name)
    var issued: [UnixTime] = []
    let end = bench.time + lifetime * 20
    while bench.time < end {
      let report = await executor.run(wanted)
      if case .renewed = report.certificates.first?.outcome { issued.append(bench.time) }
      let held = try #require(bench.store.load(name, now: bench.time))
      #expect(held.chain.leaf.notAfter > bench.time)
      // Issuing takes its time as well.
      #expect(report.nextWakeAt + lifetime / 10 < held.chain.leaf.notAfter)
      bench.pass(seconds: max(1, report.nextWakeAt - bench.time))
    }
    #expect((28...32).contains(issued.count), "\(issued.count) certificates in twenty lives")
  }

  @Test("a time chosen from the CA's window is waited for")
  func advice() {
    var held = HeldCertificate(
      identifiers: ["a.test"], keyType: KeyType.ecP256.rawValue, issuer: "ca",
      notBefore: UnixTime(seconds: 0),
      notAfter: UnixTime(seconds: 600), certificateID: "x")
    held.obtainedAt = UnixTime(seconds: 0)
    let record = RenewalRecord(
      certificateID: "x", windowStart: nil, windowEnd: nil, chosen: UnixTime(seconds: 400),
      askAgainAt: UnixTime(seconds: 9999))
    func verdict(_ now: Int64) -> DueRule.Verdict {
      DueRule.judge(
        managed("a.test"), held, record, now: UnixTime(seconds: now), nextWakeAt: UnixTime(seconds: now + 600)
      )
    }
    #expect(verdict(100) == .later(UnixTime(seconds: 400)))
    #expect(verdict(360) == .due(.advised))
  }
}
