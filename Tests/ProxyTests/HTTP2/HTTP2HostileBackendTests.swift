import TestPeers
import OS
import Proxy
import Telemetry
import TestSupport
import TestRun
import Testing
import Upstream

/// Backends that break HTTP/2's rules: each ends its own exchange, in time, and no other.
@Suite("Hostile HTTP/2 backends", .ownThread) struct HTTP2HostileBackendTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let says: String
    /// Whether the response has begun by then: it is cut off, and otherwise answered by 502.
    var hasBegun = false
    /// A client that takes all at once would see nothing of it.
    var needsSlowClient = false
    let answer: @Sendable (UInt32) -> [Frame]
    var testDescription: String { says }
  }

  static let ok = HPACK.block([":status=200", "content-type=text/plain"])
  static func head(_ fields: Header...) -> [UInt8] { HPACK.block([":status=200"] + fields) }
  static let piece = [UInt8](repeating: 0x61, count: 16_384)

  static let heads: [Row] = [
    Row(says: "garbage in place of a head") { [.headers($0, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])] },
    Row(says: "no status") { [.headers($0, HPACK.block(["x-a=b"]))] },
    Row(says: "two statuses") { [.headers($0, HPACK.block([":status=200", ":status=200"]))] },
    Row(says: "a status of four digits") { [.headers($0, HPACK.block([":status=2000"]))] },
    Row(says: "101") { [.headers($0, HPACK.block([":status=101"]))] },
    Row(says: "a request's pseudo-header field") { [.headers($0, Self.head(":path=/"))] },
    Row(says: "a capital letter") { [.headers($0, Self.head("X-A=b"))] },
    Row(says: "a line end in a value") { [.headers($0, Self.head("x-a=b\r\nx-c: d"))] },
    Row(says: "a NUL in a value") { [.headers($0, Self.head("x-a=b\0"))] },
    Row(says: "a connection's field") { [.headers($0, Self.head("connection=close"))] },
    Row(says: "transfer-encoding") { [.headers($0, Self.head("transfer-encoding=chunked"))] },
    Row(says: "two lengths") { [.headers($0, Self.head("content-length=1", "content-length=1"))] },
    Row(says: "a length and no content") { [.headers($0, Self.head("content-length=5"))] },
    Row(says: "an interim response that ends the stream") { [.headers($0, HPACK.block([":status=103"]))] },
    Row(says: "content before a head") { [.data($0, HTTP2Case.hello, end: true)] },
    Row(says: "a head beyond the limit") { stream in
      let block =
        Self.head()
        + (0..<80).flatMap { HPACK.literal(Header("x-\($0)", String(repeating: "a", count: 1000))) }
      let parts = stride(from: 0, to: block.count, by: 16_000).map {
        Array(block[$0..<min($0 + 16_000, block.count)])
      }
      return [.headers(stream, parts[0], complete: false)]
        + parts.dropFirst().enumerated().map {
          .continuation(stream, $0.1, complete: $0.0 == parts.count - 2)
        }
    },
    Row(says: "a header block without an end") { stream in
      [.headers(stream, Self.head(), complete: false)]
        + (0..<40).map { _ in .continuation(stream, [], complete: false) }
    },
    Row(says: "RST_STREAM") { [.reset($0, .internalError)] },
    Row(says: "RST_STREAM without an error") { [.reset($0, .noError)] },
    Row(says: "a frame beyond the limit") { [Frame(0, stream: $0, [UInt8](repeating: 0, count: 16_385))] },
    Row(says: "a push") { [.pushPromise($0, promised: 2, Self.ok)] },
    Row(says: "a stream of its own") { _ in [.headers(2, Self.ok)] },
    Row(says: "a stream that nobody began") { [.headers($0 + 2, Self.ok)] },
    Row(says: "a window beyond the maximum") { _ in [.windowUpdate(0, 0x7FFF_FFFF)] },
    Row(says: "a PING of a stream") { [Frame(Frame.Kind.ping, stream: $0, [UInt8](repeating: 0, count: 8))] },
  ]

  static let bodies: [Row] = [
    Row(says: "RST_STREAM", hasBegun: true) { [.headers($0, Self.ok, end: false), .reset($0, .cancel)] },
    Row(says: "more than declared", hasBegun: true) {
      [.headers($0, Self.head("content-length=2"), end: false), .data($0, HTTP2Case.hello, end: true)]
    },
    Row(says: "less than declared", hasBegun: true) {
      [.headers($0, Self.head("content-length=9"), end: false), .data($0, HTTP2Case.hello, end: true)]
    },
    Row(says: "a second head", hasBegun: true) {
      [.headers($0, Self.ok, end: false), .headers($0, Self.ok, end: false)]
    },
    Row(says: "trailers with a status", hasBegun: true) {
      [.headers($0, Self.ok, end: false), .headers($0, Self.ok)]
    },
    Row(says: "padding beyond the frame", hasBegun: true) {
      [.headers($0, Self.ok, end: false), Frame(0, flags: Frame.Flag.padded, stream: $0, [200, 1])]
    },
    Row(says: "content beyond the window", hasBegun: true, needsSlowClient: true) { stream in
      [.headers(stream, Self.ok, end: false)] + (0..<64).map { _ in .data(stream, Self.piece) }
    },
    Row(says: "GOAWAY that leaves the stream out", hasBegun: true) {
      [.headers($0, Self.ok, end: false), .goAway(last: 0)]
    },
    Row(says: "a frame that no header block allows", hasBegun: true) {
      [.headers($0, Self.ok, end: false), .headers($0, Self.ok, complete: false), .ping()]
    },
  ]

  /// Breaks the rules on the first stream of its first connection only.
  private static func backend(_ row: Row) throws -> Backend {
    let good = HTTP2BackendTests.answering { stream, _ in hello(stream) }
    return try Backend(
      HTTP2BackendTests.answering { stream, _ in stream == 1 ? row.answer(1) : hello(stream) }, good)
  }

  private static func hello(_ stream: UInt32) -> [Frame] {
    [.headers(stream, ok, end: false), .data(stream, HTTP2Case.hello, end: true)]
  }

  @Test("an HTTP/2 client is told, and its next request is served", arguments: heads + bodies)
  func new(_ row: Row) async throws {
    let backend = try Self.backend(row)
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.givesBack = !row.needsSlowClient
      // A POST: nothing of it is repeated by itself.
      client.send(.headers(1, HTTP2Case.post("/", "content-length=1"), end: false), .data(1, [1], end: true))
      let answer = client.response(1)
      if row.hasBegun {
        #expect(answer.reset != nil && answer.reset != 0 && !answer.hasEnded, "\(client.trace)")
      } else {
        #expect(answer.status == 502 && answer.hasEnded, "\(client.trace)")
      }
      client.send(.windowUpdate(0, 100_000), .headers(3, HTTP2Case.get()))
      #expect(client.response(3).text == "hello", "\(client.trace)")
      #expect(client.goesOn() && client.violations == [])
    }
    _ = backend.finish()
  }

  @Test("so is an HTTP/1.1 client", arguments: (heads + bodies).filter { !$0.needsSlowClient })
  func old(_ row: Row) async throws {
    let backend = try Self.backend(row)
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1")
      let answer = client.readAnswer()
      #expect(row.hasBegun ? !answer.isComplete : answer.status == 502 && answer.isComplete, "\(answer)")
      let next = row.hasBegun ? try edge.connect() : client
      next.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(next.readAnswer().body == "hello")
      next.close()
    }
    _ = backend.finish()
  }

  @Test("a backend that closes in the middle cuts its responses off, and only those")
  func closes() async throws {
    let backend = try Backend(
      { wire in
        HTTP2BackendTests.answering { stream, wire in
          if stream == 3 { wire.close() }
          return [.headers(stream, Self.ok, end: false), .data(stream, HTTP2Case.hello)]
        }(wire)
      }, HTTP2BackendTests.served)
    try await HTTP2Edge.serve(HTTP2Edge.settings(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.post("/", "content-length=0")))
      client.wait { $0[1].count == 5 }
      client.send(.headers(3, HTTP2Case.post("/", "content-length=0")))
      #expect(client.response(1).reset != nil && !client[1].hasEnded, "\(client.trace)")
      #expect(client.response(3).status == 502, "\(client.trace)")
      client.send(.headers(5, HTTP2Case.get()))
      #expect(client.response(5).status == 200 && client.violations == [])
    }
    _ = backend.finish()
  }
}
