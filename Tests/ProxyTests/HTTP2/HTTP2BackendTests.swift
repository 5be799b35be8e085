import TestPeers
import Proxy
import Telemetry
import TestRun
import Testing
import Upstream

/// Backends that speak HTTP/2, and what they answer when they do not want a request.
@Suite("HTTP/2 backends", .ownThread) struct HTTP2BackendTests {
  /// Plays an HTTP/2 server: answers the head of each stream with frames, until nothing more comes.
  static func answering(
    _ settings: [(Setting, UInt32)] = [], _ answer: @escaping @Sendable (UInt32, Wire) -> [Frame]
  ) -> Backend.Script {
    { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings(settings).bytes)
      while true {
        let head = wire.read(exactly: 9)
        guard head.count == 9 else { return }
        let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        _ = wire.read(exactly: length)
        let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        if head[3] == Frame.Kind.settings, head[4] & 1 == 0 {
          wire.write(Frame(Frame.Kind.settings, flags: 1).bytes)
        } else if head[3] == Frame.Kind.headers {
          wire.write(answer(stream, wire).flatMap(\.bytes))
        }
      }
    }
  }

  static func target(_ backend: Backend) -> Settings.Backend {
    var target = backend.target
    target.http2 = true
    return target
  }

  static let call = HPACK.block([
    ":method=POST", ":scheme=http", ":path=/echo.Echo/Call", ":authority=localhost",
    "content-type=application/grpc", "te=trailers",
  ])

  static func status(_ code: Int) -> [UInt8] {
    HPACK.block([":status=200", "content-type=application/grpc"] + [Header("grpc-status", "\(code)")])
  }

  /// One call with content to two backends, in turn.
  static func call(
    _ first: @escaping Backend.Script, _ second: Backend.Script?,
    _ check: (HTTP2Connection.Received, EdgeProxy) -> Void
  ) async throws {
    let one = try Backend(first)
    let two = try second.map { try Backend($0) }
    let targets = [one, two].compactMap { $0 }.map(target)
    let settings = Settings.bare(targets) { settings in
      settings.listeners[0].h2c = true
      settings.services[0].rules.policy = .roundRobin
      settings.services[0].rules.retries.budgetPercent = 100
    }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, call, end: false), .data(1, [0, 0, 0, 0, 1, 7], end: true))
      check(client.response(1), edge.proxy)
      #expect(client.violations == [])
    }
    _ = (one.finish(), two?.finish())
  }

  static let served = answering { stream, _ in [.headers(stream, status(0), end: true)] }

  @Test("a call that is UNAVAILABLE on one backend is made on the next")
  func unavailable() async throws {
    let busy = Self.answering { stream, _ in [.headers(stream, Self.status(14), end: true)] }
    try await Self.call(busy, Self.served) { answer, proxy in
      #expect(answer.field("grpc-status") == "0")
      #expect(proxy.counters[.upstreamRetries] == 1)
    }
  }

  @Test("a call that is UNAVAILABLE everywhere is told so", arguments: [14, 8])
  func unavailableEverywhere(code: Int) async throws {
    let busy = Self.answering { stream, _ in [.headers(stream, Self.status(code), end: true)] }
    try await Self.call(busy, nil) { answer, _ in #expect(answer.field("grpc-status") == "\(code)") }
  }

  @Test("a stream that is refused goes elsewhere, POST or not")
  func refused() async throws {
    let refusing = Self.answering { stream, _ in [.reset(stream, .refusedStream)] }
    try await Self.call(refusing, Self.served) { answer, _ in #expect(answer.field("grpc-status") == "0") }
  }

  @Test("what a backend that is going away has not begun with goes elsewhere")
  func goingAway() async throws {
    let leaving = Self.answering { _, _ in [.goAway(last: 0)] }
    try await Self.call(leaving, Self.served) { answer, _ in #expect(answer.field("grpc-status") == "0") }
  }

  @Test("without a backend a call is answered in gRPC's words")
  func noBackend() async throws {
    let settings = Settings.bare(try .refusing()) { settings in
      settings.listeners[0].h2c = true
      settings.services[0].backends[0].http2 = true
    }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, Self.call, end: true))
      let answer = client.response(1)
      #expect(answer.status == 200 && answer.field("grpc-status") == "14")
    }
  }

  @Test("an HTTP/1.1 client's WebSocket is a stream of the backend's connection")
  func webSocket() async throws {
    let agreeing = Self.answering([(.enableConnectProtocol, 1)]) { stream, _ in
      [.headers(stream, HPACK.block([":status=200"]), end: false), .data(stream, Array("hello".utf8))]
    }
    let backend = try Backend(agreeing)
    try await HTTP2Edge.serve(.bare(Self.target(backend))) { edge in
      let client = try edge.connect()
      client.write(
        "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
      let head = client.readHead()
      #expect(head.hasPrefix("HTTP/1.1 101 "))
      // RFC 6455 §1.3 has this pair.
      #expect(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
      #expect(client.read(exactly: 5) == Array("hello".utf8))
      client.close()
    }
    _ = backend.finish()
  }
}
