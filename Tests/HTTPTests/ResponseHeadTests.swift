import HTTP
import TestSupport
import TestRun
import Testing

/// One response head: what it answers, and what becomes of it.
struct ResponseCase: Sendable, CustomTestStringConvertible {
  let head: String
  var method = Method.get
  var error: ParseError?
  var status = 200
  var framing = BodyFraming.none

  var testDescription: String { "\(method) \(head.prefix(60).debugDescription)" }

  static func good(_ head: String, _ framing: BodyFraming, status: Int = 200, to method: Method = .get)
    -> ResponseCase
  {
    ResponseCase(head: head + "\r\n", method: method, status: status, framing: framing)
  }

  static func bad(_ head: String, _ error: ParseError) -> ResponseCase {
    ResponseCase(head: head + "\r\n", error: error)
  }

  static let all: [ResponseCase] = [
    .good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", .length(5)),
    .good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", .none),
    .good("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", .chunked),
    .good("HTTP/1.1 200 OK\r\n", .untilClose),
    .good("HTTP/1.0 200 OK\r\n", .untilClose),
    .good("HTTP/1.1 200\r\n", .untilClose),
    .good("HTTP/1.1 200 \r\n", .untilClose),
    .good("HTTP/1.1 200 \u{E9}\u{FF}\r\n", .untilClose),
    .good("HTTP/1.9 200 OK\r\nContent-Length: 1\r\n", .length(1)),
    .good("HTTP/1.1 999 Odd\r\n", .untilClose, status: 999),
    .good("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", .none, status: 204),
    .good("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", .none, status: 304),
    .good("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n", .none, status: 304),
    .good("HTTP/1.1 100 Continue\r\n", .none, status: 100),
    .good("HTTP/1.1 103 Early Hints\r\nLink: x\r\n", .none, status: 103),
    .good("HTTP/1.1 101 Switching Protocols\r\n", .none, status: 101),
    .good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", .none, to: .head),
    .good("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", .none, to: .head),
    .good("HTTP/1.1 200 OK\r\n", .none, to: .head),
    .good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", .length(5)),
    .good("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n", .length(5)),
    .bad("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", .repeatedContentLength),
    .bad("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n", .repeatedContentLength),
    .bad("HTTP/1.1 200 OK\r\nContent-Length: 5, x\r\n", .malformedContentLength),
    .bad("HTTP/1.1 200 OK\r\nContent-Length:\r\n", .malformedContentLength),
    .bad("HTTP/1.1 200 OK\r\nContent-Length: ,\r\n", .malformedContentLength),
    .bad("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", .malformedContentLength),
    .bad("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n", .malformedContentLength),
    .bad(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", .lengthWithTransferEncoding),
    .bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", .chunkedNotFinal),
    .bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", .unsupportedTransferEncoding),
    .bad("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", .transferEncodingInOldVersion),
    .bad("HTTP/1.1 20 OK\r\n", .malformedStatusLine),
    .bad("HTTP/1.1 2000 OK\r\n", .malformedStatusLine),
    .bad("HTTP/1.1 099 OK\r\n", .malformedStatusLine),
    .bad("HTTP/1.1 2x0 OK\r\n", .malformedStatusLine),
    .bad("HTTP/1.1  200 OK\r\n", .malformedStatusLine),
    .bad("HTTP/1.1 200\tOK\r\n", .malformedStatusLine),
    .bad("HTTP/1.1 200 O\u{0}K\r\n", .malformedStatusLine),
    .bad("HTTP/1.1 200 O\rK\r\n", .malformedStatusLine),
    .bad("HTTP/2.0 200 OK\r\n", .malformedStatusLine),
    .bad("HTTP/2 200 OK\r\n", .malformedStatusLine),
    .bad("http/1.1 200 OK\r\n", .malformedStatusLine),
    .bad("HTTP/1.x 200 OK\r\n", .malformedStatusLine),
    .bad("ICY 200 OK\r\n", .malformedStatusLine),
    .bad("SSH-2.0-OpenSSH_9.2\r\n", .malformedStatusLine),
    .bad("HTTP/1.1\r\n", .malformedStatusLine),
    .bad("", .malformedStatusLine),
    .bad("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n", .obsoleteFolding),
    .bad("HTTP/1.1 200 OK\r\nX : a\r\n", .spaceBeforeColon),
    .bad("HTTP/1.1 200 OK\r\nX\r\n", .missingColon),
    .bad("HTTP/1.1 200 OK\r\nX: \u{0}\r\n", .malformedFieldValue),
    .bad("HTTP/1.1 200 OK\r\n: a\r\n", .malformedFieldName),
  ]
}

@Suite(.ownThread) struct ResponseHeadTests {
  @Test(
    "a response head is accepted with its framing or refused, and nothing outside it is read",
    arguments: ResponseCase.all)
  func table(_ response: ResponseCase) throws {
    let bytes = latin1(response.head)
    let memory = try GuardedMemory(capacity: bytes.count)
    for base in [memory.atEnd(bytes), memory.atStart(bytes)] {
      // The second copy may lie over the first: each is made anew before it is read.
      let place = base == memory.atEnd(bytes) ? memory.atEnd(bytes) : memory.atStart(bytes)
      #expect(HeadEnd.find(place, count: bytes.count, from: 0) == .found(bytes.count))
      var fields = FieldSection(capacity: 8)
      var head = ResponseHead()
      let error = ResponseHead.parse(
        place, count: bytes.count, method: response.method, fields: &fields, into: &head)
      #expect(error == response.error)
      guard error == nil else { continue }
      #expect(head.status == response.status)
      #expect(head.framing == response.framing)
      #expect(head.length == bytes.count)
    }
  }

  @Test("status, reason and declared length are kept where there is no content")
  func declaredLength() throws {
    let bytes = latin1("HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n")
    var fields = FieldSection(capacity: 8)
    var head = ResponseHead()
    try bytes.withUnsafeBufferPointer { buffer in
      let base = try #require(buffer.baseAddress)
      #expect(
        ResponseHead.parse(base, count: buffer.count, method: .get, fields: &fields, into: &head) == nil)
    }
    #expect(head.declaredLength == 12)
    #expect(
      bytes[head.statusStart..<head.statusStart + head.statusLength].elementsEqual("304 Not Modified".utf8))
  }

  @Test(
    "only interim responses other than 101 are interim",
    arguments: [(100, true), (101, false), (102, true), (103, true), (200, false)])
  func interim(_ status: Int, _ isInterim: Bool) {
    var head = ResponseHead()
    head.status = status
    #expect(head.isInterim == isInterim)
  }

  @Test("an upstream keeps its connection as its version and Connection field say")
  func keepAlive() throws {
    for (text, keeps) in [
      ("HTTP/1.1 200 OK\r\n\r\n", true), ("HTTP/1.0 200 OK\r\n\r\n", false),
      ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", false),
      ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", true),
    ] {
      var fields = FieldSection(capacity: 8)
      var head = ResponseHead()
      try latin1(text).withUnsafeBufferPointer { buffer in
        let base = try #require(buffer.baseAddress)
        #expect(
          ResponseHead.parse(base, count: buffer.count, method: .get, fields: &fields, into: &head) == nil)
      }
      #expect(head.keepsAlive == keeps)
    }
  }
}
