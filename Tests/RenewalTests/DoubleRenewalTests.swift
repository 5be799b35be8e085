import Bytes
import CertStore
import TestRun
import Testing

@testable import Renewal

@Suite(.ownThread) struct DoubleRenewalTests {
  @Test("a forced renewal that somebody else has just made is not made again")
  func forced() async throws {
    let bench = try Bench(FakeIssuer())
    _ = await bench.run([managed()])
    let executor = bench.executor()
    let situation = try await executor.situation([managed()], .all, nextWakeAt: now + 600)
    let action = try #require(Plan.make(situation, executor.policy).renewals.first)
    #expect(await bench.run([managed()], force: .all).isRenewed("example.com"))
    let outcome = await executor.renew(action, .forced, .all, now + 600).outcome
    #expect(outcome == .skipped(why: "another process has just been working on it"))
    #expect(bench.issuer.requests.count == 2)
  }
}
