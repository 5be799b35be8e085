// What is read by most callers is passed over, and most of that lies in one piece as a whole: plain names and strings, numbers,
// words and brackets are then taken without a token each. Whatever is cut, escaped, not ASCII or wrong is left to `next`, so
// that there is one place that decides it.

extension JSONScanner {
  /// Passes over values: answers the token that ends one with `depth` levels open, or what `next` says where the piece or
  /// the document ends. To pass over a member's value, call it after `nameEnd` with the depth of that moment, and again with
  /// each further piece; to leave an object or array that has begun, call it with one level less.
  public mutating func skip(to depth: Int, _ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Token {
    while true {
      let start = at
      if state == .text {
        unsafe passString(piece, &at, end(of: piece.count, at))
        offset += at - start
      } else if state.isBetween {
        let token = unsafe passWhole(to: depth, piece, &at, end(of: piece.count, at))
        offset += at - start
        if let token { return token }
      }
      let token = unsafe next(piece, &at)
      switch token {
      case .objectEnd, .arrayEnd, .stringEnd, .numberEnd, .true, .false, .null:
        if self.depth <= depth { return token }
      case .more, .end, .malformed: return token
      default: continue
      }
    }
  }

  /// Reads the next member's name and the colon behind it at once, if both lie in the piece as a whole and the name is plain
  /// ASCII without escapes: answers where it stands. Nil where `next` has to tell what comes; then nothing has been read.
  public mutating func wholeName(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Range<Int>? {
    let end = end(of: piece.count, at)
    var place = at
    if state == .afterValue {
      guard isInObject, place < end, unsafe piece[place] == UInt8(ascii: ",") else { return nil }
      place += 1
    } else if state != .firstName, state != .name {
      return nil
    }
    while place < end, unsafe Self.isSpace(piece[place]) { place += 1 }
    guard let name = unsafe Self.wholeText(piece, place, end) else { return nil }
    let close = name.upperBound
    guard close + 1 < end, unsafe piece[close + 1] == UInt8(ascii: ":") else { return nil }
    offset += close + 2 - at
    at = close + 2
    state = .value
    return name
  }

  /// Reads a string that is a value at once, if it lies in the piece as a whole and is plain ASCII without escapes: answers
  /// where it stands. Nil where `next` has to tell what comes; then nothing has been read.
  public mutating func wholeString(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Range<Int>? {
    guard state == .value else { return nil }
    let end = end(of: piece.count, at)
    var place = at
    while place < end, unsafe Self.isSpace(piece[place]) { place += 1 }
    guard let text = unsafe Self.wholeText(piece, place, end) else { return nil }
    offset += text.upperBound + 1 - at
    at = text.upperBound + 1
    endValue()
    return text
  }

  /// What stands between two quotes, the first one at a place, if that is plain ASCII.
  @inline(__always)
  private static func wholeText(_ piece: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Range<Int>? {
    guard start < end, unsafe piece[start] == UInt8(ascii: "\"") else { return nil }
    var close = start + 1
    unsafe passASCII(piece, &close, end)
    guard close < end, unsafe piece[close] == UInt8(ascii: "\"") else { return nil }
    return start + 1..<close
  }

  /// Passes over what lies in the piece as a whole; nil where `next` has to go on.
  private mutating func passWhole(
    to target: Int, _ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int
  ) -> Token? {
    var state = self.state
    var place = at
    defer {
      self.state = state
      at = place
    }
    while place < end {
      let byte = unsafe piece[place]
      let isValue = state == .value || state == .firstElement
      var ended: Token?
      switch byte {
      case 0x20, 0x0A, 0x0D, 0x09: place += 1
      case UInt8(ascii: "\"") where isValue || state == .name || state == .firstName:
        guard let text = unsafe Self.wholeText(piece, place, end) else { return nil }
        place = text.upperBound + 1
        if isValue { ended = .stringEnd } else { state = .colon }
      case UInt8(ascii: ":") where state == .colon:
        place += 1
        state = .value
      case UInt8(ascii: ",") where state == .afterValue:
        place += 1
        state = isInObject ? .name : .value
      case UInt8(ascii: "{") where isValue && depth < allowedDepth:
        place += 1
        push(isObject: true)
        state = .firstName
      case UInt8(ascii: "[") where isValue && depth < allowedDepth:
        place += 1
        push(isObject: false)
        state = .firstElement
      case UInt8(ascii: "}") where (state == .afterValue || state == .firstName) && isInObject:
        place += 1
        depth -= 1
        ended = .objectEnd
      case UInt8(ascii: "]") where (state == .afterValue || state == .firstElement) && !isInObject:
        place += 1
        depth -= 1
        ended = .arrayEnd
      default:
        guard isValue, let (length, token) = unsafe Self.wholeScalar(piece, place, end) else { return nil }
        place += length
        ended = token
      }
      if let ended {
        state = depth == 0 ? .done : .afterValue
        if depth <= target { return ended }
        if depth == 0 { return nil }
      }
    }
    return nil
  }

  /// A number or word that lies in the piece together with what must stand behind it: its length and what ends it.
  private static func wholeScalar(
    _ piece: UnsafeRawBufferPointer, _ start: Int, _ end: Int
  ) -> (Int, Token)? {
    var at = start
    let length: Int
    let token: Token
    switch unsafe piece[start] {
    case UInt8(ascii: "n"): (length, token) = (4, .null)
    case UInt8(ascii: "t"): (length, token) = (4, .true)
    case UInt8(ascii: "f"): (length, token) = (5, .false)
    default:
      if unsafe piece[at] == UInt8(ascii: "-") { at += 1 }
      let digits = at
      while at < end, unsafe isDigit(piece[at]) { at += 1 }
      // Zeros in front and fractions are for `next`.
      guard at > digits, at < end, unsafe at == digits + 1 || piece[digits] != UInt8(ascii: "0") else {
        return nil
      }
      let byte = unsafe piece[at]
      let isOver =
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") || isSpace(byte)
      return isOver ? (at - start, .numberEnd) : nil
    }
    guard end - start >= length else { return nil }
    // The words' last four letters, the last one highest.
    let word = unsafe UInt32(
      littleEndian: piece.loadUnaligned(fromByteOffset: start + length - 4, as: UInt32.self))
    switch token {
    case .null: return word == 0x6C_6C_75_6E ? (length, token) : nil
    case .true: return word == 0x65_75_72_74 ? (length, token) : nil
    default: return word == 0x65_73_6C_61 ? (length, token) : nil
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }
}

extension JSONScanner.State {
  /// Whether a name, a value or a sign between them comes next.
  var isBetween: Bool {
    switch self {
    case .value, .firstElement, .firstName, .name, .colon, .afterValue: true
    default: false
    }
  }
}
