import FakeGoogle
import GCP
import PKI
import TestRun
import Testing

/// Stories of pushes against the stand-in, with operations that take a while.
@Suite("Push", .ownThread)
struct PushTests {
  let bench: Bench

  init() throws {
    bench = try Bench()
    try bench.chain()
  }

  func edge(_ certificates: [String], kind: Target.Kind = .httpsProxy, name: String = "edge") -> Target {
    Target(kind: kind, name: name, certificates: certificates)
  }

  @discardableResult
  func push(
    _ targets: [Target], _ deployments: [Deployment], only: Set<String>? = nil, limits: Limits = Limits()
  ) async -> PushReport {
    await Pusher(session: bench.session(limits)).push(
      .init(targets: targets, deployments: deployments, only: only))
  }

  /// A proxy that has somebody else's certificate.
  func foreignProxy(_ names: String...) throws -> Deployment {
    let other = try bench.maker.deployment("old.example.com")
    try bench.certificate("theirs", other)
    try bench.httpsProxy("edge", ["theirs"])
    return other
  }

  @Test("The first push uploads, attaches beside what is there, and takes at most six calls")
  func first() async throws {
    _ = try foreignProxy()
    let mine = try bench.maker.deployment("llm.example.com")
    let report = await push([edge([mine.name])], [mine])
    #expect(!report.hasFailed, "\(report.targets)")
    guard case .changed = report.targets.first?.outcome else {
      Issue.record("\(report.targets)")
      return
    }
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", mine.resource])
    #expect(bench.calls.count <= 6)
    #expect(bench.google.problems.isEmpty)
  }

  @Test("A renewal replaces its predecessor where it stands, removes it, and takes at most six calls")
  func renewal() async throws {
    let other = try foreignProxy()
    let one = try bench.maker.deployment("llm.example.com")
    try bench.certificate("last", other)
    await push([edge([one.name])], [one])
    try bench.google.apply(
      "PATCH", "global/targetHttpsProxies/edge",
      [
        "sslCertificates": .list(
          ["theirs", one.resource, "last"].map { .string("global/sslCertificates/\($0)") }),
        "fingerprint": bench.google["global/targetHttpsProxies/edge"]?["fingerprint"] ?? "",
      ])
    bench.google.clearJournal()
    let two = try bench.maker.deployment("llm.example.com")
    let report = await push([edge([two.name])], [two])
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", two.resource, "last"])
    #expect(report.removed.map(\.name) == [one.resource])
    #expect(bench.google.paths("sslCertificates").count == 3)
    #expect(bench.calls.count <= 6, "\(bench.calls.map { "\($0.method) \($0.path)" })")
    #expect(bench.google.problems.isEmpty)
  }

  @Test("A second run makes no write, and reads each kind once")
  func idempotent() async throws {
    _ = try foreignProxy()
    let mine = try bench.maker.deployment("llm.example.com")
    await push([edge([mine.name])], [mine])
    bench.google.clearJournal()
    let report = await push([edge([mine.name])], [mine])
    #expect(bench.google.writes.isEmpty)
    #expect(bench.calls.count == 2)
    guard case .unchanged = report.targets.first?.outcome else {
      Issue.record("\(report.targets)")
      return
    }
  }

  @Test("Target SSL proxies are switched and read back")
  func sslProxy() async throws {
    let one = try bench.maker.deployment("llm.example.com")
    try bench.certificate("theirs", one)
    try bench.sslProxy("edge", ["theirs"])
    for _ in 0..<2 {
      let next = try bench.maker.deployment("llm.example.com")
      let report = await push([edge([next.name], kind: .sslProxy)], [next])
      #expect(!report.hasFailed, "\(report.targets)")
      #expect(bench.attached("global/targetSslProxies/edge") == ["theirs", next.resource])
    }
    #expect(bench.google.paths("sslCertificates").count == 2)
  }

  @Test("Regional proxies get regional certificates")
  func regional() async throws {
    try bench.regionalChain()
    let one = try bench.maker.deployment("llm.example.com", type: .ecP384)
    try bench.certificate("theirs", one, at: "regions/us-central1")
    try bench.httpsProxy("edge", ["theirs"], at: "regions/us-central1")
    let target = Target(
      kind: .httpsProxy, name: "edge", scope: .region("us-central1"), certificates: [one.name])
    for _ in 0..<2 {
      let next = try bench.maker.deployment("llm.example.com", type: .ecP384)
      let report = await push([target], [next])
      #expect(!report.hasFailed, "\(report.targets)")
      #expect(
        bench.attached("regions/us-central1/targetHttpsProxies/edge") == ["theirs", next.resource])
    }
    #expect(bench.google.paths("sslCertificates").count == 2)
    #expect(bench.google.problems.isEmpty)
  }

  @Test("Fifty certificates reach twenty proxies, and what was superseded goes")
  func many() async throws {
    bench.google.configure { $0.quotas["SSL_CERTIFICATES"] = 500 }
    let first = try bench.maker.deployment("first.example.com")
    try bench.certificate("first", first)
    for index in 0..<20 { try bench.httpsProxy("edge-\(index)", ["first"]) }
    let names = (0..<50).map { "llm-\($0).example.com" }
    let targets = (0..<20).map { index in
      edge((0..<3).map { names[(index * 5 / 2 + $0) % 50] }, name: "edge-\(index)")
    }
    for round in 0..<2 {
      let deployments = try names.map { try bench.maker.deployment($0) }
      let report = await push(targets, deployments)
      #expect(!report.hasFailed, "\(report.targets.compactMap(\.failure))")
      let used = Set(targets.flatMap(\.certificates)).count
      #expect(bench.google.paths("sslCertificates").count == used + 1, "round \(round)")
    }
    #expect(bench.google.problems.isEmpty)
    // Calls beyond the burst waited for room in the rate.
    #expect(bench.clock.uptime > 1)
  }

  @Test("Another writer's change between reading and writing is kept")
  func stale() async throws {
    let other = try foreignProxy()
    try bench.certificate("late", other)
    let mine = try bench.maker.deployment("llm.example.com")
    // The patch is accepted, and its operation finds that the proxy has changed.
    bench.google.add(
      Fault(.status(412, reason: "conditionNotMet", message: "Invalid fingerprint."), match: "PATCH"))
    let report = await push([edge([mine.name])], [mine])
    #expect(!report.hasFailed, "\(report.targets)")
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", mine.resource])
    #expect(bench.google.writes.filter { $0.method == "PATCH" }.count == 2)
  }

  @Test("Only the names asked for are pushed")
  func only() async throws {
    _ = try foreignProxy()
    let a = try bench.maker.deployment("a.example.com")
    let b = try bench.maker.deployment("b.example.com")
    await push([edge(["a.example.com", "b.example.com"])], [a, b])
    let nextA = try bench.maker.deployment("a.example.com")
    let nextB = try bench.maker.deployment("b.example.com")
    await push([edge(["a.example.com", "b.example.com"])], [nextA, nextB], only: ["b.example.com"])
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", a.resource, nextB.resource])
    #expect(bench.google.paths("sslCertificates").count == 3)
  }

  @Test("A certificate that is not there is told, and the others are pushed")
  func missing() async throws {
    _ = try foreignProxy()
    let a = try bench.maker.deployment("a.example.com")
    let report = await push([edge(["a.example.com", "b.example.com"])], [a])
    #expect(report.targets.first?.failure?.description.contains("b.example.com") == true)
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", a.resource])
  }

  @Test("Ownership is not told from a name: a certificate that looks like ours stays")
  func lookalike() async throws {
    let mine = try bench.maker.deployment("llm.example.com")
    let fake = try bench.maker.deployment("llm.example.com")
    try bench.certificate(fake.resource, fake)
    let strange = Ownership(name: "llm.example.com", project: "another", sha256: nil).text
    try bench.certificate("certd-elsewhere", fake, description: strange)
    try bench.httpsProxy("edge", [fake.resource, "certd-elsewhere"])
    let report = await push([edge([mine.name])], [mine])
    #expect(!report.hasFailed)
    #expect(
      bench.attached("global/targetHttpsProxies/edge") == [fake.resource, "certd-elsewhere", mine.resource])
    #expect(report.removed.isEmpty)
  }

  @Test("A superseded certificate that another proxy uses stays, and the next run only reads")
  func shared() async throws {
    _ = try foreignProxy()
    let one = try bench.maker.deployment("llm.example.com")
    await push([edge([one.name])], [one])
    try bench.sslProxy("other", [one.resource])
    let two = try bench.maker.deployment("llm.example.com")
    let report = await push([edge([two.name])], [two])
    #expect(report.removed.isEmpty && report.warnings.count == 1, "\(report.warnings)")
    bench.google.clearJournal()
    let again = await push([edge([two.name])], [two])
    #expect(bench.google.writes.isEmpty && again.warnings.count == 1)
  }

  @Test("A certificate of ours that is no longer configured goes once its names are covered, not before")
  func unconfigured() async throws {
    _ = try foreignProxy()
    let a = try bench.maker.deployment("a.example.com")
    let b = try bench.maker.deployment("b.example.com")
    await push([edge(["a.example.com", "b.example.com"])], [a, b])
    await push([edge(["b.example.com"])], [b])
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", a.resource, b.resource])
    let both = try bench.maker.deployment("b.example.com", "a.example.com")
    await push([edge(["b.example.com"])], [both])
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", both.resource])
    #expect(bench.google.paths("sslCertificates").count == 2)
    #expect(bench.google.problems.isEmpty)
  }
}
