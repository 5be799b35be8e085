import Bytes
import CertStore
import OS
import PKI
import Renewal
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite("Deployments", .ownThread) struct DeployTests {
  let bench: Bench
  let fs = FileSystem()

  init() throws { bench = try Bench(FakeIssuer()) }

  private func wanted(_ action: DeployAction) -> ManagedCertificate {
    var certificate = managed()
    certificate.deploys = [action]
    return certificate
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try fs.readIfPresent(path, limitInBytes: 1 << 20) ?? [], as: UTF8.self)
  }

  @Test("every copy is written whole, with its owner and its mode, and what is there is left alone")
  func copies() async throws {
    var files = FileCopies()
    files.cert = bench.scratch("cert")
    files.chain = bench.scratch("chain")
    files.fullchain = bench.scratch("full")
    files.key = bench.scratch("key")
    files.combined = bench.scratch("all")
    files.group = "\(try fs.status(bench.store.root).group)"
    let report = await bench.run([wanted(.copy(files: files))])
    #expect(report.deploys.map(\.failure) == [nil])
    let (cert, chain, key) = (
      try text(bench.scratch("cert")), try text(bench.scratch("chain")), try text(bench.scratch("key"))
    )
    #expect(cert.hasPrefix("-----BEGIN CERTIFICATE") && key.contains("PRIVATE KEY"))
    #expect(try text(bench.scratch("full")) == cert + chain)
    #expect(try text(bench.scratch("all")) == cert + chain + key)
    let modes = try ["cert", "chain", "full", "key", "all"].map { try fs.status(bench.scratch($0)).mode }
    #expect(modes == [0o644, 0o644, 0o644, 0o640, 0o640])
    #expect(try fs.list(bench.scratch.path).filter { $0.hasSuffix(".partial") }.isEmpty)
  }

  @Test("what is to be done after a renewal is done in the operator's order")
  func order() async throws {
    var certificate = managed()
    let log = bench.scratch("log")
    certificate.deploys = (1...9).map { .command(text: "echo \($0) >> \(log)", timeoutSeconds: 60) }
    _ = await bench.run([certificate])
    #expect(try text(log).split(separator: "\n").map(String.init) == (1...9).map(String.init))
  }

  @Test("a copy that cannot be made is told with its path, and made as soon as it can be")
  func failingCopy() async throws {
    var files = FileCopies()
    files.key = bench.scratch("later/key")
    let first = await bench.run([wanted(.copy(files: files))])
    #expect(first.isRenewed("example.com"))
    #expect(first.deploys.first?.failure?.contains("later/key") == true)
    try fs.makeDirectory(bench.scratch("later"), mode: 0o700)
    bench.pass(seconds: 120)
    #expect(await bench.run([wanted(.copy(files: files))]).deploys.map(\.failure) == [nil])
    #expect(try fs.status(bench.scratch("later/key")).mode == 0o600)
  }

  @Test("an unknown owner is an error that names it")
  func unknownOwner() async throws {
    var files = FileCopies()
    files.cert = bench.scratch("cert")
    files.owner = "no-such-user-here"
    let report = await bench.run([wanted(.copy(files: files))])
    #expect(report.deploys.first?.failure == "this system has no user no-such-user-here")
    #expect(try fs.statusIfPresent(bench.scratch("cert")) == nil)
  }

  @Test("the daemon waits longer after each failure, and wakes for the next attempt")
  func backoff() async throws {
    let failing = wanted(.command(text: "exit 1", timeoutSeconds: 60))
    var waits: [Int64] = []
    for _ in 0..<6 {
      let before = bench.time
      let report = await bench.run([failing])
      guard let next = report.deploys.first?.nextAttemptAt else { break }
      waits.append(next - before)
      #expect(report.nextWakeAt <= next)
      bench.pass(seconds: next - before - 1)
      #expect(await bench.run([failing]).deploys.isEmpty)
      bench.pass(seconds: 1)
    }
    #expect(waits == [60, 300, 900, 3600, 14_400, 14_400])
  }

  @Test("what is for Google Cloud waits for a run that knows how")
  func googleCloud() async throws {
    let certificate = wanted(.googleCloud)
    #expect(await bench.run([certificate]).deploys.isEmpty)
    #expect(try bench.store.deploys(now: now).map(\.action) == [.googleCloud])
    let executor = bench.executor(googleCloud: { $0.name == example ? nil : "wrong certificate" })
    #expect(await executor.run([certificate]).deploys.map(\.failure) == [nil])
    #expect(try bench.store.deploys(now: now).isEmpty)
  }

  @Test("a hook learns more of the certificate than certbot's hooks do")
  func variables() async throws {
    let hook = #"printf '%s ' "$CERTD_NAME" "$CERTD_DOMAINS" "$CERTD_GENERATION" "$CERTD_NOT_AFTER" > "$LOG""#
    _ = await bench.executor(environment: ["LOG": bench.scratch("log")])
      .run([wanted(.command(text: hook, timeoutSeconds: 60))])
    let leaf = try #require(bench.store.load(example, now: now)?.chain.leaf)
    #expect(try text(bench.scratch("log")) == "example.com example.com 1 \(leaf.notAfter) ")
  }

  @Test("a hook that is corrected replaces the one that waits, and one that is removed waits no longer")
  func correctedHook() async throws {
    let log = bench.scratch("log")
    func hooks(_ commands: [String]) -> [ManagedCertificate] {
      var certificate = managed()
      certificate.deploys = commands.map { .command(text: $0, timeoutSeconds: 60) }
      return [certificate]
    }
    let good = "echo good >> \(log)"
    _ = await bench.run(hooks([good, "exit 3"]))
    #expect(try bench.store.deploys(now: bench.time).map(\.lastError) == ["exit status 3"])
    let mended = await bench.run(hooks([good, "echo mended >> \(log)"]))
    #expect(mended.deploys.map(\.failure) == [nil])
    #expect(try text(log) == "good\nmended\n")
    #expect(try bench.store.deploys(now: bench.time).isEmpty)
  }

  @Test("a hook that is removed while it waits is not run again")
  func removedHook() async throws {
    _ = await bench.run([wanted(.command(text: "exit 3", timeoutSeconds: 60))])
    #expect(try bench.store.deploys(now: bench.time).count == 1)
    var without = managed()
    without.deploys = []
    let report = await bench.run([without])
    #expect(report.deploys.isEmpty)
    #expect(try bench.store.deploys(now: bench.time).isEmpty)
  }
}
