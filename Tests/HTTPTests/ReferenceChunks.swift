/// A simple decoder of whole chunked content, to compare the streaming one with: lines first, then meaning.
enum ReferenceChunks {
  enum Result: Equatable {
    case complete(payload: [UInt8], length: Int)
    case incomplete
    case malformed
  }

  static func decode(_ bytes: [UInt8]) -> Result {
    var payload: [UInt8] = []
    var at = 0
    while true {
      guard let end = lineEnd(bytes, at) else { return .incomplete }
      let line = bytes[at..<end]
      let digits = line.prefix { $0 != 0x3B }
      guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), digits.first != 0x2B else {
        return .malformed
      }
      at = end + 2
      if size == 0 { break }
      guard at + size + 2 <= bytes.count else { return .incomplete }
      guard bytes[at + size] == 0x0D, bytes[at + size + 1] == 0x0A else { return .malformed }
      payload += bytes[at..<at + size]
      at += size + 2
    }
    while true {
      guard let end = lineEnd(bytes, at) else { return .incomplete }
      defer { at = end + 2 }
      if end == at { return .complete(payload: payload, length: end + 2) }
    }
  }

  private static func lineEnd(_ bytes: [UInt8], _ from: Int) -> Int? {
    var at = from
    while at + 1 < bytes.count {
      if bytes[at] == 0x0D, bytes[at + 1] == 0x0A { return at }
      at += 1
    }
    return nil
  }
}
