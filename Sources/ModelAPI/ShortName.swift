/// A short text that is kept where it stands: the first bytes of it, and how many there were.
struct ShortName: BitwiseCopyable {
  /// The longest member's name that is looked for fits, in bytes.
  static let capacity = 24

  private var bytes = InlineArray<24, UInt8>(repeating: 0)
  /// How many bytes there were, those that are not kept included.
  private(set) var count = 0

  /// Forgets the text.
  mutating func clear() { count = 0 }

  /// Adds a byte, which is kept as long as there is room.
  mutating func put(_ byte: UInt8) {
    if count < Self.capacity { bytes[count] = byte }
    count += 1
  }

  /// Adds bytes.
  mutating func put(_ run: UnsafeRawBufferPointer) {
    for index in 0..<run.count { unsafe put(run[index]) }
  }

  /// Adds a scalar as UTF-8.
  mutating func put(scalar value: UInt32) { UTF8Text.forEachByte(of: value) { put($0) } }

  /// Whether it is a text of ASCII.
  func matches(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, count <= Self.capacity else { return false }
    for index in 0..<count where unsafe bytes[index] != text.utf8Start[index] { return false }
    return true
  }

  /// Whether it is a text of lower-case letters in any letter case.
  func matchesIgnoringCase(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && beginsIgnoringCase(with: text)
  }

  /// Whether it begins with a text of lower-case letters in any letter case.
  func beginsIgnoringCase(with text: StaticString) -> Bool {
    guard count >= text.utf8CodeUnitCount, text.utf8CodeUnitCount <= Self.capacity else { return false }
    for index in 0..<text.utf8CodeUnitCount where unsafe bytes[index] | 0x20 != text.utf8Start[index] {
      return false
    }
    return true
  }
}

/// The model's name as it is read.
struct ModelText: BitwiseCopyable {
  /// Its bytes, as far as they fit.
  private(set) var bytes = InlineArray<256, UInt8>(repeating: 0)
  /// How many bytes there were, those that are not kept included.
  private(set) var count = 0

  /// Adds a byte, which is kept as long as there is room.
  mutating func put(_ byte: UInt8) {
    if count < RequestScan.maximumModelBytes { bytes[count] = byte }
    count += 1
  }

  /// Adds bytes.
  mutating func put(_ run: UnsafeRawBufferPointer) {
    for index in 0..<run.count { unsafe put(run[index]) }
  }

  /// Adds a scalar as UTF-8.
  mutating func put(scalar value: UInt32) { UTF8Text.forEachByte(of: value) { put($0) } }
}

enum UTF8Text {
  /// The bytes of a scalar (RFC 3629).
  static func forEachByte(of value: UInt32, _ body: (UInt8) -> Void) {
    guard let scalar = Unicode.Scalar(value) else { return }
    for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { body(byte) }
  }
}
