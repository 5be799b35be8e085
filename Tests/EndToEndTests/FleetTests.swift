import EndToEnd
import OS
import PKI
import TestRun
import Testing

/// Several `certd run` over a real etcd and a real CA.
@Suite(.ownThread, .enabled(if: EtcdServer.isInstalled, "etcd is not installed")) struct FleetTests {
  /// The file of one node: the CA asks port `http01` of whichever node has it.
  private func file(
    _ place: Place, _ pebble: Pebble, _ etcd: EtcdServer, _ node: String, answersAt port: UInt16,
    names: String = "a.example.com"
  ) throws -> String {
    let endpoints = etcd.endpoints.map { "\"\($0)\"" }.joined(separator: ", ")
    return try place.write(
      "\(node).yaml",
      """
      store: \(node)
      log: {level: debug}
      acme:
        email: ops@example.com
        agree_tos: true
        issuers:
          - {name: pebble, directory: "\(pebble.directoryURL)", roots: ["\(pebble.apiRootPath)"]}
        http01: {address: "127.0.0.1:\(port)"}
        challenges: [http-01]
        deploy_hooks: ['echo \(node) "$CERTD_NAME" >> \(place("hooks"))']
        deploy: [{command: 'echo \(node) >> \(place("once"))', once: true}]
      fleet:
        etcd: {endpoints: [\(endpoints)]}
        prefix: /certd/test
        seal_key: "\(String(repeating: "5a", count: 32))"
        node: \(node)
      listeners:
        - {address: "127.0.0.1:0"}
        - {address: "127.0.0.1:\(port)", redirect: https}
      routes:
        - {hosts: [\(names)], service: chat}
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
  }

  private func count(_ words: String, _ pebble: Pebble) -> Int {
    pebble.log.split(separator: "\n").filter { $0.contains(words) }.count
  }

  @Test(
    "a certificate is ordered once, its challenge is answered by whichever node is asked, and all serve it")
  func oneRenewal() async throws {
    let place = try Place()
    let (pebble, etcd) = (try await Pebble(place), try await EtcdServer(place))
    let quiet = try await Certd(place).run([
      "--config",
      try file(place, pebble, etcd, "quiet", answersAt: pebble.http01Port, names: "a.example.com"),
    ])
    try await quiet.logged("certificate served by the whole fleet")
    let others = try await [
      Certd(place).run(["--config", try file(place, pebble, etcd, "second", answersAt: FreePort.take())]),
      Certd(place).run(["--config", try file(place, pebble, etcd, "third", answersAt: FreePort.take())]),
    ]
    for node in others { try await node.logged("certificate of the fleet taken up") }
    let leaf = try await quiet.leaf("a.example.com")
    for node in others {
      try await node.logged("certificate proven")
      #expect(try await node.leaf("a.example.com") == leaf)
      #expect(node.lines("certificate obtained").isEmpty)
    }
    try await eventually("hooks") { place.read("hooks").split(separator: "\n").count == 3 }
    #expect(place.read("once") == "quiet\n")
    #expect(!quiet.log.contains("PRIVATE KEY"))
    for node in others + [quiet] { #expect(try await node.stop() == .exited(0)) }
  }

  @Test("a node that cannot be asked by the CA obtains a certificate that another one answers for")
  func sharedChallenge() async throws {
    let place = try Place()
    let (pebble, etcd) = (try await Pebble(place), try await EtcdServer(place))
    let answering = try await Certd(place).run([
      "--config",
      try file(place, pebble, etcd, "answering", answersAt: pebble.http01Port, names: "a.example.com"),
    ])
    try await answering.logged("certificate obtained")
    let ordering = try await Certd(place).run([
      "--config",
      try file(
        place, pebble, etcd, "ordering", answersAt: FreePort.take(), names: "a.example.com, b.example.com"),
    ])
    try await ordering.logged("certificate obtained")
    let names = ordering.lines("certificate obtained")
    #expect(names.count == 1 && names[0].contains("b.example.com"), "\(names)")
    // The name is nobody else's to manage, and all the same it is everywhere.
    try await answering.logged("certificate of the fleet taken up")
    try await ordering.logged("certificate proven", times: 2)
    let leaf = try await ordering.leaf("b.example.com")
    try await eventually("it is served") { try await answering.leaf("b.example.com") == leaf }
  }

  @Test("a node that is killed with an order under way is followed by another with the same order and key")
  func killed() async throws {
    let place = try Place()
    var slow = Pebble.Options()
    slow.validationDelaySeconds = 5
    let (pebble, etcd) = (try await Pebble(place, slow), try await EtcdServer(place))
    let config = try file(place, pebble, etcd, "staying", answersAt: pebble.http01Port)
    let staying = try await Certd(place).run(["--config", config])
    try await staying.logged("certificate obtained")
    let orders = count("Added order", pebble)
    let killed = try await Certd(place).run([
      "--config",
      try file(
        place, pebble, etcd, "killed", answersAt: FreePort.take(), names: "a.example.com, b.example.com"),
    ])
    // The CA has been told of the answer: it is at etcd, and so is the order.
    let told = count("Pulled a task", pebble)
    try await eventually("the CA validates") { count("Pulled a task", pebble) > told }
    killed.child.signal(9)
    _ = try await killed.child.end()
    #expect(killed.lines("certificate obtained").isEmpty)
    let key = place.read("killed/certificates/b.example.com/order.json")
    #expect(key.contains("PRIVATE KEY") && key.contains("\"url\""), "\(key.count)")

    _ = try file(
      place, pebble, etcd, "staying", answersAt: pebble.http01Port, names: "a.example.com, b.example.com")
    staying.child.signal(1)
    try await staying.logged("certificate obtained", times: 2)
    try await staying.logged("certificate proven", times: 2)
    #expect(count("Added order", pebble) == orders + 1)
    let leaf = try await staying.leaf("b.example.com")
    let stored = try PrivateKey(
      pem: Array(place.read("staying/certificates/b.example.com/current/privkey.pem").utf8))
    #expect(leaf.matches(stored))
    let kept = key.replacing("\\n", with: "\n").split(separator: "-----BEGIN PRIVATE KEY-----").last ?? ""
    let pem = "-----BEGIN PRIVATE KEY-----\(kept.prefix(while: { $0 != "\"" }))"
    #expect(leaf.matches(try PrivateKey(pem: Array(pem.utf8))))
  }

  @Test("a client resumes at another node than the one where its session began")
  func tickets() async throws {
    let place = try Place()
    let (pebble, etcd) = (try await Pebble(place), try await EtcdServer(place))
    let one = try await Certd(place).run([
      "--config", try file(place, pebble, etcd, "one", answersAt: pebble.http01Port),
    ])
    try await one.logged("certificate served by the whole fleet")
    let other = try await Certd(place).run([
      "--config", try file(place, pebble, etcd, "other", answersAt: FreePort.take()),
    ])
    try await other.logged("certificate proven")
    func shake(_ node: Certd.Daemon, _ session: String...) async throws -> String {
      try await place.run(
        [
          "openssl", "s_client", "-connect", "127.0.0.1:\(node.httpsPort())", "-servername", "a.example.com",
          "-tls1_2",
        ] + session, called: "s_client"
      ).output
    }
    #expect(try await shake(one, "-sess_out", place("session")).contains("New, TLSv1.2"))
    #expect(try await shake(other, "-sess_in", place("session")).contains("Reused, TLSv1.2"))
  }

  @Test("a key that is made at one node is taken by all, and one that is revoked at another by none")
  func keys() async throws {
    let place = try Place()
    let (etcd, model) = (try await EtcdServer(place), try await ModelServer(place))
    try model.openGate()
    let certd = try Certd(place)
    func write(_ node: String) throws -> String {
      try place.write(
        "\(node).yaml",
        """
        store: \(node)
        fleet:
          etcd: {endpoints: ["\(etcd.endpoints[0])"]}
          seal_key: "\(String(repeating: "5a", count: 32))"
          node: \(node)
          share_keys: true
        listeners: [{address: "127.0.0.1:0", tls: off}]
        keys: {team: {file: \(node).keys}}
        routes: [{service: a, keys: team}]
        services: {a: {kind: vllm, backends: ["\(model.url)"], health: {enabled: false}}}
        """)
    }
    let nodes = try await [
      certd.run(["--config", write("one")]), certd.run(["--config", write("two")]),
    ]
    for node in nodes { try await node.logged("fleet joined") }
    func status(_ node: Certd.Daemon, _ secret: String) async throws -> String {
      try await place.run(
        [
          "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer \(secret)",
          "http://127.0.0.1:\(node.port("http"))/v1/models",
        ], called: "curl"
      ).output
    }
    let made = try await certd("key", "create", "--config", place("one.yaml"), "--name", "alice")
    let secret = String(made.output.split(separator: "\n").first ?? "")
    try await eventually("both take it") {
      let answers = try await [status(nodes[0], secret), status(nodes[1], secret)]
      return answers == ["200", "200"]
    }
    let revoked = try await certd("key", "revoke", "alice", "--config", place("two.yaml"))
    #expect(revoked.ending == .exited(0), "\(revoked)")
    try await eventually("neither takes it") {
      let answers = try await [status(nodes[0], secret), status(nodes[1], secret)]
      return answers == ["401", "401"]
    }
    #expect(!place.read("one.keys").contains(secret))
  }

  @Test(
    "a configuration that was pushed is taken by all, one that a node refuses by none, and an earlier one comes back"
  )
  func configurations() async throws {
    let place = try Place()
    let etcd = try await EtcdServer(place)
    func text(_ path: String, _ more: String = "") -> String {
      """
      store: store
      fleet:
        etcd: {endpoints: ["\(etcd.endpoints[0])"]}
        seal_key: "\(String(repeating: "5a", count: 32))"
        node: "${CERTD_NODE}"
        follow: true
      listeners: [{address: "127.0.0.1:0", tls: off}]
      routes: [{paths: [\(path)], service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      \(more)
      """
    }
    let names = ["one", "two"]
    var nodes: [Certd.Daemon] = []
    for name in names {
      try FileSystem().makeDirectory(place(name), mode: 0o700)
      try place.write("\(name)/certd.yaml", text("/first"))
      let child = try await Certd(place, under: ["env", "CERTD_NODE=\(name)"]).start(
        ["run", "--config", place("\(name)/certd.yaml")])
      nodes.append(Certd.Daemon(running: child))
    }
    for node in nodes { try await node.logged("fleet joined") }
    let certd = try Certd(place, under: ["env", "CERTD_NODE=operator"])
    func files() -> [String] { names.map { place.read("\($0)/certd.yaml") } }

    let good = try place.write("good.yaml", text("/second"))
    let pushed = try await certd("fleet", "push", good)
    #expect(pushed.ending == .exited(0) && pushed.output.contains("1: taken by all"), "\(pushed)")
    #expect(files() == [text("/second"), text("/second")])
    for node in nodes { try await node.logged("a pushed configuration is taken up") }

    // The operator's machine has that file, and the nodes have not.
    try place.write("here.key", "")
    let bad = try place.write(
      "bad.yaml", text("/third", "certificates: [{cert: nowhere.pem, key: nowhere.key}]"))
    let refused = try await certd("fleet", "push", bad)
    #expect(refused.ending == .exited(1) && refused.errors.contains("nowhere.pem"), "\(refused)")
    #expect(files() == [text("/second"), text("/second")])

    let other = try place.write("other.yaml", text("/fourth"))
    #expect(try await certd("fleet", "push", other).ending == .exited(0))
    let history = try await certd("fleet", "history", "--config", good)
    #expect(history.output.contains("current") && history.output.contains("\n1 "), "\(history)")
    let diff = try await certd("fleet", "diff", good, "--config", good)
    #expect(diff.ending == .exited(1) && diff.output.contains("/fourth"), "\(diff)")
    #expect(try await certd("fleet", "rollback", "1", "--config", good).ending == .exited(0))
    #expect(files() == [text("/second"), text("/second")])
  }

  @Test("etcd away: what is served goes on, also by a node that starts then, and nothing is renewed")
  func without() async throws {
    let place = try Place()
    let (pebble, etcd) = (try await Pebble(place), try await EtcdServer(place))
    let config = try file(place, pebble, etcd, "one", answersAt: pebble.http01Port)
    let node = try await Certd(place).run(["--config", config])
    try await node.logged("certificate served by the whole fleet")
    let leaf = try await node.leaf("a.example.com")
    try await etcd.kill()
    try await node.logged("the fleet's etcd cannot be used; what is served goes on")
    #expect(try await node.leaf("a.example.com") == leaf)
    #expect(try await node.stop() == .exited(0))

    let more = try file(
      place, pebble, etcd, "one", answersAt: pebble.http01Port, names: "a.example.com, b.example.com")
    let again = try await Certd(place).run(["--config", more])
    try await again.logged("certificate skipped")
    #expect(again.lines("certificate skipped").contains { $0.contains("no lease of the fleet") })
    #expect(try await again.leaf("a.example.com") == leaf)

    try await etcd.restart()
    try await again.logged("certificate obtained")
  }
}
