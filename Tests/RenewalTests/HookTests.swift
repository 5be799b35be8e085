import Bytes
import CertStore
import OS
import PKI
import Renewal
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite(.ownThread) struct HookTests {
  let bench: Bench
  let fs = FileSystem()

  init() throws { bench = try Bench(FakeIssuer()) }

  private func log() throws -> [String] {
    let bytes = try fs.readIfPresent(bench.scratch("log"), limitInBytes: 1 << 16) ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private func run(
    _ hooks: [String], force: Situation.Force = .none, names: [String] = ["example.com"]
  ) async -> Report {
    let environment = ["PATH": "/usr/bin:/bin", "LOG": bench.scratch("log"), "ROOT": bench.store.root]
    return await bench.executor(environment: environment).run(
      names.map { managed($0, hooks: hooks) }, force: force)
  }

  @Test("a hook runs once for each renewed certificate, with its lineage and its names")
  func environment() async throws {
    let hook = #"echo "$RENEWED_LINEAGE $RENEWED_DOMAINS $(ls "$RENEWED_LINEAGE" | tr '\n' ' ')" >> "$LOG""#
    let report = await run([hook], names: ["example.com", "b.example"])
    #expect(report.deploys.map(\.failure) == [nil, nil] && !report.hasFailure)
    let files = "cert.pem chain.pem fullchain.pem meta.json privkey.pem"
    let expected = ["b.example", "example.com"].map {
      "\(bench.store.root)/certificates/\($0)/current \($0) \(files) "
    }
    #expect(try log().sorted() == expected)
    _ = await run([hook], names: ["example.com", "b.example"])
    #expect(try log().count == 2)
    #expect(try bench.store.deploys(now: now) == [])
  }

  @Test("several names are told with a space between them")
  func domains() async throws {
    var wanted = managed(hooks: [#"echo "$RENEWED_DOMAINS" >> "$LOG""#])
    wanted.identifiers.append(.dns("www.example.com"))
    _ = await bench.executor(environment: ["LOG": bench.scratch("log")]).run([wanted])
    #expect(try log() == ["example.com www.example.com"])
  }

  @Test("a failing hook is reported, retried on the next run, and never undoes the renewal")
  func failure() async throws {
    let hook = #"echo try >> "$LOG"; test -e "$ROOT/ready" || { echo not ready >&2; exit 3; }"#
    let first = await run([hook])
    #expect(first.isRenewed("example.com") && first.hasFailure)
    #expect(first.deploys.map(\.failure) == ["exit status 3: not ready"])
    #expect(try bench.store.deploys(now: now).map(\.failures) == [1])
    #expect(bench.store.load(example, now: now)?.generation == 1)

    #expect(await run([hook]).deploys.isEmpty, "not before its time")
    let second = await run([hook], force: .impatient)
    #expect(second.hasFailure && second.deploys.count == 1)
    #expect(try bench.store.deploys(now: now).map(\.failures) == [2])

    try fs.writeNew(bench.store.root + "/ready", [], mode: 0o600)
    let third = await run([hook], force: .impatient)
    #expect(!third.hasFailure && third.deploys.count == 1)
    #expect(try log().count == 3)
    #expect(await run([hook]).deploys.isEmpty)
  }

  @Test("hooks of one certificate run one after the other, and one failing does not stop the next")
  func several() async throws {
    let report = await run([#"echo a >> "$LOG"; exit 1"#, #"echo b >> "$LOG""#])
    #expect(report.deploys.count == 2 && report.deploys.filter { $0.failure == nil }.count == 1)
    #expect(try log().sorted() == ["a", "b"])
  }

  @Test("a newer renewal replaces a hook that is still waiting")
  func superseded() async throws {
    _ = await run(["exit 1"])
    _ = await run(["exit 1"], force: .all)
    let tasks = try bench.store.deploys(now: now)
    #expect(tasks.count == 1 && tasks.first?.failures == 1)
    #expect(bench.store.load(example, now: now)?.generation == 2)
  }

  @Test("a hook of a certificate that never came to be served is dropped")
  func void() async throws {
    _ = await run([])
    let key = try PrivateKey.generate(.ecP256)
    let leaf = try bench.issuer.authority.chain(for: key, [.dns("example.com")]).leaf
    try bench.store.enqueue(
      DeployTask(name: example, leaf: leaf, command: "echo never >> \"$LOG\"", domains: [], now: now))
    #expect(await run([]).deploys.isEmpty)
    #expect(try bench.store.deploys(now: now) == [] && log() == [])
  }

  @Test("while a hook runs, no other process works on its certificate")
  func locked() async throws {
    let hook = #"flock -n "$ROOT/certificates/example.com/lock" true && echo free >> "$LOG"; true"#
    #expect(await !run([hook]).hasFailure)
    #expect(try log() == [])
    let lock = try bench.store.lock(example)
    let isFreeAgain = lock != nil
    #expect(isFreeAgain)
  }
}
