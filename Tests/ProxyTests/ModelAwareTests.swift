import Exchange
import TestPeers
import Proxy
import TestSupport
import TestRun
import Testing
import Upstream

/// The engine that is expected to answer soonest.
@Suite("Choice by prompt", .ownThread) struct ModelAwareTests {
  /// Answers with its name, what it was sent at the length that it was told, and the first byte of that.
  private static func engine(_ name: String, status: Int = 200) throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let length = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
        let body = length.flatMap { Int($0.dropFirst(16)) }.map { wire.read(exactly: $0) } ?? []
        wire.write("HTTP/1.1 \(status) OK\r\nContent-Length: \(body.count)\r\nX-Engine: \(name)\r\n\r\n")
        wire.write(body)
      }
    }
  }

  private func settings(_ backends: [Backend], _ edit: (inout Settings) -> Void = { _ in }) -> Settings {
    .bare(backends.map(\.target)) { settings in
      settings.services[0].rules.policy = .modelAware
      settings.services[0].rules.outlierDetection = OutlierDetection()
      settings.services[0].rules.retries.attempts = 2
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.retries.rule.insert(status: 503)
      edit(&settings)
    }
  }

  private func post(_ body: String, path: String = "/v1/chat/completions", _ more: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\(more)\r\n\(body)"
  }

  /// A conversation: a beginning of its own, and as many turns as are said.
  private func conversation(_ number: Int, turns: Int) -> String {
    let text = (0...turns).map { "\(number) \($0) " + String(repeating: "word ", count: 200) }.joined()
    return #"{"model":"m","messages":[{"role":"user","content":"\#(text)"}]}"#
  }

  private func ask(_ client: Wire, _ request: String) -> (engine: String, body: String) {
    client.write(request)
    let answer = client.readAnswer()
    let engine = answer.head.split(separator: "\r\n").first { $0.hasPrefix("X-Engine: ") }?.dropFirst(10)
    return (engine.map(String.init) ?? "\(answer.status)", answer.body)
  }

  @Test("conversations are spread, and each goes on where it began, its content unchanged")
  func conversations() async throws {
    let engines = try (0..<4).map { try Self.engine("\($0)") }
    try await Edge.serve(settings(engines)) { edge in
      let client = try edge.connect()
      var first: [String] = []
      for number in 0..<8 {
        let body = conversation(number, turns: 1)
        let answer = ask(client, post(body))
        first.append(answer.engine)
        #expect(answer.body == body)
      }
      #expect(Dictionary(grouping: first) { $0 }.mapValues(\.count) == ["0": 2, "1": 2, "2": 2, "3": 2])
      for number in (0..<8).shuffled() {
        #expect(ask(client, post(conversation(number, turns: 3))).engine == first[number])
      }
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("the same text for another model is another prompt")
  func models() async throws {
    let engines = try (0..<2).map { try Self.engine("\($0)") }
    try await Edge.serve(settings(engines)) { edge in
      let client = try edge.connect()
      let body = conversation(1, turns: 2)
      let one = ask(client, post(body)).engine
      let other = ask(client, post(body.replacing(#""model":"m""#, with: #""model":"n""#))).engine
      #expect(one != other)
      #expect(ask(client, post(body)).engine == one)
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("content in chunks, of HTTP/2, or on any path of a text interface is read as well")
  func carriers() async throws {
    let engines = try (0..<3).map { try Self.engine("\($0)") }
    let body = conversation(7, turns: 2)
    let settings = HTTP2Edge.settings(engines[0].target) { two in
      two.services = self.settings(engines).services
    }
    try await HTTP2Edge.serve(settings) { edge in
      let plain = try edge.connect()
      let chosen = ask(plain, post(body)).engine
      for path in ["/v1/completions", "/v1/messages", "/api/chat", "/generate", "/openai/v1/responses"] {
        #expect(ask(plain, post(body, path: path)).engine == chosen, "\(path)")
      }
      let chunked =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + String(body.utf8.count, radix: 16) + "\r\n\(body)\r\n0\r\n\r\n"
      #expect(ask(plain, chunked) == (chosen, body))
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(
          1,
          HPACK.block([":method=POST", ":scheme=http", ":path=/v1/chat/completions", ":authority=localhost"]),
          end: false))
      client.sendBody(1, Array(body.utf8))
      let answer = client.response(1)
      #expect(answer.field("x-engine") == chosen)
      #expect(answer.body == Array(body.utf8))
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("what cannot be read goes to an engine as it came, in turn")
  func unread() async throws {
    let engines = try (0..<2).map { try Self.engine("\($0)") }
    try await Edge.serve(settings(engines)) { edge in
      let client = try edge.connect()
      for body in ["{", "hello", #"{"messages":"#, "[1]"] {
        let answers = [ask(client, post(body)), ask(client, post(body))]
        #expect(Set(answers.map(\.engine)) == ["0", "1"])
        #expect(answers.map(\.body) == [body, body])
      }
      client.write("GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == 200)
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test(
    "when the engine that knows a prompt refuses, another one has the whole of it, and knows it from then on")
  func retries() async throws {
    let busy = try Self.engine("busy", status: 503)
    let others = try (0..<2).map { try Self.engine("\($0)") }
    try await Edge.serve(settings([busy] + others)) { edge in
      let client = try edge.connect()
      for number in 0..<6 {
        let body = conversation(number, turns: 1)
        let answer = ask(client, post(body))
        #expect(answer.engine != "busy" && answer.body == body, "\(number)")
      }
    }
    for status in settings([busy] + others).services[0].backends.map(\.status) {
      #expect(status.engine.prefill == 0)
    }
    _ = busy.finish()
    for engine in others { _ = engine.finish() }
  }

  @Test("what was in flight is given back however requests end")
  func givenBack() async throws {
    let engines = try (0..<2).map { try Self.engine("\($0)") }
    let (silent, came) = (try Event(), try Event())
    let slow = try Backend { wire in
      _ = wire.readHead()
      came.signal()
      silent.wait()
    }
    let settings = settings(engines)
    let statuses = settings.services[0].backends.map(\.status)
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for number in 0..<4 { _ = ask(client, post(conversation(number, turns: 2))) }
    }
    #expect(statuses.map(\.engine.prefill) == [0, 0])
    let waiting = self.settings([slow, slow])
    let states = waiting.services[0].backends.map(\.status)
    try await Edge.serve(waiting) { edge in
      let client = try edge.connect()
      client.write(post(conversation(1, turns: 2)))
      came.wait()
      #expect(states.map(\.engine.prefill).contains { $0 > 500 })
      client.close()
    }
    #expect(states.map(\.engine.prefill) == [0, 0])
    silent.signal()
    _ = slow.finish()
    for engine in engines { _ = engine.finish() }
  }
}
