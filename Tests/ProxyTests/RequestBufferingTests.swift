import Exchange
import TestPeers
import Proxy
import TestSupport
import TestRun
import Testing
import Upstream

/// Content whose length the client does not tell, for backends that need one.
@Suite("Request buffering", .ownThread) struct RequestBufferingTests {
  private static let head = "POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"

  private static func echoing() throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let length = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
          .flatMap { Int($0.dropFirst(16)) }
        let body = length.map { wire.read(exactly: $0) } ?? []
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\nX-Length: \(length ?? -1)\r\n"
            + "X-Chunked: \(head.lowercased().contains("transfer-encoding"))\r\n\r\n")
        wire.write(body)
      }
    }
  }

  private static func settings(_ backend: Backend, bytes: Int) -> Settings {
    .bare(backend.target) { $0.services[0].rules.requestBuffering = bytes }
  }

  /// Some bytes in chunks of so many.
  private static func chunks(_ body: [UInt8], of size: Int) -> [UInt8] {
    var out: [UInt8] = []
    for start in stride(from: 0, to: body.count, by: size) {
      let piece = body[start..<min(body.count, start + size)]
      out += latin1(String(piece.count, radix: 16) + "\r\n") + piece + latin1("\r\n")
    }
    return out + latin1("0\r\n\r\n")
  }

  @Test(
    "Chunked content arrives whole with its length, however it was cut, and the next request behind it",
    arguments: [(0, 1), (1, 1), (5000, 7), (200_000, 4096), (1_000_000, 100_000)])
  func whole(count: Int, size: Int) async throws {
    let backend = try Self.echoing()
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try await Edge.serve(Self.settings(backend, bytes: 1 << 20)) { edge in
      let client = try edge.connect()
      for round in 0..<2 {
        let request = latin1(Self.head + "\r\n") + Self.chunks(body, of: size)
        // A second request right behind the first, and one in small pieces.
        if round == 0 {
          client.write(request + latin1("GET /next HTTP/1.1\r\nHost: h\r\n\r\n"))
        } else {
          for start in stride(from: 0, to: request.count, by: 40_000) {
            client.write(Array(request[start..<min(request.count, start + 40_000)]))
          }
        }
        let answer = client.readAnswer()
        #expect(answer.status == 200 && latin1(answer.body) == body, "\(answer.status) \(answer.body.count)")
        #expect(answer.head.contains("X-Length: \(count)"), "\(answer.head)")
        #expect(answer.head.contains("X-Chunked: false"), "\(answer.head)")
        if round == 0 { #expect(client.readAnswer().head.contains("X-Length: -1")) }
      }
    }
    _ = backend.finish()
  }

  @Test("More than is kept is answered 413, and no backend hears of it")
  func tooMuch() async throws {
    let backend = try Self.echoing()
    try await Edge.serve(Self.settings(backend, bytes: 1000)) { edge in
      let client = try edge.connect()
      client.write(latin1(Self.head + "\r\n") + Self.chunks([UInt8](repeating: 1, count: 1001), of: 100))
      #expect(client.readAnswer().status == 413)
      let other = try edge.connect()
      other.write(latin1(Self.head + "\r\n") + Self.chunks([UInt8](repeating: 1, count: 1000), of: 100))
      #expect(other.readAnswer().status == 200)
    }
    #expect(backend.finish().count == 1)
  }

  @Test("A client that asks whether it may go on is told so")
  func goOn() async throws {
    let backend = try Self.echoing()
    try await Edge.serve(Self.settings(backend, bytes: 1000)) { edge in
      let client = try edge.connect()
      client.write(Self.head + "Expect: 100-continue\r\n\r\n")
      #expect(client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
      client.write("2\r\nhi\r\n0\r\n\r\n")
      #expect(client.readAnswer().body == "hi")
    }
    #expect(!backend.finish().joined().lowercased().contains("expect"))
  }

  @Test("Malformed chunks are answered 400, and a client that leaves takes its content with it")
  func broken() async throws {
    let backend = try Self.echoing()
    try await Edge.serve(Self.settings(backend, bytes: 1000)) { edge in
      let client = try edge.connect()
      client.write(Self.head + "\r\n2\r\nhi\r\nzz\r\n")
      #expect(client.readAnswer().status == 400)
      let other = try edge.connect()
      other.write(Self.head + "\r\n2\r\nhi\r\n")
      other.close()
      let last = try edge.connect()
      last.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(last.readAnswer().status == 200)
    }
    #expect(backend.finish().count == 1)
  }

  @Test("A client that stops in the middle of its content is answered 408, and no backend hears of it")
  func stalled() async throws {
    let backend = try Self.echoing()
    let settings = Settings.bare(backend.target) { settings in
      settings.services[0].rules.requestBuffering = 1000
      settings.limits.requestBodyIdleTimeout = 200
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Self.head + "\r\n2\r\nhi\r\n")
      #expect(client.readAnswer().status == 408)
    }
    #expect(backend.finish().isEmpty)
  }

  @Test("It is sent once more as a whole where a kept connection was closed or a backend refuses")
  func again() async throws {
    let first = try Backend { wire in
      _ = wire.readHead()
      _ = wire.read(exactly: 3000)
      wire.write("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    }
    let second = try Self.echoing()
    let settings = Settings.bare(first.target, second.target) { settings in
      settings.services[0].rules.requestBuffering = 4000
      settings.services[0].rules.policy = .roundRobin
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.retries.rule.insert(status: 503)
    }
    let body = [UInt8](repeating: 7, count: 3000)
    try await Edge.serve(settings) { edge in
      for _ in 0..<2 {
        let client = try edge.connect()
        client.write(latin1(Self.head + "\r\n") + Self.chunks(body, of: 1000))
        let answer = client.readAnswer()
        #expect(answer.status == 200 && latin1(answer.body) == body, "\(answer.status)")
      }
    }
    _ = first.finish()
    _ = second.finish()
  }

  @Test("A head that leaves no room for content is answered 431, and one that leaves some is taken")
  func longHeads() async throws {
    let backend = try Self.echoing()
    let settings = Settings.bare(backend.target) { settings in
      settings.services[0].rules.requestBuffering = 1 << 20
      settings.limits.requestHead = 65_536
    }
    let body = [UInt8](repeating: 7, count: 300_000)
    try await Edge.serve(settings) { edge in
      for (length, status) in [(64_000, 431), (59_000, 200)] {
        let client = try edge.connect()
        client.write(latin1(Self.head + "X: \(String(repeating: "x", count: length))\r\n\r\n"))
        if status == 200 { client.write(Self.chunks(body, of: 50_000)) }
        let answer = client.readAnswer()
        #expect(answer.status == status && (status == 431 || answer.body.utf8.count == body.count))
      }
    }
    _ = backend.finish()
  }

  @Test(
    "Requests that wait behind content take no room from its length", arguments: [65_300, 65_536, 70_000])
  func pipelined(count: Int) async throws {
    let backend = try Self.echoing()
    try await Edge.serve(Self.settings(backend, bytes: 1000)) { edge in
      let client = try edge.connect()
      let first = latin1(Self.head + "\r\n1\r\na\r\n0\r\n\r\n")
      let next = latin1("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      let more = (count - first.count) / next.count
      client.write(first + (0..<more).flatMap { _ in next })
      #expect(client.readAnswer().body == "a")
      for _ in 0..<more { #expect(client.readAnswer().status == 200) }
    }
    _ = backend.finish()
  }

  @Test("What all requests keep together has a limit, and is free again when the answer begins")
  func together() async throws {
    let (begun, goOn) = (try Event(), try Event())
    let backend = try Backend { wire in
      _ = wire.readHead()
      _ = wire.read(exactly: 500_000)
      begun.signal()
      goOn.wait()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
      goOn.wait()
      wire.write("ok")
    }
    let settings = Settings.bare(backend.target) { settings in
      settings.services[0].rules.requestBuffering = 1 << 20
      settings.limits.bufferMemory = 1_200_000
    }
    let body = [UInt8](repeating: 7, count: 500_000)
    try await Edge.serve(settings) { edge in
      func upload() throws -> Wire {
        let client = try edge.connect()
        client.write(latin1(Self.head + "\r\n") + Self.chunks(body, of: 50_000))
        return client
      }
      let first = try upload()
      begun.wait()
      #expect(try upload().readAnswer().status == 503)
      goOn.signal()
      #expect(first.readHead().hasPrefix("HTTP/1.1 200"))
      let third = try upload()
      begun.wait()
      for _ in 0..<3 { goOn.signal() }
      #expect(third.readAnswer().body == "ok")
    }
    _ = backend.finish()
  }

  @Test("A reload in the middle of an upload decides which Host goes with it")
  func reloaded() async throws {
    let backend = try Self.echoing()
    let own = Settings.bare(backend.target) { settings in
      settings.services[0].rules.requestBuffering = 1000
      settings.services[0].backends[0].host = "backend.example"
    }
    var clients = own
    clients.services[0].backends[0].host = nil
    try await Edge.serve(own) { edge in
      let client = try edge.connect()
      client.write(Self.head + "Expect: 100-continue\r\n\r\n")
      #expect(client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
      try await edge.proxy.apply(clients)
      client.write("2\r\nhi\r\n0\r\n\r\n")
      #expect(client.readAnswer().body == "hi")
    }
    #expect(backend.finish().joined().contains("\r\nHost: h\r\n"))
  }

  @Test("Content that is whole only after a reload goes to the backends that there are by then")
  func moved() async throws {
    let (old, new) = (try Self.echoing(), try Self.echoing())
    let before = Self.settings(old, bytes: 1000)
    try await Edge.serve(before) { edge in
      let client = try edge.connect()
      client.write(Self.head + "Expect: 100-continue\r\n\r\n")
      #expect(client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
      try await edge.proxy.apply(Self.settings(new, bytes: 1000))
      client.write("2\r\nhi\r\n0\r\n\r\n")
      #expect(client.readAnswer().body == "hi")
    }
    #expect(old.finish().isEmpty)
    #expect(new.finish().count == 1)
  }

  @Test("HTTP/2 content without a length arrives with one", arguments: [0, 10, 150_000])
  func http2(count: Int) async throws {
    let backend = try Self.echoing()
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let settings = HTTP2Edge.settings(backend.target) { $0.services[0].rules.requestBuffering = 1 << 20 }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(
          1, HPACK.block([":method=POST", ":scheme=http", ":path=/", ":authority=localhost"]), end: false))
      client.sendBody(1, body)
      let answer = client.response(1)
      #expect(answer.body == body, "\(answer.body.count)")
      #expect(answer.field("x-length") == "\(count)", "\(answer.headers)")
    }
    _ = backend.finish()
  }
}
