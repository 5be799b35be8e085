import Configuration
import EndToEnd
import FakeGoogle
import TestRun
import Testing

@testable import certd

/// What becomes of a service's keys at Google, as a user sees it.
@Suite("Services at Google", .ownThread) struct GCPServiceTests {
  private func plan(_ service: String) async throws -> Place.Finished {
    let google = try FakeGoogle()
    let place = try Place()
    try place.write("sa.json", try google.serviceAccountFile())
    try place.write(
      "edge.yaml",
      """
      store: \(place("store"))
      acme: {email: ops@example.com, agree_tos: true}
      routes: [{hosts: [llm.example.com], service: chat}]
      services:
        chat:
          backends: ["10.0.0.11:8000"]
          \(service)
      gcp:
        project: demo-project
        load_balancer:
          name: edge
          groups:
            chat: [{make_neg: {zone: europe-west4-a, type: NON_GCP_PRIVATE_IP_PORT}}]
      """)
    let issued = try await place.run(
      [try Place.certd(), "issue", "llm.example.com", "--store", place("store"), "--issuer", "local"],
      called: "issue")
    #expect(issued.ending == .exited(0), "\(issued)")
    return try await place.run(
      [try Place.certd(), "gcp", "plan", "--config", place("edge.yaml"), "-o", "json"],
      environment: [
        "GOOGLE_APPLICATION_CREDENTIALS": place("sa.json"), "CERTD_GCP_COMPUTE_ENDPOINT": google.url,
        "CERTD_GCP_CERTIFICATEMANAGER_ENDPOINT": google.url,
        "CERTD_GCP_TOKEN_ENDPOINT": "\(google.url)/token", "NO_PROXY": "127.0.0.1",
      ], called: "gcp")
  }

  @Test("outlier detection that is written is carried, what holds by default is left to Google")
  func outliers() async throws {
    let written = try await plan(
      "outlier_detection: {consecutive_errors: 7, base_ejection_time: 10s, success_rate: true}")
    let text = written.output.filter { !$0.isWhitespace }
    for part in [
      #""consecutiveErrors":7"#, #""enforcingSuccessRate":100"#, #""successRateStdevFactor":1900"#,
    ] {
      #expect(text.contains(part), "\(written)")
    }
    #expect(try await !plan("kind: vllm").output.contains("outlierDetection"))
  }

  @Test("affinity by a cookie is Google's own")
  func affinity() async throws {
    #expect(try await plan("affinity: {cookie: stay}").output.contains("GENERATED_COOKIE"))
  }

  @Test("what becomes of each key of a service is known")
  func fates() {
    let names = KeyTable.certd.all.filter { $0.parent == "services.*" }.map(\.name)
    #expect(names.count > 25)
    #expect(Set(names) == Set(LoadBalancerTranslation.fates.keys))
  }

  @Test(
    "what is left out and does no harm is a warning",
    arguments: [
      "slow_start: 30s", "hedging: true", "request_buffering: 1MiB", "policy: maglev", "host: backend",
    ])
  func leftovers(_ service: String) async throws {
    let planned = try await plan(service)
    let key = service.prefix { $0 != ":" }
    #expect(planned.ending == .exited(0) && planned.errors.contains("warning:"), "\(planned)")
    #expect(planned.errors.contains("\(key)") && planned.errors.contains("not carried over"), "\(planned)")
  }

  @Test(
    "what Google has not is an error with its line",
    arguments: [
      ("circuit_breakers: {max_requests: 5}", "circuit_breakers are not carried over"),
      ("api_key: secret-of-ours", "Google shows backends no api_key"),
      ("affinity: key", "affinity by a header or a key is not carried over"),
      ("outlier_detection: {latency: true}", "Google compares no latencies"),
      ("health: {command: [/bin/true]}", "Google runs no command"),
    ])
  func errors(_ service: String, _ told: String) async throws {
    let planned = try await plan(service)
    #expect(planned.ending != .exited(0) && planned.errors.contains(told), "\(planned)")
    #expect(planned.errors.contains("edge.yaml:"), "\(planned)")
  }
}
