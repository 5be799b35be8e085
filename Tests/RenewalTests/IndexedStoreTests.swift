import Bytes
import CertStore
import OS
import PKI
import Renewal
import StoreFixtures
import TestRun
import Testing

/// What planning knows without reading: it must never be less than what reading would tell.
@Suite(.ownThread) struct IndexedStoreTests {
  private let bench: Bench
  private let all = [managed(), managed("b.example")]

  init() async throws {
    bench = try Bench(FakeIssuer())
    _ = await bench.run(all)
    // What is written down belongs to the next run.
    _ = await bench.run(all, isDryRun: true)
  }

  private var index: String { bench.store.root + "/index" }

  private func file(_ name: String) -> String { "\(bench.store.root)/certificates/b.example/current/\(name)" }

  @Test("an index is kept, and a plan by it is the plan without it")
  func same() async throws {
    let by = await bench.run(all, isDryRun: true)
    #expect((try? FileSystem().status(index))?.mode == 0o600)
    try FileSystem().unlink(index)
    let without = await bench.run(all, isDryRun: true)
    #expect(by.certificates.map(\.outcome) == without.certificates.map(\.outcome))
  }

  @Test(
    "a certificate that was damaged in place is found by the next run",
    arguments: ["privkey.pem", "fullchain.pem"])
  func damaged(name: String) async throws {
    try await Subprocess.shell(
      "printf x > '\(file(name))'", environment: ["PATH": "/usr/bin:/bin"], timeLimitInSeconds: 60
    ).expectSuccess()
    let report = await bench.run(all, isDryRun: true)
    #expect(report.outcome("b.example") == .wouldRenew(.missing))
    #expect(report.outcome("example.com") != .wouldRenew(.missing))
  }

  @Test("a certificate that was removed is missing")
  func removed() async throws {
    try await Subprocess.shell(
      "rm -r '\(bench.store.root)/certificates/b.example'", environment: ["PATH": "/usr/bin:/bin"],
      timeLimitInSeconds: 60
    ).expectSuccess()
    #expect(await bench.run(all, isDryRun: true).outcome("b.example") == .wouldRenew(.missing))
  }

  @Test("what another process has published is seen")
  func published() async throws {
    let name = try #require(LineageName("b.example"))
    let other = try TestAuthority().issue(["b.example", "c.example"])
    _ = try CertStore.open(root: bench.store.root).publish(name, other)
    #expect(await bench.run(all, isDryRun: true).outcome("b.example") == .wouldRenew(.identifiersChanged))
  }

  @Test("a key that becomes known as compromised makes its certificate due at once")
  func compromised() async throws {
    let name = try #require(LineageName("b.example"))
    let key = try #require(bench.store.load(name, now: now)).key
    try bench.store.markCompromised(publicKeyInfo: key.publicKeyInfo, now: now)
    let report = await bench.run(all, isDryRun: true)
    #expect(report.outcome("b.example") == .wouldRenew(.compromised))
    #expect(report.outcome("example.com") != .wouldRenew(.compromised))
  }

  @Test(
    "an index that is damaged costs nothing but time",
    arguments: [
      "", "certd-index 3 0\n", "certd-index 3 0\nb.example\t1\t2\n", "\u{0}\u{1}\n\n\n", "certd-index 9 0\n",
    ])
  func hostile(text: String) async throws {
    try FileSystem().publish(index, Array(text.utf8), mode: 0o600)
    let report = await bench.run(all, isDryRun: true)
    #expect(report.certificates.count == 2 && !report.hasFailure)
    for entry in report.certificates {
      if case .notDue = entry.outcome { continue }
      Issue.record("\(entry)")
    }
  }
}

extension Subprocess.Outcome {
  fileprivate func expectSuccess() { #expect(ending == .exited(0)) }
}
