import HTTP
import TestSupport
import TestRun
import Testing

/// A chunked stream and what becomes of it.
struct ChunkCase: Sendable, CustomTestStringConvertible {
  let stream: String
  var payload = ""
  let outcome: ChunkedFraming.Outcome

  var testDescription: String { stream.prefix(60).debugDescription }

  static func good(_ stream: String, _ payload: String, rest: String = "") -> ChunkCase {
    ChunkCase(stream: stream + rest, payload: payload, outcome: .end(stream.unicodeScalars.count))
  }
  static func bad(_ stream: String, _ error: ParseError) -> ChunkCase {
    ChunkCase(stream: stream, outcome: .failed(error))
  }
  static func open(_ stream: String, _ payload: String) -> ChunkCase {
    ChunkCase(stream: stream, payload: payload, outcome: .more)
  }

  private static let line = Int(ChunkedFraming.maximumLineBytes)
  private static let trailer = Int(ChunkedFraming.maximumTrailerBytes)

  static let wellFormed: [ChunkCase] = [
    .good("0\r\n\r\n", ""),
    .good("5\r\nhello\r\n0\r\n\r\n", "hello"),
    .good("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
    .good("5\r\nhello\r\n0\r\n\r\n", "hello", rest: "GET / HTTP/1.1\r\n"),
    .good("000\r\n\r\n", ""),
    .good("0005\r\nhello\r\n0\r\n\r\n", "hello"),
    .good("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    .good("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    .good("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
    .good("5;a\r\nhello\r\n0\r\n\r\n", "hello"),
    .good("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello"),
    .good("0\r\nX-Checksum: abc\r\n\r\n", ""),
    .good("0\r\nA: 1\r\nB:\r\nHosts: x\r\n\r\n", ""),
    .good("0;" + String(repeating: "e", count: line - 4) + "\r\n\r\n", ""),
    .good("0\r\nA:" + String(repeating: "v", count: trailer - 6) + "\r\n\r\n", ""),
    .open("", ""),
    .open("5", ""),
    .open("5\r\nhel", "hel"),
    .open("5\r\nhello\r\n", "hello"),
    .open("0\r\n", ""),
    .open("0\r\n\r", ""),
    .open("0\r\nA: b\r\n", ""),
    .open("7fffffffffffffff\r\nab", "ab"),
    .open("0000000000000005\r\nab", "ab"),
  ]

  static let malformed: [ChunkCase] = [
    .bad("\r\n", .malformedChunkSize), .bad(";a\r\n", .malformedChunkSize),
    .bad("g\r\n", .malformedChunkSize), .bad("5g\r\n", .malformedChunkSize),
    .bad("0x5\r\n", .malformedChunkSize), .bad("-5\r\n", .malformedChunkSize),
    .bad("+5\r\n", .malformedChunkSize), .bad(" 5\r\n", .malformedChunkSize),
    .bad("5 \r\n", .malformedChunkSize), .bad("5 ;a\r\n", .malformedChunkSize),
    .bad("5\t\r\n", .malformedChunkSize), .bad("5_0\r\n", .malformedChunkSize),
    .bad("5\n", .malformedChunkSize), .bad("5\r5", .malformedChunkSize),
    .bad("5\r\r\n", .malformedChunkSize), .bad("5;a\n", .malformedChunkSize),
    .bad("5;a\rb", .malformedChunkSize), .bad("5;\u{0}\r\n", .malformedChunkSize),
    .bad("5;\u{7F}\r\n", .malformedChunkSize), .bad("\u{FF}\r\n", .malformedChunkSize),
    .bad("8000000000000000\r\n", .malformedChunkSize),
    .bad("ffffffffffffffff\r\n", .malformedChunkSize),
    .bad("10000000000000000\r\n", .malformedChunkSize),
    .bad("00000000000000005\r\n", .malformedChunkSize),
    .bad("0;" + String(repeating: "e", count: line), .chunkExtensionTooLong),
    .bad("0\r\nA:" + String(repeating: "v", count: trailer), .trailerTooLarge),
    .bad("0\r\n" + String(repeating: "A: b\r\n", count: trailer / 6 + 1), .trailerTooLarge),
    .bad("0\r\n A: b\r\n", .malformedTrailer), .bad("0\r\nA : b\r\n", .malformedTrailer),
    .bad("0\r\nA\r\n", .malformedTrailer), .bad("0\r\n: b\r\n", .malformedTrailer),
    .bad("0\r\nA: b\n", .malformedTrailer), .bad("0\r\nA: b\rc", .malformedTrailer),
    .bad("0\r\nA: \u{0}\r\n", .malformedTrailer), .bad("0\r\n\n", .malformedTrailer),
    .bad("0\r\n\rX", .malformedTrailer), .bad("0\r\n\u{E9}: b\r\n", .malformedTrailer),
    .bad("0\r\nA: b\r\n c\r\n", .malformedTrailer),
    .bad("0\r\nContent-Length: 5\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nTRANSFER-ENCODING: chunked\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nhost: evil\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nClient-Cert: :Zm9yZ2Vk:\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nx-client_cert-SAN: a\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nContent_Length: 5\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nA: b\r\nAuthorization: x\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nSet-Cookie: a=b\r\n\r\n", .forbiddenTrailer),
    .bad("0\r\nConnection: close\r\n\r\n", .forbiddenTrailer),
  ]

  /// Streams whose payload is told before the error.
  static let brokenEnds: [ChunkCase] = [
    ChunkCase(stream: "5\r\nhello0\r\n", payload: "hello", outcome: .failed(.malformedChunkEnd)),
    ChunkCase(stream: "5\r\nhello\n0\r\n", payload: "hello", outcome: .failed(.malformedChunkEnd)),
    ChunkCase(stream: "5\r\nhello\rX", payload: "hello", outcome: .failed(.malformedChunkEnd)),
    ChunkCase(stream: "4\r\nhello\r\n", payload: "hell", outcome: .failed(.malformedChunkEnd)),
    ChunkCase(stream: "5\r\nhello\r\n\r\n", payload: "hello", outcome: .failed(.malformedChunkSize)),
  ]
}

@Suite(.ownThread) struct ChunkedFramingTests {
  /// Follows a stream given in two or more parts.
  static func follow(_ parts: [ArraySlice<UInt8>]) -> (ChunkedFraming.Outcome, [UInt8]) {
    var framing = ChunkedFraming()
    var payload: [UInt8] = []
    var before = 0
    for part in parts {
      let outcome = part.withUnsafeBufferPointer { buffer -> ChunkedFraming.Outcome in
        guard let base = buffer.baseAddress else { return .more }
        return framing.scan(base, buffer.count) { at, count in payload += buffer[at..<at + count] }
      }
      switch outcome {
      case .more: before += part.count
      case .end(let n): return (.end(before + n), payload)
      case .failed: return (outcome, payload)
      }
    }
    return (.more, payload)
  }

  @Test(
    "chunked content is followed alike at every split point",
    arguments: ChunkCase.wellFormed + ChunkCase.malformed + ChunkCase.brokenEnds)
  func table(_ chunks: ChunkCase) {
    let bytes = latin1(chunks.stream)
    let step = max(1, bytes.count / 300)
    for split in stride(from: 0, through: bytes.count, by: step) {
      let (outcome, payload) = Self.follow([bytes[..<split], bytes[split...]])
      #expect(outcome == chunks.outcome, "at \(split)")
      #expect(payload == latin1(chunks.payload), "at \(split)")
    }
    let (outcome, payload) = Self.follow(bytes.indices.map { bytes[$0...$0] })
    #expect(outcome == chunks.outcome)
    #expect(payload == latin1(chunks.payload))
  }

  @Test("nothing after the bytes is read")
  func guardPage() throws {
    for chunks in ChunkCase.wellFormed + ChunkCase.malformed {
      let bytes = latin1(chunks.stream)
      let memory = try GuardedMemory(capacity: bytes.count + 1)
      var framing = ChunkedFraming()
      #expect(framing.scan(memory.atEnd(bytes), bytes.count) == chunks.outcome)
    }
  }

  @Test("after its end no byte belongs to the content")
  func afterEnd() throws {
    var framing = ChunkedFraming()
    let bytes = latin1("0\r\n\r\n")
    try bytes.withUnsafeBufferPointer { buffer in
      let base = try #require(buffer.baseAddress)
      #expect(framing.scan(base, buffer.count) == .end(5))
      #expect(framing.isDone)
      #expect(framing.scan(base, buffer.count) == .end(0))
    }
  }

  @Test(
    "a field that steers framing, routing or authentication is refused as a trailer in any letter case",
    arguments: [
      "Content-Length", "Transfer-Encoding", "Host", "Connection", "TE", "Upgrade", "Trailer", "Keep-Alive",
      "Proxy-Connection", "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Forwarded",
      "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "Expect", "Content-Type",
      "Content-Encoding", "Content-Range", "Range", "Max-Forwards", "Cache-Control", "Location",
    ])
  func forbiddenTrailers(_ name: String) {
    for spelling in [name, name.lowercased(), name.uppercased()] {
      let bytes = latin1("0\r\n\(spelling): x\r\n\r\n")
      #expect(Self.follow([bytes[...]]).0 == .failed(.forbiddenTrailer))
    }
    // A longer or shorter name is another field.
    for spelling in ["\(name)x", "x\(name)"] where spelling.lowercased() != "te" {
      let bytes = latin1("0\r\n\(spelling): x\r\n\r\n")
      #expect(Self.follow([bytes[...]]).0 == .end(bytes.count))
    }
  }

  @Test("random chunkings, cut anywhere, decode to the same bytes as a simple decoder")
  func randomChunkings() {
    var random = SeededGenerator(seed: 42)
    for _ in 0..<2000 {
      var stream: [UInt8] = []
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let data = random.bytes(Int.random(in: 1...40, using: &random))
        let size = String(data.count, radix: 16, uppercase: Bool.random(using: &random))
        let ext = Bool.random(using: &random) ? ";x=\(Int.random(in: 0...9, using: &random))" : ""
        stream += latin1("\(size)\(ext)\r\n") + data + latin1("\r\n")
      }
      stream += latin1(Bool.random(using: &random) ? "0\r\n\r\n" : "0\r\nX-T: y\r\n\r\n")
      let whole = stream + random.bytes(5)
      let expected = ReferenceChunks.decode(whole)
      var parts: [ArraySlice<UInt8>] = []
      var at = 0
      while at < whole.count {
        let end = min(whole.count, at + Int.random(in: 1...17, using: &random))
        parts.append(whole[at..<end])
        at = end
      }
      let (outcome, payload) = Self.follow(parts)
      #expect(outcome == .end(stream.count))
      #expect(expected == .complete(payload: payload, length: stream.count))
    }
  }

  @Test("damaged chunk streams never trap, and what is accepted the simple decoder reads alike")
  func damagedChunks() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      var stream = latin1("5;x=y\r\nhello\r\nb\r\nhello world\r\n0\r\nA: b\r\n\r\n")
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        let at = Int.random(in: 0..<stream.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: stream[at] = UInt8.random(in: 0...255, using: &random)
        case 1: stream.remove(at: at)
        default: stream.insert(latin1("\r\n0;5:f").randomElement(using: &random) ?? 0, at: at)
        }
      }
      if case (.end(let length), let payload) = Self.follow([stream[...]]) {
        #expect(ReferenceChunks.decode(stream) == .complete(payload: payload, length: length))
      }
    }
  }
}
