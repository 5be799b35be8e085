import Bytes
import CertStore
import OS
import PKI
import Renewal
import Scratch
import TestRun
import Testing

@Suite(.ownThread) struct RenewalCrashTests {
  private func executor(_ store: CertStore, _ directory: ScratchDirectory) -> Executor {
    Executor(
      store: store, issuers: ["local": LocalAuthority(store: store, now: { now })],
      policy: Policy(builtAt: now - day),
      environment: .init(
        now: { now }, random: { 0.5 },
        hookEnvironment: ["PATH": "/usr/bin:/bin", "LOG": directory("log")]))
  }

  @Test("a renewal killed at any file system call is made up for by the next run, hooks included")
  func killed() async throws {
    let program = FileSystem.parent(of: try FileSystem().readLink("/proc/self/exe")) + "/CrashProbe"
    // Every fifth call at most: a renewal has far more of them than a publication, which is tested at each.
    for n in stride(from: 1, to: 1000, by: Tier.isAll ? 5 : 25) {
      let directory = try ScratchDirectory()
      func probe(_ n: Int) async throws -> Subprocess.Ending {
        try await Subprocess.shell(
          "exec \(program) renew \(directory("store")) \(directory.path) \(n)", environment: [:],
          timeLimitInSeconds: 60
        ).ending
      }
      #expect(try await probe(Int.max) == .exited(0))
      let ending = try await probe(n)
      #expect(ending == .exited(0) || ending == .signalled(9), "call \(n): \(ending)")

      let store = try CertStore.open(root: directory("store")) { Issue.record("call \(n): \($0)") }
      let wanted = ManagedCertificate(
        name: example, identifiers: [.dns("example.com")], issuer: "local",
        deploys: [.command(text: #"readlink "$RENEWED_LINEAGE" >> "$LOG""#, timeoutSeconds: 60)])
      let report = await executor(store, directory).run([wanted])
      #expect(!report.hasFailure && report.warnings == [], "call \(n): \(report)")
      let served = try #require(store.load(example, now: now), "call \(n)")
      #expect(served.chain.leaf.matches(served.key))
      let log = try FileSystem().read(directory("log"), limitInBytes: 1 << 16)
      let generations = String(decoding: log, as: UTF8.self).split(separator: "\n")
      #expect(generations.contains("gen-\(served.generation)"), "call \(n): \(generations)")
      #expect(try store.deploys(now: now) == [], "call \(n)")
      if ending == .exited(0) { return }
    }
    Issue.record("the probe never finished")
  }
}
