import TestPeers
import OS
import Proxy
import Telemetry
import TestSupport
import TestRun
import Testing
import Upstream

/// What must not be lost or added where the versions of the two sides differ, and when backends go.
@Suite("Between versions", .ownThread) struct HTTP2MixTests {
  @Test("Trailers of HTTP/1.1 lose the white space around their values")
  func trailers() async throws {
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      wire.write(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: \t 7 8 \t\r\nX-None:  \r\n\r\n"
      )
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get()))
      let answer = client.response(1)
      #expect(answer.text == "ok" && answer.trailers == ["x-sum=7 8", "x-none="], "\(client.trace)")
      #expect(client.violations == [])
    }
  }

  @Test("A gRPC answer of trailers alone passes as it is")
  func trailersOnly() async throws {
    let status = HPACK.block([
      ":status=200", "content-type=application/grpc", "grpc-status=5", "grpc-message=not here",
    ])
    let backend = try Backend(
      HTTP2BackendTests.answering { stream, _ in [.headers(stream, status, end: true)] })
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2BackendTests.call, end: true))
      let answer = client.response(1)
      #expect(answer.headers == ["content-type=application/grpc", "grpc-status=5", "grpc-message=not here"])
      #expect(answer.trailers == nil && answer.count == 0 && client.violations == [])
    }
    _ = backend.finish()
  }

  @Test("A request's trailers reach a backend that speaks HTTP/2, whatever was declared", arguments: [0, 5])
  func requestTrailers(_ length: Int) async throws {
    let backend = try Backend { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings().bytes)
      var headers = 0
      while true {
        let head = wire.read(exactly: 9)
        guard head.count == 9 else { return }
        let payload = wire.read(exactly: Int(head[1]) << 8 | Int(head[2]))
        guard head[3] == Frame.Kind.headers else { continue }
        headers += 1
        guard head[4] & 1 == 1 else { continue }
        let block = HPACK.block([":status=200"])
        let text = "\(headers) " + String(decoding: payload.suffix(1), as: UTF8.self)
        wire.write(
          Frame.headers(1, block, end: false).bytes + Frame.data(1, Array(text.utf8), end: true).bytes)
      }
    }
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(1, HTTP2Case.post("/", Header("content-length", "\(length)")), end: false),
        .data(1, Array(HTTP2Case.hello.prefix(length))))
      // What has been sent so far is dealt with before the trailers come.
      #expect(client.goesOn())
      client.send(.headers(1, HTTP2Case.trailers))
      #expect(client.response(1).text == "2 5", "\(client.trace)")
      #expect(client.violations == [])
    }
    _ = backend.finish()
  }

  @Test("An only backend that goes away, or refuses one stream, has the call on its next connection")
  func again() async throws {
    for refusal in [Frame.goAway(last: 0), .reset(1, .refusedStream)] {
      let leaving = HTTP2BackendTests.answering([(.maxConcurrentStreams, 0)]) { _, _ in [refusal] }
      let backend = try Backend(leaving, HTTP2BackendTests.served)
      try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
        let client = try edge.http2()
        #expect(client.start())
        client.send(.headers(1, HTTP2BackendTests.call, end: false), .data(1, [0, 0, 0, 0, 1, 7], end: true))
        #expect(client.response(1).field("grpc-status") == "0", "\(edge.reports)")
        #expect(edge.proxy.counters[.upstreamRetries] == 1)
      }
      #expect(backend.finish().count == 2)
    }
  }

  @Test("A backend that always goes away is not asked for ever")
  func neverAgain() async throws {
    let backend = try Backend(HTTP2BackendTests.answering { _, _ in [.goAway(last: 0)] })
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2BackendTests.call, end: true))
      #expect(client.response(1).field("grpc-status") == "14")
    }
    #expect(backend.finish().count == 3)
  }

  @Test("A backend that breaks off while it does not read answers nobody, and nobody waits for it")
  func brokenWhileStuck() async throws {
    let go = try Event()
    let backend = try Backend { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(
        Frame.settings([(.initialWindowSize, 0x7FFF_FFFF)]).bytes + Frame.windowUpdate(0, 0x7000_0000).bytes)
      go.wait()
      wire.reset()
    }
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.post("/"), end: false))
      _ = client.fill(1)
      go.signal()
      let answer = client.response(1)
      #expect(answer.status == 502 || answer.reset != nil, "\(client.trace)")
      #expect(client.goesOn())
    }
    _ = backend.finish()
  }

  @Test("WebSocket towards an HTTP/2 backend that takes none is refused with 501")
  func noTunnel() async throws {
    let backend = try Backend(HTTP2BackendTests.served)
    try await HTTP2Edge.serve(.bare(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.connect()
      for _ in 0..<2 {
        client.write(
          "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        #expect(client.readAnswer().head.hasPrefix("HTTP/1.1 501 "))
      }
      client.close()
    }
    // No HEADERS ever reached it.
    for bytes in backend.finishBytes() {
      #expect(!bytes.contains(Array("websocket".utf8)))
    }
  }

  @Test("HEAD tells what GET would, compressed or not")
  func head() async throws {
    let script: Backend.Script = { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nContent-Length: 5000\r\n\r\n")
      }
    }
    let backend = try Backend(script)
    var settings = CompressionTests.settings(backend.target)
    settings.listeners[0].h2c = true
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      for (stream, coding) in [(1, "gzip"), (3, "br")] as [(UInt32, String)] {
        let fields = HTTP2Case.fields("HEAD") + [Header("accept-encoding", coding)]
        client.send(.headers(stream, HPACK.block(fields)))
        let answer = client.response(stream)
        let isCoded = coding == "gzip"
        #expect(answer.field("content-length") == (isCoded ? nil : "5000"))
        #expect(answer.field("content-encoding") == (isCoded ? "gzip" : nil))
        #expect(answer.field("etag") == (isCoded ? "W/\"a\"" : "\"a\""))
        #expect(answer.field("vary") == "Accept-Encoding" && answer.count == 0)
      }
      #expect(client.violations == [])
    }
    _ = backend.finish()
  }
}
