/// Lower-case hexadecimal text (RFC 4648 §8).
public enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  /// Two lower-case digits for each byte.
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var out: [UInt8] = []
    for byte in bytes {
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The bytes, or nil when the text has an odd length or a character that is no digit.
  public static func decode(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count % 2 == 0 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(characters.count / 2)
    for i in stride(from: 0, to: characters.count, by: 2) {
      guard let high = value(of: characters[i]), let low = value(of: characters[i + 1]) else { return nil }
      out.append(high << 4 | low)
    }
    return out
  }

  /// The value of one digit of either case, or nil.
  @inlinable
  public static func value(of character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: return character - 0x30
    case 0x41...0x46: return character - 0x41 + 10
    case 0x61...0x66: return character - 0x61 + 10
    default: return nil
    }
  }
}
