import Exchange
import TestPeers
import Proxy
import TestSupport
import TestRun
import Testing
import Upstream

@Suite("Streams whose engine dies before their first content", .ownThread) struct HeldHeadTests {
  private static let post = "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
  private static let head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
  private static let events = "6\r\ndata:1\r\n6\r\ndata:2\r\n0\r\n\r\n"

  private static let whole: Backend.Script = { wire in
    while !wire.readHead().isEmpty {
      _ = wire.read(exactly: 4)
      wire.write(head)
      wire.write(events)
    }
  }

  private static func dying(_ said: String, isReset: Bool) -> Backend.Script {
    { wire in
      _ = wire.readHead()
      _ = wire.read(exactly: 4)
      wire.write(said)
      if isReset { wire.reset() } else { wire.close() }
    }
  }

  private func settings(_ backends: [Settings.Backend], isModelServer: Bool = true) -> Settings {
    .bare(backends) { settings in
      settings.services[0].rules.retries.rule.repeatsAll = isModelServer
      settings.services[0].rules.retries.budgetPercent = 100
    }
  }

  @Test("come whole from another engine, however the first one ends", arguments: [true, false])
  func another(_ isReset: Bool) async throws {
    let (bad, good) = (
      try Backend(Self.dying(Self.head, isReset: isReset)), try Backend(Self.whole)
    )
    try await Edge.serve(settings([bad.target, good.target])) { edge in
      for _ in 0..<6 {
        let client = try edge.connect()
        client.write(Self.post)
        let answer = client.readAnswer()
        #expect(answer.status == 200 && answer.body == "data:1data:2" && answer.isComplete, "\(answer)")
      }
    }
    _ = (bad.finish(), good.finish())
  }

  @Test("come whole from another engine for a client of HTTP/2, whose engine speaks it too")
  func anotherStream() async throws {
    let bad = try Backend(
      HTTP2BackendTests.answering { stream, _ in
        [.headers(stream, HPACK.block([":status=200"]), end: false), .reset(stream, .internalError)]
      })
    let good = try Backend(
      HTTP2BackendTests.answering { stream, _ in
        [
          .headers(stream, HPACK.block([":status=200"]), end: false),
          .data(stream, Array("data:1".utf8), end: true),
        ]
      })
    let settings = settings([HTTP2BackendTests.target(bad), HTTP2BackendTests.target(good)])
    try await Edge.serve(settings) { edge in
      for _ in 0..<4 {
        let client = try edge.connect()
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let answer = client.readAnswer()
        #expect(answer.status == 200 && answer.body == "data:1" && answer.isComplete, "\(answer)")
      }
    }
    _ = (bad.finish(), good.finish())
  }

  @Test("are cut off once a byte of content has come, and never begun anew")
  func begun() async throws {
    let (bad, good) = (
      try Backend(Self.dying(Self.head + "6\r\ndata:1\r\n", isReset: false)), try Backend(Self.whole)
    )
    try await Edge.serve(settings([bad.target, good.target])) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      let answer = client.readAnswer()
      #expect(answer.body == "data:1" && !answer.isComplete)
    }
    _ = (bad.finish(), good.finish())
  }

  @Test("pass their head at once where no other engine could have them", arguments: [true, false])
  func alone(_ isModelServer: Bool) async throws {
    let seen = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      _ = wire.read(exactly: 4)
      wire.write(Self.head)
      seen.wait()
      wire.write(Self.events)
    }
    var backends = [backend.target]
    if !isModelServer { backends.append(try .refusing()) }
    try await Edge.serve(settings(backends, isModelServer: isModelServer)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      #expect(client.readHead().contains(" 200 "))
      seen.signal()
      #expect(client.read(exactly: Self.events.utf8.count).count == Self.events.utf8.count)
    }
    _ = backend.finish()
  }

  @Test("are answered as they are when they end without content")
  func empty() async throws {
    let closing = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    let (one, two) = (
      try Backend(Self.dying(closing, isReset: false)), try Backend(Self.dying(closing, isReset: false))
    )
    try await Edge.serve(settings([one.target, two.target])) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      let answer = client.readAnswer()
      #expect(answer.status == 200 && answer.body.isEmpty && answer.isComplete)
    }
    _ = (one.finish(), two.finish())
  }
}
