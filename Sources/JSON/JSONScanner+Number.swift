extension JSONScanner {
  /// Whether the number could end here (RFC 8259 §6).
  var isWholeNumber: Bool {
    switch state {
    case .zero, .integer, .fraction, .exponentDigits: true
    default: false
    }
  }

  /// The next token within a number. What does not belong to it is left for whatever comes behind a value.
  mutating func nextOfNumber(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) -> Token {
    let start = at
    while at < end, let following = unsafe Self.following(state, piece[at]) {
      at += 1
      // A state that a byte does not change is one of digits.
      if following == state { while at < end, unsafe Self.isDigit(piece[at]) { at += 1 } }
      state = following
    }
    if at > start { return .text(start..<at) }
    if at == end { return usedUp(piece.count, at) }
    guard isWholeNumber else { return fail(.syntax) }
    endValue()
    return .numberEnd
  }

  static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  /// The state behind a byte of a number, or nil when it does not belong to it.
  private static func following(_ state: State, _ byte: UInt8) -> State? {
    let isDigit = isDigit(byte)
    let isExponent = byte | 0x20 == UInt8(ascii: "e")
    switch state {
    case .numberFirst where byte == UInt8(ascii: "-"): return .minus
    case .numberFirst where byte == UInt8(ascii: "0"), .minus where byte == UInt8(ascii: "0"): return .zero
    case .numberFirst, .minus: return isDigit ? .integer : nil
    case .integer where isDigit: return .integer
    case .zero, .integer:
      return byte == UInt8(ascii: ".") ? .point : isExponent ? .exponent : nil
    case .point: return isDigit ? .fraction : nil
    case .fraction: return isDigit ? .fraction : isExponent ? .exponent : nil
    case .exponent where byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"): return .exponentSign
    case .exponent, .exponentSign, .exponentDigits: return isDigit ? .exponentDigits : nil
    default: return nil
    }
  }
}
