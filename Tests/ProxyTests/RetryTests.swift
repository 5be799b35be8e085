import Exchange
import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Requests that are tried again", .ownThread) struct RetryTests {
  private static let post = "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"

  private static let good: Backend.Script = { wire in
    while !wire.readHead().isEmpty {
      _ = wire.read(exactly: 4)
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
    }
  }

  private static func answering(_ status: Int) -> Backend.Script {
    { wire in
      while !wire.readHead().isEmpty {
        _ = wire.read(exactly: 4)
        wire.write("HTTP/1.1 \(status) No\r\nRetry-After: 1\r\nContent-Length: 3\r\n\r\nbad")
      }
    }
  }

  private static let resetting: Backend.Script = { wire in
    _ = wire.readHead()
    wire.reset()
  }

  /// A service of model servers, of which the first one has a fault.
  private func settings(
    _ backends: [Backend], isModelServer: Bool = true, _ edit: (inout Settings.Service) -> Void = { _ in }
  ) -> Settings {
    .bare(backends.map(\.target)) { settings in
      settings.services[0].rules.policy = .leastRequest
      settings.services[0].rules.retries.rule.repeatsAll = isModelServer
      if isModelServer {
        for status in [429, 500, 502, 503, 504] {
          settings.services[0].rules.retries.rule.insert(status: status)
        }
      }
      settings.services[0].rules.outlierDetection = OutlierDetection()
      settings.services[0].rules.outlierDetection.consecutiveErrors = isModelServer ? 5 : 0
      edit(&settings.services[0])
    }
  }

  @Test(
    "with one model server of four failing every request is answered, and few meet it",
    arguments: [500, 502, 503, 429, 0])
  func oneOfFour(_ status: Int) async throws {
    let bad = try Backend(status == 0 ? Self.resetting : Self.answering(status))
    let others = try (0..<3).map { _ in try Backend(Self.good) }
    try await Edge.serve(settings([bad] + others)) { edge in
      var answered = 0
      for _ in 0..<80 {
        let client = try edge.connect()
        client.write(Self.post)
        if client.readAnswer().body == "good" { answered += 1 }
      }
      #expect(answered == 80)
    }
    let met = bad.finish().joined().components("POST ")
    #expect(met <= 5, "\(met) met it")
    for other in others { _ = other.finish() }
  }

  @Test("a response that does not come in time is asked for elsewhere")
  func responseTimeout() async throws {
    let silent = try Backend { wire in _ = wire.readToEnd() }
    let good = try Backend(Self.good)
    let settings = settings([silent, good]) { $0.rules.timeouts.responseHead = 100 }
    try await Edge.serve(settings) { edge in
      for _ in 0..<3 {
        let client = try edge.connect()
        client.write(Self.post)
        #expect(client.readAnswer().body == "good")
      }
      #expect(edge.proxy.counters[.upstreamTimeouts] ?? 0 > 0)
    }
    _ = (silent.finish(), good.finish())
  }

  @Test("where all fail the last answer reaches the client as it is")
  func allFail() async throws {
    let backends = try (0..<2).map { _ in try Backend(Self.answering(503)) }
    try await Edge.serve(settings(backends)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      let answer = client.readAnswer()
      #expect(answer.status == 503 && answer.field("Retry-After") == "1" && answer.body == "bad")
    }
    for backend in backends { _ = backend.finish() }
  }

  @Test("where no other backend is there the answer of this one is worth more than ours")
  func noOther() async throws {
    let bad = try Backend(Self.answering(503))
    var settings = settings([bad])
    settings.services[0].backends.append(try .refusing())
    settings.services[0].backends[1].status.health = .unhealthy
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      #expect(client.readAnswer().body == "bad")
    }
    _ = bad.finish()
  }

  @Test("what is no model server gets a POST once, and its status passes")
  func otherServers() async throws {
    let bad = try Backend(Self.answering(503))
    let good = try Backend(Self.good)
    try await Edge.serve(settings([bad, good], isModelServer: false)) { edge in
      let client = try edge.connect()
      client.write(Self.post)
      #expect(client.readAnswer().status == 503)
    }
    _ = (bad.finish(), good.finish())
  }
}

extension String {
  /// How often a text stands in it.
  fileprivate func components(_ text: String) -> Int {
    split(separator: text, omittingEmptySubsequences: false).count - 1
  }
}
