import TestPeers
import OS
import Proxy
import TestRun
import Testing

@Suite("Streams that end early", .ownThread) struct HTTP2CancelTests {
  /// Streams pieces until the connection ends, which it tells by an event; answers other paths with `ok`.
  static func endless(_ gone: Event) -> Backend.Script {
    { wire in
      while true {
        let head = wire.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        if head.contains(" /stream") {
          wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n")
          _ = wire.readToEnd()
          return gone.signal()
        }
        if head.contains(" /silent") {
          _ = wire.readToEnd()
          return gone.signal()
        }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
  }

  @Test(
    "RST_STREAM ends the backend's exchange, whether it has answered or not",
    arguments: ["/stream", "/silent"])
  func reset(_ path: String) async throws {
    let gone = try Event()
    try await HTTP2Edge.serve(Self.endless(gone)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get(path)), .headers(3, HTTP2Case.get()))
      if path == "/stream" { client.wait { $0[1].count == 5 } }
      #expect(client.response(3).text == "ok")
      client.send(.reset(1))
      #expect(gone.wait())
      client.send(.headers(5, HTTP2Case.get()))
      #expect(client.response(5).text == "ok")
      #expect(!client[1].isOver && client.violations == [])
    }
  }

  @Test("RST_STREAM in the middle of content ends the backend's exchange")
  func resetUpload() async throws {
    let gone = try Event()
    try await HTTP2Edge.serve(Self.endless(gone)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.post("/silent"), end: false), .data(1, HTTP2Case.hello))
      #expect(client.goesOn())
      client.send(.data(1, HTTP2Case.hello), .reset(1))
      #expect(gone.wait())
      #expect(client.goesOn())
    }
  }

  @Test("A client that has gone ends all of its exchanges", arguments: [false, true])
  func gone(byReset: Bool) async throws {
    let gone = try Event()
    try await HTTP2Edge.serve(Self.endless(gone)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      let streams: [UInt32] = [1, 3, 5, 7]
      for stream in streams { client.send(.headers(stream, HTTP2Case.get("/stream"))) }
      for stream in streams { client.wait { $0[stream].count == 5 } }
      if byReset { client.wire.reset() } else { client.wire.close() }
      for _ in streams { #expect(gone.wait()) }
    }
  }

  @Test("A connection error ends all of its exchanges")
  func connectionError() async throws {
    let gone = try Event()
    try await HTTP2Edge.serve(Self.endless(gone)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/silent")), .headers(3, HTTP2Case.get("/stream")))
      client.wait { $0[3].count == 5 }
      client.send(Frame(Frame.Kind.ping, [1]))
      client.drain()
      for _ in 0..<2 { #expect(gone.wait()) }
    }
  }

  @Test("A drain tells GOAWAY, lets streams end, refuses new ones, and closes", arguments: [false, true])
  func drain(secure: Bool) async throws {
    let next = try Event()
    let stream = try LifecycleTests.streaming([next], pieces: 3)
    try await HTTP2Edge.serve(HTTP2Edge.settings(stream.target)) { edge in
      let client = secure ? try edge.http2Securely() : try edge.http2()
      #expect(client.start())
      let idle = try edge.http2()
      #expect(idle.start())
      client.send(.headers(1, HTTP2Case.get()))
      client.wait { $0[1].status != nil }
      let drained = Task(priority: .high) { await edge.proxy.drain(milliseconds: 60_000) }
      let problems = try await OwnThread.run { () -> [String] in
        var problems: [String] = []
        idle.drain()
        if idle.goAway?.code != 0 || idle.ending != .closed { problems.append("idle: \(idle.trace)") }
        if !client.wait({ $0.goAway != nil }) || client.goAway?.code != 0 { problems.append("no GOAWAY") }
        for _ in 0..<4 { next.signal() }
        if client.response(1).text != "piecepiecepiece" { problems.append("cut: \(client.trace)") }
        client.drain()
        if client.ending != .closed || client.goAway?.last != 1 { problems.append("end: \(client.trace)") }
        return problems + client.violations + idle.violations
      }
      #expect(problems == [])
      await drained.value
    }
    _ = stream.finish()
  }

  @Test("A drain's deadline cuts what is under way, and tells that it is cut")
  func deadline() async throws {
    let gone = try Event()
    try await HTTP2Edge.serve(Self.endless(gone)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/stream")))
      client.wait { $0[1].count == 5 }
      await edge.proxy.drain(milliseconds: 100)
      client.drain()
      #expect(!client[1].hasEnded && client.ending != nil)
      #expect(gone.wait())
    }
  }
}
