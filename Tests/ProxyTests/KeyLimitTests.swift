import APIKeys
import Bytes
import Exchange
import HTTP
import OS
import PKI
import TestPeers
import Telemetry
import TestRun
import TestSupport
import Testing

@testable import Proxy

/// Routes whose keys have limits.
@Suite("Keys with limits", .ownThread) struct KeyLimitTests {
  static let secret = "sk-certd-0123456789abcdefghijABCDEFG000000"

  /// A ring with one key, and what it has used.
  private static func ring(
    _ usages: KeyUsages = KeyUsages(), group: KeyLimits = KeyLimits(),
    _ edit: (inout KeyRecord) -> Void = { _ in }
  ) throws -> KeyRing {
    let hash = Hex.encode(try Digest.sha256(Array(secret.utf8)))
    var key = KeyRecord(id: "key_1", name: "alice", group: "team", sha256: hash)
    edit(&key)
    return KeyRing([KeyGroup(name: "team", limits: group, keys: [key])]) {
      usages.usage(.init(group: $0, id: $1))
    }
  }

  private func post(_ body: String, path: String = "/v1/chat/completions", key: String = secret) -> String {
    "POST \(path) HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(key)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private func get(_ key: String = secret) -> String {
    "GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(key)\r\n\r\n"
  }

  /// Answers every request with 200 after its content.
  private static func engine(_ status: String = "200 OK", _ body: String = "ok") throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let line = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
        _ = line.flatMap { Int($0.dropFirst(16)) }.map { wire.read(exactly: $0) }
        wire.write(
          "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\nContent-Type: application/json\r\n"
            + "x-ratelimit-limit-requests: 7\r\n\r\n\(body)")
      }
    }
  }

  private func serve(
    _ ring: KeyRing, _ backend: Backend, _ edit: (inout Settings) -> Void = { _ in },
    _ body: (Edge) async throws -> Void
  ) async throws {
    var settings = Settings.bare(backend.target)
    settings.routes[0].ring = ring
    edit(&settings)
    try await Edge.serve(settings, body)
  }

  @Test(
    "a key is found wherever clients put it, and the engine gets none of it",
    arguments: [
      ("", 401), ("Authorization: Bearer sk-certd-other\r\n", 401),
      ("Authorization: Bearer \(secret)\r\n", 200), ("x-api-key: \(secret)\r\n", 200),
      ("api-key: \(secret)\r\n", 200), ("Authorization: Basic \(basic("user:" + secret))\r\n", 200),
      ("Authorization: Basic \(basic(":" + secret))\r\n", 200),
      ("Authorization: Basic \(basic(secret))\r\n", 401), ("Authorization: Basic !!!!\r\n", 401),
      ("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.\(secret)\r\n", 200),
      ("Sec-WebSocket-Protocol: \(secret)\r\n", 401),
      ("x-api-key: wrong\r\nAuthorization: Bearer \(secret)\r\n", 200),
      (String(repeating: "x-api-key: wrong\r\n", count: 8) + "Authorization: Bearer \(secret)\r\n", 401),
    ])
  func shown(_ fields: String, _ status: Int) async throws {
    let backend = try Backend { answerProbe($0) }
    try await serve(Self.ring(), backend) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n")
      let answer = client.readAnswer()
      #expect(answer.status == status)
      if status == 401 { #expect(answer.field("WWW-Authenticate") == "Bearer") }
      #expect(!edge.reports.joined().contains(Self.secret))
    }
    let seen = backend.finish().joined()
    #expect(!seen.contains(Self.secret) && !seen.contains(Self.basic("user:" + Self.secret)))
  }

  private static func basic(_ text: String) -> String { Base64.encode(Array(text.utf8)) }

  @Test("the engine's own key takes the place of the client's, and pass_key lets the client's through")
  func engineKeys() async throws {
    let first = try Backend { answerProbe($0) }
    try await serve(Self.ring(), first, { $0.services[0].rules.apiKey = .init("engine-key") }) { edge in
      let client = try edge.connect()
      client.write(get())
      #expect(client.readAnswer().status == 200)
    }
    let seen = first.finish().joined()
    #expect(seen.contains("Authorization: Bearer engine-key\r\n") && !seen.contains(Self.secret))
    let second = try Backend { answerProbe($0) }
    try await serve(Self.ring(), second, { $0.services[0].rules.passKey = true }) { edge in
      let client = try edge.connect()
      client.write(get())
      #expect(client.readAnswer().status == 200)
    }
    #expect(second.finish().joined().contains(Self.secret))
  }

  @Test("a key that has ended, or is used from elsewhere, is refused")
  func refused() async throws {
    let ended = try Self.ring { $0.expires = UnixTime(seconds: 1_000_000) }
    let elsewhere = try Self.ring { $0.addresses = ["192.0.2.0/24"] }
    let here = try Self.ring { $0.addresses = ["192.0.2.0/24", "127.0.0.0/8"] }
    for (ring, status, code) in [
      (ended, 401, "expired_api_key"), (elsewhere, 403, "address_not_allowed"), (here, 200, ""),
    ] {
      let backend = try Backend { answerProbe($0) }
      try await serve(ring, backend) { edge in
        let client = try edge.connect()
        client.write(get())
        let answer = client.readAnswer()
        #expect(answer.status == status)
        #expect(code.isEmpty || answer.body.contains(code))
      }
      _ = backend.finish()
    }
  }

  @Test("a key for some models asks for those alone, and for none that cannot be read")
  func models() async throws {
    let backend = try Self.engine()
    try await serve(Self.ring { $0.models = ["llama-*", "gpt"] }, backend) { edge in
      for (request, status, code) in [
        (post(#"{"model":"llama-3"}"#), 200, ""), (post(#"{"model":"gpt"}"#), 200, ""),
        (post(#"{"model":"gpt-4"}"#), 404, "model_not_found"), (post("{}"), 400, "model_required"),
        (post(#"{"model":"gpt","model":"gpt-4"}"#), 400, "model_required"),
        (post("{"), 400, "model_required"),
        (post(#"{"model":"gpt-4"}"#, path: "/tokenize"), 404, "model_not_found"), (get(), 200, ""),
        (post("{}", path: "/v2/models/llama-1/infer"), 200, ""),
        (post("{}", path: "/v2/models/other/infer"), 404, "does not exist"),
        (
          "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nx-api-key: \(Self.secret)\r\n\r\n",
          403, "model_not_readable"
        ),
      ] {
        let client = try edge.connect()
        client.write(request)
        let answer = client.readAnswer()
        #expect(answer.status == status, "\(request)")
        #expect(code.isEmpty || answer.body.contains(code), "\(answer.body)")
      }
    }
    _ = backend.finish()
  }

  @Test("beyond its requests a key is told when to come again, and how much it has before that")
  func requests() async throws {
    let backend = try Self.engine()
    try await serve(Self.ring { $0.limits.requestsPerMinute = 2 }, backend) { edge in
      let client = try edge.connect()
      for left in ["1", "0"] {
        client.write(get())
        let answer = client.readAnswer()
        #expect(answer.status == 200)
        #expect(answer.field("x-ratelimit-limit-requests") == "2")
        #expect(answer.field("x-ratelimit-remaining-requests") == left)
        #expect(answer.field("x-ratelimit-reset-requests") != nil)
      }
      client.write(get())
      let answer = client.readAnswer()
      #expect(answer.status == 429)
      #expect(answer.field("Retry-After").flatMap { Int($0) }.map { (1...61).contains($0) } == true)
      #expect(answer.field("x-ratelimit-remaining-requests") == "0")
      #expect(answer.body.contains("rate_limit_exceeded"))
      #expect(edge.proxy.counters[.requestsBeyondLimits] == 1)
    }
    _ = backend.finish()
  }

  @Test("errors have the shape of the interface that is asked")
  func shapes() async throws {
    let backend = try Self.engine()
    try await serve(Self.ring { $0.limits.tokensPerMinute = 10 }, backend) { edge in
      let content = #"{"max_tokens":1,"messages":[{"content":"\#(String(repeating: "a", count: 100))"}]}"#
      for (path, shape) in [
        ("/v1/messages", #"{"type":"error","error":{"type":"rate_limit_error""#),
        ("/v1/chat/completions", #"{"error":{"message":""#), ("/api/chat", #"{"error":"the request"#),
      ] {
        let client = try edge.connect()
        client.write(post(content, path: path))
        let answer = client.readAnswer()
        #expect(answer.status == 429)
        #expect(answer.body.hasPrefix(shape), "\(answer.body)")
      }
      let client = try edge.connect()
      client.write(post("{}", path: "/v1/messages", key: "wrong"))
      #expect(client.readAnswer().body.hasPrefix(#"{"type":"error","error":{"type":"authentication_error""#))
    }
    _ = backend.finish()
  }

  @Test("tokens are set aside before the engine has the request, and what was not used is given back")
  func tokens() async throws {
    let usages = KeyUsages()
    let backend = try Self.engine(
      "200 OK", #"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0}}"#)
    var limits = KeyLimits()
    limits.tokensPerMinute = 1000
    try await serve(Self.ring(usages) { $0.limits = limits }, backend) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m","max_tokens":600,"messages":[]}"#))
      let answer = client.readAnswer()
      #expect(answer.field("x-ratelimit-remaining-tokens").flatMap { Int($0) }.map { $0 <= 400 } == true)
      // Only the request asks been used: this one fits again.
      client.write(post(#"{"model":"m","max_tokens":600,"n":1,"messages":[]}"#))
      #expect(client.readAnswer().status == 200)
      client.write(post(#"{"model":"m","max_tokens":600,"n":2,"messages":[]}"#))
      #expect(client.readAnswer().status == 429)
    }
    _ = backend.finish()
    // The prompts alone.
    let used = usages.changes().first { $0.name.id == "key_1" }?.saved.dayTokens ?? 0
    #expect((1...10).contains(used))
  }

  @Test("a request that asks for more than its key may ever have in a minute is refused at once")
  func tooMuch() async throws {
    let backend = try Self.engine()
    try await serve(Self.ring { $0.limits.tokensPerMinute = 1000 }, backend) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m","max_tokens":1200,"messages":[]}"#))
      let answer = client.readAnswer()
      #expect(answer.status == 429)
      #expect(answer.body.contains("prompt and answer together"))
    }
    #expect(backend.finish().isEmpty)
  }

  @Test("no request has another one's key, in whatever order they come on one worker", arguments: 0..<4)
  func mixed(_ seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let keys = try (0..<4).map { number in
      var key = KeyRecord(
        id: "key_\(number)", name: "k", group: "team",
        sha256: Hex.encode(try Digest.sha256(Array("\(Self.secret)-\(number)".utf8))))
      key.models = ["model-\(number)"]
      key.limits.requestsPerMinute = 1000 + number
      return key
    }
    let usages = KeyUsages()
    let ring = KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: keys)]) {
      usages.usage(.init(group: $0, id: $1))
    }
    let backends = try (0..<4).map { _ in try Self.engine() }
    var settings = Settings.bare(backends.map(\.target))
    settings.routes[0].ring = ring
    try await Edge.serve(settings) { edge in
      var clients = try (0..<4).map { _ in try edge.connect() }
      for _ in 0..<150 {
        let at = Int.random(in: 0..<clients.count, using: &random)
        let (key, model) = (Int.random(in: 0...4, using: &random), Int.random(in: 0..<4, using: &random))
        let shown = key == 4 ? "nobody" : "\(Self.secret)-\(key)"
        clients[at].write(post(#"{"model":"model-\#(model)"}"#, key: shown))
        guard Int.random(in: 0..<10, using: &random) > 0 else {
          // One that leaves has had whatever it had.
          clients[at].close()
          clients[at] = try edge.connect()
          continue
        }
        let answer = clients[at].readAnswer()
        #expect(answer.status == (key == 4 ? 401 : key == model ? 200 : 404))
        if answer.status == 200 { #expect(answer.field("x-ratelimit-limit-requests") == "\(1000 + key)") }
        guard answer.field("Connection") == "close" else { continue }
        clients[at].close()
        clients[at] = try edge.connect()
      }
    }
    for backend in backends { _ = backend.finish() }
  }

  @Test("what nobody has told the length of costs what was set aside for it")
  func untold() async throws {
    let usages = KeyUsages()
    let backend = try Self.engine()
    try await serve(Self.ring(usages) { $0.limits.tokensPerMinute = 1000 }, backend) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m","max_tokens":600,"messages":[]}"#))
      #expect(client.readAnswer().status == 200)
      client.write(post(#"{"model":"m","max_tokens":600,"messages":[]}"#))
      #expect(client.readAnswer().status == 429)
    }
    _ = backend.finish()
  }

  @Test("nobody gets in by the name that a certificate would have")
  func certificateByName() async throws {
    let backend = try Self.engine()
    let ring = try Self.ring {
      $0.sha256 = nil
      $0.certificate = "alice-laptop"
    }
    try await serve(ring, backend) { edge in
      for prefix in ["client-certificate\0", ""] {
        let client = try edge.connect()
        client.write(
          "GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Basic \(Self.basic("x:\(prefix)alice-laptop"))\r\n\r\n"
        )
        #expect(client.readAnswer().status == 401)
      }
    }
    #expect(backend.finish().isEmpty)
  }

  @Test("a token that one route has found right is none at a route of other issuers")
  func tokenOfOthers() throws {
    let (one, other) = (TokenDoor([], KeyUsages()), TokenDoor([], KeyUsages()))
    let hash = try #require(KeyRing.Hash([UInt8](repeating: 7, count: 32)))
    var cache = TokenCache()
    cache.remember(hash, of: one, try Self.ring(), now: 0)
    #expect(cache.find(hash, of: one, now: 1) != nil)
    #expect(cache.find(hash, of: other, now: 1) == nil)
    #expect(cache.find(hash, of: one, now: TokenCache.rememberedMilliseconds) == nil)
  }

  @Test(
    "a key for some models passes by no path that may name another one",
    arguments: [
      ("/openai/deployments/secret/chat/completions", 403), ("/v1/models/secret:explain", 403),
      ("/v2/%6dodels/secret/infer", 400), ("/v2/models/llama/versions/..%2f..%2fsecret/infer", 400),
      ("/v1/chat/completions", 200), ("/tokenize", 200),
    ])
  func pathsOfModels(_ path: String, _ status: Int) async throws {
    let backend = try Self.engine()
    try await serve(Self.ring { $0.models = ["llama"] }, backend) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"llama"}"#, path: path))
      #expect(client.readAnswer().status == status)
    }
    _ = backend.finish()
  }

  @Test(
    "a place among the requests at once is given back however a request ends",
    arguments: [
      "answered", "refused by the engine", "engine breaks", "client leaves", "head too large", "no engine",
    ])
  func givenBack(_ ending: String) async throws {
    let usages = KeyUsages()
    var limits = KeyLimits()
    limits.concurrent = 1
    limits.tokensPerMinute = 1000
    let backend = try Backend { wire in
      guard !wire.readHead().isEmpty else { return }
      switch ending {
      case "engine breaks": return
      case "client leaves": _ = wire.read(exactly: 1000)
      case "refused by the engine": wire.write("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
      default: wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    let usage = usages.usage(.init(group: "team", id: "key_1"))
    let now = UInt64(Clock.wallSeconds()) * 1000
    try await serve(
      Self.ring(usages) { $0.limits = limits }, backend,
      { settings in
        if ending == "no engine" { settings.services[0].backends = [] }
        if ending == "head too large" {
          let long = String(repeating: "x", count: 65_000)
          settings.routes[0].rules.headers.request.set = [.init("X-Long", long), .init("X-Longer", long)]
        }
      }
    ) { edge in
      let client = try edge.connect()
      client.write(get())
      if ending == "client leaves" {
        client.close()
      } else {
        _ = client.readAnswer()
      }
      while usage.begin(limits, now: now) != nil { await Task.yield() }
    }
    usage.end()
    #expect(usage.begin(limits, now: now) == nil)
    _ = backend.finish()
  }

  @Test("a group has limits of its own, and what it refuses does not count for the key")
  func groups() async throws {
    let usages = KeyUsages()
    var group = KeyLimits()
    group.requestsPerMinute = 1
    let backend = try Self.engine()
    try await serve(Self.ring(usages, group: group) { $0.limits.requestsPerMinute = 5 }, backend) { edge in
      let client = try edge.connect()
      client.write(get())
      #expect(client.readAnswer().status == 200)
      for _ in 0..<3 {
        client.write(get())
        let answer = client.readAnswer()
        #expect(answer.status == 429)
        #expect(answer.field("x-ratelimit-remaining-requests") == "4")
      }
    }
    _ = backend.finish()
  }

  @Test("a revoked key's request goes on, and a new one is refused")
  func revoked() async throws {
    let usages = KeyUsages()
    let backend = try Backend { wire in
      guard !wire.readHead().isEmpty else { return }
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
      _ = wire.readHead()
      wire.write("two")
    }
    let ring = try Self.ring(usages) { $0.limits.concurrent = 1 }
    var settings = Settings.bare(backend.target)
    settings.routes[0].ring = ring
    let kept = settings
    try await Edge.serve(kept) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nx-api-key: \(Self.secret)\r\nContent-Length: 4\r\n\r\n")
      #expect(client.read(through: "one").contains("200 OK"))
      var next = kept
      next.routes[0].ring = try Self.ring(usages) { $0.revoked = UnixTime(seconds: 1) }
      try await edge.proxy.apply(next)
      let other = try edge.connect()
      other.write(get())
      #expect(other.readAnswer().status == 401)
      client.write("\r\n\r\n")
      #expect(client.read(through: "two").hasSuffix("two"))
    }
    _ = backend.finish()
  }
}
