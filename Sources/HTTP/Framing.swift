/// How the end of a message's content is found (RFC 9112 §6.3).
public enum BodyFraming: BitwiseCopyable, Sendable, Equatable {
  /// There is no content.
  case none
  /// So many bytes, more than zero.
  case length(UInt64)
  /// Chunks (RFC 9112 §7.1).
  case chunked
  /// All until the connection closes; responses only.
  case untilClose
}

/// What the fields of one head say about framing and the connection, gathered line by line.
struct FramingFields: BitwiseCopyable {
  /// Equal repeated lengths are one (RFC 9112 §6.3 leaves it to the recipient): a backend's mishap, a client's attack.
  var allowsEqualLengths = false
  var contentLength: UInt64?
  var repeatsLength = false
  var isChunked = false
  var hasTransferEncoding = false
  var connection = ConnectionOptions()

  /// Takes one line in. `strict` refuses what only an attacker or a broken peer writes.
  @inline(__always)
  mutating func take(_ base: UnsafePointer<UInt8>, _ line: FieldLine) -> ParseError? {
    let value = unsafe base + Int(line.valueStart)
    let length = Int(line.valueLength)
    switch line.name {
    case .contentLength:
      if allowsEqualLengths { return unsafe takeEqualLengths(value, length) }
      guard contentLength == nil else { return .repeatedContentLength }
      guard let number = unsafe Self.decimal(value, length) else { return .malformedContentLength }
      contentLength = number
    case .transferEncoding:
      // One line, one coding, and that one chunked: all else is either unknown to us or an attack.
      guard !hasTransferEncoding else { return .chunkedNotFinal }
      hasTransferEncoding = true
      if length == 7, unsafe FieldName.matches(value, "chunked") {
        isChunked = true
      } else {
        return unsafe Self.endsInChunked(value, length) ? .unsupportedTransferEncoding : .chunkedNotFinal
      }
    case .connection: unsafe connection.take(value, length)
    default: break
    }
    return nil
  }

  private mutating func takeEqualLengths(_ value: UnsafePointer<UInt8>, _ length: Int) -> ParseError? {
    var problem: ParseError? = length == 0 ? .malformedContentLength : nil
    unsafe ListElements.forEach(value, length) { element, count in
      guard let number = unsafe Self.decimal(element, count) else {
        problem = .malformedContentLength
        return false
      }
      if let contentLength {
        repeatsLength = true
        if contentLength != number { problem = .repeatedContentLength }
      }
      contentLength = number
      return problem == nil
    }
    return problem ?? (contentLength == nil ? .malformedContentLength : nil)
  }

  /// Digits only, no sign, no list, below 2^63 (RFC 9110 §8.6).
  private static func decimal(_ p: UnsafePointer<UInt8>, _ length: Int) -> UInt64? {
    guard length > 0, length <= 19 else { return nil }
    var value: UInt64 = 0
    for i in 0..<length {
      let digit = unsafe p[i] &- 0x30
      guard digit < 10 else { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    return value <= UInt64(Int64.max) ? value : nil
  }

  private static func endsInChunked(_ p: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    guard length > 8, unsafe FieldName.matches(p + length - 7, "chunked") else { return false }
    let before = unsafe p[length - 8]
    guard before == 0x2C || before == 0x20 || before == 0x09 else { return false }
    // `chunked, chunked` is not a known coding before a final chunked.
    return unsafe !(FieldName.matches(p, "chunked"))
  }
}

/// The options of the Connection field (RFC 9110 §7.6.1).
public struct ConnectionOptions: BitwiseCopyable, Sendable, Equatable {
  /// `close` was named.
  public var close = false
  /// `keep-alive` was named.
  public var keepAlive = false
  /// `upgrade` was named.
  public var upgrade = false
  /// Some other field was named, which must not be passed on.
  public var namesFields = false

  mutating func take(_ p: UnsafePointer<UInt8>, _ length: Int) {
    unsafe ListElements.forEach(p, length) { element, count in
      switch count {
      case 5 where unsafe FieldName.matches(element, "close"): close = true
      case 7 where unsafe FieldName.matches(element, "upgrade"): upgrade = true
      case 10 where unsafe FieldName.matches(element, "keep-alive"): keepAlive = true
      default: namesFields = true
      }
      return true
    }
  }
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), white space trimmed, empty ones skipped.
public enum ListElements {
  /// Calls `body` with each element until it answers false.
  public static func forEach(
    _ p: UnsafePointer<UInt8>, _ length: Int, _ body: (UnsafePointer<UInt8>, Int) -> Bool
  ) {
    var start = 0
    while start < length {
      var end = start
      while end < length, unsafe p[end] != 0x2C { end += 1 }
      var first = start
      var last = end
      while first < last, unsafe p[first] == 0x20 || p[first] == 0x09 { first += 1 }
      while last > first, unsafe p[last - 1] == 0x20 || p[last - 1] == 0x09 { last -= 1 }
      if last > first, unsafe !body(p + first, last - first) { return }
      start = end + 1
    }
  }
}
