import OS
import Proxy
import TLS
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("TLS-to-TCP", .ownThread) struct PassageTests {
  /// `localhost` leads to TCP, `*.local.test` to HTTP.
  static func settings(
    _ backends: [Settings.Backend], http: [Settings.Backend] = [], _ edit: (inout Settings) -> Void = { _ in }
  ) -> Settings {
    .bare([], secure: true) { settings in
      settings.services = [.init(name: "tcp", backends: backends), .init(name: "http", backends: http)]
      settings.services[0].isPassage = true
      settings.routes = [
        .init(hosts: ["localhost"], paths: [], service: 0),
        .init(hosts: ["*.local.test"], paths: [.prefix("/v1/")], service: 1),
      ]
      edit(&settings)
    }
  }

  static func serve(_ settings: Settings, _ body: (Edge) async throws -> Void) async throws {
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()], body)
  }

  @Test("Whoever speaks first is heard, and bytes pass both ways unread", arguments: [false, true])
  func both(secureBackend: Bool) async throws {
    let tls = try Certificates.localhost.get()
    let backend = try Backend(tls: secureBackend ? tls : nil) { wire in
      wire.write("\u{0}ready\n")
      for _ in 0..<3 { wire.write("<" + wire.read(through: "\n")) }
    }
    let target =
      secureBackend ? try Settings.Backend.secure(backend.address, host: "localhost") : backend.target
    try await Self.serve(Self.settings([target])) { edge in
      let client = try edge.connectSecurely()
      #expect(client.read(through: "\n") == "\u{0}ready\n")
      for line in ["GET / HTTP/1.1\r\n", "\u{16}\u{3}\n", "\n"] {
        client.write(line)
        #expect(client.read(through: "\n") == "<" + line)
      }
      #expect(edge.proxy.counters[.passages] == 1)
      #expect(edge.proxy.counters[.requests] == 0)
    }
    _ = backend.finish()
  }

  @Test("A client that has said all still hears the rest", arguments: [false, true])
  func clientEnds(secureBackend: Bool) async throws {
    let tls = try Certificates.localhost.get()
    let backend = try Backend(tls: secureBackend ? tls : nil) { wire in
      let all = wire.readToEnd()
      #expect(wire.ending == .closed)
      wire.write("got \(latin1Text(all))")
      wire.shutdownWrite()
    }
    let target =
      secureBackend ? try Settings.Backend.secure(backend.address, host: "localhost") : backend.target
    try await Self.serve(Self.settings([target])) { edge in
      let client = try edge.connectSecurely()
      client.write("all")
      client.shutdownWrite()
      #expect(latin1Text(client.readToEnd()) == "got all")
      #expect(client.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("A backend that has said all still hears the rest", arguments: [false, true])
  func backendEnds(secureBackend: Bool) async throws {
    let tls = try Certificates.localhost.get()
    let heard = try Event()
    let backend = try Backend(tls: secureBackend ? tls : nil) { wire in
      wire.write("all")
      wire.shutdownWrite()
      #expect(latin1Text(wire.readToEnd()) == "late")
      #expect(wire.ending == .closed)
      heard.signal()
    }
    let target =
      secureBackend ? try Settings.Backend.secure(backend.address, host: "localhost") : backend.target
    try await Self.serve(Self.settings([target])) { edge in
      let client = try edge.connectSecurely()
      #expect(latin1Text(client.readToEnd()) == "all")
      #expect(client.ending == .closed)
      client.write("late")
      client.shutdownWrite()
      #expect(heard.wait())
    }
    _ = backend.finish()
  }

  @Test("A client that leaves without TLS's end is gone: what it said arrives, and the backend is closed")
  func cut() async throws {
    let backend = try Backend { #expect(latin1Text($0.readToEnd()) == "some") }
    try await Self.serve(Self.settings([backend.target])) { edge in
      let client = try edge.connectSecurely()
      client.write("some")
      Sys.shutdownWrite(client.fd)
      _ = client.readToEnd()
      #expect(backend.finish() == ["some"])
    }
  }

  @Test("A backend that breaks off is no end to the client")
  func broken() async throws {
    let backend = try Backend { wire in
      wire.write("some")
      _ = wire.read(through: "\n")
      wire.reset()
    }
    try await Self.serve(Self.settings([backend.target])) { edge in
      let client = try edge.connectSecurely()
      #expect(latin1Text(client.read(exactly: 4)) == "some")
      client.write("\n")
      #expect(client.readToEnd() == [])
      #expect(client.ending == .broken || client.ending == .reset)
    }
    _ = backend.finish()
  }

  @Test("Large amounts pass both ways at once, and a side that does not read holds up the other")
  func volume() async throws {
    let read = try Event()
    let backend = try Backend { wire in
      read.wait()
      while true {
        let part = wire.read()
        if part.isEmpty { break }
        wire.write(part)
      }
      wire.shutdownWrite()
    }
    try await Self.serve(Self.settings([backend.target])) { edge in
      let client = try edge.connectSecurely()
      var random = SeededGenerator(seed: 8)
      let data = random.bytes(3 << 20)
      var sent = 0
      // Records are whole, so that the proxy stops reading between two of them.
      while sent < 64 << 20, !client.isStuck {
        client.write(Array(repeating: 1, count: 16_384))
        sent += 16_384
      }
      #expect(sent < 64 << 20)
      read.signal()
      var all = [UInt8](repeating: 1, count: sent)
      #expect(client.read(exactly: sent) == all)
      all = data
      let before = client.received.count
      client.write(data, step: 20_000) { $0.count >= before + data.count }
      #expect(Array(client.received[before...]) == all)
      client.shutdownWrite()
      #expect(client.readToEnd() == [])
      #expect(client.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("A backend that cannot be reached is passed over; when none is left the client is closed")
  func unreachable() async throws {
    let backend = try Backend { $0.write("here\n") }
    let gone = try Settings.Backend.refusing()
    var settings = Self.settings([gone, backend.target])
    settings.routes.append(.init(hosts: ["a.local.test"], paths: [], service: 2))
    settings.services.append(.init(name: "none", backends: [gone]))
    settings.services[2].isPassage = true
    try await Self.serve(settings) { edge in
      for _ in 0..<4 { #expect(try edge.connectSecurely().read(through: "\n") == "here\n") }
      let refused = try edge.connectSecurely("a.local.test")
      #expect(refused.readToEnd() == [])
      #expect(refused.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("The server name tells TCP from HTTP, and HTTP cannot reach a TCP service by its Host")
  func names() async throws {
    let http = try Backend { answerProbe($0) }
    let tcp = try Backend { $0.write("tcp\n") }
    try await Self.serve(Self.settings([tcp.target], http: [http.target])) { edge in
      #expect(try edge.connectSecurely().read(through: "\n") == "tcp\n")
      let client = try edge.connectSecurely("a.local.test")
      client.write("GET /v1/x HTTP/1.1\r\nHost: a.local.test\r\n\r\n")
      #expect(client.readAnswer().body == "probe")
      client.write("GET / HTTP/1.1\r\nHost: a.local.test\r\n\r\n")
      #expect(client.readAnswer().status == 404)
      client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(client.readAnswer().status == 404)
      let plain = try edge.connect()
      plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(plain.readAnswer().status == 404)
    }
    _ = http.finish()
    #expect(tcp.finish() == [""])
  }

  @Test("What a client offers by ALPN is not agreed to for TCP, and still is for HTTP")
  func applicationProtocols() async throws {
    let backend = try Backend { $0.write("tcp\n") }
    try await Self.serve(Self.settings([backend.target])) { edge in
      for offered in [["postgresql"], ["h2", "http/1.1"], []] {
        let client = try edge.connectSecurely(offering: offered)
        #expect(client.read(through: "\n") == "tcp\n")
        #expect(client.applicationProtocol == ApplicationProtocol.none)
      }
      let client = try edge.connectSecurely("a.local.test", offering: ["x", "http/1.1"])
      #expect(client.applicationProtocol == .http11)
      #expect(throws: Edge.HandshakeFailed.self) {
        try edge.connectSecurely("a.local.test", offering: ["postgresql"])
      }
    }
    _ = backend.finish()
  }

  @Test("New settings lead server names elsewhere; connections under way stay")
  func reload() async throws {
    let backend = try Backend { wire in
      wire.write("tcp\n")
      wire.write(wire.read(through: "\n"))
    }
    let http = try Backend { answerProbe($0) }
    let settings = Self.settings([backend.target])
    try await Self.serve(settings) { edge in
      let client = try edge.connectSecurely()
      #expect(client.read(through: "\n") == "tcp\n")
      var next = Settings.bare(http.target, secure: true)
      next.listeners = settings.listeners
      try await edge.proxy.apply(next)
      let other = try edge.connectSecurely()
      other.write(FramingCase.probe)
      #expect(other.readAnswer().body == "probe")
      client.write("still\n")
      #expect(client.read(through: "\n") == "still\n")
      try await edge.proxy.apply(settings)
      #expect(try edge.connectSecurely(offering: ["postgresql"]).read(through: "\n") == "tcp\n")
    }
    _ = backend.finish()
    _ = http.finish()
  }

  @Test("A connection that carries nothing is closed; one that does is not")
  func idle() async throws {
    let backend = try Backend { wire in wire.write("here\n") }
    let settings = Self.settings([backend.target]) { $0.services[0].rules.tunnelIdle = 100 }
    try await Self.serve(settings) { edge in
      let client = try edge.connectSecurely()
      #expect(client.read(through: "\n") == "here\n")
      #expect(client.readToEnd() == [])
      #expect(client.ending == .closed)
      #expect(edge.proxy.counters[.tunnelTimeouts] == 1)
    }
    _ = backend.finish()
  }

  @Test("A drain lets connections go on to their end")
  func drain() async throws {
    let backend = try Backend { wire in
      wire.write("here\n")
      wire.write("got " + wire.read(through: "\n"))
      wire.shutdownWrite()
    }
    try await Self.serve(Self.settings([backend.target])) { edge in
      let client = try edge.connectSecurely()
      #expect(client.read(through: "\n") == "here\n")
      async let drained: Void = edge.proxy.drain(milliseconds: 30_000)
      client.write("more\n")
      #expect(client.read(through: "\n") == "got more\n")
      client.shutdownWrite()
      #expect(client.readToEnd() == [])
      await drained
    }
    _ = backend.finish()
  }

  @Test("A backend is told the client's address before anything else")
  func proxyHeader() async throws {
    let backend = try Backend { wire in
      wire.write(wire.read(through: "\r\n"))
      wire.write(wire.read(through: "\n"))
    }
    var target = backend.target
    target.sendProxy = .v1
    let settings = Self.settings([target]) { settings in
      settings.listeners[1].proxyProtocolFrom =
        [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap { $0 }
    }
    try await Self.serve(settings) { edge in
      let client = try edge.connectSecurely(after: ProxyProtocolTests.v1)
      #expect(client.read(through: "\n") == latin1Text(ProxyProtocolTests.v1))
      client.write("hello\n")
      #expect(client.read(through: "\n") == "hello\n")
    }
    _ = backend.finish()
  }
}
