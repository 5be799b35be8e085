import Exchange
import OS
import Proxy
import Telemetry
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

/// Services that stand in for another one, and those that share a model.
@Suite("Chains and shares of services", .ownThread) struct FallbackTests {
  /// Answers with a status, its name, the length that it was told and the content.
  private static func engine(_ name: String, status: Int = 200) throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let lengths = head.lowercased().split(separator: "\r\n").filter { $0.hasPrefix("content-length: ") }
        let body = lengths.first.flatMap { Int($0.dropFirst(16)) }.map { wire.read(exactly: $0) } ?? []
        wire.write(
          "HTTP/1.1 \(status) OK\r\nContent-Length: \(body.count)\r\nX-Engine: \(name)\r\nX-Lengths: \(lengths.count)\r\n\r\n"
        )
        wire.write(body)
      }
    }
  }

  private func settings(_ backends: [Backend], _ edit: (inout Settings) -> Void) -> Settings {
    var settings = Settings.bare(backends[0].target)
    for backend in backends.dropFirst() { settings.services += Settings.bare(backend.target).services }
    for index in settings.services.indices {
      settings.services[index].name = "s\(index)"
      settings.services[index].rules.retries.rule.repeatsAll = true
    }
    edit(&settings)
    return settings
  }

  private func post(_ model: String, _ more: String = "") -> String {
    let body = #"{"messages":[{"content":"hello"}],"model":"\#(model)","n":1}"#
    return
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\(more)\r\n\(body)"
  }

  private func engine(_ answer: Answer) -> String {
    let field = answer.head.split(separator: "\r\n").first { $0.hasPrefix("X-Engine: ") }
    return field.map { String($0.dropFirst(10)) } ?? "\(answer.status)"
  }

  @Test("the next service has the request by its own name for the model", arguments: [429, 500, 503])
  func statuses(_ status: Int) async throws {
    let engines = try [
      Self.engine("first", status: status), Self.engine("second", status: 502), Self.engine("third"),
    ]
    let settings = settings(engines) { settings in
      settings.routes[0].models = [
        .init(
          .exact("m"), [.init(service: 0, model: "a-much-longer-name-than-the-client-has-written")],
          fallback: [.init(service: 1, model: "x\"y"), .init(service: 2)])
      ]
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for _ in 0..<2 {
        client.write(post("m"))
        let answer = client.readAnswer()
        #expect(answer.status == 200 && engine(answer) == "third", "\(answer.head)")
        #expect(answer.head.contains("X-Lengths: 1\r\n"))
        #expect(answer.body == #"{"messages":[{"content":"hello"}],"model":"m","n":1}"#)
      }
      #expect(edge.proxy.counters[.upstreamFallbacks] == 4)
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("a chain ends with what its last service says, and 4xx is an answer")
  func last() async throws {
    let engines = try [Self.engine("first", status: 503), Self.engine("second", status: 503)]
    let settings = settings(engines) { settings in
      settings.routes[0].models = [
        .init(.exact("m"), [.init(service: 0)], fallback: [.init(service: 1, model: "other")]),
        .init(.exact("n"), [.init(service: 1)]),
      ]
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(post("m"))
      let answer = client.readAnswer()
      #expect(answer.status == 503 && engine(answer) == "second" && answer.body.contains(#""model":"other""#))
      client.write(post("n"))
      #expect(client.readAnswer().status == 503)
      #expect(edge.proxy.counters[.upstreamFallbacks] == 1)
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("a service of which nobody is alive is passed over, whether it is known or found out")
  func nobody() async throws {
    let gone = try Self.engine("gone")
    let engines = try [Self.engine("rest"), Self.engine("backup")]
    _ = gone.finish()
    for isKnown in [false, true] {
      let settings = settings([engines[0], gone, engines[1]]) { settings in
        settings.services[1].rules.retries.rule.onConnectFailure = true
        settings.routes[0].models = [.init(.any, [.init(service: 1)], fallback: [.init(service: 2)])]
        if isKnown { settings.services[1].backends[0].status.health = .unhealthy }
      }
      try await Edge.serve(settings) { edge in
        let client = try edge.connect()
        client.write(post("anything"))
        let answer = client.readAnswer()
        #expect(engine(answer) == "backup" && answer.body.contains(#""model":"anything""#))
      }
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("a session stays with one of the services that share a model, and all have some")
  func split() async throws {
    let engines = try (0..<2).map { try Self.engine("\($0)") }
    let settings = settings(engines) { settings in
      settings.routes[0].models = [
        .init(.any, [.init(service: 0, weight: 3), .init(service: 1, model: "canary", weight: 1)])
      ]
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      var shares = ["0": 0, "1": 0]
      for session in 0..<200 {
        client.write(post("m", "X-Session-Id: s\(session)\r\n"))
        let first = client.readAnswer()
        shares[engine(first), default: 0] += 1
        #expect(first.body.contains(#""model":"\#(engine(first) == "1" ? "canary" : "m")""#))
        client.write(post("m", "X_Session_Id: s\(session)\r\n"))
        #expect(engine(client.readAnswer()) == engine(first))
      }
      #expect((25...80).contains(shares["1"] ?? 0), "\(shares)")
      // Without one, the client's address decides.
      let alone = (0..<8).map { _ in
        client.write(post("m"))
        return engine(client.readAnswer())
      }
      #expect(Set(alone).count == 1)
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("a model that is refused does not exist")
  func refused() async throws {
    let engines = try [Self.engine("rest")]
    let settings = settings(engines) { settings in
      settings.routes[0].models = [.init(.any, []), .init(.exact("m"), service: 0)]
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(post("other"))
      let answer = client.readAnswer()
      #expect(answer.status == 404 && answer.body.contains("model_not_found"))
      client.write(post("m"))
      #expect(client.readAnswer().status == 200)
    }
    for engine in engines { _ = engine.finish() }
  }
}

@Suite("Choice by a key of the request", .ownThread) struct AffinityTests {
  private static func engine(_ name: String) throws -> Backend {
    try Backend { wire in
      while !wire.readHead().isEmpty {
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
      }
    }
  }

  fileprivate struct Case: Sendable, CustomTestStringConvertible {
    let hash: Settings.HashKey
    /// A field that decides, with a place for its value.
    let field: String
    var testDescription: String { field }
  }

  fileprivate static let cases = [
    Case(hash: .session, field: "x-session-id: %"), Case(hash: .session, field: "conversation_id: %"),
    Case(hash: .header("X-User"), field: "x-user: %"),
    Case(hash: .cookie("sid"), field: "Cookie: asid=1; sid2=3; sid=%; other=4"),
  ]

  @Test(
    "what has the same key goes to the same backend, and keys are spread",
    arguments: cases, [Balancer.Policy.ringHash, .maglev])
  fileprivate func keys(_ one: Case, _ policy: Balancer.Policy) async throws {
    let engines = try (0..<4).map { try Self.engine("\($0)") }
    let settings = Settings.bare(engines.map(\.target)) { settings in
      settings.services[0].rules.policy = policy
      settings.services[0].rules.hash = one.hash
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      func ask(_ fields: String) -> String {
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n")
        return client.readAnswer().body
      }
      var seen: Set<String> = []
      for key in 0..<40 {
        let field = "\(one.field.replacing("%", with: "k\(key)"))\r\n"
        let first = ask(field)
        seen.insert(first)
        #expect(ask("X-Other: \(key * 7)\r\n\(field)") == first)
      }
      #expect(seen.count == 4)
      // Without one, the client's address decides.
      #expect(Set((0..<6).map { _ in ask("") }).count == 1)
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("of two engines the one whose answers are slow gets few requests under peak-ewma")
  func peakEWMA() async throws {
    let engines = try (0..<2).map { try Self.engine("\($0)") }
    let settings = Settings.bare(engines.map(\.target)) { settings in
      settings.services[0].rules.policy = .peakEWMA
    }
    let slow = settings.services[0].backends[0].status
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      func ask() -> String {
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        return client.readAnswer().body
      }
      // Both have been heard of once others have been asked.
      for _ in 0..<40 { _ = ask() }
      let now = OS.Clock.monotonicNanoseconds() / 1_000_000
      slow.latency.record(microseconds: 600_000_000, nowMilliseconds: now)
      for _ in 0..<20 { #expect(ask() == "1") }
    }
    for engine in engines { _ = engine.finish() }
  }
}
