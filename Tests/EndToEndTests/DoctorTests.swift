import EndToEnd
import OS
import TestRun
import Testing

/// `certd doctor` with a real CA and a real name server.
@Suite(.ownThread) struct DoctorTests {
  private struct Scene {
    let place: Place
    let bind: Bind
    let pebble: Pebble
    let certd: Certd
    let port: UInt16

    init(_ records: [String], challenges: String = "http-01") async throws {
      place = try Place()
      bind = try await Bind(place, [.init("example.com", records)])
      pebble = try await Pebble(place)
      certd = try Certd(place)
      port = try FreePort.take()
      try place.write(
        "certd.yaml",
        """
        store: store
        \(pebble.acmeSection)
          challenges: [\(challenges)]
          tls_alpn01: {address: "127.0.0.1:\(port)"}
          dns01:
            rfc2136: {server: "127.0.0.1:\(bind.port)", key_file: "\(bind.key.path)"}
            resolvers: ["127.0.0.1:\(bind.port)"]
            authoritative_port: \(bind.port)
        certificates: [{name: main, names: [a.example.com]}]
        """)
    }

    func doctor(_ name: String, _ more: String...) async throws -> Place.Finished {
      try await certd(
        "doctor", name, "--config", place("certd.yaml"), "--http-port", "\(pebble.http01Port)",
        "--https-port",
        "\(port)", with: more)
    }
  }

  @Test("a name that is as it should be has no problem, and nothing is ordered")
  func healthy() async throws {
    let scene = try await Scene(["a IN A 127.0.0.1"], challenges: "http-01, tls-alpn-01, dns-01")
    let seen = try await scene.doctor("main")
    #expect(seen.ending == .exited(0), "\(seen)")
    for line in [
      "ok  a: a.example.com is 127.0.0.1", "ok  aaaa: a.example.com has no AAAA record",
      "ok  caa: no CAA record", "ok  http-01 127.0.0.1: a validation would be answered",
      "ok  tls-alpn-01 127.0.0.1: a validation would be answered",
      "ok  dns-01: the record _acme-challenge.a.example.com goes into the zone example.com",
      "ok  clock:", "ok  store:",
    ] {
      #expect(seen.output.contains(line), "\(line) in \(seen.output)")
    }
    #expect(!scene.pebble.log.contains("POST"), "\(scene.pebble.log)")
    let left = try await scene.place.run(["ls", scene.place("store/challenges")], called: "ls")
    #expect(left.output == "")
  }

  @Test("each address is asked by itself, and the one that does not answer is named with its remedy")
  func addresses() async throws {
    let scene = try await Scene(["a IN A 127.0.0.1", "a IN AAAA ::1", "b IN CNAME a", "c IN TXT \"x\""])
    let seen = try await scene.doctor("a.example.com")
    #expect(seen.ending == .exited(1), "\(seen)")
    #expect(seen.output.contains("ok  http-01 127.0.0.1: a validation would be answered"), "\(seen)")
    #expect(seen.output.contains("problem  http-01 ::1: http://a.example.com/"), "\(seen)")
    #expect(seen.output.contains("remedy: let port 80 of this address through"), "\(seen)")
    #expect(try await scene.doctor("b.example.com").output.contains("by way of the alias a.example.com"))
    #expect(try await scene.doctor("c.example.com").output.contains("has neither an A nor an AAAA record"))
    #expect(try await scene.doctor("d.example.com").output.contains("there is no such name as d.example.com"))
  }

  @Test("CAA records are found up the tree")
  func authorization() async throws {
    let scene = try await Scene([
      "a IN A 127.0.0.1", "@ IN CAA 0 issue \"other.test\"", "b IN A 127.0.0.1",
      "b IN CAA 128 tbs \"unknown\"",
    ])
    let above = try await scene.doctor("a.example.com")
    // Debian's pebble does not tell by which name it is allowed.
    #expect(above.output.contains("warning  caa: example.com allows other.test"), "\(above)")
    let own = try await scene.doctor("b.example.com")
    #expect(
      own.output.contains("problem  caa: the CAA record of b.example.com has the critical tag tbs"), "\(own)")
  }

  @Test("a store that others can read is told, with the command that mends it")
  func store() async throws {
    let scene = try await Scene(["a IN A 127.0.0.1"])
    let issued = try await scene.certd("renew", "--no-delay", "--config", scene.place("certd.yaml"))
    // The CA's own resolver leads to this machine.
    #expect(issued.ending == .exited(0), "\(issued)")
    let key = scene.place("store/certificates/main/gen-1/privkey.pem")
    try FileSystem().changeMode(key, 0o644)
    let seen = try await scene.doctor("main", "-o", "json")
    #expect(seen.ending == .exited(1), "\(seen)")
    #expect(seen.output.contains("gen-1/privkey.pem has mode 644: others may read or change it"), "\(seen)")
    #expect(seen.output.contains("chmod go-rwx"))
  }

  @Test("a CA that cannot be reached and a name that is none are told apart")
  func unreachable() async throws {
    let scene = try await Scene(["a IN A 127.0.0.1"])
    try await scene.pebble.stop()
    let seen = try await scene.doctor("main")
    #expect(
      seen.ending == .exited(1) && seen.output.contains("problem  ca: pebble cannot be asked"), "\(seen)")
    let wrong = try await scene.doctor("not a name")
    #expect(wrong.ending == .exited(2), "\(wrong)")
  }

  /// Takes the place of whatever has port 80: what it answers depends on the name that is asked for.
  private static let server = """
    import http.server, os, sys
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.headers["Host"].split(".")[0]
            token = os.path.basename(self.path)
            good = "http://good.example.com" + self.path
            to = {"moved": (301, good), "other": (303, good), "port": (302, "http://good.example.com:8443/x"),
                  "loop": (301, self.path), "lost": (307, "http://nowhere.example.com/x")}.get(name)
            body = b"" if to else open(sys.argv[2] + "/" + token, "rb").read() + {"good": b"\\r\\n"}.get(name, b"<p>")
            self.send_response(to[0] if to else 200)
            if to: self.send_header("Location", to[1])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
    print("ready", flush=True)
    server.serve_forever()
    """

  @Test("redirects and answers are judged as a CA does")
  func redirects() async throws {
    let names = ["moved", "other", "port", "loop", "lost", "good", "junk"]
    let scene = try await Scene(names.map { "\($0) IN A 127.0.0.1" })
    try scene.place.write("server.py", Self.server)
    let server = try await scene.place.start(
      ["python3", scene.place("server.py"), "\(scene.pebble.http01Port)", scene.place("store/challenges")],
      called: "redirects")
    try await eventually("it listens: \(server.errors)") { server.output.contains("ready") }
    let expected: [(String, String)] = [
      ("good", "ok  http-01 127.0.0.1: a validation would be answered"),
      ("moved", "ok  http-01 127.0.0.1: a validation would be answered after 1 redirects"),
      ("other", "redirects with status 303"), ("port", "redirects to port 8443"),
      ("loop", "more than 10 redirects"), ("lost", "redirects to nowhere.example.com, which has no address"),
      ("junk", "answers something else than what certd put up"),
    ]
    for (name, text) in expected {
      let seen = try await scene.doctor("\(name).example.com")
      let isWell = text.hasPrefix("ok")
      #expect(seen.output.contains(text) && seen.ending == .exited(isWell ? 0 : 1), "\(name): \(seen)")
    }
  }

  @Test("what holds the turn to listen is left alone: doctor does not listen beside a renewal")
  func turn() async throws {
    let scene = try await Scene(["a IN A 127.0.0.1"])
    #expect(try await scene.doctor("main").ending == .exited(0))
    let turn = try FileLock.tryAcquire(scene.place("store/http01.lock"), FileSystem())
    let isHeld = turn != nil
    #expect(isHeld)
    let seen = try await scene.doctor("main")
    #expect(seen.ending == .exited(1) && seen.output.contains("problem  http-01 127.0.0.1"), "\(seen)")
    #expect(seen.output.contains("warning  turn: another certd command listens"), "\(seen)")
    withExtendedLifetime(turn) {}
  }
}
