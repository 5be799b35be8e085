import FakeGoogle
import GCP
import PKI
import TestRun
import Testing

/// A push that is killed between any two calls, or meets a mishap at any call.
@Suite("Cut off", .ownThread)
struct CutTests {
  /// Which way certificates go, to which proxy.
  enum Way: String, CaseIterable, Sendable { case https, ssl, regional, map, regionalManager }

  struct Scene: Sendable {
    let bench: Bench
    let target: Target
    let first: Deployment
    let second: Deployment
    let start: FakeGoogle.Snapshot

    init(_ way: Way, renewal: Bool, pollsUntilDone: Int) async throws {
      var settings = FakeGoogle.Settings()
      settings.pollsUntilDone = pollsUntilDone
      bench = try Bench(settings)
      let other = try bench.maker.deployment("llm.example.com")
      first = try bench.maker.deployment("llm.example.com")
      second = try bench.maker.deployment("llm.example.com")
      let isRegional = way == .regional || way == .regionalManager
      let scope = isRegional ? "regions/us-central1" : "global"
      if isRegional { try bench.regionalChain() } else { try bench.chain() }
      try bench.certificate("theirs", other, at: scope)
      if way == .ssl {
        try bench.sslProxy("edge", ["theirs"])
      } else {
        try bench.httpsProxy("edge", ["theirs"], at: scope)
      }
      target = Target(
        kind: way == .ssl ? .sslProxy : .httpsProxy, name: "edge",
        scope: isRegional ? .region("us-central1") : .global,
        route: way == .map || way == .regionalManager ? .certificateManager : .classic,
        certificates: ["llm.example.com"])
      if renewal {
        let report = await Pusher(session: bench.session()).push(
          .init(targets: [target], deployments: [first]))
        #expect(!report.hasFailed, "\(report.targets)")
      }
      start = bench.google.snapshot()
    }

    func push(_ limits: Limits = Limits()) async -> PushReport {
      await Pusher(session: bench.session(limits)).push(.init(targets: [target], deployments: [second]))
    }

    /// What is kept now, in a form that can be compared.
    func state() -> [String] {
      bench.google.paths().map { path in
        let json = bench.google[path] ?? bench.google.managed(path)
        let parts = ["sslCertificates", "certificateMap", "certificates", "pemCertificate", "certificate"]
        return path + parts.map { json?[$0]?.text ?? "" }.joined(separator: " ")
      }
    }

    /// How many calls an undisturbed push makes, and what it leaves.
    func undisturbed() async -> (calls: Int, state: [String]) {
      bench.google.clearJournal()
      let report = await push()
      #expect(!report.hasFailed, "\(report.targets)")
      let calls = bench.google.journal.filter(\.isAPI).count
      let state = state()
      bench.google.restore(start)
      return (calls, state)
    }
  }

  @Test(
    "Killed after any call, answered or not, and run again: the same end, nothing leaked, always covered",
    arguments: Way.allCases, [false, true])
  func killed(way: Way, renewal: Bool) async throws {
    let scene = try await Scene(way, renewal: renewal, pollsUntilDone: 1)
    let google = scene.bench.google
    let (calls, end) = await scene.undisturbed()
    for count in Tier.points(calls, each: 4, shift: Way.allCases.firstIndex(of: way) ?? 0) {
      for (isAnswered, isSettled) in [(true, false), (false, false), (false, true)] {
        google.restore(scene.start)
        google.cut(after: count, lastIsAnswered: isAnswered)
        _ = await scene.push(Bench.impatient)
        google.recover(settled: isSettled)
        let report = await scene.push()
        let story = Comment("cut after \(count), answered \(isAnswered), settled \(isSettled)")
        #expect(!report.hasFailed, "\(story) \(report.targets.compactMap(\.failure))")
        let isSame = scene.state() == end
        #expect(isSame, story)
        google.clearJournal()
        #expect(!(await scene.push()).hasFailed)
        #expect(google.writes.isEmpty, story)
      }
    }
    #expect(google.problems.isEmpty)
  }

  @Test(
    "Any one mishap at any call is survived within the run",
    arguments: Way.allCases,
    [
      Fault(.dropBefore), Fault(.dropAfter), Fault(.truncate),
      Fault(.status(503, reason: "backendError"), times: 2), Fault(.status(502), times: 2),
      Fault(.status(429, reason: "rateLimitExceeded", retryAfter: 7)),
      Fault(.status(401, reason: "authError")),
    ])
  func mishap(way: Way, fault: Fault) async throws {
    let scene = try await Scene(way, renewal: true, pollsUntilDone: 1)
    let google = scene.bench.google
    let (calls, end) = await scene.undisturbed()
    for skip in Tier.points(calls, each: 4, shift: Way.allCases.firstIndex(of: way) ?? 0) {
      google.restore(scene.start)
      google.recover()
      var fault = fault
      fault.skip = skip
      google.add(fault)
      let report = await scene.push()
      #expect(!report.hasFailed, "\(fault) \(report.targets.compactMap(\.failure))")
      let isSame = scene.state() == end
      #expect(isSame, "\(fault)")
    }
    #expect(google.problems.isEmpty)
  }

  @Test("Operations that take long are waited for", arguments: Way.allCases)
  func slow(way: Way) async throws {
    let scene = try await Scene(way, renewal: true, pollsUntilDone: 9)
    let report = await scene.push()
    #expect(!report.hasFailed, "\(report.targets.compactMap(\.failure))")
    #expect(scene.bench.google.problems.isEmpty)
    #expect(scene.bench.google.pendingCount == 0)
  }

  @Test("An operation that never ends is given up, and the error says what was going on")
  func endless() async throws {
    let scene = try await Scene(.https, renewal: false, pollsUntilDone: .max)
    let report = await scene.push()
    let failure = try #require(report.targets.first?.failure)
    #expect(failure.isRetryable)
    #expect(failure.description.contains("uploading llm.example.com as global/sslCertificates/certd-llm"))
    #expect(failure.description.contains("is still"))
  }

  @Test("An operation that fails for a passing reason is asked for again, another is told")
  func failedOperation() async throws {
    let scene = try await Scene(.https, renewal: false, pollsUntilDone: 1)
    let google = scene.bench.google
    google.add(
      Fault(.operationError(code: "INTERNAL_ERROR", message: "Internal error.", status: 500), match: "POST"))
    #expect(!(await scene.push()).hasFailed)
    google.restore(scene.start)
    google.add(
      Fault(
        .operationError(code: "QUOTA_EXCEEDED", message: "Quota 'SSL_CERTIFICATES' exceeded.", status: 403),
        match: "POST"))
    let failure = try #require(await scene.push().targets.first?.failure)
    #expect(failure.description.contains("QUOTA_EXCEEDED: Quota 'SSL_CERTIFICATES' exceeded."))
    #expect(failure.problem?.kind == .quotaExceeded && !failure.isRetryable)
  }
}
