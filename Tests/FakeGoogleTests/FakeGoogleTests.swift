import FakeGoogle
import HTTPClient
import TestRun
import Testing

@Suite(.ownThread) struct FakeGoogleTests {
  private static let check: JSON = ["name": "hc", "type": "TCP"]

  @Test("a resource appears only when its operation is done, after so many looks")
  func slow() async throws {
    let google = try FakeGoogle()
    google.configure { $0.pollsUntilDone = 3 }
    let teller = try Teller(base: google.url, token: google.token())
    var operation = try await teller.raw(.post("global/healthChecks", Self.check)).body
    #expect(operation["status"] == "PENDING")
    let wait = Probe("POST", "global/operations/\(operation["name"]?.string ?? "")/wait", [:])
    for status in ["RUNNING", "RUNNING"] {
      operation = try await teller.raw(wait).body
      #expect(operation["status"] == .string(status))
      #expect(google["global/healthChecks/hc"] == nil)
    }
    #expect(try await teller.raw(wait).body["status"] == "DONE")
    #expect(google["global/healthChecks/hc"] != nil)
  }

  @Test("a change of what is still being made is refused as not ready, and is possible after some tries")
  func notReady() async throws {
    let google = try FakeGoogle()
    google.configure { $0.pollsUntilDone = 2 }
    let teller = try Teller(base: google.url, token: google.token())
    _ = try await teller.raw(.post("global/healthChecks", Self.check))
    #expect(try await teller.raw(.delete("global/healthChecks/hc")).status == 400)
    #expect(try await teller.raw(.delete("global/healthChecks/hc")).status == 400)
    #expect(try await teller.raw(.delete("global/healthChecks/hc")).status == 200)
  }

  @Test("a repeated request identifier gives the first operation again")
  func requestID() async throws {
    let google = try FakeGoogle()
    let teller = try Teller(base: google.url, token: google.token())
    let path = "global/healthChecks?requestId=00000000-0000-4000-8000-000000000001"
    let first = try await teller.raw(.post(path, Self.check)).body
    let second = try await teller.raw(.post(path, Self.check)).body
    #expect(first["name"] == second["name"] && first["name"] != nil)
    #expect(google.paths("healthChecks").count <= 1)
  }

  @Test("mishaps happen as often as they are told to, and where")
  func faults() async throws {
    let google = try FakeGoogle()
    let teller = try Teller(base: google.url, token: google.token())
    google.add(Fault(.status(503, reason: "backendError", retryAfter: 1), match: "GET", times: 1, skip: 1))
    #expect(try await teller.raw(.get("global/urlMaps")).status == 200)
    #expect(try await teller.raw(.get("global/urlMaps")).status == 503)
    #expect(try await teller.raw(.get("global/urlMaps")).status == 200)
    google.add(Fault(.operationError(code: "QUOTA_EXCEEDED", message: "full", status: 403)))
    #expect(try await teller.outcome(.post("global/healthChecks", Self.check)) == "200 then QUOTA_EXCEEDED")
    #expect(google.paths().isEmpty)
    google.add(Fault(.dropAfter, match: "POST"))
    await #expect(throws: HTTPClientError.self) {
      try await teller.raw(.post("global/healthChecks", Self.check))
    }
    #expect(google.pendingCount == 1)
  }

  @Test("after a cut no call gets through, until the connection is whole again")
  func cut() async throws {
    let google = try FakeGoogle()
    let teller = try Teller(base: google.url, token: google.token())
    google.cut(after: 1, lastIsAnswered: false)
    await #expect(throws: HTTPClientError.self) {
      try await teller.raw(.post("global/healthChecks", Self.check))
    }
    await #expect(throws: HTTPClientError.self) { try await teller.raw(.get("global/healthChecks")) }
    google.recover(settled: true)
    #expect(try await teller.raw(.get("global/healthChecks/hc")).status == 200)
  }

  @Test("everything it keeps can be put back")
  func snapshot() throws {
    let google = try FakeGoogle()
    let empty = google.snapshot()
    try google.seed("global/healthChecks", Self.check)
    #expect(google.paths() == ["global/healthChecks/hc"])
    google.restore(empty)
    #expect(google.paths().isEmpty)
    #expect(throws: FakeGoogle.Refused.self) { try google.seed("global/urlMaps", ["name": "m"]) }
  }

  @Test("a proxy that loses the certificate of a name is told")
  func coverage() throws {
    let google = try FakeGoogle()
    for name in ["one", "two"] {
      let managed: JSON = ["domains": .strings(["\(name).example"])]
      try google.seed(
        "global/sslCertificates", ["name": .string(name), "type": "MANAGED", "managed": managed])
      google.tamper("global/sslCertificates/\(name)") { $0["managed"]?["status"] = "ACTIVE" }
    }
    try google.seed("global/healthChecks", Self.check)
    try google.seed("global/backendServices", ["name": "bs", "protocol": "TCP"])
    let both: JSON = ["global/sslCertificates/one", "global/sslCertificates/two"]
    try google.seed(
      "global/targetSslProxies",
      ["name": "p", "service": "global/backendServices/bs", "sslCertificates": both])
    #expect(google.problems.isEmpty)
    let path = "global/targetSslProxies/p/setSslCertificates"
    try google.apply("POST", path, ["sslCertificates": ["global/sslCertificates/one"]])
    #expect(google.problems.count == 1 && google.problems[0].contains("two.example"))
  }

  @Test("the journal holds no key")
  func journal() async throws {
    let google = try FakeGoogle()
    let teller = try Teller(base: google.url, token: google.token())
    _ = try await teller.raw(
      .post("global/sslCertificates", ["name": "a", "certificate": "x", "privateKey": "SECRET"]))
    #expect(google.journal.count == 1 && google.writes.count == 1)
    #expect(google.journal[0].body["privateKey"] == "redacted")
  }
}
