import APIKeys
import Bytes
import Exchange
import PKI
import Proxy
import Telemetry
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

/// Content that is read before it goes to backends that speak HTTP/2: those of these tests are proxies themselves, with an
/// engine of HTTP/1.1 behind each.
@Suite("Content read for HTTP/2 backends", .ownThread) struct ReadContentTests {
  /// Answers with its name, the length that it was told, and the content.
  static func engine(_ name: String, status: Int = 200, _ more: String = "") throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let length = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
        let body = latin1(Origin.readContent(wire, head) ?? "broken")
        wire.write(
          "HTTP/1.1 \(status) OK\r\nContent-Length: \(body.count)\r\nX-Engine: \(name)\r\n\(more)"
            + "X-Length: \(length?.dropFirst(16) ?? "none")\r\n\r\n")
        wire.write(body)
      }
    }
  }

  /// Serves before engines, each spoken to by HTTP/2 where its place is in `http2`.
  static func serve(
    _ engines: [Backend], http2: Set<Int>, inOne: Bool = false, _ edit: (inout Settings) -> Void,
    _ body: (Edge) async throws -> Void
  ) async throws {
    try await before(engines[...], http2, []) { targets in
      var settings = inOne ? Settings.bare(targets) : Settings.bare(targets[0])
      if !inOne { for target in targets.dropFirst() { settings.services += Settings.bare(target).services } }
      for index in settings.services.indices { settings.services[index].name = "s\(index)" }
      settings.listeners[0].h2c = true
      edit(&settings)
      try await HTTP2Edge.serve(settings, body)
    }
    for engine in engines { _ = engine.finish() }
  }

  private static func before(
    _ engines: ArraySlice<Backend>, _ http2: Set<Int>, _ targets: [Settings.Backend],
    _ body: ([Settings.Backend]) async throws -> Void
  ) async throws {
    guard let engine = engines.first else { return try await body(targets) }
    guard http2.contains(targets.count) else {
      return try await before(engines.dropFirst(), http2, targets + [engine.target], body)
    }
    var settings = Settings.bare(engine.target)
    settings.listeners[0].h2c = true
    try await Edge.serve(settings) { inner in
      var target = Settings.Backend.at(inner.proxy.addresses[0])
      target.http2 = true
      try await before(engines.dropFirst(), http2, targets + [target], body)
    }
  }

  static func post(_ body: String, path: String = "/v1/chat/completions", _ more: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\(more)\r\n\(body)"
  }

  static let head = [
    ":method=POST", ":scheme=http", ":path=/v1/chat/completions", ":authority=h",
    "content-type=application/json",
  ]

  private func content(_ model: String, _ count: Int = 10) -> String {
    #"{"messages":[{"content":"\#(String(repeating: "x", count: count))"}],"model":"\#(model)","n":1}"#
  }

  @Test(
    "services by model may speak either version of HTTP, and get the content whole with its length",
    arguments: [[0], [1], [0, 1]])
  func byModel(_ http2: Set<Int>) async throws {
    let engines = try [Self.engine("a"), Self.engine("b")]
    try await Self.serve(engines, http2: http2) { settings in
      settings.routes[0].models = [
        .init(.any, service: 0), .init(.exact("b"), service: 1),
        .init(.exact("c"), service: 1, model: "a-much-longer-name"),
      ]
    } _: { edge in
      let client = try edge.connect()
      let multiplexed = try edge.http2()
      #expect(multiplexed.start())
      var stream: UInt32 = 1
      for (asked, engine, sent) in [("a", "a", "a"), ("b", "b", "b"), ("c", "b", "a-much-longer-name")] {
        for count in [10, 300_000] {
          let (body, wanted) = (content(asked, count), content(sent, count))
          client.write(Self.post(body))
          let answer = client.readAnswer()
          #expect(answer.status == 200 && answer.field("X-Engine") == engine, "\(answer.head)")
          #expect(answer.body == wanted && answer.field("X-Length") == "\(wanted.utf8.count)")
          // Without a length, from a client of HTTP/2.
          multiplexed.send(
            .headers(stream, HPACK.block(Self.head.map { Header(stringLiteral: $0) }), end: false))
          _ = multiplexed.sendBody(stream, latin1(body))
          let received = multiplexed.response(stream)
          #expect(
            received.field("x-engine") == engine && received.field("x-length") == "\(wanted.utf8.count)")
          #expect(latin1(wanted) == received.body)
          stream += 2
        }
      }
      #expect(multiplexed.violations == [])
    }
  }

  @Test("the next service of a chain may speak the other version", arguments: [[0], [1], [0, 1, 2]])
  func chain(_ http2: Set<Int>) async throws {
    let engines = try [
      Self.engine("first", status: 503), Self.engine("second", status: 500), Self.engine("third"),
    ]
    try await Self.serve(engines, http2: http2) { settings in
      settings.routes[0].models = [
        .init(
          .exact("m"), [.init(service: 0)], fallback: [.init(service: 1, model: "xyz"), .init(service: 2)])
      ]
    } _: { edge in
      let client = try edge.connect()
      for _ in 0..<2 {
        client.write(Self.post(content("m")))
        let answer = client.readAnswer()
        #expect(answer.field("X-Engine") == "third" && answer.body == content("m"), "\(answer.head)")
      }
      #expect(edge.proxy.counters[.upstreamFallbacks] == 4)
    }
  }

  @Test("conversations go on at the engine of HTTP/2 that has begun with them")
  func prompts() async throws {
    let engines = try (0..<3).map { try Self.engine("\($0)") }
    try await Self.serve(engines, http2: [0, 1, 2], inOne: true) { settings in
      settings.services[0].rules.policy = .modelAware
    } _: { edge in
      let client = try edge.connect()
      var first: [String?] = []
      for round in 0..<2 {
        for number in 0..<6 {
          let text = String(repeating: "\(number) word ", count: 300 + 50 * round)
          client.write(Self.post(#"{"model":"m","messages":[{"content":"\#(text)"}]}"#))
          let engine = client.readAnswer().field("X-Engine")
          if round == 0 { first.append(engine) } else { #expect(engine == first[number]) }
        }
      }
      #expect(Set(first).count > 1)
    }
  }

  @Test("a request that an engine of HTTP/2 has not answered is sent again from its beginning")
  func again() async throws {
    let engines = try [Self.engine("bad", status: 503), Self.engine("good")]
    try await Self.serve(engines, http2: [0, 1], inOne: true) { settings in
      settings.services[0].rules.policy = .modelAware
      settings.services[0].rules.retries.attempts = 2
      settings.services[0].rules.retries.budgetPercent = 100
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.retries.rule.insert(status: 503)
    } _: { edge in
      let client = try edge.connect()
      for _ in 0..<4 {
        client.write(Self.post(content("m", 200_000)))
        let answer = client.readAnswer()
        #expect(answer.field("X-Engine") == "good" && answer.body == content("m", 200_000))
      }
    }
  }

  @Test("tokens of keys are counted by what engines of HTTP/2 tell, and models of keys are held")
  func keys() async throws {
    let usage = #"{"usage":{"prompt_tokens":100,"completion_tokens":50}}"#
    let engine = try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        _ = Origin.readContent(wire, head)
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(usage.utf8.count)\r\n\r\n\(usage)"
        )
      }
    }
    let secret = "sk-certd-0123456789abcdefghijABCDEFG000000"
    var key = KeyRecord(
      id: "k", name: "alice", group: "team", sha256: Hex.encode(try Digest.sha256(Array(secret.utf8))))
    key.limits.tokensPerDay = 400
    key.models = ["m"]
    let usages = KeyUsages()
    let ring = KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: [key])]) {
      usages.usage(.init(group: $0, id: $1))
    }
    try await Self.serve([engine], http2: [0]) {
      $0.routes[0].ring = ring
    } _: { edge in
      let client = try edge.connect()
      let ask = { (model: String, limit: Int) in
        client.write(
          Self.post(
            #"{"model":"\#(model)","max_tokens":\#(limit),"messages":[{"content":"hello"}]}"#,
            "Authorization: Bearer \(secret)\r\n"))
        return client.readAnswer().status
      }
      #expect(ask("m", 10) == 200)
      #expect(ask("m", 10) == 200)
      #expect(ask("other", 10) == 404)
      // 300 of 400 have been used: so the engine has told.
      #expect(ask("m", 80) == 200)
      #expect(ask("m", 80) == 429)
    }
  }

  @Test("a request that an engine of HTTP/2 does not answer in time is answered by another one")
  func hedged() async throws {
    let late = try Backend { wire in _ = wire.readToEnd() }
    try await Self.serve([late, Self.engine("good")], http2: [0, 1], inOne: true) { settings in
      settings.services[0].rules.policy = .leastRequest
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.outlierDetection = .off
      settings.services[0].rules.hedging = Settings.Hedging()
      settings.services[0].rules.hedging?.after = 20
      settings.services[0].rules.hedging?.budgetPercent = 100
    } _: { edge in
      for _ in 0..<4 {
        let client = try edge.connect()
        client.write(Self.post(content("m", 5000)))
        let answer = client.readAnswer()
        #expect(answer.field("X-Engine") == "good" && answer.body == content("m", 5000))
      }
      #expect((edge.proxy.counters[.hedgesWon] ?? 0) > 0)
    }
  }

  @Test("how many bytes make a token is learnt from what engines tell of a model")
  func learnt() async throws {
    let usage = #"{"usage":{"prompt_tokens":250,"completion_tokens":1}}"#
    let engine = try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        _ = Origin.readContent(wire, head)
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(usage.utf8.count)\r\n\r\n\(usage)"
        )
      }
    }
    let secret = "sk-certd-0123456789abcdefghijABCDEFG000000"
    var key = KeyRecord(
      id: "k", name: "alice", group: "team", sha256: Hex.encode(try Digest.sha256(Array(secret.utf8))))
    // 20 requests of 251 tokens, and room for one that is not taken for 1000.
    key.limits.tokensPerDay = 20 * 251 + 700
    let usages = KeyUsages()
    let ring = KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: [key])]) {
      usages.usage(.init(group: $0, id: $1))
    }
    try await Self.serve([engine], http2: [0]) {
      $0.routes[0].ring = ring
    } _: { edge in
      let client = try edge.connect()
      let text = String(repeating: "x", count: 3970)
      for number in 0..<21 {
        client.write(
          Self.post(
            #"{"model":"m","max_tokens":1,"messages":[{"content":"\#(text)"}]}"#,
            "Authorization: Bearer \(secret)\r\n"))
        #expect(client.readAnswer().status == 200, "\(number)")
      }
    }
  }

  @Test(
    "content that calls itself gRPC's is read and told its length like any other",
    arguments: [[], [0]] as [Set<Int>])
  func disguised(_ http2: Set<Int>) async throws {
    try await Self.serve([Self.engine("a")], http2: http2) { settings in
      settings.routes[0].models = [.init(.exact("m"), service: 0, model: "x")]
    } _: { edge in
      let client = try edge.connect()
      for (model, status) in [("m", 200), ("n", 404), ("m", 200)] {
        client.write(Self.post(content(model), "Content-Type: application/grpc\r\n"))
        let answer = client.readAnswer()
        #expect(answer.status == status, "\(answer)")
        if status == 200 {
          #expect(answer.body == content("x") && answer.field("X-Length") == "\(answer.body.utf8.count)")
        }
      }
    }
  }
}
