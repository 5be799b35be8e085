import HTTP
import TestRun
import TestSupport
import Testing

@Suite("Letters of names, eight at a time", .ownThread) struct NameLettersTests {
  @Test(
    "every byte at every place of a word is told from letters and hyphens, and nothing behind the end is read"
  )
  func everyByte() {
    for length in 0...17 {
      for place in 0..<max(1, length) {
        for byte in UInt8.min...UInt8.max {
          var text = [UInt8](repeating: UInt8(ascii: place % 2 == 0 ? "z" : "-"), count: length)
          if length > 0 { text[place] = byte }
          // What stands behind must not count.
          let guarded = text + [UInt8](repeating: UInt8(ascii: "a"), count: 8)
          let at = unsafe guarded.withUnsafeBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe Characters.passNameLetters($0, from: 0, to: length) } ?? -1
          }
          let isLetter =
            (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
          let whole = length / 8 * 8
          #expect(
            at == (length > 0 && !isLetter ? min(place, whole) : whole), "\(byte) at \(place) of \(length)")
        }
      }
    }
  }
}

@Suite("Whole words of targets and lower-case names", .ownThread) struct WordChecksTests {
  @Test("say the same as byte by byte, for every byte at every place")
  func everyByte() {
    for length in 1...17 {
      for place in 0..<length {
        for byte in UInt8.min...UInt8.max {
          var text = [UInt8](repeating: UInt8(ascii: "a"), count: length)
          text[place] = byte
          let (target, isPlain) = unsafe text.withUnsafeBufferPointer { buffer -> (Int, Bool) in
            guard let base = buffer.baseAddress else { return (-1, false) }
            let target = unsafe Characters.passTarget(base, from: 0, to: length)
            return (target, unsafe Characters.isPlainLowerName(base, length))
          }
          #expect(target == (Characters.isTarget(byte) ? length : place), "\(byte) at \(place) of \(length)")
          #expect(
            isPlain == ((0x61...0x7A).contains(byte) || byte == 0x2D), "\(byte) at \(place) of \(length)")
        }
      }
    }
  }
}
