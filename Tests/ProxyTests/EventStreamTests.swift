import Exchange
import TestPeers
import Proxy
import TestSupport
import TestRun
import Testing
import Upstream

/// Streams of events from engines that fall silent, or break off.
@Suite("Event streams", .ownThread) struct EventStreamTests {
  private static let head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

  private static func chunk(_ text: String) -> String {
    "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
  }

  private static let post =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 15\r\n\r\n{\"stream\":true}"

  private func settings(_ backend: Backend, heartbeat: UInt64 = 0) -> Settings {
    .bare(backend.target) { settings in
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.heartbeat = Milliseconds(heartbeat)
    }
  }

  /// An engine that says something, waits until it may go on, and breaks the connection off.
  private static func breaking(_ said: String, _ goOn: Event) throws -> Backend {
    try Backend { wire in
      _ = wire.readHead()
      wire.write(head + said)
      goOn.wait()
      wire.reset()
    }
  }

  @Test(
    "one that breaks off between two events ends with an error event, and with no end that could be taken for a whole"
  )
  func broken() async throws {
    let goOn = try Event()
    let engine = try Self.breaking(Self.chunk("data: {\"a\":1}\n\n"), goOn)
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      #expect(client.readHead().contains("200 OK"))
      #expect(client.read(exactly: 20) == Array(Self.chunk("data: {\"a\":1}\n\n").utf8))
      goOn.signal()
      let rest = String(decoding: client.readToEnd(), as: UTF8.self)
      #expect(rest.contains("\r\ndata: {\"error\":{\"message\":\"the engine broke off"))
      #expect(rest.hasSuffix("}}\n\n\r\n"))
      #expect(!rest.contains("[DONE]"))
    }
    _ = engine.finish()
  }

  @Test(
    "one that breaks off within an event or a chunk is reset",
    arguments: ["5\r\ndata:\r\n", "ff\r\ndata: x\n\n", "8\r\nevent: x\r\n1\r\n\n\r\n"])
  func within(_ said: String) async throws {
    let goOn = try Event()
    let engine = try Self.breaking(said, goOn)
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      _ = client.readHead()
      #expect(client.read(exactly: said.utf8.count) == Array(said.utf8))
      goOn.signal()
      #expect(client.readToEnd().isEmpty)
    }
    _ = engine.finish()
  }

  @Test("a first chunk that cannot be read is a bad gateway, for no head has gone")
  func firstChunk() async throws {
    let engine = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.head + "ZZ")
    }
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      #expect(client.readAnswer().status == 502)
    }
    _ = engine.finish()
  }

  @Test(
    "nothing is said in streams that are coded, or of interfaces that nobody knows", arguments: [true, false])
  func unspoken(_ isCoded: Bool) async throws {
    let goOn = try Event()
    let head =
      isCoded
      ? Self.head.replacing("\r\nTransfer", with: "\r\nContent-Encoding: gzip\r\nTransfer") : Self.head
    let engine = try Backend { wire in
      _ = wire.readHead()
      wire.write(head + Self.chunk("data: {\"a\":1}\n\n"))
      goOn.wait()
      wire.reset()
    }
    try await Edge.serve(settings(engine, heartbeat: 10)) { edge in
      let client = try edge.connect()
      client.write(isCoded ? Self.post : Self.post.replacing("/v1/chat/completions", with: "/custom"))
      _ = client.readHead()
      #expect(client.read(exactly: 20) == Array(Self.chunk("data: {\"a\":1}\n\n").utf8))
      #expect(client.pauses())
      goOn.signal()
      #expect(client.readToEnd().isEmpty)
    }
    _ = engine.finish()
  }

  @Test("HTTP/2 clients get the event too, in their interface's shape, and a reset behind it")
  func overHTTP2() async throws {
    let goOn = try Event()
    let engine = try Self.breaking(Self.chunk("event: ping\ndata: {}\n\n"), goOn)
    let settings = HTTP2Edge.settings(engine.target) { two in two.services = self.settings(engine).services }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(
          1, HPACK.block([":method=POST", ":scheme=http", ":path=/v1/messages", ":authority=localhost"]),
          end: false))
      client.sendBody(1, Array("{}".utf8))
      goOn.signal()
      let answer = client.response(1)
      let text = String(decoding: answer.body, as: UTF8.self)
      #expect(text.hasPrefix("event: ping\ndata: {}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{"))
      #expect(answer.reset != nil)
    }
    _ = engine.finish()
  }

  @Test("silence between two events is filled with comments, and nothing is put into an event")
  func heartbeat() async throws {
    let (first, second) = (try Event(), try Event())
    let engine = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.head + Self.chunk("data: 1\n\n"))
      first.wait()
      wire.write(Self.chunk("data: "))
      second.wait()
      wire.write(Self.chunk("2\n\n") + "0\r\n\r\n")
    }
    try await Edge.serve(settings(engine, heartbeat: 20)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      _ = client.readHead()
      #expect(client.read(exactly: 14) == Array(Self.chunk("data: 1\n\n").utf8))
      for _ in 0..<3 { #expect(client.read(exactly: 13) == Array(Self.chunk(": ping\n\n").utf8)) }
      first.signal()
      var seen = ""
      while !seen.hasSuffix(Self.chunk("data: ")) {
        seen += String(decoding: client.read(exactly: 1), as: UTF8.self)
      }
      // Long enough for several, if there were any.
      #expect(client.pauses())
      second.signal()
      #expect(client.read(exactly: 13) == Array((Self.chunk("2\n\n") + "0\r\n\r\n").utf8))
    }
    _ = engine.finish()
  }

  @Test("each silence has one comment, also behind a head that was late")
  func oneComment() async throws {
    let (late, end) = (try Event(), try Event())
    let engine = try Backend { wire in
      _ = wire.readHead()
      late.wait()
      wire.write(Self.head)
      end.wait()
    }
    try await Edge.serve(settings(engine, heartbeat: 500)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      // Longer than a silence: the first comment is due at once.
      for _ in 0..<18 { #expect(client.pauses()) }
      late.signal()
      _ = client.readHead()
      #expect(client.read(exactly: 13) == Array(Self.chunk(": ping\n\n").utf8))
      #expect(client.pauses())
      end.signal()
    }
    _ = engine.finish()
  }

  @Test("an engine that gives nothing to anybody loses what it has not begun to answer to another one")
  func standstill() async throws {
    let end = try Event()
    let hung = try Backend { wire in
      _ = wire.readHead()
      wire.write(Self.head)
      end.wait()
    }
    let good = try Backend { wire in
      while !wire.readHead().isEmpty {
        _ = wire.read(exactly: 15)
        wire.write(Self.head + Self.chunk("data: good\n\n") + "0\r\n\r\n")
      }
    }
    let settings = Settings.bare([hung.target, good.target]) { settings in
      settings.services[0].rules.policy = .modelAware
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.retries.rule.onResponseTimeout = true
      settings.services[0].rules.progressTimeout = 50
    }
    let status = settings.services[0].backends[0].status
    try await Edge.serve(settings) { edge in
      for _ in 0..<4 {
        let client = try edge.connect()
        client.write(Self.post)
        #expect(client.readAnswer().body == "data: good\n\n")
      }
    }
    #expect(status.engine.isSuspended(nowMilliseconds: 0))
    end.signal()
    _ = hung.finish()
    _ = good.finish()
  }
}
