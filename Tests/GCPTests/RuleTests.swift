import Bytes
import HTTP
import JSON
import PKI
import TestRun
import Testing

@testable import GCP

/// The pure rules: retries, rates, links, names, problems, maps.
@Suite("Rules", .ownThread)
struct RuleTests {
  // MARK: Links

  @Test(
    "Every way of writing a link is the same link",
    arguments: [
      "https://www.googleapis.com/compute/v1/projects/p/global/sslCertificates/a",
      "https://compute.googleapis.com/compute/v1/projects/p/global/sslCertificates/a",
      "https://compute.googleapis.com/compute/beta/projects/p/global/sslCertificates/a",
      "http://127.0.0.1:8085/compute/v1/projects/p/global/sslCertificates/a",
      "projects/p/global/sslCertificates/a", "/projects/p/global/sslCertificates/a",
      "global/sslCertificates/a",
    ])
  func links(text: String) {
    let link = ResourceLink(text, project: "p")
    #expect(link.path == "projects/p/global/sslCertificates/a")
    #expect(link.name == "a" && link.collection == "sslCertificates" && link.scope == .global)
    #expect(link.description == "global/sslCertificates/a")
  }

  @Test("Certificate Manager's links and regional ones keep what tells them apart")
  func otherLinks() {
    let manager = ResourceLink(
      "//certificatemanager.googleapis.com/projects/p/locations/global/certificates/a", project: "q")
    #expect(manager.isCertificateManager && manager.project == "p")
    #expect(
      manager.reference == "//certificatemanager.googleapis.com/projects/p/locations/global/certificates/a")
    let regional = ResourceLink("regions/europe-west1/sslCertificates/a", project: "p")
    #expect(regional.scope == .region("europe-west1") && !regional.isCertificateManager)
    #expect(ResourceLink("", project: "p").path == "projects/p/")
  }

  // MARK: Names

  @Test(
    "Names obey Google's rule, tell different certificates apart, and are the same each time",
    arguments: [
      ("llm.example.com", "certd-llm-example-com-0123456789abcdef"),
      ("a", "certd-a-0123456789abcdef"), ("my-cert", "certd-my-cert-0123456789abcdef"),
    ])
  func names(name: String, expected: String) {
    let digest = "0123456789abcdef0123456789abcdef"
    #expect(ResourceName.certificate(prefix: "certd", name: name, sha256: digest) == expected)
  }

  @Test(
    "Whatever a certificate is called, its resource's name is valid",
    arguments: [
      String(repeating: "a", count: 300), String(repeating: "long.name.", count: 20) + "com", "*.example.com",
      "_x", "Ä", "-", "...", "UPPER.example.com", "a_b", "[::1]", "x-",
    ])
  func hostileNames(name: String) {
    let names = [
      ResourceName.certificate(prefix: "certd", name: name, sha256: String(repeating: "f", count: 64)),
      ResourceName.stable(prefix: "certd", name: name),
    ]
    for one in names { #expect(ResourceName.isName(one), "\(one)") }
  }

  @Test("Names that differ only in what cannot be written differ")
  func distinct() {
    let names = [
      "a.b", "a-b", "a_b", "A.b", "*.a.b", String(repeating: "a", count: 60) + "x",
      String(repeating: "a", count: 60) + "y",
    ]
    #expect(Set(names.map { ResourceName.stable(prefix: "certd", name: $0) }).count == names.count)
  }

  @Test("An owner is read from a description of ours, and from nothing else")
  func ownership() {
    let owner = Ownership(name: "a \"b\"", project: "p", sha256: "ff")
    #expect(Ownership(description: owner.text) == owner)
    for text in [
      nil, "", "certd", "{}", #"{"certd":2,"name":"a","project":"p"}"#, #"{"certd":1,"name":"a"}"#,
    ] {
      #expect(Ownership(description: text) == nil)
    }
  }

  // MARK: Retries

  private func refusal(_ status: Int, _ reason: String = "") -> GCPError.Cause {
    .refused(Problem(status: status, reason: reason, message: ""))
  }

  private func decide(_ cause: GCPError.Cause, retryAfter: Double? = nil, elapsed: Double = 0) -> Decision {
    var policy = RetryPolicy(Limits())
    return policy.decide(after: cause, retryAfter: retryAfter, elapsed: elapsed, random: 1)
  }

  @Test("What may pass is tried again, what will not is not")
  func retried() {
    for cause in [
      refusal(429), refusal(403, "rateLimitExceeded"), refusal(500), refusal(502), refusal(503), refusal(504),
      refusal(400, "resourceNotReady"), .unusable("half"), .transport(TransportError(.dropped, "")),
      .transport(TransportError(.timeout, "")), .transport(TransportError(.connect, "")),
      .transport(TransportError(.malformed, "")),
    ] {
      #expect(decide(cause) == .again(afterSeconds: 0.5), "\(cause)")
    }
    for cause in [
      refusal(400), refusal(403, "forbidden"), refusal(403, "quotaExceeded"), refusal(404),
      refusal(409, "alreadyExists"), refusal(412, "conditionNotMet"),
      refusal(400, "resourceInUseByAnotherResource"), refusal(403, "accessNotConfigured"), .cancelled,
      .refusedHere(""), .credentials(""), .transport(TransportError(.tooLarge, "")),
    ] {
      #expect(decide(cause) == .stop, "\(cause)")
    }
  }

  @Test("Where nobody can be reached, a call gives up within seconds")
  func unreachable() {
    let cause = GCPError.Cause.transport(TransportError(.connect, "no route"))
    #expect(decide(cause, elapsed: 5) == .again(afterSeconds: 0.5))
    #expect(decide(cause, elapsed: 5.6) == .stop)
    #expect(GCPError("listing", cause).description.contains("HTTPS_PROXY"))
  }

  @Test("Waits double up to their cap, obey Retry-After, and end with the time")
  func waits() {
    var policy = RetryPolicy(Limits())
    var waits: [Double] = []
    while case .again(let seconds) = policy.decide(
      after: refusal(503), retryAfter: nil, elapsed: 0, random: 1)
    {
      waits.append(seconds)
    }
    #expect(waits == [0.5, 1, 2, 4, 8, 16, 20])
    #expect(decide(refusal(429), retryAfter: 30) == .again(afterSeconds: 30))
    #expect(decide(refusal(429), retryAfter: 0.1) == .again(afterSeconds: 0.5))
    #expect(decide(refusal(429), retryAfter: 4000) == .stop)
    #expect(decide(refusal(503), elapsed: 119.9) == .stop)
    #expect(decide(refusal(400, "resourceNotReady"), elapsed: 200) == .again(afterSeconds: 0.5))
  }

  @Test("A refused token is renewed once")
  func unauthenticated() {
    var policy = RetryPolicy(Limits())
    func next() -> Decision { policy.decide(after: refusal(401), retryAfter: nil, elapsed: 0, random: 0) }
    #expect(next() == .withNewToken)
    #expect(next() == .stop)
  }

  @Test("Retry-After is read as seconds and as a date, and nothing else")
  func retryAfterField() {
    let now = UnixTime(seconds: 784_111_700)
    #expect(retryAfter("7", now: now) == 7)
    #expect(retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == 77)
    #expect(retryAfter("Tue, 06 Nov 1984 08:49:37 GMT", now: now) == 0)
    for text in [nil, "", "-1", "99999999999999999999", "soon"] { #expect(retryAfter(text, now: now) == nil) }
  }

  @Test("A bucket lets a burst through, then its rate")
  func rate() {
    var limit = RateLimit(perSecond: 2, burst: 3)
    #expect((0..<3).map { _ in limit.take(at: 0) } == [0, 0, 0])
    #expect(limit.take(at: 0) == 0.5)
    #expect(limit.take(at: 0) == 1)
    #expect(limit.take(at: 2) == 0)
    // A clock that goes back gives nothing away, and takes nothing.
    #expect(limit.take(at: 1) == 0)
  }

  // MARK: Problems

  @Test("Google's errors are read in each of their shapes")
  func problems() {
    let compute = Problem(
      status: 403,
      body: Array(
        #"{"error":{"code":403,"message":"Required 'compute.sslCertificates.create' permission for 'projects/p'","errors":[{"message":"x","domain":"global","reason":"forbidden"}]}}"#
          .utf8))
    #expect(compute.permission == "compute.sslCertificates.create" && compute.kind == .denied)
    let manager = Problem(
      status: 403,
      body: Array(
        #"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","metadata":{"permission":"certificatemanager.certs.create"}}]}}"#
          .utf8))
    #expect(manager.permission == "certificatemanager.certs.create")
    let disabled = Problem(
      status: 403,
      body: Array(
        #"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"off","errors":[{"reason":"accessNotConfigured"}],"details":[{"reason":"SERVICE_DISABLED","metadata":{"service":"compute.googleapis.com"}}]}}"#
          .utf8))
    #expect(disabled.kind == .disabled)
    #expect(
      GCPError("x", .refused(disabled)).description.contains("gcloud services enable compute.googleapis.com"))
    let token = Problem(
      status: 400, body: Array(#"{"error":"invalid_grant","error_description":"Bad"}"#.utf8))
    #expect(token.reason == "invalid_grant" && token.message == "Bad")
    #expect(Problem(status: 411, body: Array("<html>".utf8)).kind == .other)
    let operation = Problem(
      computeOperation: [
        "error": ["errors": [["code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "used"]]],
        "httpErrorStatusCode": 400,
      ])
    #expect(operation.kind == .inUse)
  }

  @Test("A message that quotes something else names no permission")
  func noPermission() {
    for text in ["", "'", "Required 'x' for 'y'", "The resource 'projects/a.b.c/x' was", "'a.b'", "'a..c'"] {
      #expect(Problem.permission(in: text) == nil)
    }
  }

  // MARK: Maps

  @Test("A map has an entry for each name and one for the rest, of at most four certificates each")
  func maps() {
    func link(_ name: String) -> ResourceLink {
      ResourceLink("projects/p/locations/global/certificates/\(name)", project: "p")
    }
    let names: [Identifier] = [.dns("a.example.com"), .ip([127, 0, 0, 1]), .dns("*.example.com")]
    let plan = MapPlan((0..<5).map { (link: link("c\($0)"), names: names) })
    #expect(plan.wanted.map(\.matches) == ["PRIMARY", "a.example.com", "*.example.com"])
    #expect(plan.wanted.map(\.certificates.count) == [1, 4, 4])
    func found(_ matches: String, _ names: [String], _ id: String) -> MapPlan.Found {
      MapPlan.Found(
        [
          "name": .string("projects/p/locations/global/certificateMaps/m/certificateMapEntries/\(id)"),
          matches == "PRIMARY" ? "matcher" : "hostname": .string(matches),
          "certificates": JSONValue(names.map { link($0).path }), "state": "ACTIVE",
        ], project: "p")
    }
    let there = [
      found("PRIMARY", ["c0"], "p"), found("a.example.com", ["c9"], "a"),
      found("old.example.com", ["c0"], "o"),
    ]
    let steps = plan.steps(from: there, keepsOthers: false)
    #expect(
      steps == [
        .change(there[1].path, plan.wanted[1]), .create(plan.wanted[2]), .remove(there[2].path),
      ])
    #expect(plan.steps(from: there, keepsOthers: true).count == 2)
  }

  @Test("Request identifiers are UUIDs")
  func uuid() {
    let environment = Environment(
      now: { UnixTime(seconds: 0) }, uptime: { 0 }, sleep: { _ in }, random: { 0 },
      randomBytes: { [UInt8](repeating: 0xFF, count: $0) })
    #expect(environment.uuid() == "ffffffff-ffff-4fff-bfff-ffffffffffff")
  }
}
