/// Base 64 with its two alphabets (RFC 4648 §4 and §5).
public enum Base64 {
  /// Which characters stand for 62 and 63, and whether the end is padded.
  public enum Alphabet: Sendable {
    /// `+` and `/`, padded with `=` (RFC 4648 §4).
    case standard
    /// `-` and `_`, never padded (RFC 4648 §5, RFC 7515 §2).
    case url
  }

  /// The text of some bytes.
  public static func encode(_ bytes: [UInt8], _ alphabet: Alphabet = .standard) -> String {
    let table = characters(alphabet)
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let b0 = UInt32(bytes[index])
      let b1 = left > 1 ? UInt32(bytes[index + 1]) : 0
      let b2 = left > 2 ? UInt32(bytes[index + 2]) : 0
      let word = b0 << 16 | b1 << 8 | b2
      out.append(table[Int(word >> 18 & 63)])
      out.append(table[Int(word >> 12 & 63)])
      if left > 1 { out.append(table[Int(word >> 6 & 63)]) }
      if left > 2 { out.append(table[Int(word & 63)]) }
      index += 3
    }
    if alphabet == .standard { while out.count % 4 != 0 { out.append(0x3D) } }
    return String(decoding: out, as: UTF8.self)
  }

  /// The bytes of a text, or nil when it is not exactly what `encode` would have written:
  /// a foreign character, white space, missing or surplus padding, or set bits after the end.
  public static func decode(_ text: String, _ alphabet: Alphabet = .standard) -> [UInt8]? {
    var symbols = Array(text.utf8)
    if alphabet == .standard {
      guard symbols.count % 4 == 0 else { return nil }
      for _ in 0..<2 where symbols.last == 0x3D { symbols.removeLast() }
    }
    guard symbols.count % 4 != 1 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(symbols.count * 3 / 4)
    var word: UInt32 = 0
    var bits = 0
    for symbol in symbols {
      guard let value = value(of: symbol, alphabet) else { return nil }
      word = (word << 6 | value) & 0xFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    guard word & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
    return out
  }

  private static func characters(_ alphabet: Alphabet) -> [UInt8] {
    let common = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return Array((common + (alphabet == .url ? "-_" : "+/")).utf8)
  }

  private static func value(of symbol: UInt8, _ alphabet: Alphabet) -> UInt32? {
    switch symbol {
    case 0x41...0x5A: return UInt32(symbol - 0x41)
    case 0x61...0x7A: return UInt32(symbol - 0x61 + 26)
    case 0x30...0x39: return UInt32(symbol - 0x30 + 52)
    case 0x2B where alphabet == .standard, 0x2D where alphabet == .url: return 62
    case 0x2F where alphabet == .standard, 0x5F where alphabet == .url: return 63
    default: return nil
    }
  }
}

/// Base64url without padding, as JOSE wants it (RFC 7515 §2).
public enum Base64URL {
  /// The text of some bytes.
  public static func encode(_ bytes: [UInt8]) -> String { Base64.encode(bytes, .url) }
  /// The bytes, or nil when the text is not canonical.
  public static func decode(_ text: String) -> [UInt8]? { Base64.decode(text, .url) }
}
