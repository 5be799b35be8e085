import HTTP
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct MutationTests {
  private static let seeds = [
    "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n",
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: [::1]:8443\r\nContent-Length: 123\r\n\r\n",
    "PUT http://a.example:80/x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade, x-y\r\nUpgrade: websocket\r\n\r\n",
    "OPTIONS * HTTP/1.0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nX: \u{E9}\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
  ].map(latin1)

  private static let interesting = latin1("\r\n\t :,;[]*/?#@%\u{0}\u{7F}\u{80}\u{FF}09afAF+-")

  @Test("20,000 damaged heads are parsed without a trap, within their bounds")
  func damagedHeads() throws {
    var random = SeededGenerator(seed: 0xC0FFEE)
    let memory = try GuardedMemory(capacity: 4096)
    var accepted = 0
    for _ in 0..<20_000 {
      let bytes = Self.damaged(&random)
      let base = memory.atEnd(bytes)
      let (outcome, parsed) = parse(base, bytes.count, capacity: 8)
      if case .accepted = outcome, let parsed {
        accepted += 1
        Self.check(parsed, bytes)
      }
      Self.parseResponse(base, bytes.count)
    }
    // If nothing were accepted any more, the test would not test the accepting paths.
    #expect(accepted > 1000)
  }

  private static func check(_ parsed: ParsedRequest, _ bytes: [UInt8]) {
    let head = parsed.head
    #expect(head.length <= bytes.count)
    #expect(head.targetStart + head.targetLength <= head.length)
    #expect(head.hostStart + head.hostLength <= head.length)
    #expect(head.authorityStart + head.authorityLength <= head.length)
    #expect(head.version == .http10 || head.hostLength > 0)
    #expect(!parsed.target.utf8.contains { $0 <= 0x20 || $0 >= 0x7F })
    let lengths = parsed.fields.filter { $0.name.lowercased() == "content-length" }
    let codings = parsed.fields.filter { $0.name.lowercased() == "transfer-encoding" }
    #expect(lengths.count + codings.count <= 1)
    if case .chunked = head.framing { #expect(codings.map { $0.value.lowercased() } == ["chunked"]) }
    if case .length(let length) = head.framing { #expect(lengths.map { UInt64($0.value) } == [length]) }
  }

  private static func parseResponse(_ base: UnsafePointer<UInt8>, _ count: Int) {
    guard case .found(let length) = HeadEnd.find(base, count: count, from: 0) else { return }
    var fields = FieldSection(capacity: 8)
    var head = ResponseHead()
    if ResponseHead.parse(base, count: length, method: .get, fields: &fields, into: &head) == nil {
      #expect((100...999).contains(head.status))
      #expect(head.statusStart + head.statusLength <= length)
    }
  }

  private static func damaged(_ random: inout SeededGenerator) -> [UInt8] {
    var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
    for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      let byte = interesting[Int.random(in: 0..<interesting.count, using: &random)]
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[at] = byte
      case 1: bytes.insert(byte, at: at)
      case 2: bytes.remove(at: at)
      case 3: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 4:
        let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
        bytes.insert(contentsOf: bytes[at..<end], at: at)
      default:
        let other = seeds[Int.random(in: 0..<seeds.count, using: &random)]
        bytes = Array(bytes[..<at] + other[min(at, other.count)...])
      }
    }
    return bytes
  }
}
