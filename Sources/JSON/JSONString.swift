/// JSON strings as they are written (RFC 8259 §7): the only place that escapes.
public enum JSONString {
  /// What is escaped.
  public enum Escaping: Sendable {
    /// What JSON demands: quotes, backslashes and control characters below U+0020.
    case necessary
    /// What could harm whoever looks at the text, besides: see `isUnsafeToShow`.
    case shown
  }

  /// The shortest memory that `escape(_:into:)` writes into, in bytes: one escape and the dots behind it.
  public static let minimumRoomInBytes = 9

  /// Whether a terminal or a viewer could take a character for something else than text: control characters, line and
  /// paragraph separators, and marks that turn the writing direction.
  public static func isUnsafeToShow(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
    }
  }

  /// A text as a JSON string, quotes included.
  public static func quoted(_ text: String, _ escaping: Escaping = .necessary) -> String {
    var out: [UInt8] = []
    append(text, to: &out, escaping)
    return String(decoding: out, as: UTF8.self)
  }

  /// Appends a text as a JSON string, quotes included.
  public static func append(_ text: String, to out: inout [UInt8], _ escaping: Escaping = .necessary) {
    out.append(UInt8(ascii: "\""))
    switch escaping {
    case .necessary:
      for byte in text.utf8 { append(byte, to: &out) }
    case .shown:
      for scalar in text.unicodeScalars {
        if scalar.value >= 0x7F, isUnsafeToShow(scalar) {
          // None of them lies outside the basic plane.
          appendUnit(UInt16(truncatingIfNeeded: scalar.value), to: &out)
        } else {
          for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { append(byte, to: &out) }
        }
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func append(_ byte: UInt8, to out: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      out.append(UInt8(ascii: "\\"))
      out.append(byte)
    case 0x0A: out += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
    case 0..<0x20: appendUnit(UInt16(byte), to: &out)
    default: out.append(byte)
    }
  }

  private static func appendUnit(_ unit: UInt16, to out: inout [UInt8]) {
    out += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
    for shift: UInt16 in [12, 8, 4, 0] { out.append(hexDigit(UInt8(truncatingIfNeeded: unit >> shift & 15))) }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  /// Writes bytes of any kind as the inside of a JSON string, without allocating, and answers how many bytes that took:
  /// never more than there is room. What exceeds it is cut and ends in three dots. Bytes outside ASCII are escaped one by
  /// one, as the characters U+0080 to U+00FF, so that the result is JSON whatever is given.
  ///
  /// There MUST be room for `minimumRoomInBytes`; into less nothing is written.
  public static func escape(
    _ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    let limit = room.count - minimumRoomInBytes
    guard limit >= 0, var out = room.baseAddress else { return 0 }
    let start = unsafe out
    for index in 0..<bytes.count {
      let byte = unsafe bytes[index]
      guard unsafe out - start <= limit else {
        unsafe put("...", &out)
        break
      }
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        unsafe put(UInt8(ascii: "\\"), &out)
        unsafe put(byte, &out)
      case 0x20..<0x7F: unsafe put(byte, &out)
      default:
        unsafe put("\\u00", &out)
        unsafe put(hexDigit(byte >> 4), &out)
        unsafe put(hexDigit(byte & 15), &out)
      }
    }
    return unsafe out - start
  }

  private static func put(_ byte: UInt8, _ out: inout UnsafeMutablePointer<UInt8>) {
    unsafe out.pointee = byte
    unsafe out += 1
  }

  private static func put(_ text: StaticString, _ out: inout UnsafeMutablePointer<UInt8>) {
    unsafe out.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    unsafe out += text.utf8CodeUnitCount
  }
}
