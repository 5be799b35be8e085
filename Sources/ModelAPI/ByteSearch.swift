enum ByteSearch {
  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// Where a byte stands first, from `start` on; the end of the piece when it does not. Eight bytes a step.
  static func first(_ byte: UInt8, in piece: UnsafeRawBufferPointer, from start: Int) -> Int {
    unsafe first(byte, or: byte, in: piece, from: start)
  }

  /// Where one of two bytes stands first, from `start` on; the end of the piece when neither does.
  static func first(
    _ one: UInt8, or other: UInt8, in piece: UnsafeRawBufferPointer, from start: Int
  ) -> Int {
    var at = start
    let a = UInt64(one) &* ones
    let b = UInt64(other) &* ones
    while piece.count - at >= 8 {
      let word = unsafe UInt64(littleEndian: piece.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      // A subtraction sets the highest bit of a byte that was zero; what it borrows reaches only bytes behind that one.
      let x = word ^ a
      let y = word ^ b
      let marks = ((x &- ones) & ~x | (y &- ones) & ~y) & (0x80 &* ones)
      if marks != 0 { return at + marks.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < piece.count, unsafe piece[at] != one && piece[at] != other { at += 1 }
    return at
  }
}
