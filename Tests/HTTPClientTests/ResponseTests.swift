import HTTP
import HTTPClient
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct ResponseTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let answer: String
    var method = "GET"
    var status = 200
    var text = ""
    var error: HTTPClientError.Kind?
    var testDescription: String { String(answer.prefix(70).debugDescription) }
  }

  static let good: [Case] = [
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", text: "hello"),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Case(answer: "HTTP/1.1 204 No Content\r\n\r\n", status: 204),
    Case(
      answer:
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x\r\n!\r\n0\r\nA: b\r\n\r\n",
      text: "hello!"),
    Case(answer: "HTTP/1.1 200 OK\r\n\r\nuntil close", text: "until close"),
    Case(answer: "HTTP/1.0 200 OK\r\n\r\nuntil close", text: "until close"),
    Case(
      answer:
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
      status: 201, text: "ok"),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", method: "HEAD"),
    Case(answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", status: 304),
    Case(answer: "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\nx", status: 503, text: "x"),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 surplus", text: "ok"),
  ]

  static let bad: [Case] = [
    Case(answer: "", error: .dropped),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Le", error: .dropped),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", error: .dropped),
    Case(answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", error: .dropped),
    Case(answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", error: .dropped),
    Case(answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", error: .dropped),
    Case(answer: "HTTP/1.1 100 Continue\r\n\r\n", error: .dropped),
    Case(answer: "garbage\r\n\r\n", error: .malformed),
    Case(answer: "<html>\n", error: .malformed),
    Case(answer: "\u{16}\u{3}\u{1}\u{0}\n", error: .malformed),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", error: .malformed),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", error: .malformed),
    Case(answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", error: .malformed),
    Case(answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n", error: .malformed),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", error: .tooLarge),
    Case(answer: "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", error: .tooLarge),
    Case(answer: "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1001), error: .tooLarge),
    Case(
      answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
        + String(repeating: "x", count: 1001), error: .tooLarge),
    Case(answer: "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 200_000), error: .tooLarge),
  ]

  @Test("a response is read or fails for what is wrong with it", arguments: good + bad)
  func table(_ expected: Case) async throws {
    let server = try LocalServer { connection in
      _ = connection.readHead()
      connection.write(expected.answer)
    }
    let client = try client()
    let request = try request(server.url(), expected.method)
    let options = HTTPClient.Options(maximumBodyBytes: 1000, keepsAlive: false)
    do {
      let response = try await client.send(request, options)
      #expect(expected.error == nil)
      #expect(response.status == expected.status)
      #expect(response.text == expected.text)
    } catch let error {
      #expect(error.kind == expected.error, "\(error)")
      #expect(!error.reason.isEmpty)
    }
  }

  @Test("a response that comes byte by byte is read alike")
  func byteByByte() async throws {
    let server = try LocalServer { connection in
      _ = connection.readHead()
      for byte in latin1("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n") {
        connection.write([byte])
      }
    }
    let response = try await client().send(request(server.url()))
    #expect(response.text == "hello")
  }

  @Test("an answer that comes before the request was sent is taken")
  func earlyAnswer() async throws {
    let server = try LocalServer { connection in
      connection.write("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy")
      connection.readToEnd()
    }
    let client = try client()
    for _ in 0..<20 {
      let response = try await client.send(request(server.url()), .init(deadlineMilliseconds: 20_000))
      #expect(response.status == 503)
    }
  }

  @Test("a large answer and a large request pass whole")
  func large() async throws {
    let size = 3_000_000
    let server = try LocalServer { connection in
      _ = connection.readHead()
      let body = connection.read(exactly: size)
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
      connection.write(body)
    }
    var random = SeededGenerator(seed: 9)
    var asked = try request(server.url(), "POST")
    asked.body = random.bytes(size)
    let response = try await client().send(asked, .init(maximumBodyBytes: size))
    #expect(response.body == asked.body)
  }
}
