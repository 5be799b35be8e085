import EndToEnd
import PKI
import TestRun
import Testing

/// `certd run` with the local CA: reloads, renewals, replaced files, and its end, under live requests.
@Suite(.ownThread) struct DaemonTests {
  static let host = "localhost"

  /// A daemon with a model server behind it.
  private struct Scene {
    let place: Place
    let certd: Certd
    let model: ModelServer
    let daemon: Certd.Daemon
    let curl: Curl

    init(extra: String = "") async throws {
      place = try Place()
      certd = try Certd(place)
      model = try await ModelServer(place)
      try Self.configure(place, model, version: 0, extra)
      daemon = try await certd.run(["--config", place("certd.yaml")])
      try await daemon.logged("certificate proven")
      let root = try await certd("ca", "root", "--store", place("store"))
      try place.write("root.pem", root.output)
      curl = Curl(place, host: host, port: try daemon.httpsPort(), root: place("root.pem"))
    }

    static func configure(_ place: Place, _ model: ModelServer, version: Int, _ extra: String = "") throws {
      try place.write(
        "certd.yaml",
        """
        store: store
        acme: {issuers: [local]}
        listeners: [{address: "127.0.0.1:0"}]
        headers: {response: {set: {X-Version: "\(version)"}}}
        routes:
          - {hosts: [\(host)], service: chat}
          - {hosts: [\(host)], paths: [/only-\(version)], service: chat}
        services:
          chat: {backends: ["\(model.url)"]}
        \(extra)
        """)
    }

    /// A great many requests one after the other, each told of by a line `status connects` on standard error.
    func requests(_ arguments: [String] = []) async throws -> Child {
      try await curl.start(
        "/v1/models#[1-1000000]",
        ["-o", "/dev/null", "-w", #"%{stderr}%{http_code} %{num_connects}\n"#] + arguments)
    }
  }

  @Test("a bad file is refused with its place, and the old configuration goes on")
  func badReload() async throws {
    let scene = try await Scene()
    try scene.place.write("certd.yaml", "acme: {issuers: [local]}\nlisteners: [{adress: \":1\"}]\n")
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration refused; the old one goes on")
    try await eventually("the place of the error: \(scene.daemon.log)") {
      scene.daemon.lines("configuration refused; the old one goes on").contains {
        $0.contains("certd.yaml:2:14: listeners[0].adress: unknown key")
      }
    }
    #expect(try await scene.curl("/v1/models", ["-i"]).output.lowercased().contains("x-version: 0"))
  }

  @Test("ten reloads fail no request, cut no stream, and each is in force")
  func reloads() async throws {
    let scene = try await Scene()
    let stream = try await scene.curl.stream(tokens: 20, delay: 0.01)
    let kept = try await scene.requests()
    let fresh = try await scene.requests(["--http1.1", "-H", "Connection: close"])
    try await eventually("a beginning: \(stream.errors)") {
      stream.output.events > 0 && kept.errors.count > 100 && fresh.errors.count > 100
    }
    for version in 1...10 {
      try Scene.configure(scene.place, scene.model, version: version)
      scene.daemon.child.signal(1)
      try await scene.daemon.logged("configuration reloaded", times: version)
      let answer = try await scene.curl("/only-\(version)", ["-i"])
      #expect(answer.output.lowercased().contains("x-version: \(version)"), "\(answer)")
    }
    try await expectUnharmed(kept, fresh, stream, scene.model)
  }

  @Test("ten forced renewals fail no request and cut no stream, and each new leaf is served")
  func renewals() async throws {
    let scene = try await Scene()
    let stream = try await scene.curl.stream(tokens: 20, delay: 0.01)
    let kept = try await scene.requests()
    let fresh = try await scene.requests(["--http1.1", "-H", "Connection: close"])
    try await eventually("a beginning: \(stream.errors)") {
      stream.output.events > 0 && kept.errors.count > 100 && fresh.errors.count > 100
    }
    var serials: Set<String> = [try await scene.daemon.leaf(Self.host).serialHex]
    for n in 1...10 {
      let renewal = try await scene.certd(
        "renew", "--force", "--no-delay", "--config", scene.place("certd.yaml"))
      #expect(renewal.ending == .exited(0), "\(renewal)")
      try await eventually("renewal \(n) is served") {
        serials.insert(try await scene.daemon.leaf(Self.host).serialHex).inserted
      }
    }
    try await scene.daemon.logged("certificate proven", times: 11)
    try await expectUnharmed(kept, fresh, stream, scene.model)
  }

  /// Ends the requests, which must all have been answered, the kept-alive ones over one connection.
  private func expectUnharmed(_ kept: Child, _ fresh: Child, _ stream: Child, _ model: ModelServer)
    async throws
  {
    #expect(stream.ending == nil && !stream.output.isWholeStream, "\(stream.errors)")
    try model.openGate()
    #expect(try await stream.end() == .exited(0), "\(stream.errors)")
    #expect(stream.output.isWholeStream)
    for (child, connects) in [(kept, "0"), (fresh, "1")] {
      try await eventually("some hundred requests") {
        child.errors.count { $0 == "\n" } > 300 || child.ending != nil
      }
      #expect(child.ending == nil, "\(child.errors.suffix(200))")
      child.signal(15)
      _ = try await child.end()
      let lines = child.errors.split(separator: "\n").dropLast()
      #expect(lines.count >= 300)
      #expect(lines.dropFirst().allSatisfy { $0 == "200 \(connects)" }, "\(Set(lines))")
    }
  }

  @Test("SIGTERM refuses new connections, lets a stream finish, and exits with 0")
  func drain() async throws {
    let scene = try await Scene()
    let stream = try await scene.curl.stream(tokens: 20, delay: 0.01)
    try await eventually("a beginning: \(stream.errors)") { stream.output.events > 0 }
    scene.daemon.child.signal(15)
    try await scene.daemon.logged("stopping")
    try await eventually("new connections are refused") {
      try await scene.curl("/health").ending == .exited(7)
    }
    #expect(scene.daemon.child.ending == nil && !stream.output.isWholeStream, "it did not wait")
    try scene.model.openGate()
    #expect(try await stream.end() == .exited(0) && stream.output.isWholeStream, "\(stream.errors)")
    #expect(try await scene.daemon.child.end() == .exited(0))
  }

  @Test("SIGTERM cuts what is still going on at the deadline, and exits with 0")
  func shortDrain() async throws {
    let scene = try await Scene(extra: "limits: {drain_timeout: 300ms}")
    let stream = try await scene.curl.stream(tokens: 20, delay: 0.01)
    try await eventually("a beginning: \(stream.errors)") { stream.output.events > 0 }
    #expect(try await scene.daemon.stop() == .exited(0), "\(scene.daemon.log)")
    #expect(try await stream.end() != .exited(0), "a cut stream looks whole")
    #expect(!stream.output.isWholeStream)
  }

  @Test("certificate files that are replaced are served without being told")
  func files() async throws {
    let place = try Place()
    let authority = try TestCertificates(place, "files")
    let files = try authority.issue(["files.example.com"], called: "site")
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{cert: "\(files.certificate)", key: "\(files.key)"}]
      routes: [{hosts: [files.example.com], service: a}]
      services: {a: {backends: ["127.0.0.1:1"]}}
      """)
    let daemon = try await Certd(place).run(["--config", file])
    let first = try await daemon.leaf("files.example.com")
    _ = try authority.issue(["files.example.com"], called: "site")
    try await eventually("the new certificate: \(daemon.log)") {
      try await daemon.leaf("files.example.com").serialHex != first.serialHex
    }
    try await daemon.logged("certificate proven")
    let second = try await daemon.leaf("files.example.com")
    try place.write("site.crt", "nonsense")
    try await daemon.logged("certificate file cannot be used; what was good before goes on")
    #expect(try await daemon.leaf("files.example.com").serialHex == second.serialHex)
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("a store that is away takes nothing from what is served, and is read again when it is back")
  func storeAway() async throws {
    let place = try Place()
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [\(Self.host)], service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    try await daemon.logged("certificate proven")
    let leaf = try await daemon.leaf(Self.host)
    _ = try await place.run(["mv", place("store/certificates"), place("away")], called: "mv")
    try await daemon.logged("store: damage found")
    #expect(try await daemon.leaf(Self.host) == leaf)
    _ = try await place.run(
      [
        "sh", "-c",
        "rm -rf '\(place("store/certificates"))' && mv '\(place("away"))' '\(place("store/certificates"))'",
      ],
      called: "mv")
    #expect(try await daemon.leaf(Self.host) == leaf)
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("hosts that an unreadable file might have covered are obtained when it turns out that it does not")
  func repaired() async throws {
    let place = try Place()
    try place.write("files.crt", "broken")
    try place.write("files.key", "broken")
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      certificates: [{cert: files.crt, key: files.key}]
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [files.example.com], service: a}, {hosts: [\(Self.host)], service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let certd = try Certd(place)
    // Something has to be there to be served.
    let other = try TestCertificates(place, "other")
    _ = try other.issue(["third.example.com"], called: "third")
    try place.write(
      "certd.yaml",
      place.read("certd.yaml").replacing(
        "[{cert: files", with: "[{cert: third.crt, key: third.key}, {cert: files"))
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    _ = try other.issue(["files.example.com"], called: "files")
    try await daemon.logged("certificate obtained")
    try await eventually("it is served") {
      try await daemon.leaf(Self.host).identifiers.map(\.description) == [Self.host]
    }
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("the local CA needs no file, and its root verifies what is served")
  func localCA() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let model = try await ModelServer(place)
    let daemon = try await certd.run([
      "--domain", Self.host, "--backend", model.url, "--issuer", "local", "--https-address", "127.0.0.1:0",
      "--http-address", "off", "--store", place("store"),
    ])
    try await daemon.logged("certificate proven")
    let root = try await certd("ca", "root", "--store", place("store"))
    let path = try place.write("root.pem", root.output)
    let curl = Curl(place, host: Self.host, port: try daemon.httpsPort(), root: path)
    #expect(try await curl("/v1/models").output.contains("demo"))
    let other = try TestCertificates(place, "other")
    let wary = Curl(place, host: Self.host, port: try daemon.httpsPort(), root: other.rootPath)
    #expect(try await wary("/v1/models").ending == .exited(60))
    // Ctrl-C is as good as SIGTERM.
    daemon.child.signal(2)
    #expect(try await daemon.child.end() == .exited(0))
  }
}
