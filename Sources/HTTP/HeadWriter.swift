#if canImport(Glibc)
  import Glibc
#endif

/// Writes a message head into memory that somebody else owns. What does not fit is not written and is told by `overflowed`.
@safe public struct HeadWriter: BitwiseCopyable {
  /// Where the head begins.
  public let start: UnsafeMutablePointer<UInt8>
  /// Bytes written.
  public private(set) var count = 0
  private let capacity: Int
  /// Whether something did not fit.
  public private(set) var overflowed = false

  /// A writer into `capacity` bytes.
  public init(_ start: UnsafeMutablePointer<UInt8>, capacity: Int) {
    unsafe self.start = unsafe start
    self.capacity = capacity
  }

  /// Appends bytes.
  @inline(__always)
  public mutating func append(_ bytes: UnsafePointer<UInt8>, _ n: Int) {
    guard n <= capacity - count else {
      overflowed = true
      return
    }
    unsafe memcpy(start + count, bytes, n)
    count += n
  }

  /// Appends a literal.
  @inline(__always)
  public mutating func append(_ text: StaticString) { unsafe append(text.utf8Start, text.utf8CodeUnitCount) }

  /// Appends bytes of a control-plane value.
  public mutating func append(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBufferPointer { if let base = $0.baseAddress { unsafe append(base, $0.count) } }
  }

  /// Appends a number in decimal.
  public mutating func append(decimal value: UInt64) {
    var digits: (UInt64, UInt64, UInt32) = (0, 0, 0)
    unsafe withUnsafeMutableBytes(of: &digits) { buffer in
      var at = 20
      var rest = value
      repeat {
        at -= 1
        unsafe buffer[at] = UInt8(truncatingIfNeeded: rest % 10) + 0x30
        rest /= 10
      } while rest > 0
      if let base = buffer.baseAddress {
        unsafe append((base + at).assumingMemoryBound(to: UInt8.self), 20 - at)
      }
    }
  }

  /// Appends a number in lower-case hexadecimal, at least one digit.
  public mutating func append(hex value: UInt64) {
    var shift = max(0, (63 - value.leadingZeroBitCount) / 4 * 4)
    while shift >= 0 {
      var digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
      digit += digit < 10 ? 0x30 : 0x57
      unsafe append(&digit, 1)
      shift -= 4
    }
  }

  /// Appends one whole field line of a parsed head as it was: name, value, CRLF.
  @inline(__always)
  public mutating func append(_ line: FieldLine, of base: UnsafePointer<UInt8>) {
    // Mostly it stands there as it is to be written.
    let nameEnd = Int(line.nameStart) + Int(line.nameLength)
    if unsafe Int(line.valueStart) == nameEnd + 2 && base[nameEnd + 1] == 0x20 {
      unsafe append(base + Int(line.nameStart), Int(line.nameLength) + 2 + Int(line.valueLength))
      append("\r\n")
      return
    }
    unsafe append(base + Int(line.nameStart), Int(line.nameLength))
    append(": ")
    unsafe append(base + Int(line.valueStart), Int(line.valueLength))
    append("\r\n")
  }
}
