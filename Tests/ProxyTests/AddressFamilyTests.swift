import Exchange
import OS
import Proxy
import Scratch
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Unix sockets and IPv6", .ownThread) struct AddressFamilyTests {
  @Test("A backend behind a Unix socket is served like any other, its connection kept")
  func unix() async throws {
    let place = try ScratchDirectory()
    let path = try #require(SocketAddress(unixPath: place("model.sock")))
    let backend = try Backend(at: path, scripts: [{ answerProbe($0) }])
    try await Edge.serve(.bare(backend.target, secure: true), credentials: [try Certificates.localhost.get()])
    {
      edge in
      for client in [try edge.connect(), try edge.connectSecurely()] {
        for _ in 0..<3 {
          client.write(FramingCase.probe)
          #expect(client.readAnswer().body == "probe")
        }
      }
      #expect(edge.proxy.counters[.upstreamConnectionsOpened] == 1)
    }
    #expect(backend.finish() == [String(repeating: FramingCase.probe, count: 6)])
  }

  @Test("A socket file that is missing, or that nobody listens on, is a backend that does not answer")
  func missing() async throws {
    let place = try ScratchDirectory()
    let dead = try #require(SocketAddress(unixPath: place("dead.sock")))
    _ = try ListeningSocket.open(dead)
    let missing = try #require(SocketAddress(unixPath: place("missing.sock")))
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(.at(dead), .at(missing), backend.target)) { edge in
      for _ in 0..<3 {
        let client = try edge.connect()
        client.write(FramingCase.probe)
        #expect(client.readAnswer().body == "probe")
      }
    }
    _ = backend.finish()
    try await Edge.serve(.bare(.at(dead), .at(missing))) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 503)
    }
  }

  @Test("TCP services and PROXY headers reach a Unix socket as well")
  func unixPassage() async throws {
    let place = try ScratchDirectory()
    let path = try #require(SocketAddress(unixPath: place("db.sock")))
    let backend = try Backend(
      at: path,
      scripts: [
        { wire in
          wire.write(wire.read(through: "\n"))
          wire.write("got " + latin1Text(wire.readToEnd()))
          wire.shutdownWrite()
        }
      ])
    var target = backend.target
    target.sendProxy = .v1
    try await PassageTests.serve(PassageTests.settings([target])) { edge in
      let client = try edge.connectSecurely()
      #expect(client.read(through: "\n").hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.2 "))
      client.write("all")
      client.shutdownWrite()
      #expect(latin1Text(client.readToEnd()) == "got all")
    }
    _ = backend.finish()
  }

  @Test("IPv6 listeners and backends: the fields quote where their grammar asks for it")
  func six() async throws {
    let six = try #require(SocketAddress(host: "::1", port: 0))
    for version in [nil, .v1, .v2] as [ProxyProtocol.Version?] {
      let backend = try Backend(
        at: six,
        scripts: [
          { wire in
            if version == .v1 { #expect(wire.read(through: "\r\n").hasPrefix("PROXY TCP6 ::1 ::1 ")) }
            if version == .v2 { #expect(wire.read(exactly: 52)[13] == 0x21) }
            answerProbe(wire)
          }
        ])
      #expect(backend.address.description.hasPrefix("[::1]:"))
      var target = backend.target
      target.sendProxy = version
      let settings = Settings.bare(target) { settings in
        settings.listeners = [.init(address: six, profile: nil)]
        settings.forwarding.xForwarded = true
        settings.forwarding.forwarded = true
      }
      try await Edge.serve(settings) { edge in
        let client = try edge.connect()
        client.write("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
        #expect(client.readAnswer().body == "probe")
      }
      let head = backend.finish().joined()
      #expect(head.contains("\r\nHost: [::1]:80\r\n"))
      #expect(head.contains("\r\nX-Forwarded-For: ::1\r\n"))
      #expect(head.contains("\r\nX-Forwarded-Host: [::1]:80\r\n"))
      #expect(head.contains("\r\nForwarded: for=\"[::1]\";proto=http;host=\"[::1]:80\"\r\n"))
    }
  }

  @Test("One socket for IPv6 and IPv4 shows IPv4 clients as such, also to trust and to PROXY headers")
  func dual() async throws {
    let any = try #require(SocketAddress(host: "::", port: 0))
    let backend = try Backend { wire in
      #expect(wire.read(through: "\r\n").hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 "))
      answerProbe(wire)
    }
    var target = backend.target
    target.sendProxy = .v1
    let settings = Settings.bare(target) { settings in
      settings.listeners = [.init(address: any, profile: nil)]
      settings.forwarding.xForwarded = true
      settings.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap { $0 }
    }
    try await Edge.serve(settings) { edge in
      let port = edge.proxy.addresses[0].port
      let client = try Wire.connect(try #require(SocketAddress(host: "127.0.0.1", port: port)))
      client.write("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n")
      #expect(client.readAnswer().body == "probe")
    }
    #expect(backend.finish().joined().contains("\r\nX-Forwarded-For: 10.1.1.1, 127.0.0.1\r\n"))
  }
}
