import Exchange
import TestPeers
import Proxy
import TestSupport
import TestRun
import Testing
import Upstream

/// Services by the model that content asks for.
@Suite("Services by model", .ownThread) struct ModelRoutingTests {
  /// Answers with its own name, the content's length as it was told, and the content.
  private static func engine(_ name: String) throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let lengths = head.lowercased().split(separator: "\r\n").filter { $0.hasPrefix("content-length: ") }
        let length = lengths.first.flatMap { Int($0.dropFirst(16)) }
        let body = length.map { wire.read(exactly: $0) } ?? []
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\nX-Engine: \(name)\r\nX-Lengths: \(lengths.count)\r\n\r\n"
        )
        wire.write(body)
      }
    }
  }

  private struct Engines {
    let all = [
      try? ModelRoutingTests.engine("rest"), try? ModelRoutingTests.engine("chat"),
      try? ModelRoutingTests.engine("qwen"),
    ]

    func settings() throws -> Settings {
      let backends = try all.map { try #require($0) }
      var settings = Settings.bare(backends[0].target)
      for backend in backends.dropFirst() {
        settings.services += Settings.bare(backend.target).services
      }
      for (index, name) in ["rest", "chat", "qwen"].enumerated() { settings.services[index].name = name }
      settings.routes[0].models = [
        .init(.any, service: 0),
        .init(.exact("llama-70b"), service: 1),
        .init(.prefix("qwen"), service: 2), .init(.prefix("qwen3-"), service: 1),
        .init(.exact("gpt-4o"), service: 1, model: "llama-3.3-70b-instruct"),
        .init(.exact("l"), service: 2, model: "\"x"),
      ]
      return settings
    }

    func finish() { for one in all { _ = one?.finish() } }
  }

  private func post(_ body: String, _ more: String = "") -> String {
    "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\(more)\r\n\(body)"
  }

  @Test("the most exact rule counts, and a rule's name takes the place of the client's")
  func rules() async throws {
    let engines = Engines()
    try await Edge.serve(engines.settings()) { edge in
      let client = try edge.connect()
      for (model, engine, sent) in [
        ("llama-70b", "chat", "llama-70b"), ("qwen-7b", "qwen", "qwen-7b"), ("qwen3-8b", "chat", "qwen3-8b"),
        ("gpt-4o", "chat", "llama-3.3-70b-instruct"), ("l", "qwen", #"\"x"#), ("other", "rest", "other"),
      ] {
        client.write(post(#"{"messages":[{"content":"model"}],"model":"\#(model)","n":1}"#))
        let answer = client.readAnswer()
        #expect(
          answer.head.contains("X-Engine: \(engine)\r\n") && answer.head.contains("X-Lengths: 1\r\n"),
          "\(model)")
        #expect(answer.body == #"{"messages":[{"content":"model"}],"model":"\#(sent)","n":1}"#)
      }
    }
    engines.finish()
  }

  @Test("requests without content, and what is no route by model, go to the route's own service")
  func withoutContent() async throws {
    let engines = Engines()
    try await Edge.serve(engines.settings()) { edge in
      let client = try edge.connect()
      client.write("GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().head.contains("X-Engine: rest"))
    }
    engines.finish()
  }

  @Test("a field, or a part of the path, names the model in place of the content")
  func namedByHead() async throws {
    let engines = Engines()
    var settings = try engines.settings()
    settings.routes[0].models.removeFirst()
    settings.routes[0].rules.modelHeader = "X-Model"
    settings.routes[0].rules.modelPath = "/m"
    try await Edge.serve(settings) { edge in
      // A refusal that has not read the content ends the connection.
      func ask(_ path: String, _ fields: String = "", _ body: String) throws -> Answer {
        let client = try edge.connect()
        client.write(
          "POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
        return client.readAnswer()
      }
      // What is no JSON, and what names another model, passes as it is.
      for body in ["hello", #"{"model":"llama-70b"}"#] {
        for answer in try [ask("/m/qwen-7b/v1/x?y=1", "", body), ask("/v1/x", "x-model: qwen-7b\r\n", body)] {
          #expect(answer.head.contains("X-Engine: qwen\r\n") && answer.body == body)
        }
      }
      // An alias is written over what the content says, where it says something.
      let alias = try ask("/m/gpt-4o/v1/x", "", #"{"model":"x","n":1}"#)
      #expect(
        alias.head.contains("X-Engine: chat") && alias.body == #"{"model":"llama-3.3-70b-instruct","n":1}"#)
      #expect(try ask("/v1/x", "X-Model: gpt-4o\r\n", "hello").body == "hello")
      #expect(try ask("/m/none/v1/x", "", "hello").status == 404)
      #expect(try ask("/v1/x", "X-Model: none\r\n", "hello").status == 404)
      #expect(try ask("/m/qwen-7b", "", "hello").status == 404)
      // Without a name the content decides.
      #expect(try ask("/m", "", #"{"model":"llama-70b"}"#).head.contains("X-Engine: chat"))
      let odd = try edge.connect()
      odd.write("GET /m/qwen-7b/../../secret HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(odd.readAnswer().status == 400)
    }
    engines.finish()
  }

  @Test("the part of the path that names the model does not reach the engine")
  func strippedPath() async throws {
    let engine = try Backend { wire in
      let line = wire.readHead().split(separator: "\r\n").first.map(String.init) ?? ""
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(line.utf8.count)\r\n\r\n\(line)")
    }
    let settings = Settings.bare(engine.target) { settings in
      settings.routes[0].models = [.init(.prefix("qwen"), service: 0)]
      settings.routes[0].rules.modelPath = "/m"
      settings.routes[0].rules.addPrefix = "/base"
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET /m/qwen-7b/v1/x?y=/m/ HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().body == "GET /base/v1/x?y=/m/ HTTP/1.1")
    }
    _ = engine.finish()
  }

  @Test("an Upgrade does not lead round the choice", arguments: ["foo", "h2c", "websocket"])
  func upgrade(_ other: String) async throws {
    let engines = Engines()
    var settings = try engines.settings()
    settings.routes[0].models.removeFirst()
    try await Edge.serve(settings) { edge in
      for (model, status) in [("none", 404), ("gpt-4o", 200)] {
        let client = try edge.connect()
        client.write(post(#"{"model":"\#(model)"}"#, "Connection: Upgrade\r\nUpgrade: \(other)\r\n"))
        let answer = client.readAnswer()
        #expect(answer.status == status)
        if status == 200 { #expect(answer.head.contains("X-Engine: chat")) }
      }
    }
    engines.finish()
  }

  @Test("an unknown model is 404 and content without one 400, in OpenAI's shape, and the connection goes on")
  func refusals() async throws {
    let engines = Engines()
    var settings = try engines.settings()
    settings.routes[0].models.removeFirst()
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for (body, status, code) in [
        (#"{"model":"unknown"}"#, 404, "model_not_found"),
        (#"{"model":"\#(String(repeating: "a", count: 300))"}"#, 404, "model_not_found"),
        ("{}", 400, "model_required"), ("hello", 400, "cannot be read at byte 0, where a JSON object was"),
        (#"{"model": nothing}"#, 400, "cannot be read at byte 11, where JSON was expected"),
        (#"{"model":"gpt-4o","model":"qwen"}"#, 400, "model_required"),
      ] {
        client.write(post(body))
        let answer = client.readAnswer()
        #expect(answer.status == status && answer.body.contains(code), "\(body): \(answer.body)")
      }
      client.write(post(#"{"model":"llama-70b"}"#))
      #expect(client.readAnswer().status == 200)
    }
    engines.finish()
  }

  @Test(
    "content of any size and framing arrives whole, with requests behind it",
    arguments: [10, 70_000, 1_000_000])
  func sizes(count: Int) async throws {
    let engines = Engines()
    let body = #"{"messages":"\#(String(repeating: "x", count: count))","model":"gpt-4o"}"#
    let sent = body.replacing("gpt-4o", with: "llama-3.3-70b-instruct")
    try await Edge.serve(engines.settings()) { edge in
      let client = try edge.connect()
      client.write(post(body) + post(#"{"model":"qwen"}"#))
      let first = client.readAnswer()
      #expect(first.body == sent && first.head.contains("X-Engine: chat"))
      #expect(client.readAnswer().head.contains("X-Engine: qwen"))
      client.write(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
      )
      #expect(client.readAnswer().body == sent)
      client.write(
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
      #expect(client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
      client.write(body)
      #expect(client.readAnswer().body == sent)
    }
    engines.finish()
  }

  @Test(
    "the room for content comes back however requests end: whole, refused, given up in the middle, or by a reset"
  )
  func room() async throws {
    let engines = Engines()
    var settings = try engines.settings()
    settings.routes[0].models.removeFirst()
    // Room for a few such requests: what a round lost would soon be missed.
    settings.limits.bufferMemory = 1_200_000
    let text = String(repeating: "x", count: 100_000)
    let whole = #"{"model":"llama-70b","messages":"\#(text)"}"#
    let plain = settings
    let two = HTTP2Edge.settings(try #require(engines.all[0]).target) { settings in
      settings.services = plain.services
      settings.routes[0].models = plain.routes[0].models
      settings.limits.bufferMemory = plain.limits.bufferMemory
    }
    try await HTTP2Edge.serve(two) { edge in
      for round in 0..<12 {
        for (body, status) in [
          (whole, 200), (whole.replacing("llama-70b", with: "none"), 404),
          (whole.replacing("{", with: "["), 400),
          (whole.replacing("llama-70b", with: "gpt-4o"), 200),
        ] {
          let client = try edge.connect()
          client.write(post(body))
          #expect(client.readAnswer().status == status, "round \(round): \(body.prefix(30))")
        }
        let left = try edge.connect()
        left.write(String(post(whole).prefix(60_000)))
        left.reset()
        let client = try edge.http2()
        #expect(client.start())
        client.send(
          .headers(
            1,
            HPACK.block([
              ":method=POST", ":scheme=http", ":path=/", ":authority=localhost",
              Header("content-length", "100000"),
            ]), end: false))
        client.sendBody(1, Array(repeating: 0x20, count: 20_000))
        client.send(Frame(Frame.Kind.rstStream, stream: 1, [0, 0, 0, 8]))
      }
    }
    engines.finish()
  }

  @Test("HTTP/2 clients get the same")
  func http2() async throws {
    let engines = Engines()
    let plain = try engines.settings()
    let settings = HTTP2Edge.settings(try #require(engines.all[0]).target) { settings in
      settings.services = plain.services
      settings.routes[0].models = plain.routes[0].models
    }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      let body = #"{"prompt":"\#(String(repeating: "x", count: 100_000))","model":"gpt-4o"}"#
      client.send(
        .headers(
          1,
          HPACK.block([
            ":method=POST", ":scheme=http", ":path=/", ":authority=localhost",
            Header("content-length", "\(body.utf8.count)"),
          ]), end: false))
      client.sendBody(1, Array(body.utf8))
      let answer = client.response(1)
      #expect(answer.field("x-engine") == "chat")
      #expect(answer.field("x-lengths") == "1")
      #expect(answer.body.count == body.utf8.count + 16)
    }
    engines.finish()
  }

  @Test("the service that was chosen has its own attempts and its own rules of trying again")
  func retries() async throws {
    let broken = try Backend { wire in
      _ = wire.readHead()
      _ = wire.read(exactly: 17)
      wire.write("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    }
    let engines = Engines()
    var settings = try engines.settings()
    settings.services[0].rules.retries.attempts = 0
    settings.services[2].backends.insert(contentsOf: Settings.bare(broken.target).services[0].backends, at: 0)
    settings.services[2].rules.retries.attempts = 1
    settings.services[2].rules.policy = .roundRobin
    settings.services[2].rules.retries.rule.repeatsAll = true
    settings.services[2].rules.retries.rule.insert(status: 503)
    try await Edge.serve(settings) { edge in
      for _ in 0..<2 {
        let client = try edge.connect()
        client.write(post(#"{"model":"qwen1"}"#))
        #expect(client.readAnswer().head.contains("X-Engine: qwen"))
      }
    }
    _ = broken.finish()
    engines.finish()
  }
}
