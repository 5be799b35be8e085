import EndToEnd
import Synchronization
import TestPeers
import TestRun
import TestSupport
import Testing

/// Services as a running certd serves them: what fails, loads, or is full, and where requests go then.
@Suite("Services of a running certd", .ownThread) struct ServiceTests {
  /// A server that answers with its name, or as it is told.
  private final class Engine: Sendable {
    let backend: TestPeers.Backend
    private let told: Told

    private final class Told: Sendable {
      let answer = Mutex<(status: Int, body: String)?>(nil)
    }

    init(_ name: String) throws {
      let told = Told()
      self.told = told
      backend = try TestPeers.Backend { wire in
        while wire.readHead().hasSuffix("\r\n\r\n") {
          let (status, body) = told.answer.withLock { $0 } ?? (200, name)
          wire.write("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
      }
    }

    func answer(_ status: Int, _ body: String) { told.answer.withLock { $0 = (status, body) } }
    func answerWell() { told.answer.withLock { $0 = nil } }
  }

  private struct Scene {
    let place: Place
    let daemon: Certd.Daemon
    let curl: Curl

    init(_ service: String) async throws {
      place = try Place()
      let certd = try Certd(place)
      let authority = try TestCertificates(place, "files")
      _ = try authority.issue(["localhost"], called: "site")
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0"}]
        certificates: [{cert: site.crt, key: site.key}]
        routes: [{service: chat}]
        services:
          chat:
        \(service.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
        """)
      daemon = try await certd.run(["--config", place("certd.yaml")])
      curl = try Curl(place, host: "localhost", port: daemon.httpsPort(), root: authority.rootPath)
    }

    /// What the admin API says of the backends' states, in order.
    func states() async throws -> String {
      let text = try await place.run(
        ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/backends"], called: "curl"
      ).output
      return text.split(separator: #""state":"#).dropFirst().map {
        String($0.drop { $0 == " " || $0 == "\"" }.prefix { $0 != "\"" })
      }.joined(separator: " ")
    }

    func metrics() async throws -> String {
      try await place.run(
        ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl"
      ).output
    }
  }

  @Test(
    "when the engines of the better group are killed the other group has every request, and no client notices"
  )
  func killed() async throws {
    let engines = try ["a", "b", "c"].map { try Engine($0) }
    let scene = try await Scene(
      """
      kind: http
      groups:
        - {backends: ["\(engines[0].backend.address)", "\(engines[1].backend.address)"]}
        - {priority: 1, backends: ["\(engines[2].backend.address)"]}
      health: {interval: 200ms, timeout: 150ms}
      """)
    for _ in 0..<6 { #expect(["a", "b"].contains(try await scene.curl("/").output)) }
    for engine in engines[..<2] { _ = engine.backend.finish() }
    for _ in 0..<6 { #expect(["a", "b", "c"].contains(try await scene.curl("/").output)) }
    try await eventually("both to be found ill: \(scene.daemon.log)") {
      try await scene.states() == "unhealthy unhealthy healthy"
    }
    for _ in 0..<6 { #expect(try await scene.curl("/").output == "c") }
    _ = try await scene.daemon.stop()
  }

  @Test("an engine that loads gets no requests, is shown as loading, and has them as soon as it is ready")
  func loading() async throws {
    let (first, second) = (try Engine("first"), try Engine("second"))
    second.answer(503, #"{"error":{"message":"Loading model","code":503}}"#)
    let scene = try await Scene(
      """
      kind: llama.cpp
      policy: round-robin
      backends: ["\(first.backend.address)", "\(second.backend.address)"]
      health: {interval: 200ms, timeout: 150ms, unhealthy_threshold: 100}
      """)
    try await eventually("it to be seen loading: \(scene.daemon.log)") {
      try await scene.states() == "healthy loading"
    }
    for _ in 0..<4 { #expect(try await scene.curl("/").output == "first") }
    second.answerWell()
    try await eventually("the loaded engine: \(scene.daemon.log)") {
      try await scene.curl("/").output == "second"
    }
    #expect(!scene.daemon.log.contains("backend unhealthy"), "\(scene.daemon.log)")
    _ = try await scene.daemon.stop()
  }

  @Test("a command decides whether a backend gets requests, and what it says is the reason")
  func command() async throws {
    let engine = try Engine("engine")
    let scene = try await Scene(
      """
      backends: ["\(engine.backend.address)"]
      health: {command: [/bin/sh, -c, "echo no $CERTD_SERVICE today; exit 1"], interval: 1s, timeout: 900ms}
      """)
    try await eventually("the reason in the log: \(scene.daemon.log)") {
      scene.daemon.log.contains("the command ended with 1: no chat today")
    }
    #expect(try await scene.curl("/", ["-i"]).output.contains("no_backend"))
    _ = try await scene.daemon.stop()
  }

  @Test("a limit that is hit is told to the client and counted")
  func limit() async throws {
    let engine = try Engine("engine")
    let scene = try await Scene(
      """
      backends: ["\(engine.backend.address)"]
      circuit_breakers: {max_pending: 0}
      health: {enabled: false}
      """)
    let answer = try await scene.curl("/", ["-i"]).output
    #expect(answer.contains("503") && answer.contains("max_pending"), "\(answer)")
    #expect(
      try await scene.metrics().contains(
        #"certd_circuit_breaker_hits_total{service="chat",limit="max_pending"} 1"#))
    _ = try await scene.daemon.stop()
  }
}
