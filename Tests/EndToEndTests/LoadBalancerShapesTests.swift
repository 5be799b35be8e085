import EndToEnd
import FakeGoogle
import TestRun
import Testing

/// Chains of other shapes than the global one with classic certificates, as a user makes them.
@Suite(.ownThread) struct LoadBalancerShapesTests {
  private struct Bench {
    let google: FakeGoogle
    let place: Place

    init(_ balancer: String, backend: String = "10.0.0.11:8000", route: String = "") async throws {
      google = try FakeGoogle()
      place = try Place()
      try place.write("sa.json", try google.serviceAccountFile())
      try place.write(
        "edge.yaml",
        """
        store: \(place("store"))
        acme: {email: ops@example.com, agree_tos: true}
        routes: [{hosts: [llm.example.com], service: chat\(route)}]
        services: {chat: {kind: vllm, backends: ["\(backend)"]}}
        gcp:
          project: demo-project
          load_balancer:
            name: edge
            redirect: true
        \(balancer.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
        """)
      let issued = try await place.run(
        [try Place.certd(), "issue", "llm.example.com", "--store", place("store"), "--issuer", "local"],
        called: "issue")
      #expect(issued.ending == .exited(0), "\(issued)")
    }

    func gcp(_ arguments: String..., config: String = "edge.yaml") async throws -> Place.Finished {
      try await place.run(
        [try Place.certd(), "gcp"] + arguments + ["--config", place(config)],
        environment: [
          "GOOGLE_APPLICATION_CREDENTIALS": place("sa.json"), "CERTD_GCP_COMPUTE_ENDPOINT": google.url,
          "CERTD_GCP_CERTIFICATEMANAGER_ENDPOINT": google.url,
          "CERTD_GCP_TOKEN_ENDPOINT": "\(google.url)/token", "NO_PROXY": "127.0.0.1",
        ], called: "gcp")
    }

    /// With no more than the permissions that are listed.
    func restrict() async throws {
      let listed = try await gcp("permissions", "-o", "json")
      let json = try #require(JSON.parse(Array(listed.output.utf8)))
      let all = ["push", "load_balancer"].flatMap { json[$0]?.items.compactMap(\.string) ?? [] }
      google.configure { $0.allowed = Set(all) }
    }

    /// A second run changes nothing; then everything is taken down.
    func settleAndDestroy() async throws {
      let empty = try await gcp("plan", "--detailed-exit-code")
      #expect(empty.ending == .exited(0), "\(empty)")
      google.configure { $0.allowed = nil }
      let destroyed = try await gcp("destroy", "--yes", "--addresses")
      #expect(destroyed.ending == .exited(0), "\(destroyed)")
      for collection in [
        "forwardingRules", "targetHttpsProxies", "targetHttpProxies", "urlMaps", "backendServices",
        "healthChecks", "networkEndpointGroups", "sslCertificates", "addresses", "certificateMaps",
        "certificates",
      ] { #expect(google.paths(collection).isEmpty, "\(collection)") }
      #expect(google.problems.isEmpty, "\(google.problems)")
    }
  }

  @Test("a regional load balancer is made in its region, whole, and with no more than the listed permissions")
  func regional() async throws {
    let bench = try await Bench(
      """
      region: us-central1
      groups: {chat: [{make_neg: {zone: us-central1-a, type: NON_GCP_PRIVATE_IP_PORT}}]}
      """)
    try await bench.restrict()
    let applied = try await bench.gcp("apply", "--yes")
    #expect(applied.ending == .exited(0), "\(applied)")
    for name in [
      "healthChecks/edge-chat-http", "backendServices/edge-chat", "urlMaps/edge-map",
      "targetHttpsProxies/edge-proxy", "forwardingRules/edge-https", "forwardingRules/edge-http",
      "addresses/edge-ip", "targetHttpProxies/edge-redirect",
    ] { #expect(bench.google["regions/us-central1/\(name)"] != nil, "\(name)") }
    let rule = bench.google["regions/us-central1/forwardingRules/edge-https"]
    #expect(rule?["network"]?.string?.hasSuffix("/global/networks/default") == true)
    #expect(bench.google.paths("sslCertificates").allSatisfy { $0.hasPrefix("regions/us-central1/") })
    try await bench.settleAndDestroy()
  }

  @Test("an IPv6 address stands beside, with rules of its own, and outputs prints it")
  func ipv6() async throws {
    let bench = try await Bench(
      """
      ipv6_address: edge-v6
      groups: {chat: [{make_neg: {zone: us-central1-a, instances: {10.0.0.11: vllm-1}}}]}
      """)
    try await bench.restrict()
    let applied = try await bench.gcp("apply", "--yes", "-o", "json")
    #expect(applied.ending == .exited(0), "\(applied)")
    let address = try #require(bench.google["global/addresses/edge-v6"])
    #expect(address["ipVersion"]?.string == "IPV6")
    #expect(JSON.parse(Array(applied.output.utf8))?["address_ipv6"] == address["address"])
    for name in ["edge-https-ipv6", "edge-http-ipv6"] {
      #expect(bench.google["global/forwardingRules/\(name)"]?["IPAddress"] == address["address"])
    }
    let printed = try await bench.gcp("outputs", "address_ipv6")
    #expect(printed.output == "\(address["address"]?.string ?? "")\n")
    let group = bench.google["zones/us-central1-a/networkEndpointGroups/edge-chat-us-central1-a-vm"]
    #expect(group?["networkEndpointType"]?.string == "GCE_VM_IP_PORT")
    try await bench.settleAndDestroy()
  }

  @Test(
    "with Certificate Manager the proxy gets a map, and a chain changes over without a moment without one")
  func certificateManager() async throws {
    let bench = try await Bench(
      """
      target: certificate-manager
      groups: {chat: [{make_neg: {zone: us-central1-a}}]}
      """)
    try await bench.restrict()
    let applied = try await bench.gcp("apply", "--yes")
    #expect(applied.ending == .exited(0), "\(applied)")
    #expect(applied.errors.contains("hybrid group"), "\(applied.errors)")
    let proxy = bench.google["global/targetHttpsProxies/edge-proxy"]
    #expect(proxy?["certificateMap"]?.string?.hasSuffix("/certificateMaps/certd-edge-proxy") == true)
    #expect(bench.google.paths("sslCertificates").isEmpty)
    let pushed = try await bench.gcp("push")
    #expect(pushed.ending == .exited(0), "\(pushed)")
    try await bench.settleAndDestroy()
  }

  @Test("a regional one is given Certificate Manager's certificates themselves")
  func regionalManager() async throws {
    let bench = try await Bench(
      """
      target: certificate-manager
      region: us-central1
      session_affinity: client-ip
      groups: {chat: [{make_neg: {zone: us-central1-a}}]}
      """)
    let applied = try await bench.gcp("apply", "--yes")
    #expect(applied.ending == .exited(0), "\(applied)")
    let proxy = bench.google["regions/us-central1/targetHttpsProxies/edge-proxy"]
    #expect(
      proxy?["sslCertificates"]?.items.first?.string?.contains("locations/us-central1/certificates") == true)
    let service = bench.google["regions/us-central1/backendServices/edge-chat"]
    #expect(service?["sessionAffinity"]?.string == "CLIENT_IP")
    try await bench.settleAndDestroy()
  }

  @Test("prune finds what an interrupted apply left, and removes it with what refers to others first")
  func halfMade() async throws {
    let bench = try await Bench("groups: {chat: [{make_neg: {zone: us-central1-a}}]}")
    bench.google.configure { $0.denied = ["compute.globalForwardingRules.create"] }
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(1))
    bench.google.configure { $0.denied = [] }
    let listed = try await bench.gcp("prune")
    #expect(listed.ending == .exited(1), "\(listed)")
    #expect(listed.output.contains("global/urlMaps/edge-map (of load balancer edge)"), "\(listed)")
    #expect(!listed.output.contains("addresses"), "\(listed)")
    // Another installation's may be in the middle of being made.
    let other = bench.place.read("edge.yaml").replacing(bench.place("store"), with: bench.place("other"))
    try bench.place.write("other.yaml", other)
    _ = try await bench.place.run(
      [try Place.certd(), "issue", "llm.example.com", "--store", bench.place("other"), "--issuer", "local"],
      called: "issue")
    let foreign = try await bench.gcp("prune", config: "other.yaml")
    #expect(foreign.ending == .exited(0) && foreign.output.contains("no orphans"), "\(foreign)")
    let pruned = try await bench.gcp("prune", "--yes")
    #expect(pruned.ending == .exited(0), "\(pruned)")
    for collection in [
      "urlMaps", "targetHttpsProxies", "backendServices", "healthChecks", "networkEndpointGroups",
    ] {
      #expect(bench.google.paths(collection).isEmpty, "\(collection)")
    }
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(0))
    let whole = try await bench.gcp("prune")
    #expect(whole.ending == .exited(0) && whole.output.contains("no orphans"), "\(whole)")
  }

  @Test("what Google would refuse is refused before anything is written")
  func refusals() async throws {
    for (groups, words) in [
      (
        "[{instance_group: zones/us-central1-a/instanceGroups/web}, {make_neg: {zone: us-central1-a}}]",
        "no instance groups beside network endpoint groups"
      ),
      ("[{instance_group: zones/us-central1-a/instanceGroups/gone}]", "instanceGroups/gone is named"),
      ("[{neg: zones/us-central1-a/networkEndpointGroups/gone}]", "networkEndpointGroups/gone is named"),
    ] {
      let bench = try await Bench("groups: {chat: \(groups)}")
      let planned = try await bench.gcp("plan")
      #expect(planned.ending != .exited(0) && (planned.output + planned.errors).contains(words), "\(planned)")
      #expect(bench.google.writes.isEmpty)
    }
    let bench = try await Bench(
      "groups: {chat: [{make_neg: {zone: us-central1-a}}]}", backend: "[fd00::1]:8000")
    let planned = try await bench.gcp("plan")
    #expect(planned.ending == .exited(2) && planned.errors.contains("holds an IPv4 address"), "\(planned)")
  }

  @Test("a route that keeps anybody out is not published by Google, which would let everybody in")
  func guarded() async throws {
    for (route, key) in [
      (", auth: {api_keys: keys}", "auth"), (", models: {a: chat}", "models"),
      (", normalize: reject", "normalize"),
    ] {
      let bench = try await Bench("groups: {chat: [{make_neg: {zone: us-central1-a}}]}", route: route)
      try bench.place.write("keys", "sk-0123456789abcdef\n")
      let planned = try await bench.gcp("plan")
      #expect(
        planned.ending == .exited(2)
          && planned.errors.contains("has \(key), which Google's load balancer does not know"),
        "\(planned)")
      #expect(bench.google.writes.isEmpty)
    }
  }
}
