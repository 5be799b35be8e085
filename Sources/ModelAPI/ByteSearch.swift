enum ByteSearch {
  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// Where a byte stands first, from `start` on; the end of the piece when it does not. Eight bytes a step.
  static func first(_ byte: UInt8, in piece: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    let wanted = UInt64(byte) &* ones
    while piece.count - at >= 8 {
      let word =
        unsafe UInt64(littleEndian: piece.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ wanted
      // A subtraction sets the highest bit of a byte that was zero; what it borrows reaches only bytes behind that one.
      let marks = (word &- ones) & ~word & (0x80 &* ones)
      if marks != 0 { return at + marks.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < piece.count, unsafe piece[at] != byte { at += 1 }
    return at
  }

  /// Where a line feed or a carriage return stands first, from `start` on; the end of the piece when neither does.
  static func lineEnd(in piece: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    while true {
      while piece.count - at >= 8 {
        let word = unsafe UInt64(littleEndian: piece.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        // The first byte below 0x0E, in the same way.
        let marks = (word &- 0x0E &* ones) & ~word & (0x80 &* ones)
        if marks != 0 {
          at += marks.trailingZeroBitCount / 8
          break
        }
        at += 8
      }
      guard at < piece.count else { return at }
      let byte = unsafe piece[at]
      if byte == 0x0A || byte == 0x0D { return at }
      at += 1
    }
  }
}
