import Exchange
import Proxy
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@Suite("What engines give", .ownThread) struct ProgressTests {
  @Test(
    "an answer that goes on is noted of the only engine too, and not of other servers",
    arguments: [true, false])
  func only(_ isModelServer: Bool) async throws {
    let engine = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
      }
    }
    let target = engine.target
    let settings = Settings.bare(target) { $0.services[0].rules.retries.rule.repeatsAll = isModelServer }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
      #expect(client.readAnswer().body == "good")
      // Noted when the answer is on its way: before the next one on the same connection.
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().body == "good")
      #expect((target.status.engine.lastProgress > 0) == isModelServer)
    }
    _ = engine.finish()
  }
}
