/// What is missing of a UTF-8 sequence (RFC 3629 §4).
struct UTF8Rest: BitwiseCopyable {
  /// How many bytes.
  var count: UInt8 = 0
  /// What the next of them may be: the first one is narrower than the others, against overlong forms, surrogates and
  /// what lies beyond U+10FFFF.
  var lowest: UInt8 = 0x80
  var highest: UInt8 = 0xBF

  /// No sequence.
  init() {}

  /// What has to follow a byte; nil when none begins with it.
  init?(after byte: UInt8) {
    switch byte {
    case 0xC2...0xDF: count = 1
    case 0xE0: (count, lowest) = (2, 0xA0)
    case 0xED: (count, highest) = (2, 0x9F)
    case 0xE1...0xEF: count = 2
    case 0xF0: (count, lowest) = (3, 0x90)
    case 0xF4: (count, highest) = (3, 0x8F)
    case 0xF1...0xF3: count = 3
    default: return nil
    }
  }

  /// Takes the next byte; false when it cannot stand there.
  mutating func take(_ byte: UInt8) -> Bool {
    guard byte >= lowest, byte <= highest else { return false }
    (count, lowest, highest) = (count - 1, 0x80, 0xBF)
    return true
  }
}

extension JSONScanner {
  /// The next token within a name or string: first what may be passed on as it is, then what stopped it.
  mutating func nextOfText(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) -> Token {
    let start = at
    unsafe passText(piece, &at, end)
    if at > start { return .text(start..<at) }
    if at == end { return usedUp(piece.count, at) }
    let byte = unsafe piece[at]
    if sequence.count == 0, byte == UInt8(ascii: "\"") {
      at += 1
      if isInName { state = .colon } else { endValue() }
      return isInName ? .nameEnd : .stringEnd
    }
    guard sequence.count == 0, byte == UInt8(ascii: "\\") else { return fail(.syntax) }
    at += 1
    state = .escape
    return unsafe nextOfEscape(piece, &at, end)
  }

  /// Moves behind text and escapes of one letter, when nobody wants to know them.
  mutating func passString(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) {
    unsafe passText(piece, &at, end)
    while sequence.count == 0, end - at >= 2, unsafe piece[at] == UInt8(ascii: "\\"),
      unsafe Self.scalar(ofEscape: piece[at + 1]) != nil
    {
      at += 2
      unsafe passText(piece, &at, end)
    }
  }

  /// Moves behind all bytes that stand for themselves.
  private mutating func passText(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) {
    while at < end {
      if sequence.count == 0 {
        unsafe Self.passASCII(piece, &at, end)
        guard at < end, unsafe piece[at] >= 0x80 else { return }
        unsafe Self.passSequences(piece, &at, end)
        guard at < end else { return }
        let byte = unsafe piece[at]
        if byte < 0x80 { continue }
        guard let rest = UTF8Rest(after: byte) else { return }
        sequence = rest
      } else {
        guard unsafe sequence.take(piece[at]) else { return }
      }
      at += 1
    }
  }

  /// ASCII that stands for itself in a string.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// Moves to the first byte that is a quote, a backslash, a control character or not ASCII; eight at a time.
  static func passASCII(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) {
    let ones: UInt64 = 0x0101_0101_0101_0101
    while end - at >= 8 {
      let word = unsafe UInt64(littleEndian: piece.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      // A subtraction sets the highest bit of a byte that was less; what it borrows only reaches bytes behind that one.
      let special =
        word | (word &- 0x20 &* ones) | ((word ^ 0x22 &* ones) &- ones) | ((word ^ 0x5C &* ones) &- ones)
      let marks = special & (0x80 &* ones)
      if marks != 0 {
        at += marks.trailingZeroBitCount / 8
        return
      }
      at += 8
    }
    while at < end, unsafe isPlain(piece[at]) { at += 1 }
  }

  /// Moves behind sequences of UTF-8 that are valid and lie in the piece as a whole.
  private static func passSequences(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) {
    while end - at >= 4 {
      let word = unsafe UInt32(littleEndian: piece.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      let lead = UInt8(truncatingIfNeeded: word)
      // Nearly all of them have two or three bytes, and a first one that does not narrow the second.
      if word & 0x00C0_C0F0 == 0x0080_80E0, lead != 0xE0, lead != 0xED {
        at += 3
        continue
      }
      if word & 0xC0E0 == 0x80C0, lead >= 0xC2 {
        at += 2
        continue
      }
      guard lead >= 0x80, var rest = UTF8Rest(after: lead) else { return }
      let length = 1 + Int(rest.count)
      for index in 1..<length {
        guard unsafe rest.take(piece[at + index]) else { return }
      }
      at += length
    }
  }

  /// The scalar of an escape (RFC 8259 §7), or of the two of a surrogate pair.
  mutating func nextOfEscape(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) -> Token {
    while at < end {
      let byte = unsafe piece[at]
      switch state {
      case .escape:
        if byte == UInt8(ascii: "u") {
          beginUnit()
          break
        }
        guard let scalar = Self.scalar(ofEscape: byte) else { return fail(.syntax) }
        at += 1
        state = .text
        return .scalar(scalar)
      case .hex:
        guard let digit = Self.hexDigit(byte) else { return fail(.syntax) }
        let value = unit << 4 | digit
        if missingDigits == 1 {
          guard let token = endUnit(value) else { return fail(.syntax) }
          at += 1
          if token != .more { return token }
          continue
        }
        unit = value
        missingDigits -= 1
      case .lowBackslash where byte == UInt8(ascii: "\\"): state = .lowU
      case .lowU where byte == UInt8(ascii: "u"): beginUnit()
      default: return fail(.syntax)
      }
      at += 1
    }
    return usedUp(piece.count, at)
  }

  private mutating func beginUnit() {
    unit = 0
    missingDigits = 4
    state = .hex
  }

  /// What four digits mean: a scalar, the first half of one (`more`), or nothing.
  private mutating func endUnit(_ value: UInt32) -> Token? {
    if highSurrogate != 0 {
      guard (0xDC00..<0xE000).contains(value) else { return nil }
      let scalar = 0x10000 + (highSurrogate - 0xD800) << 10 + (value - 0xDC00)
      highSurrogate = 0
      state = .text
      return .scalar(scalar)
    }
    switch value {
    case 0xD800..<0xDC00:
      highSurrogate = value
      state = .lowBackslash
      return .more
    case 0xDC00..<0xE000: return nil
    default:
      state = .text
      return .scalar(value)
    }
  }

  private static func scalar(ofEscape byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): UInt32(byte)
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  private static func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
      UInt32(byte | 0x20) - 0x57
    default: nil
    }
  }
}
