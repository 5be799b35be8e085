import Exchange
import Proxy
import Telemetry
import TestPeers
import TestRun
import TestSupport
import Testing

@Suite("Names and traces of requests", .ownThread) struct FollowingTests {
  private static func forward(_ fields: String, trusts: Bool, _ edit: @escaping (inout Settings) -> Void)
    async throws -> String
  {
    try await ForwardingTests.forward("GET /a?b=c HTTP/1.1\r\nHost: h\r\n\(fields)\r\n") { settings in
      if trusts {
        settings.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap(\.self)
      }
      edit(&settings)
    }
  }

  private static func named(_ settings: inout Settings) { settings.forwarding.requestID = true }
  private static func traced(_ settings: inout Settings) { settings.traces = TraceSettings(sample: 1e-9) }

  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"

  @Test("a trusted client's name for a request goes on, a stranger's is replaced by a new one")
  func names() async throws {
    let sent = "X-Request-Id: from-client.1\r\n"
    #expect(
      try await Self.forward(sent, trusts: true, Self.named)
        == "GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-Request-Id: from-client.1\r\n\r\n")
    let made = try await Self.forward(sent, trusts: false, Self.named)
    let pattern = /X-Request-Id: [0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n/
    #expect(made.matches(of: pattern).count == 1 && !made.contains("from-client"), "\(made)")
  }

  @Test(
    "what is no name, also a trusted client's, is replaced",
    arguments: ["", "a b", "a\"b", String(repeating: "x", count: 65)])
  func odd(name: String) async throws {
    let made = try await Self.forward("X-Request-Id: \(name)\r\n", trusts: true, Self.named)
    #expect(made.contains(/X-Request-Id: [0-9a-f-]{36}\r\n/) && made.matches(of: /X-Request-Id/).count == 1)
  }

  @Test("without either, fields of both kinds pass as they came")
  func off() async throws {
    let sent = "X-Request-Id: a b\r\ntraceparent: x\r\ntracestate: y\r\n"
    #expect(
      try await Self.forward(sent, trusts: false) { _ in } == "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\(sent)\r\n")
  }

  @Test("a trusted client's trace goes on with another step, and its state as it came")
  func goesOn() async throws {
    let reached = try await Self.forward(
      "traceparent: \(Self.parent)-00\r\ntracestate: a=b\r\n", trusts: true, Self.traced)
    #expect(reached.contains("tracestate: a=b\r\n"))
    #expect(
      reached.contains(/traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00\r\n/), "\(reached)")
    #expect(!reached.contains("00f067aa0ba902b7"))
  }

  @Test(
    "a stranger's trace, and what is none, is replaced by a new one without its state",
    arguments: [
      (false, "\(parent)-01"), (true, "\(parent)"), (true, "ff-\(parent.dropFirst(3))-01"),
      (true, "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
      (true, "\(parent.replacing("4bf9", with: "4BF9"))-01"), (true, "\(parent)-01-x"),
    ])
  func starts(trusts: Bool, sent: String) async throws {
    let reached = try await Self.forward(
      "traceparent: \(sent)\r\ntracestate: a=b\r\n", trusts: trusts, Self.traced)
    #expect(reached.matches(of: /traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/).count == 1, "\(reached)")
    #expect(!reached.contains("4736") && reached.contains("tracestate") == trusts)
  }

  @Test("a client is told the request's name, unless the backend tells one of its own")
  func answered() async throws {
    for own in ["", "X-Request-Id: engine\r\n"] {
      let backend = try Backend { wire in
        _ = wire.readHead()
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\(own)\r\n")
      }
      try await Edge.serve(.bare([backend.target], Self.named)) { edge in
        let client = try edge.connect()
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let head = client.readHead()
        #expect(head.lowercased().matches(of: /x-request-id:/).count == 1, "\(head)")
        #expect(own.isEmpty || head.contains("engine"))
      }
      _ = backend.finish()
    }
  }

  @Test("a trace has the request and each attempt, the failed one marked")
  func spans() async throws {
    let trace = TraceID(high: 0x1122_3344_5566_7788, low: .random(in: 1 ... .max))
    let digits = String(trace.low, radix: 16)
    let id = "1122334455667788" + String(repeating: "0", count: 16 - digits.count) + digits
    let refusing = try Backend { wire in
      _ = wire.readHead()
      wire.reset()
    }
    let backend = try Backend { wire in
      while !wire.readHead().isEmpty { wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
    }
    try await Edge.serve(
      .bare([refusing.target, backend.target]) { settings in
        settings.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap(\.self)
        settings.traces = TraceSettings(sample: 1e-9)
        settings.services[0].rules.retries.rule.onReset = true
      }
    ) { edge in
      let client = try edge.connect()
      // In turn: one of both meets the one that resets.
      for _ in 0..<2 {
        client.write(
          "GET /secret?key=1 HTTP/1.1\r\nHost: h\r\ntraceparent: 00-\(id)-00000000000000aa-01\r\n\r\n")
        #expect(client.readAnswer().status == 200)
      }
    }
    let own = TraceQueue.ofProcess.take(atMost: .max).filter { $0.trace == trace }
    let (requests, attempts) = (own.filter { $0.name == "GET s" }, own.filter { $0.name == "attempt" })
    #expect(requests.count == 2 && requests.allSatisfy { $0.parent == 0xAA && !$0.isError })
    let failed = attempts.count(where: \.isError)
    #expect(failed >= 1 && attempts.count == 2 + failed)
    #expect(attempts.allSatisfy { attempt in requests.contains { $0.span == attempt.parent } })
    #expect(!"\(own)".contains("secret"))
    _ = (refusing.finish(), backend.finish())
  }
}
