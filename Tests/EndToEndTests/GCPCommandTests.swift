import EndToEnd
import FakeGoogle
import OS
import PKI
import TestRun
import Testing

/// `certd gcp`, as an operator runs it, against the stand-in for Google.
@Suite(.ownThread) struct GCPCommandTests {
  let place: Place
  let google: FakeGoogle

  init() async throws {
    place = try Place()
    google = try FakeGoogle()
    try place.write("sa.json", try google.serviceAccountFile())
    try google.seed(
      "global/healthChecks", ["name": "hc", "type": "HTTP", "httpHealthCheck": ["requestPath": "/"]])
    try google.seed(
      "global/backendServices",
      ["name": "bs", "healthChecks": ["global/healthChecks/hc"], "protocol": "HTTP"])
    try google.seed("global/urlMaps", ["name": "um", "defaultService": "global/backendServices/bs"])
    try google.seed(
      "global/sslCertificates",
      ["name": "managed", "type": "MANAGED", "managed": ["domains": ["llm.example.com"]]])
    google.tamper("global/sslCertificates/managed") { $0["managed"]?["status"] = "ACTIVE" }
    try google.seed(
      "global/targetHttpsProxies",
      ["name": "edge", "urlMap": "global/urlMaps/um", "sslCertificates": ["global/sslCertificates/managed"]])
    try place.write("certd.yaml", configuration())
    // With the section gcp a renewal pushes by itself.
    try place.write("plain.yaml", String(configuration().split(separator: "gcp:")[0]))
    try await renew()
  }

  private func renew() async throws {
    let done = try await certd("renew", "--force", "--no-delay", "--quiet", "--config", "plain.yaml")
    #expect(done.ending == .exited(0), "\(done)")
  }

  private func configuration(_ certificate: String = "llm.example.com", _ more: String = "") -> String {
    """
    store: store
    acme: {issuers: [local]}
    certificates: [{names: [llm.example.com]}]
    gcp:
      project: demo-project
      credentials: sa.json
      \(more)
      targets: [{kind: target-https-proxy, name: edge, certificates: [\(certificate)]}]
    """
  }

  private func certd(_ arguments: String...) async throws -> Place.Finished {
    let endpoints = ["COMPUTE", "CERTIFICATEMANAGER", "PUBLICCA"].map {
      ("CERTD_GCP_\($0)_ENDPOINT", google.url)
    }
    return try await place.run(
      [try Place.certd()] + arguments, environment: Dictionary(endpoints, uniquingKeysWith: { $1 }),
      called: "certd")
  }

  private func proxy() -> String { google["global/targetHttpsProxies/edge"]?["sslCertificates"]?.text ?? "" }

  @Test("push attaches, says so, and the second time changes nothing")
  func push() async throws {
    let first = try await certd("gcp", "push", "--config", "certd.yaml")
    #expect(first.ending == .exited(0), "\(first)")
    #expect(first.output.contains("target-https-proxy edge: llm.example.com as certd-llm-example-com-"))
    #expect(first.errors.contains("managed is managed by Google (ACTIVE) and left alone"))
    #expect(proxy().contains("sslCertificates/managed") && proxy().contains("certd-llm-example-com"))
    google.clearJournal()
    let second = try await certd("gcp", "push", "llm.example.com", "--output", "json", "--quiet")
    #expect(second.ending == .exited(0) && google.writes.isEmpty, "\(second)")
    let json = try #require(JSON.parse(Array(second.output.utf8)))
    #expect(json["targets"]?.items.first?["outcome"] == "unchanged")
    let quiet = try await certd("gcp", "push", "--quiet")
    #expect(quiet.output == "" && quiet.errors == "")
  }

  @Test("push tells what is wrong: a name that is not there, a permission, the configuration")
  func pushErrors() async throws {
    let unknown = try await certd("gcp", "push", "lm.example.com")
    #expect(unknown.ending == .exited(1))
    #expect(unknown.errors.contains(#"did you mean "llm.example.com"?"#), "\(unknown)")
    google.configure { $0.denied = ["compute.sslCertificates.create"] }
    let denied = try await certd("gcp", "push")
    #expect(denied.ending == .exited(1))
    #expect(
      denied.errors.contains("grant the account the permission compute.sslCertificates.create"), "\(denied)")
    #expect(!denied.errors.contains("PRIVATE KEY"))
    try place.write("certd.yaml", configuration("llm.example.org"))
    let missing = try await certd("gcp", "push")
    #expect(missing.ending == .exited(1))
    #expect(
      missing.errors.contains(#"there is no certificate of that name; did you mean "llm.example.com"?"#))
    try place.write("certd.yaml", configuration("llm.example.com", "prject: x"))
    #expect(try await certd("gcp", "push").ending == .exited(2))
    try place.write("certd.yaml", "acme: {issuers: [local]}\n")
    let none = try await certd("gcp", "push")
    #expect(none.ending == .exited(2) && none.errors.contains("no section gcp"), "\(none)")
  }

  @Test("status shows whose certificates are attached and their state")
  func status() async throws {
    let before = try await certd("gcp", "status")
    #expect(before.ending == .exited(1) && before.output.contains("managed by Google, ACTIVE"), "\(before)")
    _ = try await certd("gcp", "push", "--quiet")
    let after = try await certd("gcp", "status")
    #expect(after.ending == .exited(0) && after.output.contains("current"), "\(after)")
    let json = try await certd("gcp", "status", "-o", "json")
    let target = JSON.parse(Array(json.output.utf8))?["targets"]?.items.first
    #expect(target?["well"] == true && target?["attached"]?.items.count == 2, "\(json)")
  }

  @Test("migrate takes the managed certificate off once ours is there")
  func migrate() async throws {
    let done = try await certd("gcp", "migrate", "edge")
    #expect(done.ending == .exited(0), "\(done)")
    #expect(done.output.contains("managed: managed by Google, taken off; it still exists"))
    #expect(!proxy().contains("sslCertificates/managed") && proxy().contains("certd-llm-example-com"))
    #expect(google["global/sslCertificates/managed"] != nil && google.problems.isEmpty)
    let unknown = try await certd("gcp", "migrate", "egde")
    #expect(unknown.ending == .exited(1) && unknown.errors.contains(#"did you mean "edge"?"#))
  }

  @Test("prune lists first, and removes only when told to")
  func prune() async throws {
    _ = try await certd("gcp", "push", "--quiet")
    let attached = google["global/targetHttpsProxies/edge"]?["fingerprint"] ?? ""
    try google.apply(
      "PATCH", "global/targetHttpsProxies/edge",
      ["sslCertificates": ["global/sslCertificates/managed"], "fingerprint": attached])
    try await renew()
    let listed = try await certd("gcp", "prune")
    #expect(listed.ending == .exited(1) && listed.output.contains("certd-llm-example-com"), "\(listed)")
    #expect(google.paths("sslCertificates").count == 2)
    let removed = try await certd("gcp", "prune", "--yes")
    #expect(removed.ending == .exited(0) && removed.output.contains("1 removed"), "\(removed)")
    #expect(google.paths("sslCertificates") == ["global/sslCertificates/managed"])
    #expect(try await certd("gcp", "prune").output == "no orphans\n")
  }

  @Test("permissions asks Google nothing")
  func permissions() async throws {
    let listed = try await certd("gcp", "permissions")
    #expect(listed.ending == .exited(0) && listed.output.contains("compute.sslCertificates.create\n"))
    #expect(google.journal.isEmpty)
  }
}
