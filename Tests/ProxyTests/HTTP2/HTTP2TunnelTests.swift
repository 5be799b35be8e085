import Bytes
import TestPeers
import OS
import PKI
import Proxy
import Telemetry
import TestSupport
import TestRun
import Testing

@Suite("WebSocket over HTTP/2 (RFC 8441)", .ownThread) struct HTTP2TunnelTests {
  static let request: [Header] = [
    ":method=CONNECT", ":protocol=websocket", ":scheme=http", ":path=/ws?a=b", ":authority=localhost",
    "sec-websocket-protocol=chat", "sec-websocket-version=13", "origin=http://localhost",
  ]

  /// A backend that agrees, as RFC 6455 §4.2.2 asks for, and plays the rest.
  static func agreeing(_ rest: @escaping Backend.Script) -> Backend.Script {
    { wire in
      let asked = wire.readHead()
      let head = asked.lowercased()
      let hasKey = head.contains("\r\nsec-websocket-key: ")
      guard head.hasPrefix("get /ws?a=b http/1.1\r\n"), head.contains("\r\nhost: localhost\r\n"),
        head.contains("\r\nupgrade: websocket\r\n"), head.contains("\r\nconnection: upgrade\r\n"), hasKey,
        head.contains("\r\nsec-websocket-version: 13\r\n"),
        head.contains("\r\nsec-websocket-protocol: chat\r\n"),
        !head.contains("content-length"), !head.contains("transfer-encoding"), !head.contains(":protocol")
      else {
        wire.write("HTTP/1.1 418 Not so\r\nContent-Length: \(head.utf8.count)\r\n\r\n\(head)")
        return wire.close()
      }
      wire.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Accept: \(accept(asked))\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
      rest(wire)
    }
  }

  /// What RFC 6455 §4.2.2 has a server answer to a handshake's key.
  static func accept(_ head: String) -> String {
    let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-key: ") } ?? ""
    let key = line.dropFirst("sec-websocket-key: ".count)
    let digest = try? Digest.sha1(Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
    return Base64.encode(digest ?? [])
  }

  @Test(
    "A handshake without the right Sec-WebSocket-Accept is refused, for an HTTP/2 client cannot check it",
    arguments: [
      "", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "Sec-WebSocket-Accept:\r\n",
      "Sec-WebSocket-Accept: RIGHT\r\nSec-WebSocket-Accept: RIGHT\r\n",
    ])
  func wrongAccept(_ line: String) async throws {
    let script: Backend.Script = { wire in
      let line = line.split(separator: "RIGHT", omittingEmptySubsequences: false)
        .joined(separator: Self.accept(wire.readHead()))
      wire.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\(line)\r\n")
      _ = wire.readToEnd()
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HPACK.block(Self.request), end: false))
      client.wait { $0[1].status != nil || $0[1].isOver }
      #expect(client[1].status == 502, "\(client[1].text) \(client.trace)")
      #expect(edge.proxy.counters[.upgrades] == 0)
    }
  }

  /// Opens the tunnel on stream 1.
  static func open(_ client: HTTP2Connection) {
    #expect(client.start())
    #expect(client.settings[Setting.enableConnectProtocol.rawValue] == 1)
    client.send(.headers(1, HPACK.block(request), end: false))
    client.wait { $0[1].status != nil || $0[1].isOver }
    #expect(client[1].status == 200, "\(client[1].text) \(client.trace)")
    #expect(client[1].field("sec-websocket-protocol") == "chat")
    #expect(client[1].field("sec-websocket-accept") == nil && !client[1].isOver)
  }

  @Test("octets pass both ways unread, and each side's end reaches the other", arguments: [false, true])
  func opaque(secure: Bool) async throws {
    let script = Self.agreeing { wire in
      wire.write("\u{0}\u{81}first\n")
      for _ in 0..<10 { wire.write(wire.read(through: "\n")) }
      let rest = wire.readToEnd()
      wire.write("after the end: " + latin1Text(rest))
      wire.close()
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = secure ? try edge.http2Securely() : try edge.http2()
      Self.open(client)
      var expected = "\u{0}\u{81}first\n"
      for number in 0..<10 {
        let text = "\u{0}\u{FF}\r\(number)\n"
        client.send(.data(1, latin1(text)))
        expected += text
        #expect(client.wait { $0[1].count >= expected.unicodeScalars.count })
      }
      client.send(.data(1, latin1("rest"), end: true))
      #expect(client.response(1).hasEnded, "\(client.trace)")
      let got = latin1Text(client[1].body)
      #expect(got.debugDescription == (expected + "after the end: rest").debugDescription)
      #expect(client.goesOn() && client.violations == [])
      #expect(edge.proxy.counters[.upgrades] == 1)
    }
  }

  @Test("a tunnel stands beside other streams of its connection")
  func beside() async throws {
    let script: Backend.Script = { wire in
      let head = wire.readHead()
      guard head.contains(" /ws") else { return Origin.answer(wire, method: "GET", path: "/", head, "") }
      wire.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Accept: \(Self.accept(head))\r\n\r\n")
      while true {
        let part = wire.read()
        if part.isEmpty { return wire.close() }
        wire.write(part)
      }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HPACK.block(Self.request), end: false), .headers(3, HTTP2Case.get()))
      #expect(client.response(3).text == "hello")
      var random = SeededGenerator(seed: 5)
      let content = random.bytes(2 << 20)
      #expect(client.sendBody(1, content, end: true))
      #expect(client.response(1).body == content && client[1].hasEnded, "\(client[1].count) \(client.trace)")
      #expect(client.violations == [])
    }
  }

  @Test("RST_STREAM closes the backend's connection")
  func reset() async throws {
    let gone = try Event()
    let script = Self.agreeing { wire in
      _ = wire.readToEnd()
      gone.signal()
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      Self.open(client)
      client.send(.data(1, HTTP2Case.hello), .reset(1))
      #expect(gone.wait())
      #expect(client.goesOn())
    }
  }

  @Test("a backend's reset becomes RST_STREAM, its end END_STREAM", arguments: [false, true])
  func backendEnds(byReset: Bool) async throws {
    let script = Self.agreeing { wire in
      _ = wire.read(exactly: 5)
      if byReset { wire.reset() } else { wire.close() }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      Self.open(client)
      client.send(.data(1, HTTP2Case.hello))
      let answer = client.response(1)
      // A reset is CANCEL (RFC 8441 §5).
      #expect(
        byReset ? answer.reset == ErrorCode.cancel.rawValue : answer.hasEnded, "\(client.trace)")
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test("a backend that will not is heard")
  func refused() async throws {
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HPACK.block(Self.request), end: false))
      let answer = client.response(1)
      #expect(answer.status == 403 && answer.text == "no")
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test("what does not read stops what writes", arguments: [false, true])
  func backPressure(towardsBackend: Bool) async throws {
    let go = try Event()
    let total = 64 << 20
    let script = Self.agreeing { wire in
      if towardsBackend {
        go.wait()
        return
      }
      let piece = [UInt8](repeating: 0x61, count: 1 << 16)
      var sent = 0
      while sent < total {
        let n = wire.writeSome(piece)
        if n == 0, wire.isStuck { break }
        sent += n
      }
      wire.close()
      if sent < total { go.signal() }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      client.givesBack = false
      Self.open(client)
      if towardsBackend {
        #expect(client.fill(1) < total)
        go.signal()
      } else {
        #expect(go.wait(), "the proxy took all that nobody reads")
      }
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test(
    "a backend that answers without switching makes no tunnel, whatever the protocol",
    arguments: ["websocket", "connect-ip"])
  func noSwitch(_ name: String) async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start())
      let request: [Header] = [
        ":method=CONNECT", Header(":protocol", name), ":scheme=http", ":path=/", ":authority=localhost",
      ]
      client.send(.headers(1, HPACK.block(request), end: false))
      let answer = client.response(1)
      // Any 2xx would say that the tunnel stands (RFC 8441 §5).
      #expect(answer.reset != nil || (400...599).contains(answer.status ?? 0), "\(client.trace)")
      #expect(client.goesOn() && client.violations == [])
    }
  }
}
