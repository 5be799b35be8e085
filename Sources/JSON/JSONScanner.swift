// JSON: documents read and written (RFC 8259), for the data plane and the control plane.
//
// It does not know files, sockets, models or Codable. It promises that any bytes are survived; that the scanner allocates
// nothing, keeps no byte, and says the same however the bytes were cut into pieces; that depth and length are bounded; that
// what is written is read back as it was.

/// Says what the bytes of one JSON document mean, token by token.
///
/// The owner calls `next` until it answers `more`, then with the next piece, and `finish` behind the last one. A document
/// is held to RFC 8259 strictly: UTF-8 without overlong forms, surrogates and byte order mark, no control characters in
/// strings, no numbers or words of other dialects. Names are not compared: an object may name a member twice.
///
/// What exceeds a bound, or is no JSON, is `malformed`; so is everything after that.
public struct JSONScanner: BitwiseCopyable, Sendable {
  /// What comes next in a document.
  public enum Token: Equatable, Sendable {
    /// `{`.
    case objectStart
    /// `}`.
    case objectEnd
    /// `[`.
    case arrayStart
    /// `]`.
    case arrayEnd
    /// The quote that begins a member's name.
    case nameStart
    /// The quote that ends it; the value follows.
    case nameEnd
    /// The quote that begins a string.
    case stringStart
    /// The quote that ends it.
    case stringEnd
    /// Bytes of the piece, by their indices, that belong to the current name, string or number as they are. There may be
    /// several runs, and one may end within a UTF-8 sequence; all of a name or string together are UTF-8 once it ends.
    case text(Range<Int>)
    /// A Unicode scalar that an escape in the current name or string stands for (RFC 8259 §7).
    case scalar(UInt32)
    /// A number begins; its text follows.
    case numberStart
    /// The number is whole.
    case numberEnd
    /// `true`.
    case `true`
    /// `false`.
    case `false`
    /// `null`.
    case null
    /// The piece is used up, and the document goes on.
    case more
    /// The piece is used up, and the document is whole; only white space may follow.
    case end
    /// No JSON, or more of it than allowed: `failure` says which.
    case malformed
  }

  /// Why a document is refused.
  public enum Failure: BitwiseCopyable, Equatable, Sendable {
    /// The byte at `offset` cannot stand there, or the document ends too early.
    case syntax
    /// More levels than allowed; `offset` is where one too many begins.
    case tooDeep
    /// More bytes than allowed.
    case tooLong
  }

  /// The most levels of objects and arrays that any scanner follows: one bit each.
  public static let maximumDepth = 128

  /// Bytes that have been understood, in all pieces together; after `malformed`, where the fault is.
  public internal(set) var offset = 0
  /// How many objects and arrays are open.
  public internal(set) var depth = 0
  /// Why the document is malformed; nil as long as it is not.
  public private(set) var failure: Failure?

  enum State: UInt8 {
    case value, firstElement, firstName, name, colon, afterValue, done, failed
    case text, escape, hex, lowBackslash, lowU
    case numberFirst, minus, zero, integer, point, fraction, exponent, exponentSign, exponentDigits
    case word
  }

  enum Word: UInt8 { case `true`, `false`, null }

  var state = State.value
  /// Whether the text is a member's name.
  var isInName = false
  /// The rest of a UTF-8 sequence that has begun: how many bytes, and what the next of them may be.
  var sequence = UTF8Rest()
  /// The digits of an escape so far, how many are missing, and the first half of a surrogate pair.
  var unit: UInt32 = 0
  var missingDigits = 0
  var highSurrogate: UInt32 = 0
  /// What is missing of a word, lowest byte first, and what it means.
  var restOfWord: UInt32 = 0
  var word = Word.null

  let allowedDepth: Int
  private let allowedBytes: Int
  /// For each level, whether it is an object.
  var objects: (UInt64, UInt64) = (0, 0)

  /// A scanner at the beginning of a document.
  ///
  /// - Parameters:
  ///   - maximumDepth: how many objects and arrays may be open at once, in levels; more than `JSONScanner.maximumDepth`
  ///     and fewer than none count as that.
  ///   - maximumBytes: how long the document may be, white space around it included.
  public init(maximumDepth: Int, maximumBytes: Int) {
    allowedDepth = min(max(maximumDepth, 0), Self.maximumDepth)
    allowedBytes = max(maximumBytes, 0)
  }

  /// The next token. Reads from `piece[at]` on and moves `at` behind what it has understood; `at` MUST be in
  /// `0...piece.count`. Both `more` and `end` mean that nothing of the piece is left.
  public mutating func next(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Token {
    let start = at
    let end = end(of: piece.count, at)
    let token: Token
    switch state {
    case .text: token = unsafe nextOfText(piece, &at, end)
    case .escape, .hex, .lowBackslash, .lowU: token = unsafe nextOfEscape(piece, &at, end)
    case .word: token = unsafe nextOfWord(piece, &at, end)
    case .failed: return .malformed
    case .numberFirst, .minus, .zero, .integer, .point, .fraction, .exponent, .exponentSign, .exponentDigits:
      token = unsafe nextOfNumber(piece, &at, end)
    default: token = unsafe nextOfStructure(piece, &at, end)
    }
    offset += at - start
    return token
  }

  /// What the end of the input means, to be called until it says `end` or `malformed`: a number that stands alone ends
  /// only here, with `numberEnd`.
  public mutating func finish() -> Token {
    if state == .done { return .end }
    guard depth == 0, isWholeNumber else { return fail(.syntax) }
    state = .done
    return .numberEnd
  }

  // Between names, strings, numbers and words

  private mutating func nextOfStructure(
    _ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int
  ) -> Token {
    while at < end {
      let byte = unsafe piece[at]
      if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
        at += 1
        continue
      }
      switch (state, byte) {
      case (.firstElement, UInt8(ascii: "]")), (.firstName, UInt8(ascii: "}")): return close(&at)
      case (.value, _), (.firstElement, _): return unsafe beginValue(byte, piece, &at, end)
      case (.name, UInt8(ascii: "\"")), (.firstName, UInt8(ascii: "\"")):
        at += 1
        isInName = true
        state = .text
        return .nameStart
      case (.colon, UInt8(ascii: ":")): state = .value
      case (.afterValue, UInt8(ascii: ",")): state = isInObject ? .name : .value
      case (.afterValue, UInt8(ascii: "}")) where isInObject: return close(&at)
      case (.afterValue, UInt8(ascii: "]")) where !isInObject: return close(&at)
      default: return fail(.syntax)
      }
      at += 1
    }
    return usedUp(piece.count, at)
  }

  private mutating func beginValue(
    _ byte: UInt8, _ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int
  ) -> Token {
    switch byte {
    case UInt8(ascii: "\""):
      at += 1
      isInName = false
      state = .text
      return .stringStart
    case UInt8(ascii: "{"): return open(isObject: true, &at)
    case UInt8(ascii: "["): return open(isObject: false, &at)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      state = .numberFirst
      return .numberStart
    // The words without their first letter, last letter highest.
    case UInt8(ascii: "t"): return unsafe begin(.true, 0x65_75_72, piece, &at, end)
    case UInt8(ascii: "f"): return unsafe begin(.false, 0x65_73_6C_61, piece, &at, end)
    case UInt8(ascii: "n"): return unsafe begin(.null, 0x6C_6C_75, piece, &at, end)
    default: return fail(.syntax)
    }
  }

  private mutating func begin(
    _ word: Word, _ rest: UInt32, _ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int
  ) -> Token {
    at += 1
    self.word = word
    restOfWord = rest
    state = .word
    return unsafe nextOfWord(piece, &at, end)
  }

  private mutating func nextOfWord(_ piece: UnsafeRawBufferPointer, _ at: inout Int, _ end: Int) -> Token {
    while restOfWord != 0 {
      guard at < end else { return usedUp(piece.count, at) }
      guard unsafe piece[at] == UInt8(truncatingIfNeeded: restOfWord) else { return fail(.syntax) }
      restOfWord >>= 8
      at += 1
    }
    endValue()
    switch word {
    case .true: return .true
    case .false: return .false
    case .null: return .null
    }
  }

  private mutating func open(isObject: Bool, _ at: inout Int) -> Token {
    guard depth < allowedDepth else { return fail(.tooDeep) }
    at += 1
    push(isObject: isObject)
    state = isObject ? .firstName : .firstElement
    return isObject ? .objectStart : .arrayStart
  }

  /// Notes an object or array that begins.
  mutating func push(isObject: Bool) {
    let bit: UInt64 = 1 << UInt64(truncatingIfNeeded: depth & 63)
    if depth < 64 {
      objects.0 = isObject ? objects.0 | bit : objects.0 & ~bit
    } else {
      objects.1 = isObject ? objects.1 | bit : objects.1 & ~bit
    }
    depth += 1
  }

  private mutating func close(_ at: inout Int) -> Token {
    let wasObject = isInObject
    at += 1
    depth -= 1
    endValue()
    return wasObject ? .objectEnd : .arrayEnd
  }

  @inline(__always)
  var isInObject: Bool {
    let level = depth - 1
    let bits = level < 64 ? objects.0 : objects.1
    return bits >> UInt64(truncatingIfNeeded: level & 63) & 1 == 1
  }

  mutating func endValue() { state = depth == 0 ? .done : .afterValue }

  /// Where reading a piece ends at the latest: with it, or where the document becomes too long.
  func end(of count: Int, _ at: Int) -> Int {
    let room = allowedBytes - offset
    return count - at > room ? at + room : count
  }

  /// What no byte to read means: the end of the piece, or of what is allowed.
  mutating func usedUp(_ count: Int, _ at: Int) -> Token {
    if at < count { return fail(.tooLong) }
    return state == .done ? .end : .more
  }

  mutating func fail(_ why: Failure) -> Token {
    if failure == nil { failure = why }
    state = .failed
    return .malformed
  }
}
