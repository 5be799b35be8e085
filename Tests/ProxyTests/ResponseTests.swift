import Proxy
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Responses", .ownThread) struct ResponseTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    /// What the backend writes.
    let response: String
    /// Whether it closes then.
    var closes = false
    /// Byte for byte.
    let gets: String
    /// Whether the client's connection goes on.
    var isKept = true
    var testDescription: String { response.debugDescription }
  }

  static let old = "GET / HTTP/1.0\r\nHost: h\r\n\r\n"
  static let oldKept = "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
  static let head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
  static let ok = "HTTP/1.1 200 OK\r\n"
  static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"

  static let rows: [Row] = [
    .init(response: ok + "Content-Length: 2\r\n\r\nok", gets: ok + "Content-Length: 2\r\n\r\nok"),
    .init(response: ok + "Content-Length: 0\r\n\r\n", gets: ok + "Content-Length: 0\r\n\r\n"),
    .init(
      response: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
      gets: "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    .init(
      response: "HTTP/1.1 299 \r\nA:b\r\nContent-Length:0\r\n\r\n",
      gets: "HTTP/1.1 299 \r\nA: b\r\nContent-Length: 0\r\n\r\n"),
    .init(
      response: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", closes: true,
      gets: ok + "Content-Length: 2\r\n\r\nok"),
    .init(response: chunked + "2\r\nok\r\n0\r\n\r\n", gets: chunked + "2\r\nok\r\n0\r\n\r\n"),
    .init(
      response: chunked + "2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n",
      gets: chunked + "2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"),
    .init(response: ok + "\r\nhello", closes: true, gets: chunked + "5\r\nhello\r\n0\r\n\r\n"),
    .init(response: ok + "\r\n", closes: true, gets: chunked + "0\r\n\r\n"),
    .init(
      response: ok + "\r\n" + String(repeating: "x", count: 300), closes: true,
      gets: chunked + "12c\r\n" + String(repeating: "x", count: 300) + "\r\n0\r\n\r\n"),
    .init(
      request: old, response: ok + "Content-Length: 2\r\n\r\nok",
      gets: ok + "Content-Length: 2\r\nConnection: close\r\n\r\nok", isKept: false),
    .init(
      request: oldKept, response: ok + "Content-Length: 2\r\n\r\nok",
      gets: ok + "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nok"),
    .init(
      request: oldKept, response: chunked + "2\r\nok\r\n3;e\r\nABC\r\n0\r\nA: b\r\n\r\n",
      gets: ok + "Connection: close\r\n\r\nokABC", isKept: false),
    .init(
      request: oldKept, response: ok + "\r\nhello", closes: true, gets: ok + "Connection: close\r\n\r\nhello",
      isKept: false),
    .init(
      request: old,
      response: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok",
      gets: ok + "Content-Length: 2\r\nConnection: close\r\n\r\nok", isKept: false),
    .init(
      response: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + ok
        + "Content-Length: 2\r\n\r\nok",
      gets: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + ok
        + "Content-Length: 2\r\n\r\nok"),
    .init(
      request: head, response: ok + "Content-Length: 500\r\n\r\n", gets: ok + "Content-Length: 500\r\n\r\n"),
    .init(request: head, response: chunked, gets: ok + "\r\n"),
    .init(request: head, response: ok + "\r\n", gets: ok + "\r\n"),
    .init(
      response: "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", gets: "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"),
    .init(
      response: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
      gets: "HTTP/1.1 204 No Content\r\n\r\n"),
    .init(
      response: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
      gets: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
    .init(
      response: ok
        + "Connection: close, X-A\r\nKeep-Alive: 5\r\nX-A: 1\r\nX-B: 2\r\nUpgrade: h2c\r\nTrailer: X\r\n"
        + "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
      gets: ok + "X-B: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"),
    // Not the client's fault, and nobody else's answer: bytes behind the response go nowhere.
    .init(response: ok + "Content-Length: 2\r\n\r\nokEVIL", gets: ok + "Content-Length: 2\r\n\r\nok"),
    .init(response: chunked + "0\r\n\r\nHTTP/1.1 200 EVIL\r\n\r\n", gets: chunked + "0\r\n\r\n"),
    .init(response: "HTTP/1.1 204 No Content\r\n\r\nEVIL", gets: "HTTP/1.1 204 No Content\r\n\r\n"),
  ]

  @Test("A response reaches the client as its framing says", arguments: rows, [false, true])
  func forwarded(_ row: Row, bytewise: Bool) async throws {
    let backend = try Backend(
      { wire in
        _ = wire.readHead()
        let bytes = latin1(row.response)
        // What comes late behind a response cannot be told from the next one; chunks of ours are as large as what
        // came at once.
        let isOneStep = row.response.contains("EVIL") || row.response.hasSuffix("\r\n\r\nhello")
        let step = bytewise && row.response.utf8.count < 200 && !isOneStep ? 1 : bytes.count
        for at in stride(from: 0, to: bytes.count, by: step) {
          wire.write(Array(bytes[at..<min(at + step, bytes.count)]))
        }
        if row.closes { wire.close() } else { answerProbe(wire) }
      }, { wire in answerProbe(wire) })
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(row.request)
      #expect(latin1Text(client.read(exactly: row.gets.utf8.count)) == row.gets)
      if row.isKept {
        client.write(FramingCase.probe)
        #expect(client.readAnswer().body == "probe")
      } else {
        #expect(client.readToEnd() == [])
        #expect(client.ending == .closed)
      }
    }
    _ = backend.finish()
  }

  static let malformed: [String] = [
    "\r\n\r\n", "hello\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nFoo : bar\r\n\r\n", "HTTP/1.1 200 OK\r\nFoo: a\r\n b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nFoo\r\n\r\n",
    "HTTP/1.1 200 OK\r\nFoo: \u{0}\r\n\r\n", "HTTP/1.1 200 OK\r\nFoo: a\rb\r\n\r\n",
    "HTTP/1.1 200 O\u{0}K\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nFoo: \(String(repeating: "x", count: 70_000))\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\(String(repeating: "A: b\r\n", count: 1025))\r\n", "", "HTTP/1.1 200 OK\r\nA: b\r\n",
    "HTTP/1.1 103 Early\r\n\r\n",
  ]

  @Test(
    "An answer that is not HTTP is a 502 in JSON, and the client's connection goes on", arguments: malformed)
  func badGateway(_ response: String) async throws {
    let backend = try Backend(
      { wire in
        _ = wire.readHead()
        wire.write(response)
        wire.shutdownWrite()
      }, { wire in answerProbe(wire) })
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      var answer = client.readAnswer()
      if answer.status == 103 { answer = client.readAnswer() }
      #expect(answer.status == 502)
      #expect(answer.field("Content-Type") == "application/json")
      #expect(answer.body.contains(#""code":"bad_gateway""#))
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
    }
    _ = backend.finish()
  }

  static let truncated: [String] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nX",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nHost: x\r\n\r\n",
  ]

  @Test("A response that breaks off never looks complete", arguments: truncated, [false, true])
  func cutOff(_ response: String, secure: Bool) async throws {
    let seen = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      let split = response.firstRange(of: "hel")?.upperBound ?? response.endIndex
      wire.write(String(response[..<split]))
      seen.wait()
      wire.write(String(response[split...]))
      wire.close()
    }
    try await Edge.serve(.bare(backend.target, secure: true), credentials: [try Certificates.localhost.get()])
    {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.read(through: "hel").hasSuffix("hel"))
      seen.signal()
      _ = client.readToEnd()
      #expect(client.ending == .reset)
    }
    _ = backend.finish()
  }
}

/// Answers every request that comes with the content `probe`.
func answerProbe(_ wire: Wire) {
  while wire.readHead().hasSuffix("\r\n\r\n") {
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nprobe")
  }
}
