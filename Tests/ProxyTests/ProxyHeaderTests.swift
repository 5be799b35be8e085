import OS
import TestSupport
import TestRun
import Testing

@testable import Proxy

@Suite("PROXY headers", .ownThread) struct ProxyHeaderTests {
  /// What a header says, as a line.
  private func read(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBufferPointer { buffer in
      switch ProxyProtocol.read(buffer) {
      case .incomplete: "incomplete"
      case .malformed(let reason): "malformed: \(reason)"
      case .header(let length, let ends):
        ends.map { "\(length) \($0.source) > \($0.destination)" } ?? "\(length)"
      }
    }
  }

  static let lines: [(String, String)] = [
    ("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "45 192.0.2.7:56324 > 198.51.100.1:443"),
    (
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\nGET",
      "56 255.255.255.255:65535 > 255.255.255.255:65535"
    ),
    ("PROXY TCP6 2001:db8::7 ::1 1 0\r\n", "32 [2001:db8::7]:1 > [::1]:0"),
    (
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
      "104 [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 > [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
    ),
    ("PROXY UNKNOWN\r\n", "15"),
    (
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
      "107"
    ),
    ("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n", "malformed: the line is too long"),
    ("PROXY TCP4 " + String(repeating: "1", count: 200), "malformed: the line is too long"),
    ("GET / HTTP/1.1\r\n", "malformed: no PROXY header"),
    ("PROXYTCP4", "malformed: no PROXY header"), ("proxy TCP4 ", "malformed: no PROXY header"),
    ("\u{16}\u{3}\u{1}", "malformed: no PROXY header"), ("", "incomplete"), ("P", "incomplete"),
    ("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r", "incomplete"),
    ("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n", "malformed: a carriage return stands alone"),
    ("PROXY \r\n", "malformed: an unknown protocol"),
    ("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "malformed: an unknown protocol"),
    ("PROXY TCP4\r\n", "malformed: not five fields"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "malformed: not five fields"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "malformed: not five fields"),
    ("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "malformed: not five fields"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "malformed: a port is not a number"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "malformed: a port is not a number"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "malformed: a port is not a number"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4  2\r\n", "malformed: a port is not a number"),
    ("PROXY TCP4 1.2.3.4 1.2.3.999 1 2\r\n", "malformed: an address is not one of its family"),
    ("PROXY TCP4 1.2.3.4 01.2.3.4 1 2\r\n", "malformed: an address is not one of its family"),
    ("PROXY TCP4 ::1 ::1 1 2\r\n", "malformed: an address is not one of its family"),
    ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "malformed: an address is not one of its family"),
    ("PROXY TCP6 ::1 ::1%lo 1 2\r\n", "malformed: an address is not one of its family"),
    ("PROXY TCP4 h\u{0}.2.3.4 1.2.3.4 1 2\r\n", "malformed: an address is not one of its family"),
  ]

  @Test("A line of version 1 is read as the specification says", arguments: lines)
  func line(_ text: String, _ expected: String) {
    #expect(read(latin1(text)) == expected)
  }

  static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
  static let four: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 1, 0xDC, 0x04, 0x01, 0xBB]
  static let six: [UInt8] =
    [0x20, 1, 0xD, 0xB8] + Array(repeating: 0, count: 11) + [7] + Array(repeating: 0, count: 15) + [
      1, 0, 1, 0, 2,
    ]
  static let tlv: [UInt8] = [0x03, 0, 4, 1, 2, 3, 4, 0x04, 0xFF, 0xFF]
  static let paths = [UInt8](repeating: 0x2F, count: 216)

  static let binary: [(UInt8, UInt8, Int?, [UInt8], String)] = [
    (0x21, 0x11, nil, four, "28 192.0.2.7:56324 > 198.51.100.1:443"),
    (0x21, 0x11, nil, four + tlv, "38 192.0.2.7:56324 > 198.51.100.1:443"),
    (0x21, 0x21, nil, six, "52 [2001:db8::7]:1 > [::1]:2"),
    (0x21, 0x21, nil, six + tlv, "62 [2001:db8::7]:1 > [::1]:2"),
    (0x21, 0x31, nil, paths, "232"),
    (0x21, 0x31, nil, four, "malformed: the addresses do not fit the length"),
    (0x20, 0x00, nil, [], "16"), (0x20, 0x11, nil, four, "28"), (0x20, 0x11, nil, [1], "17"),
    (0x21, 0x00, nil, [], "16"), (0x21, 0x00, nil, tlv, "26"), (0x21, 0x12, nil, four, "28"),
    (0x21, 0x10, nil, four, "28"),
    (0x21, 0x11, nil, Array(four.dropLast()), "malformed: the addresses do not fit the length"),
    (0x21, 0x21, nil, four, "malformed: the addresses do not fit the length"),
    (0x11, 0x11, nil, four, "malformed: an unknown version"),
    (0x31, 0x11, nil, four, "malformed: an unknown version"),
    (0x22, 0x11, nil, four, "malformed: an unknown command"),
    (0x2F, 0x11, nil, four, "malformed: an unknown command"),
    (0x21, 0x41, nil, four, "malformed: an unknown address family"),
    (0x21, 0x13, nil, four, "malformed: an unknown transport"),
    (0x21, 0x11, 4081, four, "malformed: the header is too long"),
    (0x21, 0x11, 65_535, four, "malformed: the header is too long"), (0x21, 0x11, 4080, four, "incomplete"),
    (0x21, 0x11, 13, four, "incomplete"),
  ]

  @Test("A header of version 2 is read as the specification says", arguments: 0..<binary.count)
  func header(_ row: Int) {
    let (command, kind, length, block, expected) = Self.binary[row]
    let count = length ?? block.count
    let bytes = Self.signature + [command, kind, UInt8(count >> 8), UInt8(count & 255)] + block
    #expect(read(bytes) == expected)
  }

  @Test("Every header is incomplete until its last byte has come, and ends there whatever follows")
  func splits() {
    for version in ProxyProtocol.Version.allCases {
      for pair in [("192.0.2.7", "10.1.2.3"), ("2001:db8::7", "::1")] {
        guard let source = SocketAddress(host: pair.0, port: 1234),
          let end = SocketAddress(host: pair.1, port: 443)
        else { continue }
        let bytes = ProxyProtocol.header(version, .init(source: source, destination: end))
        for count in 0..<bytes.count { #expect(read(Array(bytes[..<count])) == "incomplete") }
        #expect(read(bytes) == "\(bytes.count) \(source) > \(end)")
        #expect(read(bytes + latin1("\r\nGET")) == "\(bytes.count) \(source) > \(end)")
      }
    }
  }

  @Test("What cannot be told is said to be unknown, and our own connections are called so")
  func unknown() throws {
    let four = try #require(SocketAddress(host: "192.0.2.7", port: 1))
    let six = try #require(SocketAddress(host: "::1", port: 2))
    #expect(ProxyProtocol.header(.v1, nil) == latin1("PROXY UNKNOWN\r\n"))
    #expect(ProxyProtocol.header(.v1, .init(source: four, destination: six)) == latin1("PROXY UNKNOWN\r\n"))
    #expect(ProxyProtocol.header(.v2, nil) == Self.signature + [0x21, 0, 0, 0])
    #expect(ProxyProtocol.ownHeader(.v2) == Self.signature + [0x20, 0, 0, 0])
    #expect(ProxyProtocol.ownHeader(.v1) == latin1("PROXY UNKNOWN\r\n"))
  }

  @Test("An IPv4 address mapped into IPv6, as dual-stack sockets show it, is told as IPv4")
  func mapped() throws {
    let ends = ProxyProtocol.Ends(
      source: try #require(SocketAddress(host: "::ffff:192.0.2.7", port: 5)),
      destination: try #require(SocketAddress(host: "::ffff:10.0.0.1", port: 443)))
    #expect(ProxyProtocol.header(.v1, ends) == latin1("PROXY TCP4 192.0.2.7 10.0.0.1 5 443\r\n"))
    #expect(
      ProxyProtocol.header(.v2, ends)
        == Self.signature + [0x21, 0x11, 0, 12, 192, 0, 2, 7, 10, 0, 0, 1, 0, 5, 1, 0xBB])
  }

  @Test("Bytes changed at random are survived, and never read past their end")
  func mutations() throws {
    var random = SeededGenerator(seed: 77)
    let memory = try GuardedMemory(capacity: 256)
    let seeds = [latin1(Self.lines[0].0), Self.signature + [0x21, 0x21, 0, 46] + Self.six + Self.tlv]
    for round in 0..<4000 {
      var bytes = seeds[round % 2]
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let count = Int.random(in: 0...bytes.count, using: &random)
      let start = memory.atEnd(Array(bytes[..<count]))
      if case .header(let length, _) = ProxyProtocol.read(.init(start: start, count: count)) {
        #expect(length <= count)
      }
    }
  }
}
