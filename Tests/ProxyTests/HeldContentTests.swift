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

/// Content for which there is no room: where the first part says enough, the rest is passed on as it comes.
@Suite("Content too long to be kept", .ownThread) struct HeldContentTests {
  /// One worker keeps 1 MiB of content of all requests.
  private func settings(_ settings: inout Settings) {
    settings.limits.bufferMemory = 2 << 20
    settings.routes[0].models = [
      .init(.exact("a"), service: 0), .init(.exact("b"), service: 1),
      .init(.exact("c"), service: 1, model: "a-much-longer-name-than-that-of-the-client"),
    ]
  }

  private func content(_ model: String, _ count: Int) -> String {
    #"{"model":"\#(model)","messages":[{"content":"\#(String(repeating: "0123456789", count: count / 10))"}]}"#
  }

  private func chunked(_ body: String, of size: Int) -> [UInt8] {
    let bytes = latin1(body)
    var out = latin1("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    for start in stride(from: 0, to: bytes.count, by: size) {
      let piece = bytes[start..<min(bytes.count, start + size)]
      out += latin1(String(piece.count, radix: 16) + "\r\n") + piece + latin1("\r\n")
    }
    return out + latin1("0\r\n\r\n")
  }

  @Test(
    "a model in the first part is enough, whatever is spoken on either side",
    arguments: [[], [0, 1]] as [Set<Int>], [0, 7, 1000, 65_536, 1_000_000])
  func goesOn(_ http2: Set<Int>, _ size: Int) async throws {
    let engines = try [ReadContentTests.engine("a"), ReadContentTests.engine("b")]
    try await ReadContentTests.serve(engines, http2: http2) {
      settings(&$0)
    } _: { edge in
      let client = try edge.connect()
      for (asked, engine, sent) in [
        ("a", "a", "a"), ("b", "b", "b"), ("c", "b", "a-much-longer-name-than-that-of-the-client"),
      ] {
        let (body, wanted) = (content(asked, 3_000_000), content(sent, 3_000_000))
        if size == 0 {
          client.write(ReadContentTests.post(body))
        } else {
          client.write(chunked(body, of: size))
        }
        let answer = client.readAnswer()
        #expect(answer.status == 200 && answer.field("X-Engine") == engine, "\(answer.head)")
        #expect(answer.body == wanted)
        #expect(answer.field("X-Length") == (size == 0 ? "\(wanted.utf8.count)" : "none"))
      }
      // The next request on the same connection.
      client.write(ReadContentTests.post(content("b", 10)))
      #expect(client.readAnswer().field("X-Engine") == "b")
      #expect(edge.proxy.counters[.contentPassedOn] == 3)
    }
  }

  @Test("so it is for clients of HTTP/2", arguments: [[], [0, 1]] as [Set<Int>])
  func multiplexed(_ http2: Set<Int>) async throws {
    let engines = try [ReadContentTests.engine("a"), ReadContentTests.engine("b")]
    try await ReadContentTests.serve(engines, http2: http2) {
      settings(&$0)
    } _: { edge in
      let client = try edge.http2()
      #expect(client.start())
      for (stream, told) in [(1, false), (3, true)] as [(UInt32, Bool)] {
        let (body, wanted) = (
          content("c", 2_000_000), content("a-much-longer-name-than-that-of-the-client", 2_000_000)
        )
        var head = ReadContentTests.head.map { Header(stringLiteral: $0) }
        if told { head.append(Header("content-length", "\(body.utf8.count)")) }
        client.send(.headers(stream, HPACK.block(head), end: false))
        _ = client.sendBody(stream, latin1(body))
        let received = client.response(stream)
        #expect(received.field("x-engine") == "b" && received.body == latin1(wanted))
        #expect(received.field("x-length") == (told ? "\(wanted.utf8.count)" : "none"))
      }
      #expect(client.violations == [] && edge.proxy.counters[.contentPassedOn] == 2)
    }
  }

  @Test("a model behind the first part is not seen: the request is refused, and counted")
  func unseen() async throws {
    let engines = try [ReadContentTests.engine("a"), ReadContentTests.engine("b")]
    try await ReadContentTests.serve(engines, http2: []) {
      settings(&$0)
    } _: { edge in
      let text = String(repeating: "0123456789", count: 200_000)
      let client = try edge.connect()
      client.write(ReadContentTests.post(#"{"messages":[{"content":"\#(text)"}],"model":"a"}"#))
      #expect(client.readAnswer(toHead: true).status == 503)
      #expect(edge.proxy.counters[.contentWithoutRoom] == 1)
      #expect(edge.proxy.counters[.contentPassedOn] == 0)
    }
  }

  @Test("prompts of any length pass, each to an engine that is chosen by its beginning")
  func prompts() async throws {
    let engines = try (0..<3).map { try ReadContentTests.engine("\($0)") }
    try await ReadContentTests.serve(engines, http2: [1], inOne: true) { settings in
      settings.limits.bufferMemory = 4 << 20
      settings.services[0].rules.policy = .modelAware
    } _: { edge in
      let client = try edge.connect()
      var first: [String?] = []
      for round in 0..<2 {
        for number in 0..<4 {
          let text = String(repeating: "\(number)123456789", count: 300_000 + round)
          client.write(ReadContentTests.post(#"{"messages":[{"content":"\#(text)"}]}"#))
          let answer = client.readAnswer()
          #expect(answer.status == 200 && answer.body.utf8.count > 3_000_000)
          if round == 0 {
            first.append(answer.field("X-Engine"))
          } else {
            #expect(answer.field("X-Engine") == first[number])
          }
        }
      }
      #expect(edge.proxy.counters[.contentPassedOn] == 8)
    }
  }

  @Test("a key for some models is never taken by a first part: another model may stand behind it")
  func keys() async throws {
    let engines = try [ReadContentTests.engine("a"), ReadContentTests.engine("b")]
    let secret = "sk-certd-0123456789abcdefghijABCDEFG000000"
    var key = KeyRecord(
      id: "k", name: "alice", group: "team", sha256: Hex.encode(try Digest.sha256(Array(secret.utf8))))
    key.models = ["a"]
    let usages = KeyUsages()
    let ring = KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: [key])]) {
      usages.usage(.init(group: $0, id: $1))
    }
    try await ReadContentTests.serve(engines, http2: []) {
      settings(&$0)
      $0.routes[0].ring = ring
    } _: { edge in
      let client = try edge.connect()
      let body = content("a", 2_000_000).dropLast() + #","model":"b"}"#
      client.write(ReadContentTests.post(String(body), "Authorization: Bearer \(secret)\r\n"))
      #expect(client.readAnswer(toHead: true).status == 503)
    }
  }
}
