/// A JSON number as it is read, as far as it is a whole one: `12`, `-1`, and `12.0`, which some clients write.
struct WholeNumber: BitwiseCopyable {
  /// Greater numbers count as this one.
  static let maximum = 1 << 53

  private var digits = 0
  private var isNegative = false
  private var isBehindPoint = false
  private var isOdd = false

  /// Takes in the next bytes of the number, which MUST be those of one (RFC 8259 §6).
  mutating func put(_ run: UnsafeRawBufferPointer) {
    for index in 0..<run.count {
      let byte = unsafe run[index]
      switch byte {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "."): isBehindPoint = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if isBehindPoint {
          isOdd = isOdd || byte != UInt8(ascii: "0")
        } else {
          digits = min(digits * 10 + Int(byte - UInt8(ascii: "0")), Self.maximum)
        }
      default: isOdd = true
      }
    }
  }

  /// The number; nil when it is negative, has a fraction or an exponent.
  var value: Int? { isNegative || isOdd ? nil : digits }
}
