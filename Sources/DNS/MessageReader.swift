/// Reads a message's bytes; every read checks where it is.
struct MessageReader {
  let bytes: [UInt8]
  private(set) var position: Int

  /// Why a message cannot be read.
  struct Malformed: Error, Equatable { let what: String }

  /// Jumps that a name may take (RFC 1035 §4.1.4): more than it can have labels is a loop.
  static let maximumPointers = 127

  init(_ bytes: [UInt8], at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  mutating func byte() throws(Malformed) -> UInt8 {
    guard position < bytes.count else { throw Malformed(what: "it ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func number16() throws(Malformed) -> UInt16 { try UInt16(byte()) << 8 | UInt16(byte()) }
  mutating func number32() throws(Malformed) -> UInt32 { try UInt32(number16()) << 16 | UInt32(number16()) }

  mutating func bytes(_ count: Int) throws(Malformed) -> [UInt8] {
    guard count >= 0, count <= bytes.count - position else { throw Malformed(what: "it ends too early") }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  mutating func name() throws(Malformed) -> DomainName {
    var labels: [[UInt8]] = []
    var total = 1
    var place = position
    var pointers = 0
    /// Where the text goes on after the first jump.
    var end: Int?
    while true {
      guard place < bytes.count else { throw Malformed(what: "a name ends too early") }
      let length = Int(bytes[place])
      switch length & 0xC0 {
      case 0 where length == 0:
        position = end ?? place + 1
        guard let name = DomainName(labels: labels) else { throw Malformed(what: "a name is too long") }
        return name
      case 0:
        guard place + 1 + length <= bytes.count else { throw Malformed(what: "a label ends too early") }
        total += length + 1
        guard total <= DomainName.maximumBytes else { throw Malformed(what: "a name is too long") }
        labels.append(Array(bytes[(place + 1)..<(place + 1 + length)]))
        place += length + 1
      case 0xC0:
        guard place + 1 < bytes.count else { throw Malformed(what: "a pointer ends too early") }
        pointers += 1
        guard pointers <= Self.maximumPointers else { throw Malformed(what: "a name points in circles") }
        end = end ?? place + 2
        place = (length & 0x3F) << 8 | Int(bytes[place + 1])
      default: throw Malformed(what: "a label has an unknown type")
      }
    }
  }
}
