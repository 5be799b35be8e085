import EndToEnd
import FakeGoogle
import TestRun
import Testing

/// `certd gcp plan` and `certd gcp apply` as a user runs them.
@Suite(.ownThread) struct LoadBalancerTests {
  private struct Bench {
    let google: FakeGoogle
    let place: Place

    init(_ yaml: String) async throws {
      google = try FakeGoogle()
      place = try Place()
      try place.write("sa.json", try google.serviceAccountFile())
      try place.write("edge.yaml", "store: \(place("store"))\n" + yaml)
      try await issue()
    }

    func issue() async throws {
      let issued = try await place.run(
        [
          try Place.certd(), "issue", "llm.example.com", "--store", place("store"), "--issuer", "local",
        ], called: "issue")
      #expect(issued.ending == .exited(0), "\(issued)")
    }

    func gcp(_ arguments: String...) async throws -> Place.Finished {
      try await place.run(
        [try Place.certd(), "gcp"] + arguments + ["--config", place("edge.yaml")],
        environment: environment, called: "gcp")
    }

    var environment: [String: String] {
      [
        "GOOGLE_APPLICATION_CREDENTIALS": place("sa.json"), "CERTD_GCP_COMPUTE_ENDPOINT": google.url,
        "CERTD_GCP_TOKEN_ENDPOINT": "\(google.url)/token", "NO_PROXY": "127.0.0.1",
      ]
    }
  }

  private static let yaml = """
    acme: {email: ops@example.com, agree_tos: true}
    routes:
      - {hosts: [llm.example.com], service: chat, headers: {request: {set: {X-Key: open-sesame}}}}
    services:
      chat: {kind: vllm, backends: [10.0.0.11:8000]}
    gcp:
      project: demo-project
      load_balancer:
        name: edge
        groups: {chat: [{make_neg: {zone: us-central1-a}}]}
    """

  @Test("plan tells, apply makes and prints what others need, and the next plan is empty")
  func story() async throws {
    let bench = try await Bench(Self.yaml)
    let first = try await bench.gcp("plan", "--detailed-exit-code")
    #expect(first.ending == .exited(3), "\(first)")
    #expect(first.output.contains("+ global/sslCertificates/certd-llm-example-com-"), "\(first)")
    #expect(first.output.contains("+ global/targetHttpsProxies/edge-proxy"))
    #expect(bench.google.writes.isEmpty)
    let unasked = try await bench.gcp("apply")
    #expect(unasked.ending == .exited(1) && unasked.errors.contains("--yes"), "\(unasked)")
    let applied = try await bench.gcp("apply", "--yes", "-o", "json")
    #expect(applied.ending == .exited(0), "\(applied)")
    let json = try #require(JSON.parse(Array(applied.output.utf8)))
    #expect(json["address"] == bench.google["global/addresses/edge-ip"]?["address"])
    #expect(json["certificates"]?.items.count == 1)
    #expect(applied.errors.contains("creating global/urlMaps/edge-map"), "\(applied.errors)")
    let empty = try await bench.gcp("plan", "--detailed-exit-code")
    #expect(empty.ending == .exited(0) && empty.output.contains("everything is as configured"), "\(empty)")
    for text in [first.output, first.errors, applied.output, applied.errors] {
      #expect(!text.contains("open-sesame") && !text.contains("PRIVATE KEY"))
    }
  }

  @Test(
    "destroy takes down what apply made and nothing else, the address only when it is asked for, and again does nothing"
  )
  func destroy() async throws {
    let bench = try await Bench(Self.yaml)
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(0))
    try bench.google.seed("global/healthChecks", ["name": "somebody-elses", "type": "HTTP"])
    let address = try await bench.gcp("outputs", "address")
    #expect(address.output == "\(bench.google["global/addresses/edge-ip"]?["address"]?.string ?? "")\n")
    let unasked = try await bench.gcp("destroy")
    #expect(
      unasked.ending == .exited(1) && unasked.errors.contains("- global/urlMaps/edge-map"), "\(unasked)")
    #expect(bench.google["global/urlMaps/edge-map"] != nil)
    let destroyed = try await bench.gcp("destroy", "--yes", "--verbose")
    #expect(destroyed.ending == .exited(0), "\(destroyed)")
    #expect(destroyed.errors.contains("DELETE 127.0.0.1"), "\(destroyed)")
    #expect(!destroyed.errors.contains("Bearer") && !destroyed.errors.contains("requestId"), "\(destroyed)")
    for collection in [
      "forwardingRules", "targetHttpsProxies", "urlMaps", "backendServices", "networkEndpointGroups",
      "sslCertificates",
    ] { #expect(bench.google.paths(collection).isEmpty, "\(collection)") }
    #expect(bench.google.paths("healthChecks") == ["global/healthChecks/somebody-elses"])
    #expect(bench.google["global/addresses/edge-ip"] != nil)
    let again = try await bench.gcp("destroy", "--yes")
    #expect(
      again.ending == .exited(0) && again.output.contains("nothing of the load balancer edge"), "\(again)")
    #expect(try await bench.gcp("destroy", "--yes", "--addresses").ending == .exited(0))
    #expect(bench.google["global/addresses/edge-ip"] == nil)
    #expect(bench.google.problems.isEmpty)
  }

  @Test("without a network a command ends within seconds, with one line of it and a remedy")
  func noNetwork() async throws {
    let bench = try await Bench(Self.yaml)
    let port = try FreePort.take()
    let text = bench.place.read("sa.json").replacing(
      "\(bench.google.url)/token", with: "http://127.0.0.1:\(port)/t")
    try bench.place.write("sa.json", text)
    var environment = bench.environment
    environment["CERTD_GCP_TOKEN_ENDPOINT"] = "http://127.0.0.1:\(port)/t"
    let failed = try await bench.place.run(
      ["timeout", "15", try Place.certd(), "gcp", "plan", "--config", bench.place("edge.yaml")],
      environment: environment, called: "gcp")
    #expect(failed.ending == .exited(1), "\(failed)")
    #expect(
      failed.errors.split(separator: "\n").filter { $0.contains("trying again") }.count == 1, "\(failed)")
    #expect(failed.errors.contains("is this machine on the network"), "\(failed)")
  }

  @Test("what somebody else's resource needs is in the way, by name")
  func destroyInUse() async throws {
    let bench = try await Bench(Self.yaml)
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(0))
    try bench.google.seed(
      "global/urlMaps",
      ["name": "theirs", "defaultService": "projects/demo-project/global/backendServices/edge-chat"])
    let refused = try await bench.gcp("destroy", "--yes")
    #expect(refused.ending == .exited(1), "\(refused)")
    #expect(refused.errors.contains("is used by global/urlMaps/theirs"), "\(refused)")
    #expect(bench.google["global/urlMaps/edge-map"] != nil)
  }

  @Test("a renewed certificate takes the old one's place, and the old one goes")
  func renewal() async throws {
    let bench = try await Bench(Self.yaml)
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(0))
    let old = bench.google.paths("sslCertificates")
    let renewed = try await bench.place.run(
      [try Place.certd(), "renew", "--force", "--no-delay", "--store", bench.place("store")], called: "renew")
    #expect(renewed.ending == .exited(0), "\(renewed)")
    let applied = try await bench.gcp("apply", "--yes")
    #expect(applied.ending == .exited(0), "\(applied)")
    let now = bench.google.paths("sslCertificates")
    #expect(now.count == 1 && now != old)
    let proxy = bench.google["global/targetHttpsProxies/edge-proxy"]
    #expect(proxy?["sslCertificates"]?.items.count == 1)
    #expect(bench.google.problems.isEmpty)
    let empty = try await bench.gcp("plan", "--detailed-exit-code")
    #expect(empty.ending == .exited(0), "\(empty)")
  }

  @Test("somebody else's resource stops the plan, and --adopt takes it over")
  func adoption() async throws {
    let bench = try await Bench(Self.yaml)
    try bench.google.seed("global/healthChecks", ["name": "edge-chat-http", "type": "HTTP"])
    let refused = try await bench.gcp("plan")
    #expect(refused.ending == .exited(1) && refused.output.contains("! global/healthChecks/edge-chat-http"))
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(1))
    #expect(bench.google.writes.isEmpty)
    #expect(try await bench.gcp("apply", "--yes", "--adopt").ending == .exited(0))
  }

  @Test("the permissions that are listed are enough, and the certificates are pushed without being named")
  func permissions() async throws {
    let bench = try await Bench(Self.yaml)
    let listed = try await bench.gcp("permissions", "-o", "json")
    let json = try #require(JSON.parse(Array(listed.output.utf8)))
    let all = ["push", "load_balancer"].flatMap { json[$0]?.items.compactMap(\.string) ?? [] }
    bench.google.configure { $0.allowed = Set(all) }
    let applied = try await bench.gcp("apply", "--yes")
    #expect(applied.ending == .exited(0), "\(applied)")
    let pushed = try await bench.gcp("push")
    #expect(pushed.ending == .exited(0), "\(pushed)")
    #expect(pushed.output.contains("target-https-proxy edge-proxy"), "\(pushed)")
  }

  @Test("a renewal is pushed to the load balancer by itself, once it has been made")
  func pushesByItself() async throws {
    let bench = try await Bench(
      Self.yaml.replacing("agree_tos: true", with: "agree_tos: true, issuers: [local]"))
    func renew() async throws -> Place.Finished {
      try await bench.place.run(
        [
          try Place.certd(), "renew", "--force", "--no-delay", "--config", bench.place("edge.yaml"),
        ], environment: bench.environment, called: "renew")
    }
    let early = try await renew()
    #expect(early.ending == .exited(0), "\(early)")
    #expect(bench.google.writes.isEmpty)
    #expect(try await bench.gcp("apply", "--yes").ending == .exited(0))
    let old = bench.google.paths("sslCertificates")
    let renewed = try await renew()
    #expect(renewed.ending == .exited(0), "\(renewed)")
    let now = bench.google.paths("sslCertificates")
    #expect(now.count == 1 && now != old)
    #expect(bench.google.problems.isEmpty)
  }

  /// A configuration that Google cannot do, and what is said of it.
  static let table: [(String, String)] = [
    (
      yaml.replacing("groups: {chat: [{make_neg: {zone: us-central1-a}}]}", with: "redirect: true"),
      "services.chat: nothing says where Google's load balancer finds its backends"
    ),
    (yaml.replacing("hosts: [llm.example.com]", with: "hosts: ['2001:db8::1']"), "IPv6 address as a host"),
    (
      yaml.replacing("10.0.0.11:8000", with: "{address: 'h.local:1', weight: 2}"),
      "weighs no single endpoints"
    ),
    (
      yaml.replacing("name: edge", with: "name: edge\n    kind: ssl"),
      "leads to http1 through an ssl load balancer"
    ),
    (
      yaml.replacing("[{make_neg: {zone: us-central1-a}}]", with: "[{make_neg: {}}]"),
      "the internet does not lead"
    ),
    (
      yaml.replacing("kind: vllm,", with: "health: {path: /x, expect: '204'},"),
      "Google's health check takes 200 alone"
    ),
  ]

  @Test("what Google cannot do is told at its line, and nothing is asked", arguments: 0..<table.count)
  func refusals(index: Int) async throws {
    let (yaml, words) = Self.table[index]
    let bench = try await Bench(yaml)
    let refused = try await bench.gcp("plan")
    #expect(refused.ending == .exited(2) && refused.errors.contains(words), "\(refused)")
    #expect(bench.google.journal.isEmpty)
  }
}
