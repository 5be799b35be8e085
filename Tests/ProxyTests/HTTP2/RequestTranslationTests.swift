import TestPeers
import TestSupport
import TestRun
import Testing

@Suite("HTTP/2 requests before an HTTP/1.1 backend", .ownThread) struct HTTP2RequestTests {
  /// What reaches the backend of one request, which is answered with 200.
  static func reaches(
    _ send: (HTTP2Connection) -> Void
  ) async throws -> (line: String, fields: [String], content: String) {
    var text = ""
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start())
      send(client)
      let answer = client.response(1)
      #expect(answer.status == 200, "\(client.trace)")
      #expect(client.violations == [])
      text = latin1Text(answer.body)
    }
    let cut = text.utf8.count == 0 ? ("", "") : split(text)
    var lines = cut.0.split(separator: "\r\n").map(String.init)
    let line = lines.isEmpty ? "" : lines.removeFirst()
    let fields = lines.map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return parts[0].lowercased() + ":" + (parts.count > 1 ? parts[1] : "")
    }
    return (line, fields, cut.1)
  }

  /// A head and what is behind its empty line.
  private static func split(_ text: String) -> (String, String) {
    let scalars = Array(text.unicodeScalars)
    for at in scalars.indices where scalars[at...].prefix(4).map(\.value) == [13, 10, 13, 10] {
      let (head, rest) = (scalars[..<at], scalars[(at + 4)...])
      return (String(String.UnicodeScalarView(head)), String(String.UnicodeScalarView(rest)))
    }
    return (text, "")
  }

  struct Row: CustomTestStringConvertible, Sendable {
    let says: String
    let sent: [Header]
    let line: String
    let fields: Set<String>
    var testDescription: String { says }

    init(_ says: String, _ sent: [Header], _ line: String, _ fields: Set<String>) {
      (self.says, self.sent, self.line, self.fields) = (says, sent, line, fields)
    }
  }

  private static func get(_ path: String, _ more: Header...) -> [Header] {
    HTTP2Case.fields("GET", path) + more
  }

  static let rows: [Row] = [
    Row("the authority becomes Host", get("/echo"), "GET /echo HTTP/1.1", ["host: localhost"]),
    Row(
      "path and query stay as they are", get("/echo/%7Ea/../b?x=1&y=%20;z"),
      "GET /echo/%7Ea/../b?x=1&y=%20;z HTTP/1.1", ["host: localhost"]),
    Row(
      "Host beside the authority comes once", get("/echo", "host=localhost"), "GET /echo HTTP/1.1",
      ["host: localhost"]),
    Row(
      "Host alone is kept", [":method=GET", ":scheme=http", ":path=/echo", "host=other:81"],
      "GET /echo HTTP/1.1",
      ["host: other:81"]),
    Row(
      "the crumbs of a cookie are joined", get("/echo", "cookie=a=1", "x=1", "cookie=b=2; c=3", "cookie=d"),
      "GET /echo HTTP/1.1", ["host: localhost", "cookie: a=1; b=2; c=3; d", "x: 1"]),
    Row(
      "other fields stay apart", get("/echo", "accept=a", "accept=b", "x-empty="), "GET /echo HTTP/1.1",
      ["host: localhost", "accept: a", "accept: b", "x-empty: "]),
    Row(
      "octets beyond ASCII stay as they are", get("/echo", "x=\u{E9}\u{FF}"), "GET /echo HTTP/1.1",
      ["host: localhost", "x: \u{E9}\u{FF}"]),
    Row(
      "other methods",
      [":method=PATCH", ":scheme=http", ":path=/echo", ":authority=localhost", "content-length=0"],
      "PATCH /echo HTTP/1.1", ["host: localhost", "content-length: 0"]),
  ]

  @Test("fields are translated", arguments: rows)
  func fields(_ row: Row) async throws {
    let got = try await Self.reaches { client in
      client.send(.headers(1, HPACK.block(row.sent)))
    }
    #expect(got.line == row.line)
    #expect(got.fields.count == row.fields.count, "\(got.fields)")
    #expect(Set(got.fields.map(Self.trimmed)) == Set(row.fields.map(Self.trimmed)))
  }

  private static func trimmed(_ line: String) -> String {
    var line = line
    while line.hasSuffix(" ") { line.removeLast() }
    return line
  }

  @Test("content of a known length goes with it, and content of an unknown one in chunks")
  func content() async throws {
    let known = try await Self.reaches { client in
      client.send(.headers(1, HTTP2Case.post("/echo", "content-length=10"), end: false))
      client.send(.data(1, HTTP2Case.hello), .data(1, HTTP2Case.hello, end: true))
    }
    #expect(known.content == "hellohello")
    #expect(known.fields.contains("content-length: 10"))
    #expect(!known.fields.contains { $0.hasPrefix("transfer-encoding") })
    let unknown = try await Self.reaches { client in
      client.send(.headers(1, HTTP2Case.post("/echo"), end: false))
      client.send(.data(1, HTTP2Case.hello, padding: 3), .data(1, []), .data(1, HTTP2Case.hello, end: true))
    }
    #expect(unknown.content == "hellohello")
    #expect(unknown.fields.contains("transfer-encoding: chunked"))
    #expect(!unknown.fields.contains { $0.hasPrefix("content-length") })
    let none = try await Self.reaches { $0.send(.headers(1, HTTP2Case.post("/echo"))) }
    #expect(none.content == "")
    #expect(!none.fields.contains { $0.hasPrefix("transfer-encoding") })
  }

  @Test("trailers reach the backend behind the last chunk")
  func trailers() async throws {
    let got = try await Self.reaches { client in
      client.send(.headers(1, HTTP2Case.post("/echo", "te=trailers"), end: false), .data(1, HTTP2Case.hello))
      client.send(.headers(1, HPACK.block(["x-checksum=5", "x-more=6"])))
    }
    #expect(got.content == "hello\r\nx-checksum: 5\r\nx-more: 6")
    // TE concerns one hop (RFC 9110 §10.1.4): it may only be there when Connection names it.
    if got.fields.contains(where: { $0.hasPrefix("te:") }) {
      #expect(got.fields.contains { $0.hasPrefix("connection:") && $0.lowercased().contains("te") })
    }
  }

  @Test("nothing of a malformed request reaches the backend", arguments: HTTP2ConformanceTests.refusedAtOnce)
  func malformed(_ row: HTTP2Case) async throws {
    let backend = try Backend(Origin.serve)
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      row.play(client)
      client.wait { $0[1].isOver || $0.goAway != nil }
    }
    #expect(backend.finish() == [])
  }

  @Test("HTTP/2 by ALPN over TLS, and HTTP/1.1 for a client that asks for no more")
  func alpn() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2Securely()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/echo")))
      #expect(client.response(1).text.hasPrefix("GET /echo HTTP/1.1\r\n"))
      let old = try edge.connectSecurely()
      old.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(old.readAnswer().body == "hello")
    }
  }

  @Test("A plain listener with h2c still speaks HTTP/1.1")
  func bothOnOne() async throws {
    try await HTTP2Edge.serve { edge in
      let old = try edge.connect()
      old.write("PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
      #expect(old.readAnswer().body == "hello")
      old.write("P")
      old.write("OST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
      #expect(old.readAnswer().body == "hello")
    }
  }
}

extension HTTP2ConformanceTests {
  /// Malformed by their header section alone.
  static let refusedAtOnce = (HTTP2Case.pseudo + HTTP2Case.names).filter { row in
    if case .answers = row.expects { return false }
    return !row.says.contains("trailers")
  }
}
