import APIKeys
import Bytes
import CZlib
import Exchange
import PKI
import Proxy
import Telemetry
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

/// Content that comes compressed.
@Suite("Compressed requests", .ownThread) struct CodedContentTests {
  /// Content as gzip, or as zlib.
  private static func compress(_ content: [UInt8], zlib: Bool = false) -> [UInt8] {
    var state = z_stream()
    guard
      deflateInit2_(
        &state, 6, Z_DEFLATED, zlib ? 15 : 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return [] }
    defer { deflateEnd(&state) }
    var (input, out) = (content, [UInt8](repeating: 0, count: content.count + 1024))
    return input.withUnsafeMutableBufferPointer { input in
      out.withUnsafeMutableBufferPointer { room in
        state.next_in = input.baseAddress
        state.avail_in = UInt32(input.count)
        state.next_out = room.baseAddress
        state.avail_out = UInt32(room.count)
        _ = deflate(&state, Z_FINISH)
        return Array(room.prefix(room.count - Int(state.avail_out)))
      }
    }
  }

  private static func content(_ model: String, _ count: Int = 100) -> String {
    #"{"model":"\#(model)","messages":[{"content":"\#((0..<count).map { "word \($0 * 7919) " }.joined())"}]}"#
  }

  private static func post(_ body: [UInt8], _ coding: String, _ more: String = "") -> [UInt8] {
    latin1(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Encoding: \(coding)\r\n"
        + "Content-Length: \(body.count)\r\n\(more)\r\n") + body
  }

  /// Answers with its name, the Content-Encoding and the length that it was told, and the content.
  private static func engine(_ name: String) throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let lines = head.lowercased().split(separator: "\r\n")
        let coding = lines.first { $0.hasPrefix("content-encoding: ") }?.dropFirst(18) ?? "none"
        let body = latin1(Origin.readContent(wire, head) ?? "broken")
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\nX-Engine: \(name)\r\nX-Coding: \(coding)\r\n"
            + "X-Tail: \(lines.last ?? "")\r\n\r\n")
        wire.write(body)
      }
    }
  }

  private static func serve(
    http2: Set<Int> = [], _ edit: (inout Settings) -> Void = { _ in }, _ body: (Edge, Wire) throws -> Void
  ) async throws {
    let engines = try [engine("a"), engine("b"), engine("c")]
    try await ReadContentTests.serve(engines, http2: http2) { settings in
      settings.routes[0].models = [
        .init(.exact("a"), service: 0), .init(.exact("b"), service: 1),
        .init(.exact("c"), service: 1, model: "another-name"),
      ]
      edit(&settings)
    } _: { edge in
      try body(edge, try edge.connect())
    }
  }

  @Test(
    "what is compressed is read, and passes as it came",
    arguments: [("gzip", []), ("deflate", []), ("gzip", [0, 1])] as [(String, Set<Int>)])
  func read(_ coding: String, _ http2: Set<Int>) async throws {
    try await Self.serve(http2: http2) { _, client in
      for model in ["a", "b", "a"] {
        let body = Self.compress(latin1(Self.content(model, 5000)), zlib: coding == "deflate")
        client.write(Self.post(body, coding))
        let answer = client.readAnswer()
        #expect(answer.field("X-Engine") == model && answer.field("X-Coding") == coding, "\(answer.head)")
        #expect(latin1(answer.body) == body)
      }
    }
  }

  @Test("where another name is written into it, it goes out plain", arguments: [[], [0, 1]] as [Set<Int>])
  func renamed(_ http2: Set<Int>) async throws {
    try await Self.serve(http2: http2) { _, client in
      for _ in 0..<2 {
        let body = Self.compress(latin1(Self.content("c", 5000)))
        client.write(Self.post(body, "gzip", "X-Last: 1\r\n"))
        let answer = client.readAnswer()
        #expect(answer.field("X-Engine") == "b" && answer.field("X-Coding") == "none", "\(answer.head)")
        #expect(answer.body == Self.content("another-name", 5000))
      }
    }
  }

  @Test("several members of gzip are one content, as its readers take them")
  func members() async throws {
    try await Self.serve { _, client in
      let text = latin1(Self.content("b"))
      let body = Self.compress(Array(text[..<20])) + Self.compress(Array(text[20...]))
      client.write(Self.post(body, "gzip"))
      #expect(client.readAnswer().field("X-Engine") == "b")
    }
  }

  @Test(
    "what cannot be read is refused where the model is needed, in the words of the interface",
    arguments: ["br", "gzip, gzip", "gzip", "deflate"])
  func unread(_ coding: String) async throws {
    try await Self.serve { _, client in
      client.write(Self.post(latin1(Self.content("a")), coding))
      let answer = client.readAnswer()
      #expect(answer.status == 400 && answer.body.contains(#""code":"model_required""#), "\(answer)")
    }
  }

  @Test("what is cut off, and what stands behind the end, is refused")
  func ends() async throws {
    let body = Self.compress(latin1(Self.content("a")))
    let zlib = Self.compress(latin1(Self.content("a")), zlib: true)
    for (bytes, coding) in [
      (Array(body.dropLast(3)), "gzip"), (body + [1, 2, 3], "gzip"), (zlib + zlib, "deflate"),
    ] {
      try await Self.serve { _, client in
        client.write(Self.post(bytes, coding))
        #expect(client.readAnswer().status == 400)
      }
    }
  }

  @Test("content that inflates to very much is not read to its end")
  func bomb() async throws {
    let filler = String(repeating: " ", count: 12 << 20)
    let bomb = Self.compress(latin1(#"{"model":"a",\#(filler)"n":1}"#))
    #expect(bomb.count * 100 < filler.utf8.count)
    try await Self.serve { _, client in
      client.write(Self.post(bomb, "gzip"))
      let answer = client.readAnswer()
      #expect(answer.status == 400 && answer.body.contains("32 MiB"), "\(answer)")
    }
    // Where nothing of it need be known, it passes.
    try await Self.serve {
      $0.routes[0].models = []
    } _: { _, client in
      client.write(Self.post(bomb, "gzip"))
      #expect(latin1(client.readAnswer().body) == bomb)
    }
  }

  private static let secret = "sk-certd-0123456789abcdefghijABCDEFG000000"

  private static func ring(_ tokens: Int) throws -> KeyRing {
    var key = KeyRecord(
      id: "k", name: "alice", group: "team", sha256: Hex.encode(try Digest.sha256(Array(secret.utf8))))
    key.limits.tokensPerMinute = tokens
    let usages = KeyUsages()
    return KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: [key])]) {
      usages.usage(.init(group: $0, id: $1))
    }
  }

  @Test("a key's tokens are those of the inflated content")
  func tokens() async throws {
    let text = latin1(Self.content("a", 3000))
    let body = Self.compress(text)
    let ring = try Self.ring(text.count / 5)
    #expect(body.count < text.count / 2)
    try await Self.serve {
      $0.routes[0].ring = ring
    } _: { _, client in
      client.write(Self.post(body, "gzip", "Authorization: Bearer \(Self.secret)\r\n"))
      #expect(client.readAnswer().status == 429)
    }
  }

  @Test("a list of prompts is so many answers for a key", arguments: [(1, 1, 200), (4, 1, 429), (1, 4, 429)])
  func lists(_ prompts: Int, _ n: Int, _ status: Int) async throws {
    let ring = try Self.ring(300)
    try await Self.serve {
      $0.routes[0].ring = ring
    } _: { _, client in
      let list = Array(repeating: #""hello""#, count: prompts).joined(separator: ",")
      let body = #"{"model":"a","prompt":[\#(list)],"n":\#(n),"max_tokens":100}"#
      client.write(
        "POST /v1/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(Self.secret)\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      #expect(client.readAnswer().status == status)
    }
  }
}
