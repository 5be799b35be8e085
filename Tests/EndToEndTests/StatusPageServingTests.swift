import EndToEnd
import JSON
import OS
import TestRun
import Testing

/// The status page of a running certd.
@Suite(.ownThread) struct StatusPageServingTests {
  private struct Scene {
    let place: Place
    let daemon: Certd.Daemon
    let port: String

    init() async throws {
      place = try Place()
      try place.write("tokens", "read-token-0123456789\n")
      try place.write("change", "change-token-0123456789\n")
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0", tls: off}]
        admin: {address: "127.0.0.1:0", token_file: tokens, change_token_file: change}
        routes: [{service: a}]
        services:
          a: {backends: ["127.0.0.1:1"], health: {enabled: false}}
        """)
      daemon = try await Certd(place).run(["--config", place("certd.yaml")])
      try await daemon.logged("admin", times: 2)
      let line = daemon.lines("admin").last { $0.contains(#""listening":"127.0.0.1:"#) } ?? ""
      port = String(line.split(separator: "127.0.0.1:").last?.prefix { $0.isNumber } ?? "0")
    }

    func curl(_ path: String, _ arguments: [String]) async throws -> String {
      try await place.run(
        [
          "curl", "-sS", "--noproxy", "*", "--max-time", "30", "http://127.0.0.1:\(port)\(path)",
        ]
          + arguments, called: "curl"
      ).output
    }
  }

  @Test("a browser gets in by the token as its password, to read alone, and a page changes nothing")
  func rights() async throws {
    let scene = try await Scene()
    let asked = try await scene.curl("/", ["-i"])
    #expect(asked.contains("401") && asked.contains("WWW-Authenticate: Basic realm=\"certd\""))
    let page = try await scene.curl("/", ["-i", "-u", "me:change-token-0123456789"])
    #expect(page.contains("Content-Security-Policy: default-src 'none'") && page.contains("<h1>"))
    let basic = try await scene.curl("/reload", ["-u", "me:change-token-0123456789", "-X", "POST"])
    #expect(basic.contains("read_only_token"))
    let fromPage = try await scene.place.run(
      [
        "curl", "-sS", "--unix-socket", scene.place("store/admin.sock"), "-X", "POST", "-H",
        "Origin: http://evil.example", "http://certd/reload",
      ], called: "curl")
    #expect(fromPage.output.contains("from_a_page"), "\(fromPage)")
    _ = try await scene.daemon.stop()
  }

  @Test("events bring the parts of the page until the reader has had enough")
  func live() async throws {
    let scene = try await Scene()
    let reader = try await scene.place.start(
      [
        "curl", "-sSN", "--noproxy", "*", "-H", "Authorization: Bearer read-token-0123456789",
        "http://127.0.0.1:\(scene.port)/events",
      ], called: "reader")
    try await eventually("two pieces have come: \(reader.errors)") {
      reader.output.matches(of: /data: \{/).count >= 2
    }
    let first = reader.output.split(separator: "\n").first?.dropFirst("data: ".count) ?? ""
    let parts = try JSONValue(parsing: Array(first.utf8))
    #expect(parts["verdict"]?.string?.contains("<h1>") == true && parts["certificates"] != nil)
    reader.signal(9)
    _ = try await scene.daemon.stop()
  }

  @Test("more pages than may be open are told to come again, and the API answers beside those that are")
  func crowd() async throws {
    let scene = try await Scene()
    let code = """
      import socket, sys
      held = []
      for _ in range(17):
          one = socket.socket(socket.AF_UNIX)
          one.connect(sys.argv[1])
          one.sendall(b"GET /events HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
          held.append(one.recv(12).decode())
          held.append(one)
      print(held[-2], held.count("HTTP/1.1 200"), flush=True)
      sys.stdin.read()
      """
    let holder = try await scene.place.start(
      ["python3", "-c", code, scene.place("store/admin.sock")], called: "holder")
    try await eventually("all have been answered: \(holder.errors)") { holder.output.contains("\n") }
    #expect(holder.output == "HTTP/1.1 503 16\n")
    #expect(
      try await scene.curl("/healthz", ["-H", "Authorization: Bearer read-token-0123456789"]) == "ok\n")
    holder.signal(9)
    _ = try await scene.daemon.stop()
  }
}
