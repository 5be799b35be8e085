import TestPeers
import Proxy
import Telemetry
import TestSupport
import TestRun
import Testing

@Suite("When buffers are out", .ownThread) struct BufferLimitTests {
  /// Half a request: its buffer stays out until the rest has come.
  private static let half = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1234"

  private static let echo: Backend.Script = { wire in
    while !wire.readHead().isEmpty {
      let content = wire.read(exactly: 9)
      wire.write(latin1("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") + content)
    }
  }

  /// As few buffers as there may be.
  private func settings(_ backend: Backend) -> Settings {
    .bare(backend.target) { settings in
      settings.limits.bufferMemory = 1
      settings.listeners[0].h2c = true
    }
  }

  @Test("New requests are refused, those under way are answered, and then new ones are again")
  func refused() async throws {
    let backend = try Backend(Self.echo)
    try await Edge.serve(settings(backend)) { edge in
      let streams = try edge.http2()
      #expect(streams.start())
      var held: [Wire] = []
      var answer = Answer()
      repeat {
        let client = try edge.connect()
        client.write(Self.half)
        held.append(client)
        let other = try edge.connect()
        other.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nother one")
        answer = other.readAnswer()
      } while answer.status == 200 && held.count < 100
      #expect(answer.status == 503 && answer.field("Connection") == "close" && held.count < 20)
      #expect(edge.proxy.counters[.requestsWithoutBuffer] ?? 0 > 0)
      #expect(edge.reports.contains("outOfBuffers"))
      streams.send(
        .headers(
          1, HPACK.block([":method=GET", ":scheme=http", ":path=/", ":authority=localhost"]), end: true))
      #expect(streams.response(1).status == 503)
      for client in held {
        client.write("56789")
        let last = client.readAnswer()
        #expect(last.status == 503 || last.body == "123456789")
      }
      let later = try edge.connect()
      later.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nlater one")
      #expect(later.readAnswer().body == "later one")
      #expect(streams.goesOn())
    }
    _ = backend.finish()
  }

  @Test("A stream that has begun goes on while nothing new is let in")
  func goesOn() async throws {
    let next = try Event()
    let stream = try LifecycleTests.streaming([next], pieces: 2)
    let backend = try Backend(Self.echo)
    let settings = Settings.bare(stream.target) { settings in
      settings.limits.bufferMemory = 1
      settings.services.append(.init(name: "echo", backends: [backend.target]))
      settings.routes.insert(.init(hosts: ["h"], paths: [], service: 1), at: 0)
    }
    try await Edge.serve(settings) { edge in
      let reader = try edge.connect()
      reader.write("GET / HTTP/1.1\r\nHost: stream\r\n\r\n")
      #expect(reader.readHead().hasPrefix("HTTP/1.1 200 "))
      let held = try (0..<20).map { _ in try edge.connect() }
      for client in held { client.write(Self.half) }
      #expect(held.last?.readAnswer().status == 503)
      for _ in 0..<2 {
        next.signal()
        #expect(reader.read(through: "piece\r\n").hasSuffix("piece\r\n"))
      }
      next.signal()
      #expect(reader.read(through: "0\r\n\r\n") == "0\r\n\r\n")
    }
    _ = (stream.finish(), backend.finish())
  }
}
