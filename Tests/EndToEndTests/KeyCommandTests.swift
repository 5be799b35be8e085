import APIKeys
import EndToEnd
import OS
import TestRun
import Testing

@Suite("Keys of a team", .ownThread) struct KeyCommandTests {
  private struct Team {
    let place: Place
    let certd: Certd
    let model: ModelServer
    let file: String

    init(_ more: String = "") async throws {
      place = try Place()
      model = try await ModelServer(place)
      try model.openGate()
      certd = try Certd(place)
      file = try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0", tls: off}]
        keys: {team: {file: keys\(more)}}
        routes: [{service: a, keys: team}]
        services: {a: {kind: vllm, backends: ["\(model.url)"], health: {enabled: false}}}
        """)
    }

    /// Makes a key and gives its secret.
    func create(_ name: String, _ arguments: String...) async throws -> String {
      let made = try await certd("key", "create", "--config", file, "--name", name, with: arguments)
      #expect(made.ending == .exited(0), "\(made)")
      return String(made.output.split(separator: "\n").first ?? "")
    }

    /// The status of a request, and what curl shows.
    func ask(_ port: UInt16, _ secret: String, _ content: String? = nil) async throws -> (String, String) {
      let data = content.map { ["-d", $0] } ?? []
      let path = content == nil ? "/v1/models" : "/v1/chat/completions"
      let shown = try await place.run(
        ["curl", "-sN", "-w", "\n%{http_code}", "-H", "Authorization: Bearer \(secret)"] + data
          + ["http://127.0.0.1:\(port)\(path)"], called: "curl"
      ).output
      return (String(shown.split(separator: "\n").last ?? ""), shown)
    }
  }

  @Test("a key is made, asked with, rotated and revoked, each within a second, and its secret stands nowhere")
  func life() async throws {
    let team = try await Team()
    let first = try await team.create("alice")
    #expect(KeySecret.isWellFormed(first))
    let status = try FileSystem().status(team.place("keys"))
    #expect(status.mode == 0o600)
    let daemon = try await team.certd.run(["--config", team.file])
    let port = try daemon.port("http")
    #expect(try await team.ask(port, first).0 == "200")
    #expect(try await team.ask(port, "sk-certd-wrong").0 == "401")
    let stream = try await team.ask(
      port, first, #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#)
    #expect(stream.0 == "200" && stream.1.contains("[DONE]"), "\(stream.1)")

    let second =
      try await team.certd("key", "rotate", "alice", "--config", team.file, "--grace", "1h")
      .output.split(separator: "\n").first.map { String($0) } ?? ""
    try await eventually("the new secret") { try await team.ask(port, second).0 == "200" }
    #expect(try await team.ask(port, first).0 == "200")
    let revoked = try await team.certd("key", "revoke", "alice", "--config", team.file)
    #expect(revoked.ending == .exited(0))
    try await eventually("the end of the key") { try await team.ask(port, second).0 == "401" }
    #expect(try await team.ask(port, first).0 == "401")

    let list = try await team.certd("key", "list", "--config", team.file, "-o", "json").output
    #expect(list.contains(#""state" : "revoked""#), "\(list)")
    for secret in [first, second] {
      #expect(
        !daemon.log.contains(secret) && !team.place.read("keys").contains(secret) && !list.contains(secret))
    }
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("limits hold over a kill and a start: what was used in the minute is still used")
  func restart() async throws {
    let team = try await Team()
    let secret = try await team.create("alice", "--requests-per-minute", "2")
    let daemon = try await team.certd.run(["--config", team.file])
    let port = try daemon.port("http")
    #expect(try await team.ask(port, secret).0 == "200")
    #expect(try await team.ask(port, secret).0 == "200")
    #expect(try await team.ask(port, secret).0 == "429")
    try await eventually("the table") {
      try await team.place.run(
        [
          "python3", "-c",
          """
          import re, sqlite3
          rows = sqlite3.connect("store/usage.db").execute("select requests from usage where id <> ''")
          print(sum(int(count) for row in rows for count in re.findall(r":(\\d+)", row[0])))
          """,
        ], called: "sqlite"
      ).output == "2\n"
    }
    #expect(try FileSystem().status(team.place("store/usage.db")).mode == 0o600)
    daemon.child.signal(9)
    _ = try await daemon.child.end()
    let again = try await team.certd.run(["--config", team.file])
    #expect(try await team.ask(try again.port("http"), secret).0 == "429")
    #expect(try await again.stop() == .exited(0))
  }

  @Test("a damaged table is told, moved aside, and counting goes on")
  func damaged() async throws {
    let team = try await Team()
    let secret = try await team.create("alice", "--requests-per-minute", "1")
    try FileSystem().makeDirectory(team.place("store"), mode: 0o700)
    try team.place.write("store/usage.db", String(repeating: "damaged ", count: 2000))
    let daemon = try await team.certd.run(["--config", team.file])
    let port = try daemon.port("http")
    #expect(try await team.ask(port, secret).0 == "200")
    #expect(try await team.ask(port, secret).0 == "429")
    #expect(daemon.lines("use of keys").joined().contains("moved aside"))
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("a line that cannot be read is told by file and line, and the keys that were good go on")
  func brokenLine() async throws {
    let team = try await Team()
    let secret = try await team.create("alice")
    let daemon = try await team.certd.run(["--config", team.file])
    let port = try daemon.port("http")
    let good = team.place.read("keys")
    try team.place.write("keys", "{\"id\": \n\(good)")
    try await eventually("the line") { daemon.log.contains("/keys:1: ") }
    #expect(try await team.ask(port, secret).0 == "200")
    let check = try await team.certd("check", "--config", team.file)
    #expect(check.ending == .exited(2) && check.errors.contains("/keys:1: "), "\(check)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("commands write one file at once and lose nothing")
  func together() async throws {
    let team = try await Team()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<6 { group.addTask { _ = try await team.create("user-\(number)") } }
      try await group.waitForAll()
    }
    #expect(KeyList(Array(team.place.read("keys").utf8), group: "team").keys.count == 6)
  }
}
