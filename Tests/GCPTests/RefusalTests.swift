import FakeGoogle
import GCP
import PKI
import TestRun
import Testing

/// What is refused before anything is written, and what Google refuses.
@Suite("Refusals", .ownThread)
struct RefusalTests {
  let bench: Bench

  init() throws {
    bench = try Bench()
    try bench.chain()
    let other = try bench.maker.deployment("old.example.com")
    try bench.certificate("theirs", other)
    try bench.httpsProxy("edge", ["theirs"])
  }

  private func refusal(_ deployment: Deployment, _ target: Target? = nil) async -> String {
    let target = target ?? Target(kind: .httpsProxy, name: "edge", certificates: [deployment.name])
    let report = await Pusher(session: bench.session()).push(
      .init(targets: [target], deployments: [deployment]))
    #expect(bench.google.writes.isEmpty)
    return report.targets.first?.failure?.description ?? ""
  }

  @Test("A key that does not belong to the certificate")
  func mismatch() async throws {
    let one = try bench.maker.deployment("a.example.com")
    let two = try bench.maker.deployment("a.example.com")
    let text = await refusal(Deployment(name: one.name, chain: one.chain, key: two.key))
    #expect(text.contains("the leaf is for another key"))
  }

  @Test("A certificate that has expired, and one that is not valid yet")
  func validity() async throws {
    let old = try bench.maker.deployment("a.example.com", startDaysAgo: 9, days: 3)
    #expect(await refusal(old).contains("expired"))
    let new = try bench.maker.deployment("a.example.com", startDaysAgo: -3, days: 3)
    #expect(await refusal(new).contains("valid only from"))
  }

  @Test("A type of key that a global load balancer does not take")
  func keyType() async throws {
    let large = try bench.maker.deployment("a.example.com", type: .ecP384)
    #expect(await refusal(large).contains("only rsa-2048, ec-p256"))
  }

  @Test("A chain that is too long")
  func chain() async throws {
    let long = try bench.maker.deployment(
      "a.example.com", intermediates: Array(repeating: bench.maker.root, count: 5))
    #expect(await refusal(long).contains("at most 5"))
  }

  @Test("More certificates than a proxy takes")
  func tooMany() async throws {
    let other = try bench.maker.deployment("old.example.com")
    var names: [String] = []
    for index in 0..<15 {
      try bench.certificate("their-\(index)", other)
      names.append("their-\(index)")
    }
    try bench.httpsProxy("full", names)
    let mine = try bench.maker.deployment("a.example.com")
    let text = await refusal(mine, Target(kind: .httpsProxy, name: "full", certificates: [mine.name]))
    #expect(text.contains("a proxy takes 15"))
  }

  @Test("A proxy that is not there")
  func noProxy() async throws {
    let mine = try bench.maker.deployment("a.example.com")
    let text = await refusal(mine, Target(kind: .sslProxy, name: "edge", certificates: [mine.name]))
    #expect(text.contains("there is no such proxy; check kind, name and region"))
  }

  @Test("A name that is taken by another certificate")
  func conflict() async throws {
    let mine = try bench.maker.deployment("a.example.com")
    let other = try bench.maker.deployment("a.example.com")
    try bench.certificate(mine.resource, other)
    #expect(await refusal(mine).contains("exists with another certificate in it"))
  }

  @Test("A permission that is missing is named")
  func permission() async throws {
    bench.google.configure { $0.denied = ["compute.sslCertificates.create"] }
    let mine = try bench.maker.deployment("a.example.com")
    let report = await Pusher(session: bench.session()).push(
      .init(
        targets: [Target(kind: .httpsProxy, name: "edge", certificates: [mine.name])], deployments: [mine]))
    let failure = try #require(report.targets.first?.failure)
    #expect(failure.missingPermission == "compute.sslCertificates.create")
    #expect(failure.description.contains("grant the account the permission compute.sslCertificates.create"))
    #expect(!failure.isRetryable)
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs"])
  }

  @Test("When a proxy cannot be switched, nothing is removed that it still presents")
  func notSwitched() async throws {
    let one = try bench.maker.deployment("a.example.com")
    let target = Target(kind: .httpsProxy, name: "edge", certificates: [one.name])
    let pusher = Pusher(session: bench.session())
    #expect(!(await pusher.push(.init(targets: [target], deployments: [one]))).hasFailed)
    bench.google.configure { $0.denied = ["compute.targetHttpsProxies.update"] }
    let two = try bench.maker.deployment("a.example.com")
    let report = await pusher.push(.init(targets: [target], deployments: [two]))
    #expect(report.targets.first?.failure?.missingPermission == "compute.targetHttpsProxies.update")
    #expect(!bench.google.writes.contains { $0.method == "DELETE" })
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", one.resource])
    bench.google.configure { $0.denied = [] }
    #expect(!(await pusher.push(.init(targets: [target], deployments: [two]))).hasFailed)
    #expect(bench.google.paths("sslCertificates").count == 2 && bench.google.problems.isEmpty)
  }

  @Test("A quota that is full is told as such")
  func quota() async throws {
    bench.google.configure { $0.quotas["SSL_CERTIFICATES"] = 1 }
    let mine = try bench.maker.deployment("a.example.com")
    let report = await Pusher(session: bench.session()).push(
      .init(
        targets: [Target(kind: .httpsProxy, name: "edge", certificates: [mine.name])], deployments: [mine]))
    #expect(report.targets.first?.failure?.problem?.kind == .quotaExceeded)
  }

  @Test("No private key is in any error or description")
  func secrets() async throws {
    bench.google.add(Fault(.status(400, reason: "invalid"), match: "POST", times: nil))
    let mine = try bench.maker.deployment("a.example.com")
    let report = await Pusher(session: bench.session()).push(
      .init(
        targets: [Target(kind: .httpsProxy, name: "edge", certificates: [mine.name])], deployments: [mine]))
    #expect(report.hasFailed)
    #expect(!"\(report)".contains("PRIVATE KEY"))
  }
}
