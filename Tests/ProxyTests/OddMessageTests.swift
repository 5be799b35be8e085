import HTTP
import TestPeers
import Proxy
import TestSupport
import TestRun
import Testing

@Suite("Odd but harmless messages", .ownThread) struct OddMessageTests {
  struct Odd: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let answer: String
    let head: String
  }

  static let odds: [Odd] = [
    Odd(
      testDescription: "a space behind a chunk's size",
      answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0 \r\n\r\n",
      head: "Transfer-Encoding: chunked\r\n"),
    Odd(
      testDescription: "an equal second Content-Length",
      answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello",
      head: "\r\nContent-Length: 5\r\n\r\n"),
    Odd(
      testDescription: "a list of equal Content-Lengths",
      answer: "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", head: "\r\nContent-Length: 5\r\n\r\n"),
    Odd(
      testDescription: "200 fields",
      answer: "HTTP/1.1 200 OK\r\n" + (0..<200).map { "X-\($0): \($0)\r\n" }.joined()
        + "Content-Length: 5\r\n\r\nhello", head: "\r\nX-199: 199\r\n"),
  ]

  @Test("A backend's odd answer reaches the client", arguments: odds)
  func passes(_ odd: Odd) async throws {
    let backend = try Backend { wire in
      while wire.readHead() != "" { wire.write(odd.answer) }
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      for _ in 0..<2 {
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let answer = client.readAnswer()
        #expect(answer.status == 200, "\(edge.reports)")
        #expect((answer.head + "\r\n\r\n").contains(odd.head), "\(answer.head)")
        #expect(
          answer.head.lowercased().split(separator: "\r\n").count { $0.hasPrefix("content-length") } < 2)
        #expect(answer.body == "hello")
      }
    }
    _ = backend.finish()
  }

  @Test("The port that the scheme has anyway makes no other authority")
  func defaultPort() async throws {
    let backend = try Backend(OwnAnswerTests.answeringByPath())
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      func ask(_ stream: UInt32, _ authority: String, _ host: String, _ scheme: String) {
        let head = [
          Header(":method", "GET"), Header(":scheme", scheme), Header(":path", "/x"),
          Header(":authority", authority), Header("host", host),
        ]
        client.send(.headers(stream, HPACK.block(head)))
        client.wait { $0[stream].isOver }
      }
      ask(1, "localhost:443", "localhost", "https")
      ask(3, "localhost", "LOCALHOST:80", "http")
      #expect(client[1].status == 200 && client[3].status == 200, "\(client.trace)")
      ask(5, "localhost:80", "localhost", "https")
      #expect(client[5].status == nil, "\(client.trace)")
    }
    _ = backend.finish()
  }

  @Test("OPTIONS and TRACE that may go no further are answered, others with one hop fewer passed on")
  func maxForwards() async throws {
    let backend = try Backend { wire in
      while true {
        let head = wire.readHead()
        guard head != "" else { return }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(head.utf8.count)\r\n\r\n\(head)")
      }
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      func ask(_ method: String, _ hops: String) -> (head: String, body: String) {
        client.write(
          "\(method) /p?q HTTP/1.1\r\nHost: h\r\nMax-Forwards: \(hops)\r\nAuthorization: Bearer secret\r\n\r\n"
        )
        let answer = client.readAnswer()
        return (answer.head, answer.body)
      }
      let options = ask("OPTIONS", "0")
      #expect(options.head.hasPrefix("HTTP/1.1 200 OK\r\nAllow: ") && options.body == "")
      let trace = ask("TRACE", "0")
      #expect(trace.head.contains("\r\nContent-Type: message/http\r\n"))
      #expect(trace.body == "TRACE /p?q HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n")
      #expect(ask("OPTIONS", "7").body.contains("\r\nMax-Forwards: 6\r\n"))
      #expect(ask("TRACE", "1").body.contains("\r\nMax-Forwards: 0\r\n"))
      #expect(ask("GET", "0").body.contains("\r\nMax-Forwards: 0\r\n"))
    }
    _ = backend.finish()
  }

  @Test("Fields that a route adds stand on answers of ours too")
  func ownAnswers() async throws {
    let settings = Settings.bare([]) { settings in
      settings.services[0].backends = []
      settings.routes[0].rules.headers.response.set = [
        .init("Access-Control-Allow-Origin", "*"), .init("Content-Type", "text/x"),
      ]
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      let answer = client.readAnswer()
      #expect(answer.status == 503)
      #expect(answer.head.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "\(answer.head)")
      #expect(answer.head.contains("\r\nContent-Type: application/json\r\n"))
      #expect(!answer.head.contains("text/x"))
    }
  }
}
