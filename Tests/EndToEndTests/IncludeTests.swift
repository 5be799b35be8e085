import EndToEnd
import OS
import TestPeers
import TestSupport
import TestRun
import Testing

/// Files that a configuration includes, as `certd check` finds them.
@Suite(.ownThread) struct IncludeTests {
  @Test(
    "a folder's files are found by their pattern, hidden and other ones are not, and an error names its file")
  func folder() async throws {
    let place = try Place()
    let certd = try Certd(place)
    _ = try await place.run(["mkdir", place("conf.d")], called: "mkdir")
    try place.write(
      "certd.yaml",
      """
      include: ["conf.d/*.yaml", "nothing.d-?.yaml"]
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      services: {one: {backends: ["127.0.0.1:1"]}}
      """)
    for name in ["b.yaml", "a.yaml"] {
      try place.write("conf.d/\(name)", "routes: [{hosts: [\(name.first ?? "x").example], service: one}]\n")
    }
    for name in [".hidden.yaml", "a.yaml~", "README"] {
      try place.write("conf.d/\(name)", "routes: nonsense\n")
    }
    let good = try await certd("check", "--config", place("certd.yaml"))
    #expect(good.ending == .exited(0) && good.output.contains("2 routes"), "\(good)")
    try place.write("conf.d/b.yaml", "routes:\n  - {hosts: [b.example], servcie: one}\n")
    let bad = try await certd("check", "--config", place("certd.yaml"))
    #expect(bad.ending == .exited(2), "\(bad)")
    #expect(bad.errors.contains("conf.d/b.yaml:2:26: routes[1].servcie: unknown key"), "\(bad)")
  }

  @Test("a healthy backend that refuses requests is told so, once, with what to do")
  func refusal() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let backend = try LocalServer { connection in
      let head = connection.readHead()
      let status = head.hasPrefix("GET /health ") ? "200 OK" : "401 Unauthorized"
      connection.write("HTTP/1.1 \(status)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      connection.close()
    }
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [llm.example.com], service: chat}]
      services:
        chat: {kind: vllm, backends: ["127.0.0.1:\(backend.address.port)"], health: {interval: 200ms, timeout: 100ms}}
      """)
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    try await daemon.logged("backend healthy, but it refuses requests")
    let line = daemon.lines("backend healthy, but it refuses requests").first ?? ""
    #expect(line.contains("GET /v1/models for llm.example.com is answered with 401"), "\(line)")
    #expect(try await daemon.stop() == .exited(0))
  }
}
