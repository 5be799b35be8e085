import Bytes
import HTTP
import TestPeers
import OS
import PKI
import Proxy
import TLS
import TestSupport
import TestRun
import Testing

@Suite("Clients and backends that show certificates", .ownThread) struct ClientCertificateTests {
  /// A plain listener, and a TLS one that checks its clients.
  private func settings(
    _ backend: Backend, _ mode: ClientVerification.Mode, _ clients: ClientAuthority, lists: [[UInt8]] = [],
    names: Bool = false, _ edit: (inout Settings) -> Void = { _ in }
  ) -> Settings {
    .bare(backend.target, secure: true) { settings in
      settings.listeners[1].clients = ClientCheck(
        verification: .init(mode: mode, authoritiesPEM: [clients.pem], revocationLists: lists),
        forwardsNames: names)
      edit(&settings)
    }
  }

  private func serve(_ settings: Settings, _ body: (Edge) async throws -> Void) async throws {
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()], body)
  }

  /// A client on the TLS listener.
  private func connect(_ edge: Edge, as credential: Credential?) throws -> Wire {
    let wire = try Wire.connect(edge.proxy.addresses[1])
    let context = try ClientContext(trust: Certificates.authority.get().trust, identity: credential)
    #expect(wire.secure { Session(client: context, host: "localhost", pipe: $0) })
    return wire
  }

  private static let forged = """
    GET /probe HTTP/1.1\r\nHost: localhost\r\nClient-Cert: :Zm9yZ2Vk:\r\nclient-cert-chain: :Zm9yZ2Vk:\r
    X-Client-Cert-Subject: CN=forged\r\nx-client-cert-san: "DNS:forged"\r\nClient_Cert: forged\r
    X_Client-Cert_Subject: forged\r\nX-Client-Cert: other\r\n\r\n
    """.replacing("\r\n", with: "\n").replacing("\r", with: "").replacing("\n", with: "\r\n")

  @Test("A backend is told the verified certificate as RFC 9440 says, and nothing that the client made up")
  func told() async throws {
    let clients = try ClientAuthority()
    let alice = try clients.client("CN=alice,O=Example", names: "URI:spiffe://example/alice,DNS:alice.test")
    let backend = try Backend { answerProbe($0) }
    try await serve(settings(backend, .require, clients)) { edge in
      let client = try connect(edge, as: alice)
      for _ in 0..<2 {
        client.write(Self.forged)
        #expect(client.readAnswer().status == 200)
      }
    }
    let received = backend.finish().joined()
    let line = "Client-Cert: :\(Base64.encode(alice.chain[0])):\r\n"
    #expect(received.split(separator: line, omittingEmptySubsequences: false).count == 3, "\(received)")
    #expect(!received.contains("forged") && !received.contains("Zm9yZ2Vk"), "\(received)")
    #expect(received.contains("X-Client-Cert: other"))
  }

  @Test("Names are told when asked for, quoted so that one cannot look like two")
  func names() async throws {
    let clients = try ClientAuthority()
    let alice = try clients.client("CN=alice", names: "URI:spiffe://example/a\"\\b,DNS:alice.test")
    let nameless = try clients.client("CN=bob")
    let backend = try Backend { answerProbe($0) }
    try await serve(settings(backend, .require, clients, names: true)) { edge in
      for credential in [alice, nameless] {
        let client = try connect(edge, as: credential)
        client.write(Self.forged)
        #expect(client.readAnswer().status == 200)
      }
    }
    let received = backend.finish().joined()
    #expect(received.contains("X-Client-Cert-Subject: CN=alice\r\n"), "\(received)")
    #expect(
      received.contains(#"X-Client-Cert-SAN: "URI:spiffe://example/a\"\\b", "DNS:alice.test""#), "\(received)"
    )
    #expect(received.contains("X-Client-Cert-Subject: CN=bob\r\n"))
    #expect(!received.contains("forged"))
  }

  @Test(
    "Made-up identities do not pass a listener without certificates either, once any listener checks them")
  func forgedElsewhere() async throws {
    let clients = try ClientAuthority()
    let backend = try Backend { answerProbe($0) }
    let trusting: (inout Settings) -> Void = {
      $0.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap { $0 }
    }
    try await serve(settings(backend, .request, clients, trusting)) { edge in
      for client in [try edge.connect(), try connect(edge, as: nil)] {
        client.write(Self.forged)
        #expect(client.readAnswer().status == 200)
      }
    }
    #expect(!backend.finish().joined().contains("forged"))
  }

  @Test("Where nobody is checked, a trusted proxy in front may tell of its clients, and others may not")
  func passedOn() async throws {
    for isTrusted in [true, false] {
      let backend = try Backend { answerProbe($0) }
      let settings = Settings.bare(backend.target) {
        guard isTrusted else { return }
        $0.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap { $0 }
      }
      try await serve(settings) { edge in
        let client = try edge.connect()
        client.write(Self.forged)
        #expect(client.readAnswer().status == 200)
      }
      #expect(backend.finish().joined().contains("Client-Cert: :Zm9yZ2Vk:") == isTrusted)
    }
  }

  @Test("A route that sets or removes the field has its way")
  func edited() async throws {
    let clients = try ClientAuthority()
    let alice = try clients.client()
    let backend = try Backend { answerProbe($0) }
    try await serve(
      settings(backend, .require, clients, names: true) {
        $0.routes[0].rules.headers.request.remove = ["Client-Cert"]
        $0.routes[0].rules.headers.request.set = [.init("X-Client-Cert-Subject", "fixed")]
      }
    ) { edge in
      let client = try connect(edge, as: alice)
      client.write(Self.forged)
      #expect(client.readAnswer().status == 200)
    }
    let received = backend.finish().joined()
    #expect(!received.contains("\r\nClient-Cert:") && received.contains("X-Client-Cert-Subject: fixed\r\n"))
    #expect(!received.contains("CN=alice"))
  }

  @Test("A long request fits beside a large certificate")
  func large() async throws {
    let clients = try ClientAuthority()
    let many = (0..<100).map { "DNS:name-\($0).of.alice.test" }.joined(separator: ",")
    let alice = try clients.client(names: many)
    #expect(alice.chain[0].count > 2500)
    let backend = try Backend { answerProbe($0) }
    let content = String(repeating: "x", count: 300_000)
    try await serve(settings(backend, .require, clients, names: true)) { edge in
      let client = try connect(edge, as: alice)
      client.write(
        "POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(content.count)\r\n\r\n" + content)
      #expect(client.readAnswer().status == 200)
    }
    #expect(backend.finish().joined().contains("\r\n\r\nxxx"))
  }

  @Test("Refused clients get no answer, and the reason is reported")
  func refused() async throws {
    let clients = try ClientAuthority()
    let bob = try clients.client("CN=bob")
    let backend = try Backend { answerProbe($0) }
    try await serve(settings(backend, .require, clients, lists: [clients.revoking([bob])])) { edge in
      for (credential, reason) in [(bob, "certificate revoked"), (nil, "did not return a certificate")] {
        // TLS 1.3: the client has finished its handshake before it is refused.
        let client = try connect(edge, as: credential)
        client.write(Self.forged)
        #expect(client.readAnswer().status == 0)
        // The alert is sent before it is reported; when the worker answers somebody else, both have been done.
        let other = try edge.connect()
        other.write("nonsense\r\n\r\n")
        #expect(other.readAnswer().status == 400)
        #expect(edge.reports.contains { $0.contains(reason) }, "\(edge.reports)")
      }
    }
    #expect(backend.finish().joined().isEmpty)
  }

  /// For the host that the clients have shaken hands for.
  private static let probe = "GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n"

  @Test("A new revocation list is in force for new connections, and those that stand go on")
  func reload() async throws {
    let clients = try ClientAuthority()
    let alice = try clients.client("CN=alice")
    let backend = try Backend { answerProbe($0) }
    let before = settings(backend, .require, clients, lists: [try clients.revoking()])
    let after = settings(backend, .require, clients, lists: [try clients.revoking([alice])])
    try await serve(before) { edge in
      let client = try connect(edge, as: alice)
      client.write(Self.probe)
      #expect(client.readAnswer().status == 200)
      try await edge.proxy.apply(after)
      client.write(Self.probe)
      #expect(client.readAnswer().status == 200)
      let again = try connect(edge, as: alice)
      again.write(Self.probe)
      #expect(again.readAnswer().status == 0)
      let broken = settings(backend, .require, clients, lists: [latin1("no list")])
      await #expect(throws: ProxyError.self) { try await edge.proxy.apply(broken) }
      client.write(Self.probe)
      #expect(client.readAnswer().status == 200)
    }
    _ = backend.finish()
  }

  @Test("A backend that requires a certificate is shown the configured one")
  func towardsBackend() async throws {
    let clients = try ClientAuthority()
    let proxy = try clients.client("CN=certd")
    let backend = try Backend(
      tls: try Certificates.localhost.get(), clients: .init(mode: .require, authoritiesPEM: [clients.pem]),
      scripts: [{ answerProbe($0) }])
    for (identity, status) in [(proxy, 200), (nil, 502), (try ClientAuthority("Strangers").client(), 502)] {
      var target = try Settings.Backend.secure(backend.address, host: "localhost")
      target.tlsIdentity = identity
      try await Edge.serve(.bare(target)) { edge in
        let client = try edge.connect()
        client.write(FramingCase.probe)
        #expect(client.readAnswer().status == status)
      }
    }
    _ = backend.finish()
  }

  @Test("A route that needs a certificate is not answered on a listener that asks for none, by any version")
  func otherListener() async throws {
    let clients = try ClientAuthority()
    let alice = try clients.client("CN=alice")
    let backend = try Backend { answerProbe($0) }
    let settings = settings(backend, .request, clients) { settings in
      settings.listeners[0].h2c = true
      settings.routes[0].rules.clientCertificate = .required
    }
    try await serve(settings) { edge in
      let stranger = try edge.connect()
      stranger.write(FramingCase.probe)
      #expect(stranger.readAnswer().status == 421)
      let streams = try edge.http2()
      #expect(streams.start())
      streams.send(
        .headers(
          1, HPACK.block([":method=GET", ":scheme=http", ":path=/", ":authority=localhost"]), end: true))
      #expect(streams.response(1).status == 421)
      let nobody = try connect(edge, as: nil)
      nobody.write(Self.probe)
      #expect(nobody.readAnswer().status == 403)
      let known = try connect(edge, as: alice)
      known.write(Self.probe)
      #expect(known.readAnswer().status == 200)
    }
    #expect(backend.finish().count == 1)
  }

  @Test("Where clients are asked, a request for another host than the handshake's is misdirected")
  func otherHost() async throws {
    let clients = try ClientAuthority()
    let alice = try clients.client("CN=alice")
    let backend = try Backend { answerProbe($0) }
    try await serve(settings(backend, .require, clients)) { edge in
      let client = try connect(edge, as: alice)
      for (host, status) in [("other.test", 421), ("LOCALHOST.:8443", 200), ("localhost", 200)] {
        client.write("GET /probe HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(client.readAnswer().status == status, "\(host)")
      }
    }
    _ = backend.finish()
  }
}
