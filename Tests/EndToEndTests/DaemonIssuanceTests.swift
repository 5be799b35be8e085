import EndToEnd
import OS
import PKI
import TestRun
import Testing

/// What `certd run` obtains by itself from a real CA, and how it recovers.
@Suite(.ownThread) struct DaemonIssuanceTests {
  @Test("the daemon obtains every certificate but the one that cannot be had, and runs their hooks")
  func several() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      log: {level: debug, access: access.log}
      \(pebble.acmeSection)
        deploy_hooks: ['echo "$RENEWED_LINEAGE|$RENEWED_DOMAINS" >> \(place("hooks"))']
      listeners:
        - {address: "127.0.0.1:0"}
        - {address: "127.0.0.1:\(pebble.http01Port)", redirect: https}
      certificates:
        - {names: [a.example.com, b.example.com, 127.0.0.1]}
      routes:
        - {hosts: [a.example.com, b.example.com, c.example.com, bad.example.com], service: chat}
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    try await pebble.failLookups(of: "bad.example.com")
    let daemon = try await Certd(place).run(["--config", file])
    try await daemon.logged("certificate proven", times: 2)
    try await daemon.logged("certificate not obtained")
    try await daemon.logged("deploy hook done", times: 2)
    #expect(daemon.lines("certificate not obtained").allSatisfy { $0.contains("bad.example.com") })
    for (name, count) in [("a.example.com", 3), ("b.example.com", 3), ("c.example.com", 1)] {
      let leaf = try await daemon.leaf(name)
      #expect(leaf.identifiers.count == count && leaf.identifiers.contains(.dns(name)))
    }
    let hooks = place.read("hooks")
    #expect(hooks.split(separator: "\n").count == 2, "\(hooks)")
    #expect(hooks.contains("|a.example.com b.example.com 127.0.0.1\n"), "\(hooks)")

    let redirect = try await place.run(
      [
        "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-H", "Host: a.example.com",
        "http://127.0.0.1:\(pebble.http01Port)/v1/models?q=1",
      ], called: "curl")
    let answer = redirect.output.split(separator: " ")
    #expect(answer.first?.hasPrefix("30") == true && answer.last?.hasPrefix("https://a.example.com") == true)
    #expect(redirect.output.hasSuffix("/v1/models?q=1"), "\(redirect)")
    #expect(try await daemon.stop() == .exited(0))
    #expect(!daemon.log.contains("PRIVATE KEY"))
    // What is in the store may be seen before we are told that it was obtained.
    #expect(daemon.lines("certificate obtained").contains { $0.contains("a.example.com") })
    let order = ["certificate in use", "certificate proven"].map { message in
      daemon.log.split(separator: "\n").firstIndex {
        $0.contains(#""message":"\#(message)""#) && $0.contains("a.example.com")
      } ?? -1
    }
    #expect(order == order.sorted() && !order.contains(-1), "\(daemon.log)")
  }

  @Test("the port for HTTP-01 that no listener has is held while something is ordered, and no longer")
  func portForTheMoment() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
        challenges: [http-01]
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [a.example.com], service: chat}]
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let daemon = try await Certd(place).run(["--config", file])
    try await daemon.logged("answering challenges")
    try await daemon.logged("certificate proven")
    // A socket that shares no port can be opened there again.
    try await eventually("the port is free: \(daemon.log)") {
      let address = try #require(SocketAddress(host: "127.0.0.1", port: pebble.http01Port))
      return (try? ListeningSocket.open(address, sharesPort: false)) != nil
    }
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("a port for HTTP-01 that somebody else has is a warning that says what it is for")
  func portHeld() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let address = try #require(SocketAddress(host: "127.0.0.1", port: pebble.http01Port))
    let holder = try ListeningSocket.open(address, sharesPort: false)
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
        challenges: [http-01]
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [a.example.com], service: chat}]
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let daemon = try await Certd(place).run(["--config", file])
    try await daemon.logged(
      "the port for HTTP-01 is not to be had; CAs get answers only if what has it sends them here")
    #expect(daemon.lines("the port for HTTP-01").allSatisfy { $0.contains("Address already in use") })
    #expect(try await daemon.stop() == .exited(0))
    withExtendedLifetime(holder) {}
  }

  @Test("a certificate that another process issues is served by the running daemon under its name")
  func issuedBeside() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let flags =
      ["--domain", "a.example.com", "--backend", "127.0.0.1:1", "--https-address", "127.0.0.1:0"]
      + ["--store", place("store")] + pebble.flags
    let certd = try Certd(place)
    let daemon = try await certd.run(flags)
    try await daemon.logged("certificate proven")
    // Its port for HTTP-01 is the daemon's: the answer goes through the challenge directory.
    let issued = try await certd("issue", "b.example.com", "--store", place("store"), with: pebble.flags)
    #expect(issued.ending == .exited(0), "\(issued)")
    try await eventually("b.example.com is served: \(daemon.log)") {
      try await daemon.leaf("b.example.com").identifiers == [.dns("b.example.com")]
    }
    #expect(try await daemon.leaf("a.example.com").identifiers == [.dns("a.example.com")])
  }

  @Test("a daemon killed in the middle of its first issuance obtains the certificate at its next start")
  func killed() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let proxy = try await FaultProxy(place, pebble, called: "counting")
    for n in [2, 4, 6, 8] {
      let flags = [
        "--domain", "a.example.com", "--backend", "127.0.0.1:1", "--https-address", "127.0.0.1:0", "--store",
        place("store-\(n)"), "--issuer", proxy.directoryURL, "--acme-root", proxy.rootPath, "--agree-tos",
        "--http-address", "127.0.0.1:\(pebble.http01Port)",
      ]
      try await proxy.breakRequest(-1, "none")
      let first = try await certd.run(flags)
      try await eventually("request \(n)") { try await proxy.count() > n }
      first.child.signal(9)
      #expect(try await first.child.end() == .signalled(9))
      let second = try await certd.run(flags)
      try await serves(second)
      #expect(try await second.stop() == .exited(0))
    }
  }

  @Test("a daemon killed before the CA looked for its answer orders anew at its next start")
  func killedBeforeValidation() async throws {
    let place = try Place()
    var options = Pebble.Options()
    options.validationDelaySeconds = 2
    let pebble = try await Pebble(place, options)
    let certd = try Certd(place)
    let flags =
      ["--domain", "a.example.com", "--backend", "127.0.0.1:1", "--https-address", "127.0.0.1:0"]
      + ["--store", place("store")] + pebble.flags
    let first = try await certd.run(flags)
    try await eventually("a challenge is to be validated: \(pebble.log)") {
      pebble.log.contains("POST /chalZ/")
    }
    first.child.signal(9)
    _ = try await first.child.end()
    // It failed, most likely; on a busy machine the CA may have been quicker than the kill.
    try await eventually("the validation has ended: \(pebble.log)") {
      pebble.log.contains("set INVALID") || pebble.log.contains("set VALID")
    }
    let second = try await certd.run(flags)
    try await serves(second)
  }

  /// Waits until the certificate is served: not for its proof, which the killed one may have made already.
  private func serves(_ daemon: Certd.Daemon) async throws {
    try await eventually("a.example.com is served: \(daemon.log)") {
      (try? await daemon.leaf("a.example.com").identifiers) == [.dns("a.example.com")]
    }
  }

  @Test("a CA that has lost the account, and one that is told another contact, go on issuing")
  func lostAccount() async throws {
    let place = try Place()
    let certd = try Certd(place)
    var options = Pebble.Options()
    options.port = try FreePort.take()
    options.http01Port = try FreePort.take()
    options.api = try TestCertificates(place, "api")
    let first = try await Pebble(place, options)
    func issue(_ name: String, _ email: String) async throws -> Place.Finished {
      let flags = first.flags.map { $0 == "ops@example.com" ? email : $0 }
      return try await certd("issue", name, "--store", place("store"), with: flags)
    }
    let before = try await issue("a.example.com", "ops@example.com")
    #expect(before.ending == .exited(0), "\(before)")
    // Pebble keeps everything in memory: the next one at the same address knows nobody.
    try await first.stop()
    let second = try await Pebble(place, options)
    let after = try await issue("b.example.com", "ops@example.com")
    #expect(after.ending == .exited(0), "\(after)")
    let changed = try await issue("c.example.com", "other@example.com")
    #expect(changed.ending == .exited(0), "\(changed)")
    withExtendedLifetime(second) {}
  }

  @Test("a renewal with nothing due ends at once without a delay, although no terminal is there")
  func nothingDue() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let issued = try await certd("issue", "a.example.com", "--store", place("store"), with: pebble.flags)
    #expect(issued.ending == .exited(0), "\(issued)")
    let renewal = try await certd("renew", "--store", place("store"))
    #expect(renewal.ending == .exited(0) && renewal.output.contains("not due"), "\(renewal)")
  }
}
