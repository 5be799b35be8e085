import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Upgraded connections", .ownThread) struct TunnelTests {
  static let request =
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
  static let switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

  @Test(
    "After 101 bytes pass both ways unread, those right behind the heads included",
    arguments: [(false, false), (true, false), (false, true), (true, true)])
  func opaque(_ secure: Bool, _ secureBackend: Bool) async throws {
    let script: Backend.Script = { wire in
      #expect(wire.readHead().hasSuffix("Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"))
      wire.write(Self.switching + "\u{0}\u{81}first\n")
      for _ in 0..<10 { wire.write(wire.read(through: "\n")) }
      wire.close()
    }
    let backend = try Backend(tls: secureBackend ? try Certificates.localhost.get() : nil, script)
    let target =
      secureBackend ? try Settings.Backend.secure(backend.address, host: "localhost") : backend.target
    try await Edge.serve(.bare(target, secure: true), credentials: [try Certificates.localhost.get()]) {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write(Self.request + "behind the request\n")
      #expect(client.readHead() == Self.switching)
      #expect(client.read(through: "\n") == "\u{0}\u{81}first\n")
      #expect(client.read(through: "\n") == "behind the request\n")
      for number in 1..<10 {
        let text = "\u{0}\u{FF}GET / HTTP/1.1\r\(number)\n"
        client.write(text)
        #expect(client.read(through: "\n") == text)
      }
      #expect(client.readToEnd() == [])
      #expect(edge.proxy.counters[.upgrades] == 1)
    }
    _ = backend.finish()
  }

  @Test("A client that has said all still hears the rest", arguments: [false, true])
  func halfClose(secure: Bool) async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.switching)
      let all = wire.readToEnd()
      wire.write("got \(latin1Text(all))")
      wire.close()
    }
    try await Edge.serve(.bare(backend.target, secure: true), credentials: [try Certificates.localhost.get()])
    {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write(Self.request)
      #expect(client.readHead() == Self.switching)
      client.write("all")
      client.shutdownWrite()
      #expect(latin1Text(client.readToEnd()) == "got all")
      #expect(client.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("A backend that has said all still hears the rest", arguments: [false, true])
  func backendEnds(secure: Bool) async throws {
    let heard = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.switching + "all")
      wire.shutdownWrite()
      #expect(latin1Text(wire.readToEnd()) == "late")
      heard.signal()
    }
    try await Edge.serve(.bare(backend.target, secure: true), credentials: [try Certificates.localhost.get()])
    {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write(Self.request)
      #expect(client.readHead() == Self.switching)
      #expect(latin1Text(client.readToEnd()) == "all")
      #expect(client.ending == .closed)
      client.write("late")
      client.shutdownWrite()
      #expect(heard.wait())
    }
    _ = backend.finish()
  }

  @Test("An upgraded connection that carries nothing is closed")
  func idle() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.switching)
    }
    try await Edge.serve(.bare(backend.target) { $0.limits.upgradeIdleTimeout = 100 }) { edge in
      let client = try edge.connect()
      client.write(Self.request)
      #expect(client.readHead() == Self.switching)
      #expect(client.readToEnd() == [])
      #expect(edge.proxy.counters[.tunnelTimeouts] == 1)
    }
    _ = backend.finish()
  }

  @Test("Large amounts pass a tunnel both ways at once")
  func volume() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.switching)
      while true {
        let part = wire.read()
        if part.isEmpty { break }
        wire.write(part)
      }
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(Self.request)
      #expect(client.readHead() == Self.switching)
      var random = SeededGenerator(seed: 5)
      let data = random.bytes(2 << 20)
      let before = client.received.count
      client.write(data, step: 20_000) { $0.count >= before + data.count }
      #expect(Array(client.received[before...]) == data)
    }
    _ = backend.finish()
  }

  @Test("A client that vanishes from a tunnel takes the backend's connection with it")
  func vanishes() async throws {
    let ended = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.switching)
      _ = wire.readToEnd()
      ended.signal()
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(Self.request)
      #expect(client.readHead() == Self.switching)
      client.reset()
      #expect(ended.wait())
    }
    _ = backend.finish()
  }

  @Test("A backend that does not switch answers as ever, and the connection stays HTTP")
  func refused() async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      for request in [Self.request, FramingCase.probe, Self.request] {
        client.write(request)
        #expect(client.readAnswer().body == "probe")
      }
    }
    _ = backend.finish()
  }

  static let notForwarded = [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
    "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", "Connection: upgrade\r\nUpgrade: H2C/2\r\n",
    "Upgrade: websocket\r\n", "Connection: upgrade\r\n",
  ]

  @Test(
    "An upgrade to another HTTP, or one that is not asked for properly, is not forwarded",
    arguments: notForwarded)
  func notPassedOn(_ fields: String) async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n")
      #expect(client.readAnswer().body == "probe")
    }
    #expect(backend.finish() == ["GET / HTTP/1.1\r\nHost: h\r\n\r\n"])
  }

  @Test("A switch before all of the request has arrived is not believed")
  func early() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.switching)
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n")
      #expect(client.readAnswer().status == 502)
    }
    _ = backend.finish()
  }
}
