import EndToEnd
import FakeGoogle
import OS
import PKI
import TestRun
import Testing

/// DNS-01 (RFC 8555 §8.4) with a real CA that asks a real name server.
@Suite(.ownThread) struct DNS01Tests {
  /// A CA and a name server for example.com, and for example.net, where aliases lead.
  private struct Scene {
    let place: Place
    let bind: Bind
    let pebble: Pebble
    let certd: Certd

    init(
      _ records: [String] = [], servers: [(name: String, address: String)] = [("ns1", "127.0.0.1")]
    ) async throws {
      place = try Place()
      bind = try await Bind(place, [.init("example.com", records), .init("example.net")], servers: servers)
      var options = Pebble.Options()
      options.nameServerPort = bind.port
      options.authorizationsReusedPercent = 0
      pebble = try await Pebble(place, options)
      certd = try Certd(place)
    }

    /// The configuration for a certificate, with a way to change zones.
    func configure(_ names: String, _ dns01: String) throws {
      try place.write(
        "certd.yaml",
        """
        store: store
        \(pebble.acmeSection)
          challenges: [dns-01]
          dns01:
            \(dns01)
            ttl: 1s
            resolvers: ["127.0.0.1:\(bind.port)"]
            authoritative_port: \(bind.port)
        listeners: [{address: "127.0.0.1:0"}]
        routes: [{hosts: [\(names)], service: chat}]
        services:
          chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
        certificates: [{name: main, names: [\(names)]}]
        """)
    }

    /// Changes zones by updates with the server's key.
    var updates: String { "rfc2136: {server: \"127.0.0.1:\(bind.port)\", key_file: \"\(bind.key.path)\"}" }

    /// Writes a program that works as a user's does: by `nsupdate`. `extra` comes first; `$1` is the action, `$json`
    /// the document.
    func program(_ extra: String = "") throws -> String {
      let path = try place.write(
        "hook",
        """
        #!/bin/sh
        json=$(cat)
        echo "$1 $json" >> \(place("hook.log"))
        field() { echo "$json" | sed -n 's/.*"'$1'":"\\([^"]*\\)".*/\\1/p'; }
        \(extra)
        if [ "$1" = present ]; then change=add; else change=delete; fi
        ttl=$([ $change = add ] && echo 1)
        printf 'server 127.0.0.1 %s\\nzone %s\\nupdate %s %s. %s TXT "%s"\\nsend\\n' \
          \(bind.port) "$(field zone)" $change "$(field record)" "$ttl" "$(field value)" | nsupdate -k \(bind.key.path)
        """)
      try FileSystem().changeMode(path, 0o700)
      return path
    }

    func renew(_ more: String...) async throws -> Place.Finished {
      try await certd("renew", "--no-delay", "--config", place("certd.yaml"), with: more)
    }

    /// The TXT records at a name that the server has.
    func texts(_ name: String) async throws -> [Substring] {
      let found = try await place.run(
        ["dig", "+short", "@127.0.0.1", "-p", "\(bind.port)", name, "TXT"], called: "dig")
      return found.output.split(separator: "\n")
    }

    func leaf() throws -> Certificate {
      try #require(
        try Certificate.parse(pem: Array(place.read("store/certificates/main/current/cert.pem").utf8)).first)
    }
  }

  @Test(
    "a wildcard and its apex are proven by two records at one name, put up by dynamic updates and removed after"
  )
  func updates() async throws {
    let scene = try await Scene()
    try scene.configure("'*.example.com', example.com", scene.updates)
    let renewed = try await scene.renew()
    #expect(renewed.ending == .exited(0), "\(renewed) \(scene.pebble.log) \(scene.bind.log)")
    #expect(try Set(scene.leaf().identifiers) == [.dns("*.example.com"), .dns("example.com")])
    #expect(try await scene.texts("_acme-challenge.example.com") == [])
    let left = try await scene.place.run(["ls", scene.place("store/dns")], called: "ls")
    #expect(left.output == "")
  }

  @Test("a program gets one JSON document for each record and each action")
  func program() async throws {
    let scene = try await Scene()
    try scene.configure("'*.example.com'", "exec: \"\(try scene.program())\"")
    let renewed = try await scene.renew()
    #expect(renewed.ending == .exited(0), "\(renewed) \(scene.pebble.log)")
    let lines = scene.place.read("hook.log").split(separator: "\n")
    #expect(lines.count == 2, "\(lines)")
    for (line, action) in zip(lines, ["present", "cleanup"]) {
      #expect(line.hasPrefix("\(action) {"))
      for part in [
        #""action":"\#(action)""#, #""domain":"example.com""#, #""identifier":"*.example.com""#,
        #""record":"_acme-challenge.example.com""#, #""zone":"example.com""#, #""ttl":1,"#, #""version":1"#,
      ] {
        #expect(line.contains(part), "\(part) in \(line)")
      }
    }
    #expect(try await scene.texts("_acme-challenge.example.com") == [])
  }

  @Test(
    "by flags alone the zone is looked for by the system's resolver, and the error names what it does not find"
  )
  func flags() async throws {
    let scene = try await Scene()
    let issued = try await scene.certd(
      "issue", "*.example.com", "--dns-exec", try scene.program(), "--store", scene.place("store"),
      with: scene.pebble.flags)
    // The system's resolver does not know this zone, and nothing on the command line names another one.
    #expect(issued.ending == .exited(1) && issued.errors.contains("_acme-challenge.example.com"), "\(issued)")
  }

  @Test("the daemon proves by DNS-01 without a listener for answers")
  func daemon() async throws {
    let scene = try await Scene()
    try scene.configure("'*.example.com'", scene.updates)
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    try await daemon.logged("certificate proven")
    #expect(try await daemon.leaf("a.example.com").identifiers == [.dns("*.example.com")])
    #expect(scene.pebble.tokens.isEmpty)
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("an alias of the challenge's name is followed into a zone that may be changed")
  func alias() async throws {
    let scene = try await Scene(["_acme-challenge.b IN CNAME proof.b.example.net."])
    try scene.configure("b.example.com", scene.updates)
    let renewed = try await scene.renew()
    #expect(renewed.ending == .exited(0), "\(renewed) \(scene.pebble.log)")
    let log = scene.bind.log
    #expect(log.contains("updating zone 'example.net/IN'") && !log.contains("updating zone 'example.com/IN'"))
    #expect(try scene.leaf().identifiers == [.dns("b.example.com")])
  }

  @Test("the CA is not told before every server of the zone has the record")
  func propagation() async throws {
    let servers = [("ns1", "127.0.0.1"), ("ns2", "::1")]
    let scene = try await Scene(servers: servers)
    // It never hears of the change.
    let second = try await Bind(
      scene.place, [.init("example.com")], address: "::1", port: scene.bind.port, servers: servers,
      key: scene.bind.key)
    try scene.configure("a.example.com", scene.updates + "\n    propagation_timeout: 2s")
    let renewed = try await scene.renew()
    #expect(renewed.ending == .exited(1), "\(renewed)")
    #expect(renewed.errors.contains("ns2.example.com (::1) does not have it"), "\(renewed)")
    #expect(!scene.pebble.log.contains("/chalZ/"), "\(scene.pebble.log)")
    #expect(try await scene.texts("_acme-challenge.a.example.com") == [])
    // Told not to look, certd tells the CA, which asks the first.
    try scene.configure("a.example.com", scene.updates + "\n    propagation_check: false")
    let unchecked = try await scene.renew("--force")
    #expect(unchecked.ending == .exited(0), "\(unchecked)")
    try await second.stop()
  }

  @Test(
    "what goes wrong is told by its cause, with the program's output",
    arguments: [
      ("echo no such zone here >&2; exit 3", "no such zone here"),
      ("seq 1 100000; echo the end; exit 1", "the end"), ("echo begun; sleep 600", "killed after 1 s"),
    ])
  func failingProgram(_ extra: String, _ expected: String) async throws {
    let scene = try await Scene()
    let program = try scene.program(extra)
    try scene.configure("a.example.com", "exec: \"\(program)\"\n    timeout: 1s")
    let renewed = try await scene.renew()
    #expect(renewed.ending == .exited(1), "\(renewed)")
    #expect(renewed.errors.contains("\(program) present:"), "\(renewed)")
    #expect(renewed.errors.contains(expected), "\(renewed)")
    #expect(renewed.errors.utf8.count < 4000, "\(renewed.errors.utf8.count)")
  }

  @Test("a wrong key and a zone that takes no updates are told apart, and nothing of the key is")
  func refusedUpdates() async throws {
    let scene = try await Scene()
    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA=="
    let file = try scene.place.write(
      "wrong.key", "key \"certd\" { algorithm hmac-sha256; secret \"\(secret)\"; };\n")
    let server = "server: \"127.0.0.1:\(scene.bind.port)\""
    try scene.configure("a.example.com", "rfc2136: {\(server), key_file: \"\(file)\"}")
    let wrong = try await scene.renew()
    #expect(wrong.ending == .exited(1), "\(wrong)")
    #expect(wrong.errors.contains("the secret of certd is another one there"), "\(wrong)")
    #expect(!wrong.errors.contains(secret))
    try scene.configure("a.example.com", "rfc2136: {\(server)}")
    let unsigned = try await scene.renew("--force")
    #expect(unsigned.ending == .exited(1) && unsigned.errors.contains("REFUSED"), "\(unsigned)")
  }

  @Test("what a killed run has left in the zone is removed by a later one")
  func killed() async throws {
    let scene = try await Scene()
    let once =
      "if [ \"$1\" = cleanup ] && [ ! -e \(scene.place("killed")) ]; then touch "
      + "\(scene.place("killed")); kill -9 $PPID; exit 1; fi"
    try scene.configure("a.example.com", "exec: \"\(try scene.program(once))\"")
    let first = try await scene.renew()
    #expect(first.ending == .signalled(9), "\(first)")
    #expect(try await scene.texts("_acme-challenge.a.example.com").count == 1)
    let second = try await scene.renew("--force")
    #expect(second.ending == .exited(0), "\(second)")
    #expect(try await scene.texts("_acme-challenge.a.example.com") == [])
    let left = try await scene.place.run(["ls", scene.place("store/dns")], called: "ls")
    #expect(!left.output.contains(".json"), "\(left)")
  }

  @Test("Google Cloud DNS is changed with the credentials of section gcp, and tidied up")
  func googleCloud() async throws {
    let place = try Place()
    let google = try FakeGoogle()
    google.addZone("main", "example.com.")
    var options = Pebble.Options()
    // It cannot ask the stand-in, which is no name server.
    options.believesAll = true
    let pebble = try await Pebble(place, options)
    try place.write("sa.json", try google.serviceAccountFile())
    try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
        challenges: [dns-01]
        dns01:
          google_cloud_dns: {}
          propagation_check: false
      gcp: {project: demo-project, credentials: sa.json, endpoints: {dns: "\(google.url)"}}
      certificates: [{names: ["*.example.com", example.com]}]
      """)
    let renewed = try await Certd(place)("renew", "--no-delay", "--config", place("certd.yaml"))
    #expect(renewed.ending == .exited(0), "\(renewed)")
    let changes = google.writes.filter { $0.path.hasSuffix("/managedZones/main/changes") }
    #expect(changes.count == 4, "\(google.journal.map { "\($0.method) \($0.path) \($0.status)" })")
    #expect(google.texts("main", "_acme-challenge.example.com.") == [])
  }
}
