import EndToEnd
import PKI
import TestRun
import Testing

/// The main job as a user runs it: a certificate by ACME, TLS before a model server, renewed under a live stream.
@Suite(.ownThread) struct MainJobTests {
  static let host = "llm.example.com"
  static let prompt = "a prompt that nobody else may read"

  /// What must hold whether the daemon was told by a file or by flags.
  private func mainJob(
    _ place: Place, _ pebble: Pebble, _ model: ModelServer, _ daemon: Certd.Daemon, renew: [String]
  ) async throws {
    let certd = try Certd(place)
    try await daemon.logged("certificate proven")
    let first = try await daemon.leaf(Self.host)
    #expect(first.identifiers == [.dns(Self.host)])
    let curl = Curl(
      place, host: Self.host, port: try daemon.httpsPort(), root: pebble.issuingRootPath)
    #expect(try await curl("/v1/models").output.contains("demo"))

    let stream = try await curl.stream(tokens: 60, delay: 0.01, prompt: Self.prompt)
    // Token by token: some have come, and the rest cannot have been made.
    try await eventually("two events: \(stream.errors)") { stream.output.events >= 2 }
    #expect(!stream.output.isWholeStream)

    let renewal = try await certd("renew", "--force", "--no-delay", with: renew)
    #expect(renewal.ending == .exited(0), "\(renewal)")
    try await eventually("the new leaf is served") {
      try await daemon.leaf(Self.host).serialHex != first.serialHex
    }
    #expect(stream.ending == nil && !stream.output.isWholeStream, "\(stream.errors)")
    try model.openGate()
    #expect(try await stream.end() == .exited(0), "\(stream.errors)")
    #expect(stream.output.isWholeStream && stream.output.events == 61)
    try await daemon.logged("certificate proven", times: 2)
    #expect(try await curl("/health").ending == .exited(0))

    #expect(try await daemon.stop() == .exited(0))
    for secret in ["PRIVATE KEY", Self.prompt, "Hello", "\"level\":\"error\""] {
      #expect(!daemon.log.contains(secret), "\(secret) in \(daemon.log)")
    }
    #expect(!pebble.tokens.isEmpty)
    for token in pebble.tokens { #expect(!daemon.log.contains(token)) }
  }

  @Test("a stream goes on over a renewal from a second process, and the next handshake shows the new leaf")
  func byFile() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let model = try await ModelServer(place)
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
      listeners:
        - {address: "127.0.0.1:0"}
        - {address: "127.0.0.1:\(pebble.http01Port)", redirect: https}
      routes:
        - {hosts: [\(Self.host)], service: chat}
      services:
        chat: {kind: vllm, backends: ["\(model.url)"]}
      """)
    let daemon = try await Certd(place).run(["--config", file])
    try await mainJob(place, pebble, model, daemon, renew: ["--config", file])
  }

  @Test("the same without any file, by flags")
  func byFlags() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let model = try await ModelServer(place)
    let flags =
      ["--domain", Self.host, "--backend", model.url, "--https-address", "127.0.0.1:0"]
      + ["--store", place("store")] + pebble.flags
    let daemon = try await Certd(place).run(flags)
    try await mainJob(place, pebble, model, daemon, renew: flags)
  }

  @Test("a second start with a valid certificate serves it without asking the CA")
  func secondStart() async throws {
    let place = try Place()
    var options = Pebble.Options()
    // A nonce that is refused has the same order asked for twice.
    options.noncesRefusedPercent = 0
    let pebble = try await Pebble(place, options)
    let flags =
      ["--domain", Self.host, "--backend", "127.0.0.1:1", "--https-address", "127.0.0.1:0"]
      + ["--store", place("store")] + pebble.flags
    let first = try await Certd(place).run(flags)
    try await first.logged("certificate proven")
    let leaf = try await first.leaf(Self.host)
    #expect(try await first.stop() == .exited(0))
    // Pebble logs every request; renewal information may be asked for, an order may not.
    let orders = pebble.requests("/order-plz").count
    let second = try await Certd(place).run(flags)
    #expect(try await second.leaf(Self.host).serialHex == leaf.serialHex)
    #expect(try await second.stop() == .exited(0))
    #expect(pebble.requests("/order-plz").count == orders && orders == 1)
  }

  @Test("certd started before its CA keeps serving what it has, and gets the rest when the CA is there")
  func withoutCA() async throws {
    let place = try Place()
    let files = try TestCertificates(place, "files")
    let held = try files.issue(["held.example.com"], called: "held")
    var options = Pebble.Options()
    options.port = try FreePort.take()
    options.http01Port = try FreePort.take()
    // Only its root is needed now: the CA itself is not there yet.
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      acme:
        email: ops@example.com
        agree_tos: true
        issuers:
          - {name: pebble, directory: "https://127.0.0.1:\(options.port ?? 0)/dir", roots: [api.pem]}
        http01: {address: "127.0.0.1:\(options.http01Port ?? 0)"}
      listeners: [{address: "127.0.0.1:0"}]
      certificates:
        - {cert: "\(held.certificate)", key: "\(held.key)"}
      routes:
        - {hosts: [held.example.com, \(Self.host)], service: chat}
      services:
        chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
      """)
    let api = try TestCertificates(place, "api")
    try place.write("api.pem", String(decoding: api.rootPEM, as: UTF8.self))
    options.api = api
    let daemon = try await Certd(place).run(["--config", file])
    #expect(try await daemon.leaf("held.example.com").identifiers == [.dns("held.example.com")])
    try await daemon.logged("certificates")

    let pebble = try await Pebble(place, options)
    let renewal = try await Certd(place)("renew", "--force", "--no-delay", "--config", file)
    #expect(renewal.ending == .exited(0), "\(renewal)")
    try await eventually("the leaf from the CA is served") {
      try await daemon.leaf(Self.host).identifiers == [.dns(Self.host)]
    }
    #expect(try await daemon.leaf("held.example.com").identifiers == [.dns("held.example.com")])
    #expect(try await daemon.stop() == .exited(0))
    withExtendedLifetime(pebble) {}
  }
}
