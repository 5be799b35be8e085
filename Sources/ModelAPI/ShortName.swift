/// A short text that is kept where it stands: the first bytes of it, and how many there were.
struct ShortName: BitwiseCopyable {
  /// How many bytes are kept: the longest names and types of events that are looked for fit.
  static let capacity = 48

  private var bytes = InlineArray<48, UInt8>(repeating: 0)
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

  /// Shows the text; a longer one than is kept shows as none.
  @inline(__always)
  func withText<Result>(_ body: (ShortText) -> Result) -> Result {
    unsafe withUnsafeBytes(of: bytes) { all in
      unsafe body(ShortText(UnsafeRawBufferPointer(rebasing: all[..<(count > Self.capacity ? 0 : count)])))
    }
  }

  /// Whether it is a text of ASCII.
  func matches(_ text: StaticString) -> Bool { withText { $0.matches(text) } }

  /// Whether it is a text of lower-case letters in any letter case.
  func matchesIgnoringCase(_ text: StaticString) -> Bool { withText { $0.matchesIgnoringCase(text) } }

  /// Whether it begins with a text of lower-case letters in any letter case.
  func beginsIgnoringCase(with text: StaticString) -> Bool { withText { $0.beginsIgnoringCase(with: text) } }
}

/// A short text where it stands.
@safe struct ShortText {
  private let bytes: UnsafeRawBufferPointer

  /// A text that stays as long as this is used.
  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

  /// Its length in bytes.
  var count: Int { unsafe bytes.count }

  /// Whether it is a text of ASCII.
  func matches(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && has(text, at: 0) }

  /// Whether it ends in a text of ASCII.
  func ends(with text: StaticString) -> Bool { has(text, at: count - text.utf8CodeUnitCount) }

  /// Whether it is a text of lower-case letters in any letter case.
  func matchesIgnoringCase(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && beginsIgnoringCase(with: text)
  }

  /// Whether it begins with a text of lower-case letters in any letter case.
  func beginsIgnoringCase(with text: StaticString) -> Bool {
    guard count >= text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount where unsafe bytes[index] | 0x20 != text.utf8Start[index] {
      return false
    }
    return true
  }

  @inline(__always)
  private func has(_ text: StaticString, at start: Int) -> Bool {
    guard start >= 0 else { return false }
    for index in 0..<text.utf8CodeUnitCount where unsafe bytes[start + index] != text.utf8Start[index] {
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
