import EndToEnd
import PKI
import TestRun
import Testing

/// TLS-ALPN-01 (RFC 8737) against a real CA: by the daemon's own listener, and by a command alone.
@Suite(.ownThread) struct TLSALPNTests {
  private struct Scene {
    let place: Place
    let pebble: Pebble
    let certd: Certd
    let port: UInt16

    init(listener: String = "127.0.0.1", challenges: String = "tls-alpn-01") async throws {
      place = try Place()
      port = try FreePort.take()
      var options = Pebble.Options()
      options.tlsALPN01Port = port
      pebble = try await Pebble(place, options)
      certd = try Certd(place)
      try place.write(
        "certd.yaml",
        """
        store: store
        \(pebble.acmeSection)
          challenges: [\(challenges)]
          tls_alpn01: {address: "127.0.0.1:\(port)"}
        listeners: [{address: "\(listener):\(port)"}]
        routes: [{hosts: [a.example.com, b.example.com], service: chat}]
        services:
          chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
        """)
    }
  }

  @Test("the daemon's TLS listener answers, and nothing listens on port 80")
  func daemon() async throws {
    let scene = try await Scene()
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    try await eventually("both are served: \(daemon.log) \(scene.pebble.log)") {
      let a = try? await daemon.leaf("a.example.com").identifiers
      let b = try? await daemon.leaf("b.example.com").identifiers
      return a == [.dns("a.example.com")] && b == [.dns("b.example.com")]
    }
    #expect(scene.pebble.tokens.isEmpty)
    let left = try await scene.place.run(["ls", scene.place("store/challenges")], called: "ls")
    #expect(left.output == "")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("renew answers by itself while nothing else listens")
  func command() async throws {
    let scene = try await Scene()
    let renewed = try await scene.certd(
      "renew", "--no-delay", "--config", scene.place("certd.yaml"))
    #expect(renewed.ending == .exited(0), "\(renewed) \(scene.pebble.log)")
    #expect(scene.pebble.tokens.isEmpty)
  }

  @Test("renew beside a daemon is answered by the daemon's listener")
  func beside() async throws {
    let scene = try await Scene()
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    try await daemon.logged("certificate proven")
    let renewed = try await scene.certd(
      "renew", "--no-delay", "--force", "--config", scene.place("certd.yaml"))
    #expect(renewed.ending == .exited(0), "\(renewed)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("a client that offers acme-tls/1 without a validation under way is turned away")
  func idle() async throws {
    let scene = try await Scene()
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    try await daemon.logged("certificate proven")
    // The answer of the validation that has been is taken down beside the proof.
    try await eventually("the client is turned away") {
      let probe = try await scene.place.run(
        [
          "openssl", "s_client", "-connect", "127.0.0.1:\(scene.port)", "-servername", "a.example.com",
          "-alpn",
          "acme-tls/1",
        ], called: "s_client")
      return (probe.output + probe.errors).contains("no application protocol")
    }
    #expect(try await daemon.stop() == .exited(0))
  }
}
