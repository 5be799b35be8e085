import CLinux
import EndToEnd
import OS
import Scratch
import TestPeers
import TestSupport
import TestRun
import Testing

/// What runs out is made to run out: the daemon lives, says so once, serves who is there, and recovers.
@Suite(.ownThread) struct ExhaustionTests {
  /// A daemon without TLS before a backend that answers "ok" to everything.
  private struct Scene {
    let place: Place
    let backend: LocalServer
    let daemon: Certd.Daemon
    let address: SocketAddress

    /// `wrapper` are words before certd's own.
    init(
      _ extra: String = "", under wrapper: [String] = [], prepare: (Place) throws -> Void = { _ in }
    ) async throws {
      place = try Place()
      backend = try LocalServer { connection in
        while !connection.readHead().isEmpty {
          connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
      }
      try Self.configure(place, backend, extra)
      try prepare(place)
      daemon = try await Certd(place, under: wrapper).run(["--config", place("certd.yaml")])
      let text = daemon.lines("listening").first?.split(separator: #""address":""#).last?.prefix {
        $0 != "\""
      }
      let port = try #require(text?.split(separator: ":").last.flatMap { UInt16($0) })
      address = try #require(SocketAddress(host: "127.0.0.1", port: port))
    }

    static func configure(_ place: Place, _ backend: LocalServer, _ extra: String) throws {
      try place.write(
        "certd.yaml",
        """
        store: store
        workers: 1
        acme: {issuers: [local]}
        listeners: [{address: "127.0.0.1:0", tls: off}]
        routes: [{service: chat}]
        services:
          chat: {backends: ["127.0.0.1:\(backend.address.port)"], health: {enabled: false}}
        \(extra)
        """)
    }

    func connect() throws -> Wire { try Wire.connect(address) }

    /// Sets a limit of the daemon, as the user that it runs as.
    func limit(_ words: String..., as wrapper: [String] = []) async throws {
      let pid = try #require(daemon.child.processID)
      let done = try await place.run(wrapper + ["prlimit", "--pid", "\(pid)"] + words, called: "prlimit")
      #expect(done.ending == .exited(0), "\(done.errors)")
    }
  }

  private static func ask(_ client: Wire) -> String {
    client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    let head = client.readHead()
    return head.hasPrefix("HTTP/1.1 200 ") ? String(decoding: client.read(exactly: 2), as: UTF8.self) : head
  }

  @Test("without descriptors clients wait, those that are there are served, and the rest is when they leave")
  func descriptors() async throws {
    let scene = try await Scene(under: ["prlimit", "--nofile=128:128"])
    #expect(
      scene.daemon.lines(
        "fewer connections than limits.connections: descriptors are kept for backends"
      ).count == 1)
    let kept = try scene.connect()
    #expect(Self.ask(kept) == "ok")
    let crowd = try (0..<200).map { _ in try scene.connect() }
    try await scene.daemon.logged("out of file descriptors; raise the limit (ulimit -n)")
    for _ in 0..<20 { #expect(Self.ask(kept) == "ok") }
    let served = crowd.prefix(5).map { Self.ask($0) }
    #expect(served == [String](repeating: "ok", count: 5))
    for client in crowd { client.close() }
    let later = try scene.connect()
    #expect(Self.ask(later) == "ok")
    #expect(scene.daemon.lines("out of file descriptors; raise the limit (ulimit -n)").count == 1)
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test("clients that ask get the descriptors of those that do not")
  func idleClients() async throws {
    let scene = try await Scene(under: ["prlimit", "--nofile=128:128"])
    // As many as there may be, nearly: their backends' connections do not fit beside them.
    let clients = try (0..<30).map { _ in try scene.connect() }
    // Each holds a connection to the backend until its request is whole.
    var asking: [Wire] = []
    for client in clients.suffix(20).reversed() {
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n")
      asking.append(client)
    }
    for client in asking {
      client.write("x")
      #expect(client.readHead().hasPrefix("HTTP/1.1 200 "))
    }
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test("a full disk takes lines of the access log, and nothing else")
  func accessLogDisk() async throws {
    let scene = try await Scene("log: {access: /dev/full}")
    let client = try scene.connect()
    for _ in 0..<500 { #expect(Self.ask(client) == "ok") }
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test("a store that cannot be written is an error, what is served goes on, and a later renewal succeeds")
  func storeDisk() async throws {
    let scene = try await Scene()
    try await scene.limit("--fsize=0:unlimited")
    let client = try scene.connect()
    try Scene.configure(
      scene.place, scene.backend, "certificates: [{names: [disk.test]}]")
    scene.daemon.child.signal(1)
    // Not even the log's file grows: what happens is seen from outside.
    for _ in 0..<50 { #expect(Self.ask(client) == "ok") }
    try await scene.limit("--fsize=unlimited:unlimited")
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("certificate obtained")
    #expect(Self.ask(client) == "ok")
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test(
    "without threads a reload is refused and requests are answered; with them it is done",
    .enabled(if: geteuid() == 0, "needs root, to become a user whose processes can be limited"))
  func threads() async throws {
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    let scene = try await Scene(under: user) { place in
      #expect(chown(place.directory.path, 65534, 65534) == 0)
      #expect(chown(place("certd.yaml"), 65534, 65534) == 0)
    }
    try await scene.limit("--nproc=1:", as: user)
    let client = try scene.connect()
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration refused; the old one goes on")
    #expect(scene.daemon.log.contains("pthread_create"))
    for _ in 0..<50 { #expect(Self.ask(client) == "ok") }
    try await scene.limit("--nproc=4000:", as: user)
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration reloaded")
    #expect(Self.ask(client) == "ok")
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test(
    "without ephemeral ports a backend cannot be reached, which is said once, and it can be when there are some again",
    .enabled(if: geteuid() == 0, "needs root, for a network of its own"))
  func ephemeralPorts() async throws {
    let place = try Place()
    let script = "\(Place.package)/Tests/Support/EndToEnd/clients/ephemeral_ports.py"
    let finished = try await place.run(
      ["unshare", "--net", "python3", script, try Place.certd()], called: "ephemeral-ports")
    #expect(finished.ending == .exited(0), "\(finished.output)\(finished.errors)")
  }

  @Test(
    "a configuration that is empty or cut off for a moment is refused, and the old one goes on",
    arguments: ["", "# soon\n", "store: store\n", "listeners: [{address: \"127.0.0.1:0\", tls: off}]\n"])
  func emptyConfiguration(_ text: String) async throws {
    let scene = try await Scene()
    let client = try scene.connect()
    try scene.place.write("certd.yaml", text)
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration refused; the old one goes on")
    #expect(scene.daemon.log.contains("it serves nothing"))
    #expect(Self.ask(client) == "ok")
    #expect(Self.ask(try scene.connect()) == "ok")
    let checked = try await scene.place.run(
      [try Place.certd(), "check", "--config", "certd.yaml"], called: "check")
    #expect(checked.ending == .exited(2) && checked.errors.contains("it serves nothing"))
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test(
    "a reload that some workers could follow and one cannot leaves all of them, and every descriptor, as they were"
  )
  func halfAReload() async throws {
    let scene = try await Scene(prepare: { place in
      try place.write(
        "certd.yaml", place.read("certd.yaml").replacing("workers: 1", with: "workers: 4"))
    })
    let client = try scene.connect()
    #expect(Self.ask(client) == "ok")
    let pid = try #require(scene.daemon.child.processID)
    func descriptors() throws -> Int { try FileSystem().list("/proc/\(pid)/fd").count }
    let before = try descriptors()
    let old = scene.place.read("certd.yaml")
    // Every worker has a socket for each listener: with so few left the first ones get theirs and the last does not.
    try await scene.limit("--nofile=\(before + 10):")
    let more = (2..<12).map { ", {address: \"127.0.0.\($0):0\", tls: off}" }.joined()
    try scene.place.write(
      "certd.yaml", old.replacing("tls: off}]", with: "tls: off}\(more)]"))
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration refused; the old one goes on")
    for _ in 0..<20 { #expect(Self.ask(client) == "ok") }
    #expect(Self.ask(try scene.connect()) == "ok")
    try await eventually("\(before) descriptors, as before") { try descriptors() <= before }
    try await scene.limit("--nofile=4096:")
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration reloaded")
    #expect(try descriptors() >= before + 30)
    #expect(Self.ask(client) == "ok")
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test(
    "a log that is a FIFO without a reader holds up neither the start nor requests, and gets a reader later")
  func fifo() async throws {
    let scene = try await Scene("log: {access: access.fifo}") { place in
      #expect(mkfifo(place("access.fifo"), 0o600) == 0)
    }
    let client = try scene.connect()
    // More than a FIFO and the log's buffer hold.
    for _ in 0..<2000 { #expect(Self.ask(client) == "ok") }
    let reader = try await scene.place.run(["head", "-n", "1", "access.fifo"], called: "head")
    #expect(reader.output.contains("GET"))
    #expect(try await scene.daemon.stop() == .exited(0))
  }

  @Test("a second signal ends a drain that waits for a stream")
  func secondSignal() async throws {
    let scene = try await Scene("limits: {drain_timeout: 1h}")
    let client = try scene.connect()
    client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
    #expect(Self.ask(try scene.connect()) == "ok")
    scene.daemon.child.signal(15)
    try await scene.daemon.logged("stopping")
    #expect(scene.daemon.child.ending == nil)
    scene.daemon.child.signal(15)
    #expect(try await scene.daemon.child.end() == .exited(0))
  }

  @Test(
    "a changed access log and format are taken over by a reload, and one that cannot be opened refuses it")
  func logSettings() async throws {
    let scene = try await Scene("log: {access: one.log, format: json}")
    let client = try scene.connect()
    #expect(Self.ask(client) == "ok")
    try Scene.configure(scene.place, scene.backend, "log: {access: nowhere/two.log, format: json}")
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration refused; the old one goes on")
    #expect(scene.daemon.log.contains("nowhere/two.log"))
    try Scene.configure(scene.place, scene.backend, "log: {access: two.log, format: text}")
    scene.daemon.child.signal(1)
    try await eventually("a line of text: \(scene.daemon.log)") {
      scene.daemon.log.split(separator: "\n").last?.hasPrefix("{") == false
    }
    #expect(Self.ask(client) == "ok")
    #expect(try await scene.daemon.stop() == .exited(0))
    #expect(scene.place.read("one.log").split(separator: "\n").count == 1)
    #expect(scene.place.read("two.log").split(separator: "\n").count == 1)
  }
}
