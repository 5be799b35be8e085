import TestSupport

/// Documents made by chance.
enum RandomDocument {
  /// A document that is JSON.
  static func make(_ random: inout SeededGenerator) -> [UInt8] {
    var out: [UInt8] = []
    value(&out, depth: 0, &random)
    return out
  }

  /// The same with a few bytes changed, left out, doubled or cut off.
  static func changed(_ document: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = document
    for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: bytes.indices, using: &random)
      switch random.next() % 7 {
      case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes[at] ^= 1 << UInt8(random.next() % 8)
      case 2: bytes.remove(at: at)
      case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 6)], at: at)
      case 4: bytes.swapAt(at, Int.random(in: bytes.indices, using: &random))
      case 5: bytes[at] = "{}[]\",:\\0-.eEu tfn".utf8.randomElement(using: &random) ?? 0
      default: bytes.removeSubrange(at...)
      }
    }
    return bytes
  }

  /// Lengths of pieces that so many bytes come in.
  static func pieces(of count: Int, _ random: inout SeededGenerator) -> [Int] {
    var left = count
    var pieces: [Int] = []
    while left > 0 {
      pieces.append(Int.random(in: 0...min(left, 12), using: &random))
      left -= pieces.last ?? 0
    }
    return pieces
  }

  private static func value(_ out: inout [UInt8], depth: Int, _ random: inout SeededGenerator) {
    space(&out, &random)
    switch Int.random(in: 0..<(depth < 4 ? 10 : 6), using: &random) {
    case 0: out += "true".utf8
    case 1: out += "false".utf8
    case 2: out += "null".utf8
    case 3: number(&out, &random)
    case 4, 5: string(&out, &random)
    case 6, 7: list("[", "]", &out, &random) { value(&$0, depth: depth + 1, &$1) }
    default:
      list("{", "}", &out, &random) { out, random in
        space(&out, &random)
        string(&out, &random)
        space(&out, &random)
        out += ":".utf8
        value(&out, depth: depth + 1, &random)
      }
    }
    space(&out, &random)
  }

  private static func list(
    _ open: String, _ close: String, _ out: inout [UInt8], _ random: inout SeededGenerator,
    _ element: (inout [UInt8], inout SeededGenerator) -> Void
  ) {
    out += open.utf8
    let count = Int.random(in: 0...4, using: &random)
    for index in 0..<count {
      if index > 0 { out += ",".utf8 }
      element(&out, &random)
    }
    if count == 0 { space(&out, &random) }
    out += close.utf8
  }

  private static func space(_ out: inout [UInt8], _ random: inout SeededGenerator) {
    while random.next() % 5 == 0 {
      out.append([0x20, 0x09, 0x0A, 0x0D].randomElement(using: &random) ?? 0x20)
    }
  }

  private static func number(_ out: inout [UInt8], _ random: inout SeededGenerator) {
    func digits(_ count: Int) { for _ in 0..<count { out.append(0x30 + UInt8(random.next() % 10)) } }
    if random.next() % 3 == 0 { out += "-".utf8 }
    if random.next() % 3 == 0 {
      out += "0".utf8
    } else {
      out.append(0x31 + UInt8(random.next() % 9))
      digits(Int(random.next() % 20))
    }
    if random.next() % 2 == 0 {
      out += ".".utf8
      digits(1 + Int(random.next() % 5))
    }
    if random.next() % 2 == 0 {
      out += (["e", "E", "e+", "E-"].randomElement(using: &random) ?? "e").utf8
      digits(1 + Int(random.next() % 3))
    }
  }

  private static let parts = [
    "a", "model", "0", " ", "ä", "€", "語", "😀", "/", "\u{7F}", "\u{2028}", "abcdefghijklmnop", #"\""#, #"\\"#,
    #"\/"#,
    #"\b"#, #"\f"#, #"\n"#, #"\r"#, #"\t"#, #"\u0000"#, #"\u00e4"#, #"\uFFFF"#, #"\ud83d\ude00"#,
    #"\uDBFF\uDFFF"#,
  ]

  private static func string(_ out: inout [UInt8], _ random: inout SeededGenerator) {
    out += "\"".utf8
    for _ in 0..<Int(random.next() % 6) { out += (parts.randomElement(using: &random) ?? "").utf8 }
    out += "\"".utf8
  }
}
