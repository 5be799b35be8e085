import Bytes
import EndToEnd
import OS
import PKI
import TestSupport
import TestRun
import Testing

/// What Prometheus is shown, by the Unix socket and by an address.
@Suite(.ownThread) struct AdminTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let authority: TestCertificates

    init(_ more: String = "") throws {
      place = try Place()
      certd = try Certd(place)
      authority = try TestCertificates(place, "files")
      _ = try authority.issue(["localhost"], called: "site")
      try configure(more)
    }

    func configure(_ more: String) throws {
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0"}]
        certificates: [{cert: site.crt, key: site.key}]
        routes: [{service: a}]
        services:
          a: {backends: ["127.0.0.1:1", "no-such-host.invalid:80"], health: {enabled: false}}
        \(more)
        """)
    }

    func run() async throws -> Certd.Daemon { try await certd.run(["--config", place("certd.yaml")]) }

    func get(_ path: String, _ arguments: [String] = []) async throws -> Place.Finished {
      try await place.run(
        [
          "curl", "-sS", "--max-time", "30", "--unix-socket", place("store/admin.sock"),
          "http://certd\(path)",
        ]
          + arguments, called: "curl")
    }

    /// By the address, with the status at the end.
    func fetch(_ daemon: Certd.Daemon, _ arguments: [String]) async throws -> String {
      let line = daemon.lines("admin").last { $0.contains(#""listening":"127.0.0.1:"#) } ?? ""
      let port = line.split(separator: "127.0.0.1:").last?.prefix { $0.isNumber } ?? "0"
      return try await place.run(
        [
          "curl", "-sS", "--noproxy", "*", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}",
          "http://127.0.0.1:\(port)/metrics",
        ] + arguments, called: "curl"
      ).output
    }
  }

  @Test(
    "metrics of the socket count what happens and tell of certificates and backends, and only its user reads them"
  )
  func metrics() async throws {
    let scene = try Scene()
    let daemon = try await scene.run()
    let socket = scene.place("store/admin.sock")
    #expect(try FileSystem().status(socket).mode == 0o600)
    _ = try await Curl(
      scene.place, host: "localhost", port: daemon.httpsPort(), root: scene.authority.rootPath)("/")
    let text = try await scene.get("/metrics").output
    #expect(text.contains("certd_requests_total 1\n"), "\(text)")
    #expect(text.contains(#"certd_responses_total{class="5xx"} 1"#))
    let leaf = try await daemon.leaf("localhost")
    let labels = #"{name="\#(scene.place("site.crt"))",source="file"}"#
    #expect(
      text.contains("certd_certificate_not_after_timestamp_seconds\(labels) \(leaf.notAfter.seconds)\n"))
    #expect(
      text.contains(
        #"certd_backend_resolved{service="a",backend="127.0.0.1:1",address="127.0.0.1:1"} 1"#))
    #expect(
      text.contains(#"certd_backend_resolved{service="a",backend="no-such-host.invalid:80",address=""} 0"#))
    #expect(try await scene.get("/healthz").output == "ok\n")
    #expect(try await scene.get("/nothing").output.contains("there are"))
    let refused = try await scene.get("/metrics", ["-i", "-d", "a"]).output
    #expect(refused.contains("405") && refused.contains("Allow: GET, HEAD"), "\(refused)")
    #expect(refused.contains(#""code": "method_not_allowed""#))
    _ = try await daemon.stop()
    #expect(try FileSystem().statusIfPresent(socket) == nil)
  }

  @Test("who asks for OpenMetrics gets it, to its end, and services' times are there")
  func openMetrics() async throws {
    let scene = try Scene()
    let daemon = try await scene.run()
    _ = try await Curl(
      scene.place, host: "localhost", port: daemon.httpsPort(), root: scene.authority.rootPath)("/")
    let told = try await scene.get(
      "/metrics", ["-i", "-H", "Accept: application/openmetrics-text; version=1.0.0"])
    #expect(told.output.contains("Content-Type: application/openmetrics-text"), "\(told)")
    #expect(told.output.hasSuffix("# EOF\n") && told.output.contains("# TYPE certd_requests counter\n"))
    #expect(told.output.contains(#"certd_request_duration_seconds_count{service="a"} 1"#))
    _ = try await daemon.stop()
  }

  @Test(
    "answers are as the OpenAPI document says, whatever is asked",
    .enabled(if: PythonClient.has("schemathesis"), "schemathesis is not installed: skipped"))
  func schema() async throws {
    let scene = try Scene(
      "admin: {address: \"127.0.0.1:0\", token_file: tokens, change_token_file: change}")
    try scene.place.write("tokens", "read-token-0123456789\n")
    try scene.place.write("change", "change-token-0123456789\n")
    let daemon = try await scene.run()
    try await daemon.logged("admin", times: 2)
    #expect(try await scene.fetch(daemon, ["-H", "Authorization: Bearer read-token-0123456789"]) == "200")
    let line = daemon.lines("admin").last { $0.contains(#""listening":"127.0.0.1:"#) } ?? ""
    let port = line.split(separator: "127.0.0.1:").last?.prefix { $0.isNumber } ?? "0"
    let denied = try await scene.place.run(
      [
        "curl", "-sS", "--noproxy", "*", "-X", "POST", "-H", "Authorization: Bearer read-token-0123456789",
        "http://127.0.0.1:\(port)/reload",
      ], called: "curl")
    #expect(denied.output.contains("read_only_token"), "\(denied)")
    let asked = try await PythonClient(scene.place)(
      "admin_schema", ["http://127.0.0.1:\(port)", "change-token-0123456789"])
    #expect(asked.output.hasSuffix("all ok\n"), "\(asked)\n\(daemon.log)")
    _ = try await daemon.stop()
  }

  @Test("promtool finds nothing to say", .enabled(if: promtool, "promtool is not installed: skipped"))
  func lint() async throws {
    let scene = try Scene()
    let daemon = try await scene.run()
    try scene.place.write("metrics", try await scene.get("/metrics").output)
    let said = try await scene.place.run(
      ["sh", "-c", "promtool check metrics < '\(scene.place("metrics"))'"], called: "promtool")
    #expect(
      said.ending == .exited(0) && said.output.isEmpty && said.errors.isEmpty, "\(said.output)\(said.errors)")
    _ = try await daemon.stop()
  }

  private static let promtool = (try? FileSystem().status("/usr/bin/promtool")) != nil

  @Test("a pair that breaks and a reload that is refused show, and are forgotten when they are mended")
  func broken() async throws {
    let scene = try Scene()
    let daemon = try await scene.run()
    let good = scene.place.read("site.crt")
    try scene.place.write("site.crt", "nothing")
    let line = #"certd_certificate_file_unusable{file="\#(scene.place("site.crt"))"} 1"#
    try await eventually("the broken file") { try await scene.get("/metrics").output.contains(line) }
    try scene.place.write("site.crt", good)
    try await eventually("it is mended") { try await !scene.get("/metrics").output.contains(line) }
    #expect(try await scene.get("/metrics").output.contains("certd_config_last_reload_successful 1\n"))
    try scene.configure("nonsense: 1")
    daemon.child.signal(1)
    try await eventually("the refusal") {
      try await scene.get("/metrics").output.contains("certd_config_last_reload_successful 0\n")
    }
    _ = try await daemon.stop()
  }

  @Test("an address is read with a token only, and a reload brings new tokens")
  func tokens() async throws {
    let scene = try Scene("admin: {address: \"127.0.0.1:0\", token_file: tokens}")
    try scene.place.write("tokens", "first-token-0123456789\n")
    let daemon = try await scene.run()
    let (first, second) = (
      "Authorization: Bearer first-token-0123456789", "Authorization: Bearer second-token-0123456789"
    )
    #expect(try await scene.fetch(daemon, []) == "401")
    #expect(try await scene.fetch(daemon, ["-H", second]) == "401")
    #expect(try await scene.fetch(daemon, ["-H", first]) == "200")
    try scene.place.write("tokens", "second-token-0123456789\n")
    daemon.child.signal(1)
    try await daemon.logged("configuration reloaded")
    #expect(try await scene.fetch(daemon, ["-H", first]) == "401")
    #expect(try await scene.fetch(daemon, ["-H", second]) == "200")
    try scene.place.write("tokens", "short\n")
    daemon.child.signal(1)
    try await daemon.logged("configuration reloaded", times: 2)
    #expect(try await scene.fetch(daemon, ["-H", second]) == "200")
    #expect(!daemon.log.contains("token-0123456789"))
    _ = try await daemon.stop()
  }

  @Test("a socket that a killed certd left gives way, and one that is answered at does not")
  func stale() async throws {
    let scene = try Scene()
    let killed = try await scene.run()
    killed.child.signal(9)
    try await eventually("it is dead") { killed.child.ending != nil }
    let first = try await scene.run()
    #expect(try await scene.get("/healthz").output == "ok\n")
    let second = try await scene.run()
    try await eventually("the second says so") { second.lines("admin").contains { $0.contains("reason") } }
    _ = try await second.stop()
    #expect(try await scene.get("/healthz").output == "ok\n")
    _ = try await first.stop()
  }

  @Test("connections that say nothing keep nobody out for longer than their time")
  func silent() async throws {
    let scene = try Scene()
    let daemon = try await scene.run()
    let code = """
      import socket, sys
      held = []
      for _ in range(20):
          one = socket.socket(socket.AF_UNIX)
          one.connect(sys.argv[1])
          held.append(one)
      print("held", flush=True)
      sys.stdin.read()
      """
    let holder = try await scene.place.start(
      ["python3", "-c", code, scene.place("store/admin.sock")], called: "holder")
    try await eventually("all are held: \(holder.errors)") { holder.output.contains("held") }
    try await eventually("somebody else is answered") {
      try await scene.get("/healthz").output == "ok\n"
    }
    holder.signal(9)
    _ = try await daemon.stop()
  }
}
