import TestPeers
import OS
import Proxy
import TestSupport
import TestRun
import Testing

@Suite("Compression and HTTP/2", .ownThread) struct HTTP2CompressionTests {
  private static let request = HTTP2Case.get("/", Header("accept-encoding", "gzip"))

  private static func check(_ client: HTTP2Connection, _ expected: String) {
    #expect(client.start())
    for stream in [1, 3, 5] as [UInt32] {
      client.send(.headers(stream, request))
      let answer = client.response(stream)
      #expect(answer.hasEnded && answer.status == 200, "\(client.trace)")
      #expect(answer.field("content-encoding") == "gzip" && answer.field("vary") == "Accept-Encoding")
      #expect(answer.field("content-length") == nil && answer.field("transfer-encoding") == nil)
      #expect(Gunzip.text(latin1Text(answer.body)) == expected)
    }
    #expect(client.violations == [])
  }

  @Test("Content arrives compressed and whole, however the backend frames it", arguments: 0..<3)
  func whole(_ row: Int) async throws {
    let (framing, body, closes) = CompressionTests.framed[row]
    let text = CompressionTests.text
    let backend = try CompressionTests.backend(CompressionTests.fields + framing, body(text), closes: closes)
    var settings = CompressionTests.settings(backend.target)
    settings.listeners[0].h2c = true
    try await HTTP2Edge.serve(settings) { edge in
      Self.check(try edge.http2(), text)
      Self.check(try edge.http2Securely(), text)
    }
    _ = backend.finish()
  }

  /// A proxy before a proxy before a backend: the one in the middle is the other's backend that speaks HTTP/2.
  private static func behind(
    _ backend: Backend, _ body: (Edge) async throws -> Void
  ) async throws {
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { inner in
      var target = Settings.Backend.at(inner.proxy.addresses[0])
      target.http2 = true
      var settings = CompressionTests.settings(target)
      settings.listeners[0].h2c = true
      settings.services[0].backends = [target]
      try await HTTP2Edge.serve(settings, body)
    }
  }

  @Test("So does that of a backend that speaks HTTP/2, to clients of either version", arguments: 0..<3)
  func backends(_ row: Int) async throws {
    let (framing, body, closes) = CompressionTests.framed[row]
    let text = CompressionTests.text
    let backend = try CompressionTests.backend(CompressionTests.fields + framing, body(text), closes: closes)
    try await Self.behind(backend) { edge in
      Self.check(try edge.http2(), text)
      let client = try edge.connect()
      for _ in 0..<3 {
        client.write(CompressionTests.request())
        let answer = client.readAnswer()
        #expect(answer.isComplete && answer.field("Content-Encoding") == "gzip")
        #expect(Gunzip.text(answer.body) == text)
      }
    }
    _ = backend.finish()
  }

  @Test("Large content that does not shrink passes the windows in order, its trailers behind it")
  func large() async throws {
    var random = SeededGenerator(seed: 21)
    let data = random.bytes(2 << 20)
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\n\(CompressionTests.fields)Transfer-Encoding: chunked\r\n\r\n")
      for at in stride(from: 0, to: data.count, by: 70_001) {
        let part = Array(data[at..<min(at + 70_001, data.count)])
        wire.write(latin1(String(part.count, radix: 16) + "\r\n") + part + [13, 10])
      }
      wire.write("0\r\nx-sum: 1\r\n\r\n")
    }
    var settings = CompressionTests.settings(backend.target)
    settings.listeners[0].h2c = true
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2Securely()
      #expect(client.start())
      client.send(.headers(1, Self.request))
      let answer = client.response(1)
      #expect(answer.hasEnded)
      #expect(answer.trailers == [Header("x-sum", "1")])
      let stream = Gunzip()
      #expect(stream.take(answer.body) == data)
      #expect(stream.isComplete && client.violations == [])
    }
    _ = backend.finish()
  }
}
