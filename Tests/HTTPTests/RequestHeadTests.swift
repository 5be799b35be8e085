import HTTP
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct RequestHeadTests {
  @Test("a request head is accepted with its parts or refused with its error", arguments: RequestCase.all)
  func table(_ request: RequestCase) {
    #expect(parse(request.head).outcome == request.expected)
  }

  @Test("the end of a head is found alike at every split point", arguments: RequestCase.all)
  func splitPoints(_ request: RequestCase) {
    let bytes = latin1(request.head)
    let step = max(1, bytes.count / 400)
    bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let whole = HeadEnd.find(base, count: buffer.count, from: 0)
      for split in stride(from: 0, through: buffer.count, by: step) {
        let first = HeadEnd.find(base, count: split, from: 0)
        guard case .incomplete(let resume) = first else {
          #expect(first == whole, "at \(split)")
          continue
        }
        #expect(resume <= split)
        #expect(HeadEnd.find(base, count: buffer.count, from: resume) == whole, "at \(split)")
      }
    }
  }

  @Test("nothing outside the head is read, at either end", arguments: RequestCase.all)
  func guardPages(_ request: RequestCase) throws {
    let bytes = latin1(request.head)
    let memory = try GuardedMemory(capacity: bytes.count + 1)
    #expect(parse(memory.atEnd(bytes), bytes.count).outcome == request.expected)
    #expect(parse(memory.atStart(bytes), bytes.count).outcome == request.expected)
  }

  @Test("every prefix of a head that ends at an unreadable page is incomplete")
  func guardedPrefixes() throws {
    let head = latin1("POST /v1/chat HTTP/1.1\r\nHost: llm.example\r\nTransfer-Encoding: chunked\r\n\r\n")
    let memory = try GuardedMemory(capacity: head.count)
    for count in 0..<head.count {
      let prefix = Array(head[..<count])
      #expect(parse(memory.atEnd(prefix), count).outcome == .incomplete)
      // A head cut off there, which no caller should ask for, is refused without reading on.
      var fields = FieldSection(capacity: 16)
      var parsed = RequestHead()
      guard count > 0 else { continue }
      let base = memory.atEnd(prefix)
      #expect(RequestHead.parse(base, count: count, fields: &fields, into: &parsed) != nil, "\(count)")
    }
  }

  @Test("bytes after the head are not part of it")
  func pipelined() throws {
    let first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
    let parsed = try #require(parse(first + "GET /2 HTTP/1.1\r\n").parsed)
    #expect(parsed.head.length == first.utf8.count)
    #expect(parsed.target == "/1")
  }

  @Test("field lines come with their names and trimmed values in order")
  func fieldLines() throws {
    let parsed = try #require(parse("GET / HTTP/1.1\r\nHost:h\r\nX-a: \t1 2\t\r\nY:\r\n\r\n").parsed)
    #expect(parsed.fields.map(\.name) == ["Host", "X-a", "Y"])
    #expect(parsed.fields.map(\.value) == ["h", "1 2", ""])
  }

  @Test("an absolute target says the authority, whatever Host says")
  func absoluteForm() throws {
    let parsed = try #require(parse("GET https://x:81/ HTTP/1.1\r\nHost: y:82\r\n\r\n").parsed)
    #expect(parsed.host == "x")
    #expect(parsed.authority == "x:81")
  }

  struct ConnectionCase: Sendable, CustomTestStringConvertible {
    var version = "1.1"
    let lines: [String]
    let keepsAlive: Bool
    var namesFields = false
    var upgrades = false
    var testDescription: String { "\(version) \(lines)" }
  }

  @Test(
    "the Connection field decides about the connection",
    arguments: [
      ConnectionCase(lines: [], keepsAlive: true),
      ConnectionCase(lines: ["Connection: close"], keepsAlive: false),
      ConnectionCase(lines: ["Connection: CLOSE"], keepsAlive: false),
      ConnectionCase(lines: ["Connection: keep-alive"], keepsAlive: true),
      ConnectionCase(lines: ["Connection: keep-alive, close"], keepsAlive: false),
      ConnectionCase(lines: ["Connection: keep-alive", "Connection: close"], keepsAlive: false),
      ConnectionCase(lines: ["Connection: ,, close ,"], keepsAlive: false),
      ConnectionCase(lines: ["Connection: closed"], keepsAlive: true, namesFields: true),
      ConnectionCase(lines: ["Connection: x-secret"], keepsAlive: true, namesFields: true),
      ConnectionCase(lines: ["Connection:"], keepsAlive: true),
      ConnectionCase(version: "1.0", lines: [], keepsAlive: false),
      ConnectionCase(version: "1.0", lines: ["Connection: Keep-Alive"], keepsAlive: true),
      ConnectionCase(version: "1.0", lines: ["Connection: keep-alive, close"], keepsAlive: false),
      ConnectionCase(lines: ["Connection: Upgrade", "Upgrade: websocket"], keepsAlive: true, upgrades: true),
      ConnectionCase(lines: ["Upgrade: websocket"], keepsAlive: true),
      ConnectionCase(lines: ["Connection: upgrade"], keepsAlive: true),
      ConnectionCase(version: "1.0", lines: ["Connection: upgrade", "Upgrade: x"], keepsAlive: false),
    ])
  func connection(_ asked: ConnectionCase) throws {
    let text =
      "GET / HTTP/\(asked.version)\r\nHost: h\r\n" + asked.lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let head = try #require(parse(text).parsed).head
    #expect(head.keepsAlive == asked.keepsAlive)
    #expect(head.connection.namesFields == asked.namesFields)
    #expect(head.upgrade == asked.upgrades)
  }

  @Test("100-continue is expected from HTTP/1.1 on")
  func expectation() throws {
    let new = try #require(parse("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").parsed)
    let old = try #require(parse("PUT / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").parsed)
    #expect(new.head.expectsContinue)
    #expect(!old.head.expectsContinue)
  }

  @Test("an error has a status and a reason", arguments: ParseError.allCases)
  func errors(_ error: ParseError) {
    #expect([400, 405, 414, 417, 431, 501, 505].contains(error.status))
    #expect(!error.reason.description.isEmpty)
  }
}
