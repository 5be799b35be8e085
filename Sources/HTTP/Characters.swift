/// Character classes of RFC 9110 §5.6 as bit masks: no table to load, no bounds to check.
package enum Characters {
  private static let tokenLow: UInt64 = mask("!#$%&'*+-.0123456789", base: 0)
  private static let tokenHigh: UInt64 = mask(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~", base: 64)

  /// tchar of RFC 9110 §5.6.2.
  @inline(__always)
  package static func isToken(_ c: UInt8) -> Bool {
    // The masks, written out: static lets would be initialised lazily and checked on every use.
    let word: UInt64 = c < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
    return c < 128 && word >> UInt64(c & 63) & 1 == 1
  }

  /// What nearly all names of fields are made of: letters and hyphens.
  @inline(__always)
  package static func isNameLetter(_ c: UInt8) -> Bool { (c | 0x20) &- 0x61 < 26 || c == 0x2D }

  /// What may stand inside a field value: visible characters, obs-text, space and tab (RFC 9110 §5.5).
  @inline(__always)
  static func isValue(_ c: UInt8) -> Bool { (c >= 0x20 && c != 0x7F) || c == 0x09 }

  /// Whether all of a range may stand in a field value. Eight bytes at a time.
  @inline(__always)
  package static func areValue(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var i = 0
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    while i + 8 <= count {
      let word = unsafe UnsafeRawPointer(p + i).loadUnaligned(as: UInt64.self)
      // A byte below 0x20, or 0x7F, sets its high bit here; obs-text may do so too and is looked at again.
      let below = (word &- ones &* 0x20) & ~word & highs
      let del = ((word ^ ones &* 0x7F) &- ones) & ~(word ^ ones &* 0x7F) & highs
      if below | del != 0 {
        for j in i..<i + 8 where unsafe !isValue(p[j]) { return false }
      }
      i += 8
    }
    while i < count {
      if unsafe !isValue(p[i]) { return false }
      i += 1
    }
    return true
  }

  /// The high bit of each byte of a word that is neither hyphen nor letter; those are told by `low`, the word or the word with its
  /// letters in lower case.
  @inline(__always)
  private static func othersThanNameLetters(_ word: UInt64, low: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let low = low & ~highs
    let letters = (low &+ ones &* 0x1F) & ~(low &+ ones &* 0x05)
    let hyphen = word ^ ones &* 0x2D
    let hyphens = ~(((hyphen & ~highs) &+ ~highs) | hyphen)
    return ~((letters & ~word) | hyphens) & highs
  }

  /// Passes letters and hyphens, eight at a time: answers where something else stands, or may stand. Reads nothing from `end` on.
  @inline(__always)
  package static func passNameLetters(_ p: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var at = start
    while at + 8 <= end {
      let word = unsafe UInt64(littleEndian: UnsafeRawPointer(p + at).loadUnaligned(as: UInt64.self))
      let others = othersThanNameLetters(word, low: word | ones &* 0x20)
      guard others == 0 else { return at + others.trailingZeroBitCount / 8 }
      at += 8
    }
    return at
  }

  /// Whether a name is of lower-case letters and hyphens alone. Eight bytes at a time.
  @inline(__always)
  package static func isPlainLowerName(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    func isPlain(_ word: UInt64) -> Bool { othersThanNameLetters(word, low: word) == 0 }
    let raw = unsafe UnsafeRawPointer(p)
    guard count >= 8 else {
      for i in 0..<count where unsafe p[i] &- 0x61 >= 26 && p[i] != 0x2D { return false }
      return true
    }
    var i = 0
    while i + 8 <= count {
      if unsafe !isPlain(raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)) { return false }
      i += 8
    }
    // The last word overlaps the one before.
    return unsafe isPlain(raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
  }

  /// Passes what may stand in a request target, eight bytes at a time: answers where something else stands, or `end`.
  @inline(__always)
  package static func passTarget(_ p: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    var at = start
    while at + 8 <= end {
      let word = unsafe UnsafeRawPointer(p + at).loadUnaligned(as: UInt64.self)
      // A byte up to space, a fragment mark, or one beyond ASCII sets a high bit here.
      let below = (word &- ones &* 0x21) & ~word
      let mark = ((word ^ ones &* 0x23) &- ones) & ~(word ^ ones &* 0x23)
      let delete = ((word ^ ones &* 0x7F) &- ones) & ~(word ^ ones &* 0x7F)
      guard (below | mark | delete | word) & highs == 0 else { break }
      at += 8
    }
    while at < end, unsafe isTarget(p[at]) { at += 1 }
    return at
  }

  /// What may stand in a request target: visible US-ASCII without a fragment mark (RFC 9112 §3.2).
  @inline(__always)
  package static func isTarget(_ c: UInt8) -> Bool { c > 0x20 && c < 0x7F && c != 0x23 }

  /// What may stand in a host: RFC 3986's reg-name without percent-encoding, and IP literals.
  @inline(__always)
  static func isHost(_ c: UInt8) -> Bool {
    switch c {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x21, 0x24, 0x26...0x2C, 0x3B, 0x3D:
      return true
    default: return false
    }
  }

  /// What may stand between the brackets of an IPv6 address: hexadecimal digits, colons and dots.
  @inline(__always)
  static func isAddress(_ c: UInt8) -> Bool {
    c &- 0x30 < 11 || (c | 0x20) &- 0x61 < 6 || c == 0x2E
  }

  static func mask(_ characters: String, base: UInt8) -> UInt64 {
    characters.utf8.reduce(0) { $0 | 1 << UInt64($1 - base) }
  }

  /// Whether the written-out masks are what they should be; for a test.
  static var masksAgree: Bool { tokenLow == 0x03FF_6CFA_0000_0000 && tokenHigh == 0x57FF_FFFF_C7FF_FFFE }
}
