import Exchange
import Proxy
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@Suite("Limits of a service", .ownThread) struct ServiceLimitTests {
  private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
  private static let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

  /// A server that answers each request when the gate says so.
  private static func gated(_ gate: Event) throws -> Backend {
    try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        gate.wait()
        wire.write(Self.good)
      }
    }
  }

  @Test(
    "a request beyond the limit is told 503 at once with the limit's name, whichever worker it comes to, and the next finds room",
    arguments: [CircuitBreakers.Limit.requests, .connections])
  func requests(_ limit: CircuitBreakers.Limit) async throws {
    let gate = try Event()
    let backend = try Self.gated(gate)
    let settings = Settings.bare(backend.target) { settings in
      if limit == .requests {
        settings.services[0].rules.circuitBreakers.maxRequests = 1
      } else {
        settings.services[0].rules.circuitBreakers.maxConnections = 1
      }
    }
    let state = settings.services[0].state
    try await Edge.serve(settings, workers: 2) { edge in
      let first = try edge.connect()
      first.write(Self.request)
      while state.count(limit) == 0 { await Task.yield() }
      for turn in 1...4 {
        let other = try edge.connect()
        other.write(Self.request)
        let answer = other.readAnswer()
        #expect(answer.status == 503 && answer.body.contains(#""code":"\#(limit.word)""#), "\(answer.body)")
        #expect(answer.field("Proxy-Status")?.contains("connection_limit_reached") == true)
        #expect(answer.field("Retry-After") == "1" && state.hits(limit) == turn)
      }
      gate.signal()
      #expect(first.readAnswer().body == "good")
      while state.count(limit) != 0 { await Task.yield() }
      gate.signal()
      first.write(Self.request)
      #expect(first.readAnswer().body == "good")
    }
    #expect(state.count(.requests) == 0 && state.count(.connections) == 0)
    _ = backend.finish()
  }

  @Test("a client that leaves makes room")
  func leaves() async throws {
    let gate = try Event()
    let backend = try Self.gated(gate)
    let settings = Settings.bare(backend.target) { $0.services[0].rules.circuitBreakers.maxRequests = 1 }
    let state = settings.services[0].state
    try await Edge.serve(settings) { edge in
      let first = try edge.connect()
      first.write(Self.request)
      while state.count(.requests) == 0 { await Task.yield() }
      first.close()
      while state.count(.requests) != 0 { await Task.yield() }
    }
    gate.signal()
    _ = backend.finish()
  }

  @Test("beyond the limit of retries a request gets the failure, and one beside it counts none")
  func retries() async throws {
    let bad = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad")
      }
    }
    let other = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") { wire.write(Self.good) }
    }
    for (most, body) in [(0, "bad"), (1, "good")] {
      let settings = Settings.bare(bad.target, other.target) { settings in
        settings.services[0].rules.retries.rule.insert(status: 503)
        settings.services[0].rules.circuitBreakers.maxRetries = most
      }
      let state = settings.services[0].state
      try await Edge.serve(settings) { edge in
        let client = try edge.connect()
        client.write(Self.request)
        #expect(client.readAnswer().body == body)
        #expect(state.hits(.retries) == (most == 0 ? 1 : 0))
        while state.count(.retries) != 0 { await Task.yield() }
      }
    }
    for backend in [bad, other] { _ = backend.finish() }
  }

  @Test("without a place to wait for a connection only kept ones are used")
  func pending() async throws {
    let backend = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") { wire.write(Self.good) }
    }
    let settings = Settings.bare(backend.target) { $0.services[0].rules.circuitBreakers.maxPending = 0 }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Self.request)
      let answer = client.readAnswer()
      #expect(answer.status == 503 && answer.body.contains("max_pending"), "\(answer.body)")
    }
    let one = Settings.bare(backend.target) { $0.services[0].rules.circuitBreakers.maxPending = 1 }
    try await Edge.serve(one) { edge in
      let client = try edge.connect()
      for _ in 0..<3 {
        client.write(Self.request)
        #expect(client.readAnswer().body == "good")
      }
      #expect(one.services[0].state.count(.pending) == 0)
    }
    _ = backend.finish()
  }
}
