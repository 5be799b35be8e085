import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Response compression", .ownThread) struct CompressionTests {
  static let text = String(repeating: "{\"token\": \"the same again\"},\n", count: 400)
  static let fields = "Content-Type: application/json; charset=utf-8\r\n"

  static func settings(_ backend: Settings.Backend, minimum: Int = 100) -> Settings {
    .bare(backend, secure: true) { settings in
      var compression = Settings.Compression()
      compression.types = ["application/json", "text/*"]
      compression.minimumSize = minimum
      compression.level = 6
      settings.services[0].rules.compression = compression
    }
  }

  static func request(_ accepted: String? = "gzip", version: String = "1.1", method: String = "GET") -> String
  {
    let field = accepted.map { "Accept-Encoding: \($0)\r\n" } ?? ""
    return "\(method) / HTTP/\(version)\r\nHost: h\r\n\(field)\r\n"
  }

  /// A backend that gives one answer to every request.
  static func backend(_ head: String, _ body: String = text, closes: Bool = false) throws -> Backend {
    try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 200 OK\r\n\(head)\r\n\(body)")
        if closes { return wire.close() }
      }
    }
  }

  static let framed: [(String, @Sendable (String) -> String, Bool)] = [
    ("Content-Length: \(text.utf8.count)\r\n", { $0 }, false),
    ("Transfer-Encoding: chunked\r\n", { chunks($0) + "0\r\n\r\n" }, false), ("", { $0 }, true),
  ]

  static func chunks(_ text: String) -> String {
    var all = ""
    var rest = Substring(text)
    while !rest.isEmpty {
      let part = rest.prefix(777)
      all += String(part.utf8.count, radix: 16) + "\r\n" + part + "\r\n"
      rest = rest.dropFirst(777)
    }
    return all
  }

  @Test("Content arrives compressed and whole, however the backend frames it", arguments: 0..<3)
  func whole(_ row: Int) async throws {
    let (framing, body, closes) = Self.framed[row]
    let backend = try Self.backend(Self.fields + framing, body(Self.text), closes: closes)
    try await Edge.serve(Self.settings(backend.target), credentials: [try Certificates.localhost.get()]) {
      edge in
      for client in [try edge.connect(), try edge.connectSecurely()] {
        for _ in 0..<3 {
          client.write(Self.request())
          let answer = client.readAnswer()
          #expect(answer.isComplete)
          #expect(answer.field("Content-Encoding") == "gzip")
          #expect(answer.field("Vary") == "Accept-Encoding")
          #expect(answer.all("Transfer-Encoding") == ["chunked"])
          #expect(answer.field("Content-Length") == nil)
          #expect(answer.body.unicodeScalars.count < 1000)
          #expect(Gunzip.text(answer.body) == Self.text)
        }
      }
      // A client of HTTP/1.0 has the end of the connection for the end of the content.
      let old = try edge.connect()
      old.write(Self.request(version: "1.0"))
      let answer = old.readAnswer()
      #expect(answer.field("Content-Encoding") == "gzip" && answer.field("Transfer-Encoding") == nil)
      #expect(answer.field("Connection") == "close")
      #expect(Gunzip.text(answer.body) == Self.text)
      #expect(edge.proxy.counters[.compressions] == 7)
    }
    _ = backend.finish()
  }

  @Test("A client that does not ask gets it plain, and caches are told")
  func notAsked() async throws {
    let backend = try Self.backend(Self.fields + "Content-Length: \(Self.text.utf8.count)\r\nETag: \"a\"\r\n")
    try await Edge.serve(Self.settings(backend.target)) { edge in
      let client = try edge.connect()
      for accepted in [nil, "br", "gzip;q=0", "gzip;q=0.1, identity"] as [String?] {
        client.write(Self.request(accepted))
        let answer = client.readAnswer()
        #expect(answer.body == Self.text)
        #expect(answer.field("Content-Encoding") == nil && answer.field("ETag") == "\"a\"")
        #expect(answer.field("Vary") == "Accept-Encoding")
      }
      client.write(
        "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nCache-Control: no-transform\r\n\r\n")
      #expect(client.readAnswer().body == Self.text)
    }
    _ = backend.finish()
  }

  static let untouched = [
    "Content-Type: text/event-stream\r\n", "Content-Type: application/grpc+proto\r\n",
    "Content-Type: application/grpc\r\n", "Content-Type: application/x-ndjson\r\n",
    "Content-Type: image/png\r\n", "", "Content-Type: application/jsonp\r\n",
    "Content-Type: application/json\r\nContent-Encoding: br\r\n",
    "Content-Type: application/json\r\nCache-Control: max-age=3, No-Transform\r\n",
    "Content-Type: application/json\r\nContent-Range: bytes 0-9/10\r\n",
    "Content-Type: application/json\r\nTrailer: Digest\r\n",
  ]

  @Test("Streams, coded content and what may not be changed pass as they are", arguments: untouched)
  func never(_ fields: String) async throws {
    let head = fields + "Content-Length: \(Self.text.utf8.count)\r\nAccept-Ranges: bytes\r\nETag: \"a\"\r\n"
    let backend = try Self.backend(head)
    try await Edge.serve(Self.settings(backend.target)) { edge in
      let client = try edge.connect()
      client.write(Self.request())
      let answer = client.readAnswer()
      #expect(answer.body == Self.text)
      #expect(answer.field("Vary") == nil && answer.field("Accept-Ranges") == "bytes")
      #expect(answer.field("ETag") == "\"a\"")
      #expect(edge.proxy.counters[.compressions] == 0)
    }
    _ = backend.finish()
  }

  @Test(
    "Responses without content, parts, and short ones pass as they are", arguments: ["204", "206", "304"])
  func statuses(_ status: String) async throws {
    let backend = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        let length = status == "206" ? "Content-Length: 5\r\n" : ""
        wire.write("HTTP/1.1 \(status) X\r\n\(Self.fields)\(length)\r\n" + (status == "206" ? "12345" : ""))
      }
    }
    try await Edge.serve(Self.settings(backend.target, minimum: 0)) { edge in
      let client = try edge.connect()
      client.write(Self.request())
      let answer = client.readAnswer()
      #expect(answer.status == Int(status) && answer.field("Content-Encoding") == nil)
      #expect(answer.body == (status == "206" ? "12345" : ""))
    }
    _ = backend.finish()
    let short = try Self.backend(Self.fields + "Content-Length: 5\r\n", "12345")
    try await Edge.serve(Self.settings(short.target)) { edge in
      let client = try edge.connect()
      client.write(Self.request())
      #expect(client.readAnswer().body == "12345")
      client.write(Self.request(method: "HEAD"))
      #expect(client.readAnswer(toHead: true).field("Content-Encoding") == nil)
    }
    _ = short.finish()
  }

  static let tags: [(String, String?, [String])] = [
    ("ETag: \"a\"\r\nVary: Origin\r\n", "W/\"a\"", ["Origin", "Accept-Encoding"]),
    ("etag: W/\"a\"\r\nvary: x, Accept-Encoding\r\n", "W/\"a\"", ["x, Accept-Encoding"]),
    ("Vary: *\r\nAccept-Ranges: bytes\r\nContent-Digest: x\r\nRepr-Digest: x\r\n", nil, ["*"]),
  ]

  @Test("Fields that speak of the plain content are changed or left out", arguments: tags)
  func fields(_ fields: String, _ tag: String?, _ vary: [String]) async throws {
    let head = Self.fields + fields + "Content-Length: \(Self.text.utf8.count)\r\n"
    let backend = try Self.backend(head)
    try await Edge.serve(Self.settings(backend.target)) { edge in
      let client = try edge.connect()
      client.write(Self.request())
      let answer = client.readAnswer()
      #expect(answer.field("ETag") == tag)
      #expect(answer.all("Vary") == vary)
      for name in ["Accept-Ranges", "Content-Digest", "Repr-Digest", "Content-Length"] {
        #expect(answer.field(name) == nil)
      }
      #expect(Gunzip.text(answer.body) == Self.text)
    }
    _ = backend.finish()
  }

  @Test("What a backend says before it pauses can be read at once", arguments: [false, true])
  func streaming(secure: Bool) async throws {
    let next = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\n\(Self.fields)Transfer-Encoding: chunked\r\n\r\n")
      for number in 0..<20 {
        next.wait()
        wire.write(Self.chunks("part \(number)\n"))
      }
      next.wait()
      wire.write("0\r\n\r\n")
    }
    try await Edge.serve(
      Self.settings(backend.target, minimum: 0), credentials: [try Certificates.localhost.get()]
    ) {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write(Self.request())
      #expect(client.readHead().contains("\r\nContent-Encoding: gzip\r\n"))
      let stream = Gunzip()
      for number in 0..<20 {
        next.signal()
        var plain: [UInt8] = []
        while !plain.contains(0x0A) {
          let chunk = client.readChunk()
          if chunk.isEmpty { break }
          plain += stream.take(latin1(chunk))
        }
        #expect(latin1Text(plain) == "part \(number)\n")
      }
      next.signal()
      #expect(stream.take(latin1(client.readChunk())) == [] && stream.isComplete)
      #expect(client.read(through: "0\r\n\r\n") == "0\r\n\r\n")
    }
    _ = backend.finish()
  }

  @Test("Large content that does not shrink passes in order to a slow client", arguments: [false, true])
  func large(chunked: Bool) async throws {
    var random = SeededGenerator(seed: 11)
    let data = random.bytes(3 << 20)
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\n\(Self.fields)")
      if chunked {
        wire.write("Transfer-Encoding: chunked\r\n\r\n")
        for at in stride(from: 0, to: data.count, by: 70_001) {
          let part = Array(data[at..<min(at + 70_001, data.count)])
          wire.write(latin1(String(part.count, radix: 16) + "\r\n") + part + [13, 10])
        }
        wire.write("0\r\nX: trailer\r\n\r\n")
      } else {
        wire.write("Content-Length: \(data.count)\r\n\r\n")
        wire.write(data)
      }
    }
    try await Edge.serve(Self.settings(backend.target)) { edge in
      let client = try edge.connect(receiveBuffer: 4096)
      client.write(Self.request())
      let answer = client.readAnswer()
      #expect(answer.isComplete)
      let stream = Gunzip()
      #expect(stream.take(latin1(answer.body)) == data)
      #expect(stream.isComplete)
    }
    _ = backend.finish()
  }

  @Test("A backend that breaks off leaves no whole stream behind, and compressors are used again")
  func broken() async throws {
    let backend = try Backend(
      { wire in
        _ = wire.readHead()
        wire.write("HTTP/1.1 200 OK\r\n\(Self.fields)Content-Length: 99999\r\n\r\n\(Self.text)")
        _ = wire.read(through: "x")
        wire.close()
      },
      { wire in
        while wire.readHead().hasSuffix("\r\n\r\n") {
          wire.write(
            "HTTP/1.1 200 OK\r\n\(Self.fields)Content-Length: \(Self.text.utf8.count)\r\n\r\n\(Self.text)")
        }
      })
    try await Edge.serve(Self.settings(backend.target)) { edge in
      let client = try edge.connect()
      client.write(Self.request())
      #expect(client.readHead().contains("gzip"))
      let stream = Gunzip()
      #expect(latin1Text(stream.take(latin1(client.readChunk()))) == Self.text)
      #expect(!stream.isComplete)
      client.close()
      // More than may be under way at once.
      let next = try edge.connect()
      for _ in 0..<300 {
        next.write(Self.request())
        #expect(Gunzip.text(next.readAnswer().body) == Self.text)
      }
      #expect(edge.proxy.counters[.compressionsRefused] == 0)
    }
    _ = backend.finish()
  }
}
