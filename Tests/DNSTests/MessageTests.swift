import TestRun
import Testing

@testable import DNS

@Suite(.ownThread) struct MessageTests {
  private static let name = DomainName("example.com")

  /// A response to a question about example.com with these records after it.
  private func response(
    _ records: [UInt8], count: UInt16 = 1, flags: UInt16 = 0x8400, type: RecordType = .txt
  ) throws -> [UInt8] {
    let name = try #require(Self.name)
    return Message.header(7, flags: flags, counts: [1, count, 0, 0]) + name.wire
      + Message.number(type.rawValue) + Message.number(Message.internet) + records
  }

  /// A record of a name that points to the question's.
  private func record(_ type: RecordType, _ data: [UInt8]) -> [UInt8] {
    [0xC0, 12] + Message.number(type.rawValue) + Message.number(Message.internet) + [0, 0, 0, 60]
      + Message.number(UInt16(data.count)) + data
  }

  @Test("a query has one question, wants recursion where told, and tells how long a datagram may be")
  func query() throws {
    let name = try #require(DomainName("_acme-challenge.example.com."))
    let question = Message.Question(name: name, type: .txt)
    let bytes = Message.query(0xABCD, question, wantsRecursion: true)
    let read = try Message(bytes)
    #expect(read.id == 0xABCD && read.question == question && read.wantsRecursion && !read.isResponse)
    #expect(read.additionals.map(\.type) == [.opt])
    #expect(try !Message(Message.query(1, question, wantsRecursion: false)).wantsRecursion)
  }

  @Test("records of each type are read, names in them through pointers")
  func records() throws {
    let cases: [(RecordType, [UInt8], RecordData)] = [
      (.a, [192, 0, 2, 1], .address([192, 0, 2, 1])),
      (.aaaa, Array(repeating: 1, count: 16), .address(Array(repeating: 1, count: 16))),
      (.cname, [1, 0x41, 0xC0, 12], .name(try #require(DomainName("a.example.com")))),
      (.ns, [0xC0, 12], .name(try #require(Self.name))),
      (
        .srv, [0, 10, 0, 5, 0x1F, 0x40, 1, 0x41, 0xC0, 12],
        .service(priority: 10, weight: 5, port: 8000, target: try #require(DomainName("a.example.com")))
      ),
      (.txt, [2, 0x68, 0x69, 1, 0x21], .text(Array("hi!".utf8))),
      (
        .caa, [128, 5] + Array("Issueca.test; x=1".utf8),
        .authorization(isCritical: true, tag: "issue", value: "ca.test; x=1")
      ),
      (.soa, [0xC0, 12, 0] + Array(repeating: 0, count: 20), .authority(primary: try #require(Self.name))),
      (RecordType(rawValue: 99), [1, 2], .other([1, 2])),
    ]
    for (type, data, expected) in cases {
      let read = try Message(response(record(type, data)))
      #expect(read.answers == [Record(name: try #require(Self.name), type: type, ttl: 60, data: expected)])
      #expect(read.isAuthoritative)
    }
  }

  @Test("a message that is cut off anywhere is refused, and never read past its end")
  func cutOff() throws {
    let whole = try response(
      record(.txt, [2, 0x68, 0x69]) + record(.caa, [0, 5] + Array("issuea".utf8)), count: 2)
    _ = try Message(whole)
    for count in 0..<whole.count {
      #expect(throws: MessageReader.Malformed.self, "\(count)") { try Message(Array(whole.prefix(count))) }
    }
  }

  @Test("names that point in circles, to themselves or past the end are refused")
  func pointers() throws {
    for data in [[0xC0, 41], [0xC0, 0xFF], [0xFF, 0xFF], [0x80, 1], [63, 1]] as [[UInt8]] {
      #expect(throws: MessageReader.Malformed.self, "\(data)") { try Message(response(record(.cname, data))) }
    }
  }

  @Test("any bytes at all are read or refused")
  func noise() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      var bytes = (0..<Int.random(in: 0...80, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      // Small counts, so that records are reached.
      for index in 4..<12 where index < bytes.count { bytes[index] = index % 2 == 0 ? 0 : bytes[index] & 3 }
      _ = try? Message(bytes)
    }
  }

  @Test(
    "a name is its labels in any case; too long ones and empty labels are none",
    arguments: [
      ("Example.COM.", "example.com"), (".", "."), ("a..b", nil), ("", nil),
      (String(repeating: "a", count: 64), nil), ("a\\.b", nil),
      ((0..<130).map { _ in "a" }.joined(separator: "."), nil),
    ] as [(String, String?)])
  func names(text: String, shown: String?) {
    #expect(DomainName(text)?.description == shown)
  }

  @Test("a name knows what is above and below it")
  func hierarchy() throws {
    let name = try #require(DomainName("a.b.example.com"))
    let zone = try #require(DomainName("example.com"))
    #expect(name.isAtOrBelow(zone) && zone.isAtOrBelow(zone) && !zone.isAtOrBelow(name))
    #expect(!(try #require(DomainName("xexample.com")).isAtOrBelow(zone)))
    #expect(name.parent?.parent == zone)
    #expect(zone.child("_acme-challenge")?.description == "_acme-challenge.example.com")
  }
}
