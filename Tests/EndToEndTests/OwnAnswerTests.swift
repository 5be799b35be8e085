import EndToEnd
import OS
import PKI
import TestRun
import Testing

/// What is done before a CA is asked to look: the answer is fetched from our own ports first.
@Suite(.ownThread) struct OwnAnswerTests {
  private let place: Place
  private let certd: Certd

  init() throws {
    place = try Place()
    certd = try Certd(place)
  }

  /// Somebody else's web server, which answers 404 or what lies in its folder.
  private func stranger(_ port: UInt16, _ folder: String = "stranger") async throws -> Child {
    _ = try await place.run(["mkdir", "-p", place(folder)], called: "mkdir")
    let server = try await place.start(
      [
        "/bin/sh", "-c",
        "echo $$ > pid; exec python3 -u -m http.server --bind 127.0.0.1 --directory '\(place(folder))' \(port)",
      ], called: folder)
    try await eventually("the stranger listens") { server.output.contains("Serving HTTP") }
    return server
  }

  private func write(_ pebble: Pebble, _ tls: UInt16, _ more: String = "") throws {
    try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
        tls_alpn01: {address: "127.0.0.1:\(tls)"}
      \(more)
      listeners: []
      certificates: [{names: [a.example.com]}]
      """)
  }

  private func renew() async throws -> Place.Finished {
    try await certd("renew", "--no-delay", "--config", place("certd.yaml"))
  }

  @Test("where another program holds port 80, TLS-ALPN-01 proves the name, and no validation is spent")
  func heldPort() async throws {
    let tls = try FreePort.take()
    var options = Pebble.Options()
    options.tlsALPN01Port = tls
    let pebble = try await Pebble(place, options)
    let server = try await stranger(pebble.http01Port)
    try write(pebble, tls)
    let renewed = try await renew()
    #expect(renewed.ending == .exited(0), "\(renewed) \(pebble.log)")
    #expect(pebble.tokens.isEmpty)
    _ = server
  }

  @Test("where others hold both ports the CA is not asked, and who answers is told")
  func heldPorts() async throws {
    let tls = try FreePort.take()
    var options = Pebble.Options()
    options.tlsALPN01Port = tls
    let pebble = try await Pebble(place, options)
    let servers = (try await stranger(pebble.http01Port), try await stranger(tls, "other"))
    try write(pebble, tls)
    let renewed = try await renew()
    #expect(renewed.ending == .exited(1), "\(renewed)")
    let told = renewed.output + renewed.errors
    #expect(told.contains("127.0.0.1:\(pebble.http01Port) is another program's (SimpleHTTP"), "\(told)")
    #expect(told.contains("tls-alpn-01: "), "\(told)")
    #expect(pebble.tokens.isEmpty)
    _ = servers
  }

  @Test("beside another web server its folder is used, and nothing is left in it")
  func webroot() async throws {
    let pebble = try await Pebble(place)
    let server = try await stranger(pebble.http01Port, "www")
    try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection.replacing(
        "http01: {address: \"127.0.0.1:\(pebble.http01Port)\"}",
        with: "http01: {address: \"127.0.0.1:\(pebble.http01Port)\", webroot: www}"))
      listeners: []
      certificates: [{names: [a.example.com]}]
      """)
    let renewed = try await renew()
    #expect(renewed.ending == .exited(0), "\(renewed) \(pebble.log)")
    #expect(!pebble.tokens.isEmpty)
    let left = try await place.run(["ls", place("www/.well-known/acme-challenge")], called: "ls")
    #expect(left.ending == .exited(0) && left.output == "", "\(left)")
    _ = server
  }

  @Test(
    "commands around a run stop what holds the port and start it again, once, and only where something is due"
  )
  func runHooks() async throws {
    let pebble = try await Pebble(place)
    let server = try await stranger(pebble.http01Port)
    let log = place("hooks")
    // The port is free when the program has ended, not when it was told to.
    let stop = "kill $(cat \(place("pid"))); tail --pid=$(cat \(place("pid"))) -s 0.01 -f /dev/null"
    try write(
      pebble, 1,
      """
        challenges: [http-01]
        pre_hooks: ["\(stop); echo pre >> \(log)", "exit 3"]
        post_hooks: ["echo post >> \(log)"]
      """)
    let renewed = try await renew()
    #expect(renewed.ending == .exited(0), "\(renewed) \(pebble.log)")
    #expect(renewed.errors.contains("acme.pre_hooks[1]: exit status 3"), "\(renewed)")
    #expect(try await renew().ending == .exited(0))
    let told = try await place.run(["cat", log], called: "cat")
    #expect(told.output == "pre\npost\n")
    _ = server
  }
}
