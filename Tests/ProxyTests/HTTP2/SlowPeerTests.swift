import TestPeers
import OS
import Proxy
import TestSupport
import TestRun
import Testing
import Upstream

/// Peers of HTTP/2 that are slow, and those that have fallen silent.
@Suite("Slow and silent peers of HTTP/2", .ownThread) struct SlowPeerTests {
  @Test("An upload whose reads never end with a frame goes on as long as it moves")
  func misaligned() async throws {
    let backend = try Backend { wire in
      let head = wire.readHead()
      guard head.contains("POST") else { return }
      _ = wire.read(exactly: 4000)
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    let settings = HTTP2Edge.settings(backend.target) {
      $0.limits.headerTimeout = 300
      $0.listeners[0].h2c = true
    }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Frame.preface + Frame.settings([]).bytes)
      client.write(
        Frame.headers(
          1,
          HPACK.block([
            ":method=POST", ":scheme=http", ":path=/", ":authority=localhost",
            Header("content-length", "4000"),
          ]),
          end: false
        ).bytes)
      let content = (0..<4).flatMap { Frame.data(1, [UInt8](repeating: 7, count: 1000), end: $0 == 3).bytes }
      // No piece ends where a frame does, and all of them take longer than a head may.
      for start in stride(from: 0, to: content.count, by: 101) {
        client.write(Array(content[start..<min(content.count, start + 101)]))
        _ = client.pauses()
      }
      var kinds: [UInt8] = []
      while !kinds.contains(Frame.Kind.headers) {
        let head = client.read(exactly: 9)
        guard head.count == 9 else { break }
        _ = client.read(exactly: Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
        kinds.append(head[3])
      }
      #expect(kinds.contains(Frame.Kind.headers) && !kinds.contains(Frame.Kind.goAway))
    }
    _ = backend.finish()
  }

  @Test("A header section in half frames gets no more time by that")
  func dribbledHead() async throws {
    try await HTTP2Edge.serve(nil) { settings in
      settings.limits.headerTimeout = 200
      settings.listeners[0].h2c = true
    } _: { edge in
      let client = try edge.connect()
      let head = Frame.headers(
        1, HPACK.block([":method=GET", ":scheme=http", ":path=/", ":authority=localhost"])
      ).bytes
      client.write(Frame.preface + Frame.settings([]).bytes + head[..<9])
      _ = client.readToEnd()
      #expect(client.ending != nil)
    }
  }

  @Test("A WebSocket for a backend that never sends its SETTINGS is answered in time")
  func noSettings() async throws {
    let done = try Event()
    let backend = try Backend { wire in
      _ = wire.read(exactly: 24)
      done.wait()
    }
    let settings = Settings.bare(HTTP2BackendTests.target(backend)) {
      $0.services[0].rules.timeouts.connect = 200
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
      #expect(client.readAnswer().status >= 500)
    }
    for _ in 0..<20 { done.signal() }
    _ = backend.finish()
  }

  @Test("A connection to a backend that has fallen silent gets one request more, and no further ones")
  func silent() async throws {
    let done = try Event()
    let backend = try Backend { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings([]).bytes)
      guard let stream = wire.readStreamHead() else { return }
      wire.write(Frame.headers(stream, HPACK.block([":status=204"]), end: true).bytes)
      // Whatever comes then is not even read.
      done.wait()
    }
    let settings = Settings.bare(HTTP2BackendTests.target(backend)) {
      $0.services[0].rules.timeouts.responseHead = 200
      $0.services[0].rules.retries.attempts = 0
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      let statuses = (0..<6).map { _ in
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        return client.readAnswer().status
      }
      #expect(statuses == [204, 504, 204, 504, 204, 504])
    }
    for _ in 0..<20 { done.signal() }
    _ = backend.finish()
  }
}
