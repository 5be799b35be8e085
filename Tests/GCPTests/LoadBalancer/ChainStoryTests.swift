import FakeGoogle
import GCP
import JSON
import TestRun
import Testing

/// Chains built, changed and built again against our stand-in.
@Suite(.ownThread) struct ChainStoryTests {
  private func lab(_ change: (inout FakeGoogle.Settings) -> Void = { _ in }) throws -> (FakeGoogle, ChainLab)
  {
    let google = try FakeGoogle()
    try google.furnish()
    google.configure(change)
    return (google, try ChainLab(google))
  }

  @Test("the chain is made, and the second run asks for no change", arguments: [0, 1, 3])
  func makes(polls: Int) async throws {
    let (google, lab) = try lab { $0.pollsUntilDone = polls }
    let settings = ChainSettings.example()
    let plan = try await lab.apply(settings)
    #expect(plan.changes.allSatisfy { $0.action == .create })
    for resource in settings.desired(project: ChainLab.project) { #expect(google[resource.label] != nil) }
    let group = "zones/us-central1-a/networkEndpointGroups/edge-chat-us-central1-a-ip"
    #expect(google.endpoints(group).count == 2)
    google.clearJournal()
    let again = try await lab.apply(settings)
    #expect(again.isEmpty, "\(again.text)")
    #expect(google.writes.isEmpty)
    #expect(google.journal.count <= 12)
    let outcome = try await ChainApplier(lab.session, settings).outcome()
    #expect(outcome.address == google["global/addresses/edge-ip"]?["address"]?.string)
  }

  /// A change of the settings, and what the plan for it touches.
  static let table: [(@Sendable (inout ChainSettings) -> Void, [String])] = [
    ({ $0.services[0].timeoutSeconds = 5 }, ["~ global/backendServices/edge-chat"]),
    ({ $0.services[1].groups[0].capacity = .utilization(0.5) }, ["~ global/backendServices/edge-site"]),
    ({ $0.services[1].groups[0].capacity = .ratePerInstance(7) }, ["~ global/backendServices/edge-site"]),
    (
      { $0.services[0].health?.probe = .tcp },
      [
        "+ global/healthChecks/edge-chat-tcp", "~ global/backendServices/edge-chat",
        "- global/healthChecks/edge-chat-http",
      ]
    ),
    ({ $0.services[0].health?.port = 9000 }, ["~ global/healthChecks/edge-chat-http"]),
    ({ $0.routes[0].paths = ["/v2/*"] }, ["~ global/urlMaps/edge-map"]),
    ({ $0.routes[0].headers.requestSet = [.init("X-A", "b")] }, ["~ global/urlMaps/edge-map"]),
    (
      { $0.routes.removeLast() },
      [
        "~ global/urlMaps/edge-map", "- global/backendServices/edge-site",
        "- global/healthChecks/edge-site-tcp",
      ]
    ),
    (
      { $0.redirects = false },
      [
        "- global/forwardingRules/edge-http", "- global/targetHttpProxies/edge-redirect",
        "- global/urlMaps/edge-redirect",
      ]
    ),
    (
      { settings in
        guard case .made(var made) = settings.services[0].groups[0].place else { return }
        made.endpoints[0].port = 9000
        settings.services[0].groups[0].place = .made(made)
      }, ["~ zones/us-central1-a/networkEndpointGroups/edge-chat-us-central1-a-ip"]
    ),
    (
      { $0.address = "other-ip" },
      [
        "+ global/addresses/other-ip", "-/+ global/forwardingRules/edge-https",
        "-/+ global/forwardingRules/edge-http",
      ]
    ),
    (
      {
        $0.certificates.append(ResourceLink("global/sslCertificates/cert-b", project: ChainLab.project))
      }, ["~ global/targetHttpsProxies/edge-proxy"]
    ),
    (
      {
        $0.kind = .ssl
        $0.services = [.raw]
        $0.routes = [ChainRoute(hosts: ["*"], paths: ["/*"], service: "raw")]
      }, []
    ),
  ]

  @Test("a change of the configuration changes what it means, and nothing else", arguments: 0..<table.count)
  func changes(index: Int) async throws {
    let (google, lab) = try lab()
    try await lab.apply(.example())
    let (change, expected) = Self.table[index]
    let plan = try await lab.apply(.example(change))
    let lines = plan.text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix(" ") }.dropLast()
    if !expected.isEmpty { #expect(Array(lines) == expected, "\(plan.text)") }
    #expect(try await lab.plan(.example(change)).isEmpty)
    // What a change away and back leaves is what was there, addresses aside: those are never removed.
    try await lab.apply(.example())
    #expect(try await lab.plan(.example()).isEmpty)
    #expect(google.problems.isEmpty)
    let kinds = google.paths().filter { !$0.contains("addresses") }
    let fresh = try self.lab()
    try await fresh.1.apply(.example())
    #expect(kinds == fresh.0.paths().filter { !$0.contains("addresses") })
  }

  @Test("what is not ours is not touched, unless it is taken over; its certificates and members stay")
  func adoption() async throws {
    let (google, lab) = try lab()
    try google.seed("global/backendServices", ["name": "old"])
    try google.seed(
      "global/urlMaps",
      ["name": "edge-map", "description": "by hand", "defaultService": "global/backendServices/old"])
    try google.seed(
      "global/targetHttpsProxies",
      [
        "name": "edge-proxy", "urlMap": "global/urlMaps/edge-map", "quicOverride": "DISABLE",
        "sslCertificates": ["global/sslCertificates/cert-b"],
      ])
    let before = google.snapshot()
    let refused = try await lab.plan(.example())
    #expect(
      refused.obstacles.map(\.label) == ["global/urlMaps/edge-map", "global/targetHttpsProxies/edge-proxy"])
    #expect(refused.obstacles.allSatisfy { $0.description.contains("--adopt") })
    google.clearJournal()
    await #expect(throws: GCPError.self) { try await lab.apply(.example()) }
    #expect(google.writes.isEmpty)
    google.restore(before)
    try await lab.apply(.example(), adopts: true)
    let map = google["global/urlMaps/edge-map"]
    #expect(map?["description"]?.string?.contains("by hand") == true)
    let proxy = google["global/targetHttpsProxies/edge-proxy"]
    #expect(proxy?["quicOverride"] == "DISABLE")
    #expect(proxy?["sslCertificates"]?.items.count == 2)
    #expect(google["global/backendServices/old"] != nil)
    #expect(try await lab.plan(.example()).isEmpty)
    #expect(google.problems.isEmpty)
  }

  @Test("rules and SSL proxies, whose descriptions cannot change, are taken over as well")
  func adoptsRule() async throws {
    let (google, lab) = try lab()
    let settings = ChainSettings.example {
      $0.kind = .ssl
      $0.services = [.raw]
      $0.routes = [ChainRoute(hosts: ["*"], paths: ["/*"], service: "raw")]
    }
    try google.seed("global/backendServices", ["name": "old", "protocol": "TCP"])
    try google.seed(
      "global/targetSslProxies",
      [
        "name": "edge-ssl-proxy", "service": "global/backendServices/old",
        "sslCertificates": ["global/sslCertificates/cert-b"],
      ])
    try google.seed("global/addresses", ["name": "edge-ip"])
    try google.seed(
      "global/forwardingRules",
      [
        "name": "edge-https", "target": "global/targetSslProxies/edge-ssl-proxy", "portRange": "443",
        "IPAddress": "global/addresses/edge-ip", "loadBalancingScheme": "EXTERNAL_MANAGED",
      ])
    try await lab.apply(settings, adopts: true)
    let rest = try await lab.plan(settings)
    #expect(rest.isEmpty, "\(rest.text)")
    #expect(google["global/forwardingRules/edge-https"]?["labels"]?["certd-load-balancer"] == "edge")
  }

  @Test("members that others set survive our patches, and a change under our hands is read again")
  func others() async throws {
    let (google, lab) = try lab()
    try await lab.apply(.example())
    google.tamper("global/backendServices/edge-chat") { $0["enableCDN"] = true }
    #expect(try await lab.plan(.example()).isEmpty)
    let settings = ChainSettings.example { $0.services[0].timeoutSeconds = 7 }
    let applier = ChainApplier(lab.session, settings)
    let plan = try await applier.plan(adopts: false)
    google.tamper("global/backendServices/edge-chat") { $0["affinityCookieTtlSec"] = 9 }
    try await applier.apply(plan, adopts: false)
    let service = google["global/backendServices/edge-chat"]
    #expect(
      service?["timeoutSec"] == 7 && service?["enableCDN"] == true && service?["affinityCookieTtlSec"] == 9)
  }

  @Test("a missing permission is named, and so are all that are needed")
  func permissions() async throws {
    let (google, lab) = try lab { $0.denied = ["compute.urlMaps.create"] }
    await #expect {
      try await lab.apply(.example())
    } throws: { ($0 as? GCPError)?.description.contains("compute.urlMaps.create") == true }
    let all = ChainSettings.example().requiredPermissions(project: ChainLab.project)
    google.configure {
      $0.denied = []
      $0.allowed = Set(all + ["compute.sslCertificates.get"])
    }
    try await lab.apply(.example())
    try await lab.apply(.example { $0.services[0].timeoutSeconds = 9 })
    try await lab.apply(.example { $0.redirects = false })
    #expect(google.permissionsUsed.subtracting(all) == [])
  }

  @Test("a plan holds no value of a header field")
  func secrets() async throws {
    let (google, lab) = try lab()
    func settings(_ value: String) -> ChainSettings {
      .example { $0.routes[0].headers.requestSet = [.init("Authorization", value)] }
    }
    let made = try await lab.apply(settings("hush-hush"))
    let changed = try await lab.plan(settings("whisper"))
    for text in [made.text, made.json.text, changed.text, changed.json.text] {
      #expect(!text.contains("hush") && !text.contains("whisper"))
    }
    #expect(!changed.isEmpty && google.problems.isEmpty)
  }
}
