import Exchange
import Proxy
import Synchronization
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

/// Bytes that another thread has received.
private final class Received: Sendable {
  private let bytes = Mutex<[UInt8]>([])
  func put(_ more: [UInt8]) { bytes.withLock { if $0.isEmpty { $0 = more } } }
  func take() -> [UInt8] { bytes.withLock { $0 } }
}

/// What model servers answer: what is measured of it, and what of it was asked for by us only.
@Suite("Answers of engines", .ownThread) struct AnswerTests {
  private static let usage =
    #"data: {"id":"1","choices":[],"usage":{"prompt_tokens":40,"completion_tokens":7,"#
    + #""prompt_tokens_details":{"cached_tokens":16}}}"# + "\n\n"
  private static let words = ["one", "two \\\"usage\\\":{", "three"].map {
    #"data: {"id":"1","choices":[{"index":0,"delta":{"content":"\#($0)"}}]}"# + "\n\n"
  }
  private static let done = "data: [DONE]\n\n"

  private func settings(_ backend: Backend, _ edit: (inout Settings) -> Void = { _ in }) -> Settings {
    .bare(backend.target) { settings in
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.includeUsage = true
      edit(&settings)
    }
  }

  private func post(_ body: String) -> String {
    "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  /// An engine that answers with these pieces of a stream, each a chunk, and tells what it was asked.
  private static func streaming(_ pieces: [[UInt8]], _ asked: Received) throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let length = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
        asked.put(length.flatMap { Int($0.dropFirst(16)) }.map { wire.read(exactly: $0) } ?? [])
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces where !piece.isEmpty {
          wire.write(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
        }
        wire.write("0\r\n\r\n")
      }
    }
  }

  /// Cuts bytes at places that a seed decides.
  private static func cut(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [[UInt8]] {
    var (pieces, at) = ([[UInt8]](), 0)
    while at < bytes.count {
      let count = Int.random(in: 1...min(120, bytes.count - at), using: &random)
      pieces.append(Array(bytes[at..<at + count]))
      at += count
    }
    return pieces
  }

  @Test("usage that only we have asked for is left out, however the stream is cut", arguments: 0..<24)
  func filtered(_ seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let shown = Self.words.joined() + Self.done
    let whole = Self.words.joined() + Self.usage + Self.done
    let asked = Received()
    let engine = try Self.streaming(Self.cut(Array(whole.utf8), &random), asked)
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m","stream":true,"messages":[]}"#))
      #expect(client.readAnswer().body == shown)
    }
    _ = engine.finish()
    #expect(
      String(decoding: asked.take(), as: UTF8.self)
        == #"{"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[]}"#)
  }

  @Test("the same where lines end with CRLF", arguments: 0..<24)
  func filteredLines(_ seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    func lines(_ text: String) -> String { text.replacing("\n", with: "\r\n") }
    let shown = lines(Self.words.joined() + Self.done)
    let whole = lines(Self.words.joined() + Self.usage + Self.done)
    let engine = try Self.streaming(Self.cut(Array(whole.utf8), &random), Received())
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m","stream":true}"#))
      #expect(client.readAnswer().body == shown)
    }
    _ = engine.finish()
  }

  @Test("the same for a client of HTTP/1.0, which knows no chunks", arguments: 0..<6)
  func oldClient(_ seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let shown = Self.words.joined() + Self.done
    let whole = Self.words.joined() + Self.usage + Self.done
    let engine = try Self.streaming(Self.cut(Array(whole.utf8), &random), Received())
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m","stream":true}"#).replacing("HTTP/1.1", with: "HTTP/1.0"))
      _ = client.readHead()
      #expect(String(decoding: client.readToEnd(), as: UTF8.self) == shown)
    }
    _ = engine.finish()
  }

  @Test("the same over HTTP/2", arguments: 0..<6)
  func overHTTP2(_ seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let shown = Self.words.joined() + Self.done
    let whole = Self.words.joined() + Self.usage + Self.done
    let engine = try Self.streaming(Self.cut(Array(whole.utf8), &random), Received())
    let settings = HTTP2Edge.settings(engine.target) { two in two.services = self.settings(engine).services }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(
          1,
          HPACK.block([":method=POST", ":scheme=http", ":path=/v1/chat/completions", ":authority=localhost"]),
          end: false))
      client.sendBody(1, Array(#"{"model":"m","stream":true}"#.utf8))
      let answer = client.response(1)
      #expect(String(decoding: answer.body, as: UTF8.self) == shown)
      #expect(answer.reset == nil)
    }
    _ = engine.finish()
  }

  @Test("a client that has asked for usage is shown it, and a last event without its empty line is passed on")
  func asked() async throws {
    let whole = Self.words.joined() + Self.usage + "data: [DONE]"
    let body = #"{"stream":true,"stream_options":{"include_usage":true}}"#
    let asked = Received()
    let engine = try Self.streaming([Array(whole.utf8)], asked)
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(post(body))
      #expect(client.readAnswer().body == whole)
    }
    _ = engine.finish()
    #expect(String(decoding: asked.take(), as: UTF8.self) == body)
    let other = try Self.streaming([Array(whole.utf8)], Received())
    try await Edge.serve(settings(other)) { edge in
      let client = try edge.connect()
      client.write(post(#"{"stream":true}"#))
      #expect(client.readAnswer().body == Self.words.joined() + "data: [DONE]")
    }
    _ = other.finish()
  }

  @Test("a stream's first token, tokens and cached tokens stand in the metrics of its model")
  func measured() async throws {
    let whole = Self.words.joined() + Self.usage + Self.done
    let engine = try Self.streaming([Array(whole.utf8)], Received())
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"llama","stream":true,"messages":[]}"#))
      _ = client.readAnswer()
      // What comes next on the connection finds it ended.
      client.write("GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
      _ = client.readHead()
      let backend = engine.target.status.name
      let labels =
        #"service="s",server_address="\#(backend)",gen_ai_request_model="llama",gen_ai_operation_name="chat""#
      let text = edge.proxy.exposition
      #expect(text.contains("gen_ai_server_request_duration_seconds_count{\(labels)} 1\n"))
      #expect(text.contains("gen_ai_server_time_to_first_token_seconds_count{\(labels)} 1\n"), "\(text)")
      #expect(text.contains("gen_ai_client_token_usage_sum{\(labels),gen_ai_token_type=\"input\"} 40\n"))
      #expect(text.contains("gen_ai_client_token_usage_sum{\(labels),gen_ai_token_type=\"output\"} 7\n"))
      #expect(text.contains("certd_prompt_tokens_cached_total{\(labels)} 16\n"))
      #expect(text.contains("certd_inter_token_latency_seconds_count{\(labels)} 2\n"))
    }
    _ = engine.finish()
  }

  @Test("an answer in one piece counts its tokens and has no first one")
  func document() async throws {
    let body = #"{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#
    let engine = try Backend { wire in
      while !wire.readHead().isEmpty {
        wire.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
        wire.write(body)
      }
    }
    try await Edge.serve(settings(engine)) { edge in
      let client = try edge.connect()
      client.write(post(#"{"model":"m"}"#))
      #expect(client.readAnswer().body == body)
      client.write("GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
      _ = client.readHead()
      let text = edge.proxy.exposition
      #expect(text.contains(#"gen_ai_token_type="output"} 3"#), "\(text)")
      #expect(!text.contains("gen_ai_server_time_to_first_token_seconds_count{"))
    }
    _ = engine.finish()
  }
}
