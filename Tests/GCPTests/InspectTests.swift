import FakeGoogle
import GCP
import PKI
import Synchronization
import TestRun
import Testing

/// Looking, tidying up, moving from managed certificates, and the permissions for all of it.
@Suite("Inspect", .ownThread)
struct InspectTests {
  let bench: Bench
  var pusher: Pusher { Pusher(session: bench.session(), probe: probe) }
  let probe = Presented()

  /// Presents what it is told.
  final class Presented: HandshakeProbe {
    let leaf = Mutex<[UInt8]?>(nil)
    let asked = Mutex<[String]>([])

    func leaf(at address: String, serverName: String) async throws(ProbeFailure) -> [UInt8] {
      asked.withLock { $0.append("\(address) \(serverName)") }
      guard let leaf = leaf.withLock({ $0 }) else { throw ProbeFailure("connection refused") }
      return leaf
    }
  }

  init() throws {
    bench = try Bench()
    try bench.chain()
  }

  private func edge(_ names: [String], route: Target.Route = .classic, address: String? = nil) -> Target {
    Target(kind: .httpsProxy, name: "edge", route: route, certificates: names, address: address)
  }

  private func managed(_ name: String, _ domains: [String], state: String = "ACTIVE") throws {
    try bench.google.seed(
      "global/sslCertificates",
      ["name": .string(name), "type": "MANAGED", "managed": ["domains": .list(domains.map { .string($0) })]])
    bench.google.tamper("global/sslCertificates/\(name)") { $0["managed"]?["status"] = .string(state) }
  }

  @Test("Status tells what is attached, whose it is, what Google provisions, and what the address presents")
  func status() async throws {
    try managed("google-1", ["old.example.com"], state: "PROVISIONING")
    try bench.httpsProxy("edge", ["google-1"])
    try bench.google.seed(
      "global/forwardingRules",
      [
        "name": "rule", "target": "global/targetHttpsProxies/edge", "portRange": "443",
        "IPAddress": "203.0.113.9", "loadBalancingScheme": "EXTERNAL",
      ])
    let mine = try bench.maker.deployment("llm.example.com")
    let request = Pusher.Request(targets: [edge([mine.name])], deployments: [mine])
    #expect(!(await pusher.push(request)).hasFailed)
    bench.google.clearJournal()
    probe.leaf.withLock { $0 = mine.chain.leaf.der }
    let status = try #require(await Inspector(pusher).status(request).first)
    #expect(status.isWell, "\(status)")
    #expect(status.attached.map(\.managedState) == ["PROVISIONING", nil])
    #expect(status.attached.map(\.isCurrent) == [nil, true])
    #expect(status.addresses == ["203.0.113.9:443"])
    #expect(probe.asked.withLock { $0 } == ["203.0.113.9:443 llm.example.com"])
    #expect(bench.google.writes.isEmpty && bench.calls.count == 3)
    probe.leaf.withLock { $0 = bench.maker.root.der }
    #expect(try #require(await Inspector(pusher).status(request).first).isWell == false)
    let next = try bench.maker.deployment("llm.example.com")
    let later = Pusher.Request(targets: [edge([mine.name])], deployments: [next])
    #expect(
      try #require(await Inspector(pusher).status(later).first).attached.map(\.isCurrent) == [nil, false])
  }

  @Test("A push shakes hands with the configured address, and goes well without an answer")
  func served() async throws {
    let mine = try bench.maker.deployment("*.example.com")
    try bench.certificate("theirs", mine)
    try bench.httpsProxy("edge", ["theirs"])
    let target = edge([mine.name], address: "lb.example.com")
    let report = await pusher.push(.init(targets: [target], deployments: [mine]))
    #expect(!report.hasFailed)
    #expect(report.targets.first?.served == .unreachable("connection refused"))
    #expect(probe.asked.withLock { $0 } == ["lb.example.com certd-check.example.com"])
  }

  @Test("Prune lists and removes orphans of ours, and nothing else")
  func prune() async throws {
    let mine = try bench.maker.deployment("llm.example.com")
    let other = try bench.maker.deployment("llm.example.com")
    try bench.certificate("theirs", other)
    try bench.certificate("certd-looks-like-ours", other)
    let owner = Ownership(name: "gone.example.com", project: Bench.project, sha256: nil).text
    let stranger = Ownership(name: "gone.example.com", project: "another", sha256: nil).text
    try bench.certificate("orphan", other, description: owner)
    try bench.certificate("used", other, description: owner)
    try bench.certificate("elsewhere", other, description: stranger)
    try bench.httpsProxy("edge", ["theirs"])
    try bench.sslProxy("else", ["used"])
    let request = Pusher.Request(targets: [edge([mine.name])], deployments: [mine])
    #expect(!(await pusher.push(request)).hasFailed)
    let pruner = Pruner(pusher)
    let orphans = try await pruner.orphans(request)
    #expect(orphans.map(\.link.name) == ["orphan"])
    let outcomes = await pruner.remove(orphans)
    #expect(outcomes.allSatisfy { $0.failure == nil })
    #expect(bench.google["global/sslCertificates/orphan"] == nil)
    #expect(try await pruner.orphans(request).isEmpty)
    #expect(bench.google.problems.isEmpty)
  }

  @Test("an installation never removes what another one has just uploaded, by prune or by push")
  func anotherInstallation() async throws {
    let mine = try bench.maker.deployment("llm.example.com")
    let theirs = try bench.maker.deployment("llm.example.com")
    let old = try bench.maker.deployment("gone.example.com")
    func owner(_ installation: String?) -> String {
      Ownership(
        name: "llm.example.com", project: Bench.project, sha256: nil, installation: installation
      ).text
    }
    // B is between upload and switch; the last one is from before there were identifiers.
    try bench.certificate("uploaded-by-b", theirs, description: owner("bb"))
    try bench.certificate("uploaded-by-a", theirs, description: owner("aa"))
    try bench.certificate("of-old", old, description: owner(nil))
    try bench.certificate("others", old)
    try bench.httpsProxy("edge", ["others"])
    let pusher = Pusher(session: bench.session(installation: "aa"))
    let request = Pusher.Request(targets: [edge([mine.name])], deployments: [mine])
    #expect(
      try await Pruner(pusher).orphans(request).map(\.link.name).sorted() == ["of-old", "uploaded-by-a"])
    #expect(!(await pusher.push(request)).hasFailed)
    #expect(bench.google["global/sslCertificates/uploaded-by-b"] != nil)
    #expect(bench.google["global/sslCertificates/uploaded-by-a"] == nil)
  }

  @Test("Prune takes a map with its entries and certificate once no proxy is configured for it")
  func pruneMap() async throws {
    let mine = try bench.maker.deployment("llm.example.com")
    try bench.certificate("theirs", mine)
    try bench.httpsProxy("edge", ["theirs"])
    try bench.httpsProxy("second", ["theirs"])
    let second = Target(
      kind: .httpsProxy, name: "second", route: .certificateManager, certificates: ["b.example.com"])
    let b = try bench.maker.deployment("b.example.com", "llm.example.com")
    let request = Pusher.Request(
      targets: [edge([mine.name], route: .certificateManager), second], deployments: [mine, b])
    let report = await pusher.push(request)
    #expect(!report.hasFailed, "\(report.targets.compactMap(\.failure))")
    try bench.google.apply("POST", "global/targetHttpsProxies/edge/setCertificateMap", [:])
    let later = Pusher.Request(targets: [second], deployments: [b])
    let pruner = Pruner(pusher)
    let orphans = try await pruner.orphans(later)
    #expect(orphans.map(\.link.name).sorted() == ["certd-edge", "certd-llm-example-com"])
    #expect(await pruner.remove(orphans).allSatisfy { $0.failure == nil })
    #expect(try await pruner.orphans(later).isEmpty)
  }

  @Test("A proxy moves from managed certificates to ours without a moment uncovered; others stay")
  func migrate() async throws {
    try managed("google-1", ["llm.example.com"])
    try managed("google-2", ["llm.example.com", "www.example.com"])
    let other = try bench.maker.deployment("old.example.com")
    try bench.certificate("theirs", other)
    try bench.httpsProxy("edge", ["google-1", "theirs", "google-2"])
    let mine = try bench.maker.deployment("llm.example.com")
    let report = await pusher.migrate(edge([mine.name]), [mine])
    #expect(!report.hasFailed)
    #expect(report.detached.map(\.name) == ["google-1"])
    #expect(report.kept.map(\.link.name) == ["google-2"])
    #expect(report.kept.first?.why.contains("www.example.com") == true)
    #expect(bench.attached("global/targetHttpsProxies/edge") == ["theirs", "google-2", mine.resource])
    #expect(bench.google["global/sslCertificates/google-1"] != nil)
    #expect(bench.google.problems.isEmpty)
    bench.google.clearJournal()
    #expect(!(await pusher.migrate(edge([mine.name]), [mine])).hasFailed)
    #expect(bench.google.writes.isEmpty)
  }

  @Test("A certificate map is refused while it would leave a name of the proxy uncovered")
  func uncovered() async throws {
    try managed("google-1", ["www.example.com"])
    let mine = try bench.maker.deployment("llm.example.com")
    try bench.httpsProxy("edge", ["google-1"])
    let report = await pusher.push(
      .init(targets: [edge([mine.name], route: .certificateManager)], deployments: [mine]))
    #expect(report.targets.first?.failure?.description.contains("www.example.com") == true)
    #expect(bench.google.writes.isEmpty)
  }

  // MARK: Permissions

  static let targets: [[Target]] = [
    [Target(kind: .httpsProxy, name: "edge", certificates: ["llm.example.com"])],
    [
      Target(kind: .httpsProxy, name: "edge", certificates: ["llm.example.com"]),
      Target(kind: .httpsProxy, name: "edge-2", certificates: ["llm.example.com"]),
    ],
    [Target(kind: .sslProxy, name: "edge", certificates: ["llm.example.com"])],
    [
      Target(
        kind: .httpsProxy, name: "edge", scope: .region("us-central1"), certificates: ["llm.example.com"])
    ],
    [Target(kind: .httpsProxy, name: "edge", route: .certificateManager, certificates: ["llm.example.com"])],
    [
      Target(
        kind: .httpsProxy, name: "edge", scope: .region("us-central1"), route: .certificateManager,
        certificates: ["llm.example.com"])
    ],
  ]

  @Test("The permissions that are listed suffice, and each is needed", arguments: targets)
  func permissions(targets: [Target]) async throws {
    let scope = targets[0].scope == .global ? "global" : "regions/us-central1"
    if scope != "global" { try bench.regionalChain() }
    let first = try bench.maker.deployment("llm.example.com")
    try bench.certificate("theirs", first, at: scope)
    for target in targets {
      if target.kind == .sslProxy {
        try bench.sslProxy(target.name, ["theirs"])
      } else {
        try bench.httpsProxy(target.name, ["theirs"], at: scope)
      }
    }
    let permissions = Permissions(targets)
    bench.google.configure { $0.allowed = Set(permissions.push) }
    let start = bench.google.permissionsUsed
    // A lost answer to the upload makes it look whether the certificate is there already.
    bench.google.add(Fault(.dropAfter, match: "POST /v1/projects/demo-project/locations/"))
    var deployments = [first]
    for round in 0..<2 {
      let host =
        round == 0 ? ["llm.example.com", "old.example.com"] : ["llm.example.com", "new.example.com"]
      deployments = [try bench.maker.deployment(host[0], host[1])]
      let report = await pusher.push(.init(targets: targets, deployments: deployments))
      #expect(!report.hasFailed, "\(report.targets.compactMap(\.failure))")
    }
    let unneeded = Set(permissions.push).subtracting(bench.google.permissionsUsed).subtracting(start)
    // These are needed only after a lost answer, or at the first switch.
    #expect(unneeded.isSubset(of: Self.rare), "\(unneeded)")
    bench.google.configure { $0.allowed = Set(permissions.push + permissions.status) }
    let request = Pusher.Request(targets: targets, deployments: deployments)
    let status = await Inspector(pusher).status(request)
    #expect(status.allSatisfy { $0.failure == nil && $0.warnings.isEmpty }, "\(status)")
    bench.google.configure { $0.allowed = Set(permissions.push + permissions.prune) }
    #expect(try await Pruner(pusher).orphans(request).isEmpty)
  }

  private static let rare: Set<String> = [
    "compute.sslCertificates.get", "compute.regionSslCertificates.get", "certificatemanager.certmaps.get",
    "certificatemanager.certmapentries.get", "certificatemanager.certmapentries.update",
  ]
}
