import Exchange
import OS
import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("The PROXY protocol", .ownThread) struct ProxyProtocolTests {
  static let v1 = latin1("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n")
  static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
  static let v2 = signature + [0x21, 0x11, 0, 12, 192, 0, 2, 7, 198, 51, 100, 1, 0xDC, 4, 1, 0xBB]
  static let v6 =
    signature + [0x21, 0x21, 0, 36, 0x20, 1, 0xD, 0xB8] + Array(repeating: 0, count: 11) + [7]
    + Array(repeating: 0, count: 15) + [1, 0, 1, 1, 0xBB]
  static let local = signature + [0x20, 0, 0, 0]
  static let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n"

  /// One service behind both listeners, which trust the address that clients of these tests have, or another.
  static func settings(_ backend: Settings.Backend, trusting: [UInt8] = [127, 0, 0, 0]) -> Settings {
    .bare(backend, secure: true) { settings in
      settings.forwarding.xForwarded = true
      settings.forwarding.forwarded = true
      for index in settings.listeners.indices {
        settings.listeners[index].proxyProtocolFrom =
          [AddressRange(address: trusting, prefixLength: 8)].compactMap { $0 }
      }
    }
  }

  static let headers: [([UInt8], String, String)] = [
    (v1, "192.0.2.7", "for=192.0.2.7;"), (v2, "192.0.2.7", "for=192.0.2.7;"),
    (v6, "2001:db8::7", "for=\"[2001:db8::7]\";"), (local, "127.0.0.1", "for=127.0.0.1;"),
    (latin1("PROXY UNKNOWN\r\n"), "127.0.0.1", "for=127.0.0.1;"),
  ]

  @Test("The client is who a trusted peer says", arguments: headers)
  func client(_ header: [UInt8], _ address: String, _ element: String) async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(Self.settings(backend.target), credentials: [try Certificates.localhost.get()]) {
      edge in
      // All at once, byte by byte, and before a TLS handshake.
      let client = try edge.connect()
      client.write(header + latin1(Self.request))
      #expect(client.readAnswer().body == "probe")
      client.write(Self.request)
      #expect(client.readAnswer().body == "probe")
      let slow = try edge.connect()
      for byte in header { slow.write([byte]) }
      slow.write(Self.request)
      #expect(slow.readAnswer().body == "probe")
      let secure = try edge.connectSecurely(after: header)
      secure.write(Self.request)
      #expect(secure.readAnswer().body == "probe")
    }
    let heads = backend.finish().joined().split(separator: "GET / ")
    #expect(heads.count == 4)
    for head in heads {
      #expect(head.contains("\r\nX-Forwarded-For: \(address)\r\n"))
      #expect(head.contains("\r\nForwarded: \(element)"))
    }
  }

  @Test("The fields of a client are believed by the address in the header, not by its bearer's")
  func trust() async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Self.settings(backend.target)
    settings.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap { $0 }
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      for header in [Self.v1, Self.local] {
        let client = try edge.connect()
        client.write(header + latin1(Self.request))
        #expect(client.readAnswer().body == "probe")
      }
    }
    let all = backend.finish().joined()
    #expect(all.contains("X-Forwarded-For: 192.0.2.7\r\n"))
    #expect(all.contains("X-Forwarded-For: 10.9.9.9, 127.0.0.1\r\n"))
  }

  @Test(
    "A trusted peer that does not begin with a right header is closed without a word",
    arguments: [
      latin1(request), latin1("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n" + request), [0x16, 3, 1, 0, 1, 1],
      signature + [0x21, 0x11, 0x20, 0], latin1("PROXY UNKNOWN " + String(repeating: "x", count: 5000)),
    ])
  func refused(_ bytes: [UInt8]) async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(Self.settings(backend.target), credentials: [try Certificates.localhost.get()]) {
      edge in
      for listener in 0..<2 {
        let client = try edge.connect(listener)
        client.write(bytes)
        #expect(client.readToEnd() == [])
        #expect(client.ending == .closed || client.ending == .reset)
      }
      #expect(edge.proxy.counters[.proxyHeadersRefused] == 2)
      #expect(edge.reports.count == 2)
    }
    #expect(backend.finish() == [])
  }

  @Test("An untrusted peer is served without a header, and cannot set its address with one")
  func untrusted() async throws {
    let backend = try Backend { answerProbe($0) }
    let settings = Self.settings(backend.target, trusting: [10, 0, 0, 0])
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      let client = try edge.connect()
      client.write(Self.request)
      #expect(client.readAnswer().body == "probe")
      for header in [Self.v1, Self.v2] {
        let liar = try edge.connect()
        liar.write(header + latin1(Self.request))
        #expect(liar.readAnswer().status == 400)
        #expect(throws: Edge.HandshakeFailed.self) { try edge.connectSecurely(after: header) }
      }
    }
    #expect(backend.finish().joined().contains("X-Forwarded-For: 127.0.0.1\r\n"))
  }

  @Test("A header that does not come ends with the handshake's time limit")
  func silent() async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Self.settings(backend.target)
    settings.limits.handshakeTimeout = 50
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      for listener in 0..<2 {
        let client = try edge.connect(listener)
        client.write("PROXY ")
        #expect(client.readToEnd() == [])
      }
    }
    _ = backend.finish()
  }

  @Test("A backend is told the client's address on a connection of its own", arguments: [false, true])
  func out(secure: Bool) async throws {
    let seen = try Event()
    let backend = try Backend { wire in
      #expect(wire.read(through: "\r\n").hasPrefix("PROXY TCP4 "))
      seen.signal()
      answerProbe(wire)
    }
    var target = backend.target
    target.sendProxy = .v1
    try await Edge.serve(.bare(target, secure: true), credentials: [try Certificates.localhost.get()]) {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      let own = try #require(Sys.localAddress(client.fd))
      let end = try #require(Sys.peerAddress(client.fd))
      for _ in 0..<2 {
        client.write(FramingCase.probe)
        #expect(client.readAnswer().body == "probe")
        #expect(seen.wait())
      }
      let line = "PROXY TCP4 127.0.0.1 \(end.host) \(own.port) \(end.port)\r\n"
      client.close()
      let all = backend.finish()
      #expect(all.count == 2)
      for connection in all { #expect(connection.hasPrefix(line + "GET ")) }
    }
  }

  @Test("A header that came in goes out in the other version, before the backend's TLS")
  func through() async throws {
    let tls = try Certificates.localhost.get()
    let backend = try Backend(tls: tls, preamble: Self.v2.count) { answerProbe($0) }
    var target = try Settings.Backend.secure(backend.address, host: "localhost")
    target.sendProxy = .v2
    try await Edge.serve(Self.settings(target), credentials: [tls]) { edge in
      let client = try edge.connect()
      client.write(Self.v1 + latin1(FramingCase.probe))
      #expect(client.readAnswer().body == "probe")
    }
    #expect(backend.finishBytes().allSatisfy { $0.starts(with: Self.v2) })
  }
}
