import TestPeers
import TestSupport
import TestRun
import Testing

@Suite("HTTP/1.1 responses for an HTTP/2 client", .ownThread) struct HTTP2ResponseTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let says: String
    var method = "GET"
    /// What the backend writes; it closes afterwards when `closes`.
    let written: String
    var closes = false
    let status: Int
    var fields: [Header] = []
    var body = ""
    var trailers: [Header]?
    var interim: [Int] = []
    var testDescription: String { says }
  }

  static let rows: [Row] = [
    Row(
      says: "a length", written: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: A b\r\n\r\nhello",
      status: 200,
      fields: ["content-length=5", "x-test=A b"], body: "hello"),
    Row(
      says: "chunks",
      written:
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
      status: 201, body: "hello"),
    Row(
      says: "chunks and trailers",
      written:
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\nX-B: c\r\n\r\n",
      status: 200, body: "hello", trailers: ["x-sum=7", "x-b=c"]),
    Row(
      says: "trailers without content",
      written: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGrpc-Status: 0\r\n\r\n",
      status: 200,
      trailers: ["grpc-status=0"]),
    Row(
      says: "content up to the end", written: "HTTP/1.1 200 OK\r\n\r\nhello", closes: true, status: 200,
      body: "hello"),
    Row(
      says: "content of HTTP/1.0", written: "HTTP/1.0 404 Gone\r\nA: b\r\n\r\nhello", closes: true,
      status: 404,
      fields: ["a=b"], body: "hello"),
    Row(
      says: "no content", written: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200,
      fields: ["content-length=0"]),
    Row(says: "204", written: "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", status: 204, fields: ["x=y"]),
    Row(
      says: "304", written: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
      status: 304,
      fields: ["content-length=5", "etag=\"a\""]),
    Row(
      says: "HEAD", method: "HEAD", written: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", status: 200,
      fields: ["content-length=5"]),
    Row(
      says: "HEAD of chunks", method: "HEAD",
      written: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", status: 200),
    Row(
      says: "the connection's fields and those that Connection names are left out",
      written:
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: a\r\nKeep-Alive: timeout=5\r\n"
        + "Proxy-Connection: a\r\nUpgrade: h2c\r\nX-End: b\r\n\r\nok",
      status: 200, fields: ["content-length=2", "x-end=b"], body: "ok"),
    Row(
      says: "cookies stay apart",
      written: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n",
      status: 200, fields: ["content-length=0", "set-cookie=a=1", "set-cookie=b=2"]),
    Row(
      says: "interim responses",
      written:
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      status: 200, fields: ["content-length=2"], body: "ok", interim: [103, 102]),
    Row(
      says: "octets beyond ASCII, and odd white space",
      written: "HTTP/1.1 200 OK\r\nContent-Length:2\r\nX-Test: \t \u{E9}\u{FF} \t\r\nX-Empty:\r\n\r\nok",
      status: 200,
      fields: ["content-length=2", "x-test=\u{E9}\u{FF}", "x-empty="], body: "ok"),
    Row(
      says: "a head beyond one frame",
      written: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + large.map { "\($0.0): \($0.1)\r\n" }.joined()
        + "\r\nok",
      status: 200, fields: ["content-length=2"] + large.map { Header($0.0, $0.1) }, body: "ok"),
  ]

  private static let large = (0..<20).map { ("x-\($0)", String(repeating: "v", count: 2500)) }

  @Test("responses are translated", arguments: rows)
  func responses(_ row: Row) async throws {
    let script: Backend.Script = { wire in
      guard wire.readHead().hasSuffix("\r\n\r\n") else { return }
      wire.write(row.written)
      if row.closes { wire.close() }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HPACK.block(HTTP2Case.fields(row.method))))
      let answer = client.response(1)
      #expect(answer.status == row.status, "\(client.trace)")
      let added = ["date", "server", "via"].map { Array($0.utf8) }
      #expect(answer.headers.filter { !added.contains($0.name) } == row.fields)
      #expect(latin1Text(answer.body) == row.body)
      #expect(answer.trailers == row.trailers)
      #expect(answer.interim == row.interim)
      #expect(answer.hasEnded && answer.reset == nil)
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test(
    "a response that breaks off resets the stream and nothing else",
    arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
    ])
  func brokenOff(_ written: String) async throws {
    let script: Backend.Script = { wire in
      while true {
        let head = wire.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        if head.hasPrefix("GET /broken") {
          wire.write(written)
          return wire.close()
        }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/broken")))
      let answer = client.response(1)
      #expect(answer.status == 200 && !answer.hasEnded && (answer.reset ?? 0) != 0, "\(client.trace)")
      client.send(.headers(3, HTTP2Case.get()))
      #expect(client.response(3).text == "ok")
      #expect(client.violations == [])
    }
  }

  @Test("an answer that is none is told as 502, and a backend that refuses connections as 502 or 503")
  func noAnswer() async throws {
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      wire.write("SSH-2.0 hello\r\n\r\n")
      wire.close()
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get()), .headers(3, HTTP2Case.post()))
      #expect(client.response(1).status == 502 && client.response(3).status == 502, "\(client.trace)")
      #expect(client.goesOn() && client.violations == [])
    }
    try await HTTP2Edge.serve(HTTP2Edge.settings(try .refusing())) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(1, HTTP2Case.get()), .headers(3, HTTP2Case.post("/", "content-length=5"), end: false))
      #expect(
        [502, 503].contains(client.response(1).status ?? 0)
          && [502, 503].contains(client.response(3).status ?? 0))
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test("Expect: 100-continue is answered before the content, and the content follows")
  func expectations() async throws {
    let script: Backend.Script = { wire in
      let head = wire.readHead()
      wire.write("HTTP/1.1 100 Continue\r\n\r\n")
      let content = Origin.readContent(wire, head) ?? "nothing"
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(content.utf8.count)\r\n\r\n\(content)")
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.post("/", "expect=100-continue", "content-length=5"), end: false))
      #expect(client.wait { $0[1].interim == [100] }, "\(client.trace)")
      client.send(.data(1, HTTP2Case.hello, end: true))
      #expect(client.response(1).text == "hello")
      #expect(client[1].interim == [100] && client.violations == [])
    }
  }

  @Test("An early answer ends the stream without more of the content")
  func early() async throws {
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(1, HTTP2Case.post("/", "content-length=1000000"), end: false), .data(1, HTTP2Case.hello))
      #expect(client.wait { $0[1].hasEnded }, "\(client.trace)")
      #expect(client[1].status == 413 && client[1].text == "big")
      // RFC 9113 §8.1: RST_STREAM may only say NO_ERROR then.
      #expect(client.goesOn() && (client[1].reset ?? 0) == 0)
      client.send(.headers(3, HTTP2Case.get()))
      #expect(client.response(3).status == 413)
    }
  }
}
