import Exchange
import OS
import Proxy
import Telemetry
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Requests that two backends have at once", .ownThread) struct HedgingTests {
  private static func post(_ content: String) -> String {
    "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(content.utf8.count)\r\n\r\n\(content)"
  }

  private static let unary = post(#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#)
  private static let stream = post(
    #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#)

  /// Answers every request whose content ends with a brace.
  private static func answering(_ status: Int, _ text: String) -> Backend.Script {
    { wire in
      while !wire.read(through: "}]}").isEmpty {
        wire.write("HTTP/1.1 \(status) So\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
      }
    }
  }

  private static let silent: Backend.Script = { wire in _ = wire.readToEnd() }

  private func settings(_ backends: [Backend], _ edit: (inout Settings.ServiceRules) -> Void = { _ in })
    -> Settings
  {
    .bare(backends.map(\.target)) { settings in
      settings.services[0].rules.policy = .leastRequest
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.retries.rule.onResponseTimeout = false
      settings.services[0].rules.outlierDetection = .off
      settings.services[0].rules.hedging = Settings.Hedging()
      settings.services[0].rules.hedging?.after = 20
      settings.services[0].rules.hedging?.budgetPercent = 100
      edit(&settings.services[0].rules)
    }
  }

  /// Waits until nothing is under way: clients have their answers a moment before anybody counts them.
  private func ends(_ settings: Settings) async {
    while settings.services[0].backends.contains(where: { $0.status.inFlight != 0 }) { await Task.yield() }
  }

  @Test("a request whose answer is late is answered by another backend, and the late one's work ends at once")
  func won() async throws {
    let (late, good) = (try Backend(Self.silent), try Backend(Self.answering(200, "good")))
    let settings = settings([late, good])
    try await Edge.serve(settings) { edge in
      for _ in 0..<4 {
        let client = try edge.connect()
        client.write(Self.unary)
        #expect(client.readAnswer().body == "good")
      }
      let won = edge.proxy.counters[.hedgesWon] ?? 0
      #expect(won > 0 && edge.proxy.counters[.hedgesLost] == 0)
      await ends(settings)
    }
    // It has seen the end of each of its connections.
    _ = (late.finish(), good.finish())
  }

  @Test("the earlier backend's answer counts where it comes first, and the other one's work ends")
  func lost() async throws {
    let gate = try Gate()
    let first = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      gate.wait()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
      _ = wire.readToEnd()
    }
    let second = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      gate.open()
      _ = wire.readToEnd()
    }
    let settings = settings([first, second])
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Self.unary)
      #expect(client.readAnswer().body == "first")
      #expect(edge.proxy.counters[.hedgesLost] == 1 && edge.proxy.counters[.hedgesWon] == 0)
      await ends(settings)
    }
    _ = (first.finish(), second.finish())
  }

  @Test("where the second one fails, whatever way, the earlier one is waited for", arguments: [503, 0])
  func failing(_ status: Int) async throws {
    let gate = try Gate()
    let first = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      gate.wait()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
      _ = wire.readToEnd()
    }
    let second = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      if status > 0 { wire.write("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") } else { wire.reset() }
      gate.open()
      _ = wire.readToEnd()
    }
    try await Edge.serve(settings([first, second])) { edge in
      let client = try edge.connect()
      client.write(Self.unary)
      #expect(client.readAnswer().body == "first")
    }
    _ = (first.finish(), second.finish())
  }

  @Test("where the earlier one fails, the second one's answer is waited for")
  func earlierFails() async throws {
    let (gate, failed) = (try Gate(), try Gate())
    let first = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      gate.wait()
      wire.write("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
      failed.open()
    }
    let second = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      gate.open()
      failed.wait()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
      _ = wire.readToEnd()
    }
    try await Edge.serve(settings([first, second])) { edge in
      let client = try edge.connect()
      client.write(Self.unary)
      #expect(client.readAnswer().body == "second")
    }
    _ = (first.finish(), second.finish())
  }

  private static func answer(_ stream: UInt32, _ text: String) -> [Frame] {
    [.headers(stream, HPACK.block([":status=200"]), end: false), .data(stream, Array(text.utf8), end: true)]
  }

  /// A GET to two backends that speak HTTP/2: what it was answered.
  private func askByHTTP2(
    _ first: @escaping Backend.Script, _ second: @escaping Backend.Script,
    _ check: (EdgeProxy) async throws -> Void
  ) async throws -> String {
    let backends = [try Backend(first), try Backend(second)]
    var settings = settings(backends)
    for place in backends.indices { settings.services[0].backends[place].http2 = true }
    var body = ""
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      body = client.readAnswer().body
      try await check(edge.proxy)
      await ends(settings)
    }
    for backend in backends { _ = backend.finish() }
    return body
  }

  @Test("over HTTP/2 the late one's stream is reset")
  func resetStream() async throws {
    let reset = try Gate()
    let late: Backend.Script = { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings([]).bytes)
      while true {
        let head = wire.read(exactly: 9)
        guard head.count == 9 else { return }
        _ = wire.read(exactly: Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
        if head[3] == Frame.Kind.rstStream { reset.open() }
      }
    }
    let good = HTTP2BackendTests.answering { stream, _ in Self.answer(stream, "good") }
    let body = try await askByHTTP2(late, good) { proxy in
      reset.wait()
      #expect(proxy.counters[.hedgesWon] == 1)
    }
    #expect(body == "good")
  }

  @Test(
    "over HTTP/2 the earlier stream's answer counts where it comes first, and its end where it fails",
    arguments: [true, false])
  func earlierStream(answers: Bool) async throws {
    let (gate, ended) = (try Gate(), try Gate())
    let first = HTTP2BackendTests.answering { stream, wire in
      gate.wait()
      guard !answers else { return Self.answer(stream, "first") }
      wire.write(Frame.reset(stream, .internalError).bytes)
      ended.open()
      return []
    }
    let second = HTTP2BackendTests.answering { stream, _ in
      gate.open()
      guard !answers else { return [] }
      ended.wait()
      return Self.answer(stream, "second")
    }
    let body = try await askByHTTP2(first, second) { proxy in
      #expect(proxy.counters[answers ? .hedgesLost : .hedgesWon] == 1)
    }
    #expect(body == (answers ? "first" : "second"))
  }

  @Test("a client that leaves ends the work of both")
  func left() async throws {
    let gate = try Gate()
    let first = try Backend(Self.silent)
    let second = try Backend { wire in
      guard !wire.read(through: "}]}").isEmpty else { return }
      gate.open()
      _ = wire.readToEnd()
    }
    let settings = settings([first, second])
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Self.unary)
      gate.wait()
      client.close()
      await ends(settings)
      #expect(edge.proxy.counters[.hedgesAbandoned] == 1)
    }
    _ = (first.finish(), second.finish())
  }

  @Test(
    "streams, requests beyond the budget and what other servers may not have twice stay where they are",
    arguments: ["stream", "budget", "POST"])
  func alone(_ kind: String) async throws {
    let backends = try (0..<2).map { _ in try Backend(Self.silent) }
    let settings = settings(backends) { rules in
      rules.timeouts.responseHead = 200
      if kind == "budget" { rules.hedging?.budgetPercent = 5 }
      if kind == "POST" { rules.retries.rule.repeatsAll = false }
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(kind == "stream" ? Self.stream : Self.unary)
      #expect(client.readAnswer().status == 504)
      let counters = edge.proxy.counters
      for counter in [Counter.hedgesWon, .hedgesLost, .hedgesAbandoned] { #expect(counters[counter] == 0) }
    }
    for backend in backends { _ = backend.finish() }
  }
}
