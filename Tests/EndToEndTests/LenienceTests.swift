import EndToEnd
import OS
import TestPeers
import TestSupport
import TestRun
import Testing

/// One file that cannot be used stops nothing else.
@Suite(.ownThread) struct LenienceTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let clients: ClientAuthority
    let backend: LocalServer
    let plain: UInt16
    let securePort: UInt16
    let secure: Child
    let root: [UInt8]

    init() async throws {
      place = try Place()
      certd = try Certd(place)
      clients = try ClientAuthority("Clients of the test")
      plain = try FreePort.take()
      backend = try LocalServer { connection in
        _ = connection.readHead()
        connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        connection.close()
      }
      let authority = try TestCertificates(place, "backend-ca")
      let files = try authority.issue(["127.0.0.1"], called: "backend")
      securePort = try FreePort.take()
      secure = try await place.start(
        [
          "openssl", "s_server", "-accept", "\(securePort)", "-cert", files.certificate, "-key", files.key,
          "-www",
        ],
        called: "s_server")
      root = authority.rootPEM
      try place.write("clients.pem", String(decoding: clients.pem, as: UTF8.self))
      try configure()
    }

    func configure(_ more: String = "") throws {
      try place.write(
        "certd.yaml",
        """
        store: store
        acme: {issuers: [local]}
        listeners:
          - {address: "127.0.0.1:\(plain)", tls: off}
          - {address: "127.0.0.1:0", client_certificates: {ca: [clients.pem], crl: [clients.crl]}}
        routes:
          - {hosts: [localhost], service: echo}
          - {hosts: [keys.example], service: echo, auth: {api_keys: keys}}
          - {hosts: [secure.example], service: secure}
        services:
          echo: {backends: ["127.0.0.1:\(backend.address.port)"], health: {enabled: false}}
          secure: {backends: ["https://127.0.0.1:\(securePort)"], tls: {roots: [roots.pem]}, health: {enabled: false}}
        \(more)
        """)
    }

    func status(_ host: String, _ fields: String...) async throws -> String {
      let asked = try await place.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: \(host)"]
          + fields.flatMap { ["-H", $0] } + ["http://127.0.0.1:\(plain)/"], called: "curl")
      return asked.output
    }
  }

  @Test(
    "a start with an unreadable revocation list, key file and root serves the rest, and takes each up when it comes"
  )
  func start() async throws {
    let scene = try await Scene()
    let checked = try await scene.certd("check", "--config", scene.place("certd.yaml"))
    #expect(checked.ending == .exited(2) && checked.errors.contains("clients.crl"), "\(checked)")
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    #expect(daemon.lines("file cannot be used").count == 3, "\(daemon.log)")
    let told = try await scene.certd("status", "--config", scene.place("certd.yaml"))
    for name in ["clients.crl", "keys", "roots.pem"] { #expect(told.output.contains("/\(name)"), "\(told)") }
    #expect(try await scene.status("localhost") == "200")
    #expect(try await scene.status("keys.example") == "401")
    #expect(try await scene.status("secure.example") == "503")
    #expect(!daemon.lines("listening").contains { $0.contains(#""protocol":"https""#) }, "\(daemon.log)")

    try scene.place.write("keys", "sk-0123456789abcdef\n")
    try scene.place.write("clients.crl", String(decoding: scene.clients.revoking(), as: UTF8.self))
    try scene.place.write("roots.pem", String(decoding: scene.root, as: UTF8.self))
    try await daemon.logged("authorities, revocation lists, keys or certificates for backends were replaced")
    #expect(try await scene.status("keys.example", "Authorization: Bearer sk-0123456789abcdef") == "200")
    #expect(try await scene.status("secure.example") == "200")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("health checks trust the roots that requests trust, also after these were replaced")
  func checksFollow() async throws {
    let place = try Place()
    let port = try FreePort.take()
    func serve(_ name: String) async throws -> (child: Child, root: [UInt8]) {
      let authority = try TestCertificates(place, name)
      let files = try authority.issue(["127.0.0.1"], called: name)
      let child = try await place.start(
        ["openssl", "s_server", "-accept", "\(port)", "-cert", files.certificate, "-key", files.key, "-www"],
        called: name)
      try await eventually("\(name) listens") { child.output.contains("ACCEPT") }
      return (child, authority.rootPEM)
    }
    let first = try await serve("first")
    try place.write("roots.pem", String(decoding: first.root, as: UTF8.self))
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0", tls: off}]
      routes: [{service: a}]
      services:
        a:
          backends: ["https://127.0.0.1:\(port)"]
          tls: {roots: [roots.pem]}
          health: {path: /, interval: 1s, timeout: 1s}
      """)
    let daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    try await daemon.logged("backend healthy")
    // Roots that cannot be used change nothing for checks either.
    try place.write("roots.pem", "garbage")
    try await daemon.logged("files changed but cannot be used")
    try await eventually("checks go on") { daemon.log.contains("cannot be used") }
    #expect(daemon.lines("backend unhealthy").isEmpty, "\(daemon.log)")
    first.child.signal(9)
    try await daemon.logged("backend unhealthy")
    let second = try await serve("second")
    try place.write("roots.pem", String(decoding: second.root, as: UTF8.self))
    try await daemon.logged("backend healthy", times: 2)
    second.child.signal(9)
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("what becomes unreadable goes on as it was, also over a reload")
  func lastGoodState() async throws {
    let scene = try await Scene()
    try scene.place.write("keys", "sk-0123456789abcdef\n")
    try scene.place.write("clients.crl", String(decoding: scene.clients.revoking(), as: UTF8.self))
    try scene.place.write("roots.pem", String(decoding: scene.root, as: UTF8.self))
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    _ = try daemon.httpsPort()
    for name in ["keys", "clients.crl", "roots.pem"] {
      _ = try await scene.place.run(["rm", scene.place(name)], called: "rm")
    }
    try scene.configure("log: {level: debug}")
    daemon.child.signal(1)
    try await daemon.logged("configuration reloaded")
    #expect(daemon.lines("file cannot be used").count == 3, "\(daemon.log)")
    #expect(try await scene.status("keys.example") == "401")
    #expect(try await scene.status("keys.example", "Authorization: Bearer sk-0123456789abcdef") == "200")
    #expect(try await scene.status("secure.example") == "200")
    #expect(try await daemon.stop() == .exited(0))
  }
}
