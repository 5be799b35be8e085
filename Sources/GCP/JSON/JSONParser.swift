extension JSONValue {
  /// The deepest nesting that is read, in levels.
  public static let maximumDepth = 64

  /// A text that is not one JSON value.
  public struct Malformed: Error, Equatable, CustomStringConvertible, Sendable {
    /// Where, in bytes from the start.
    public let offset: Int
    /// `not JSON at byte 12`
    public var description: String { "not JSON at byte \(offset)" }
  }

  /// Reads exactly one value (RFC 8259) of at most `maximumDepth` levels. Of a member named twice the last
  /// counts.
  public init(parsing text: some Sequence<UInt8>) throws(Malformed) {
    var parser = JSONParser(bytes: Array(text))
    self = try parser.document()
  }
}

/// Recursive descent over bytes; never past the end.
private struct JSONParser {
  let bytes: [UInt8]
  var at = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var malformed: JSONValue.Malformed { JSONValue.Malformed(offset: at) }
  var current: UInt8? { at < bytes.count ? bytes[at] : nil }

  mutating func document() throws(JSONValue.Malformed) -> JSONValue {
    let value = try self.value(depth: 0)
    skipSpace()
    guard at == bytes.count else { throw malformed }
    return value
  }

  mutating func skipSpace() {
    while let c = current, c == 0x20 || c == 0x0A || c == 0x0D || c == 0x09 { at += 1 }
  }

  mutating func take(_ c: UInt8) -> Bool {
    skipSpace()
    guard current == c else { return false }
    at += 1
    return true
  }

  mutating func value(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
    guard depth < JSONValue.maximumDepth else { throw malformed }
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return .number(try number())
    }
  }

  mutating func word(_ text: String, _ value: JSONValue) throws(JSONValue.Malformed) -> JSONValue {
    guard bytes[at...].starts(with: text.utf8) else { throw malformed }
    at += text.utf8.count
    return value
  }

  mutating func object(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
    at += 1
    var members: [String: JSONValue] = [:]
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw malformed }
      let name = try string()
      guard take(UInt8(ascii: ":")) else { throw malformed }
      members[name] = try value(depth: depth + 1)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw malformed }
    return .object(members)
  }

  mutating func array(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
    at += 1
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .array(elements) }
    repeat { elements.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw malformed }
    return .array(elements)
  }

  mutating func digits() -> Int {
    let start = at
    while let c = current, (0x30...0x39).contains(c) { at += 1 }
    return at - start
  }

  mutating func number() throws(JSONValue.Malformed) -> String {
    let start = at
    if current == UInt8(ascii: "-") { at += 1 }
    let leadsWithZero = current == UInt8(ascii: "0")
    let whole = digits()
    guard whole == 1 || (whole > 1 && !leadsWithZero) else { throw malformed }
    if current == UInt8(ascii: ".") {
      at += 1
      guard digits() > 0 else { throw malformed }
    }
    if let c = current, c | 0x20 == UInt8(ascii: "e") {
      at += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { at += 1 }
      guard digits() > 0 else { throw malformed }
    }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  mutating func string() throws(JSONValue.Malformed) -> String {
    at += 1
    var out: [UInt8] = []
    while let c = current {
      switch c {
      case UInt8(ascii: "\""):
        at += 1
        guard let text = String(validating: out, as: UTF8.self) else { throw malformed }
        return text
      case UInt8(ascii: "\\"):
        at += 1
        try escape(into: &out)
      case 0..<0x20: throw malformed
      default:
        out.append(c)
        at += 1
      }
    }
    throw malformed
  }

  mutating func escape(into out: inout [UInt8]) throws(JSONValue.Malformed) {
    guard let c = current else { throw malformed }
    at += 1
    switch c {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(c)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0C)
    case UInt8(ascii: "n"): out.append(0x0A)
    case UInt8(ascii: "r"): out.append(0x0D)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "u"): out += Array(String(Character(try scalar())).utf8)
    default: throw malformed
    }
  }

  /// One scalar of one escape, or of the two of a surrogate pair (RFC 8259 §7).
  mutating func scalar() throws(JSONValue.Malformed) -> Unicode.Scalar {
    let first = try unit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard (0xD800..<0xDC00).contains(first), bytes[at...].starts(with: "\\u".utf8) else { throw malformed }
    at += 2
    let second = try unit()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw malformed }
    return scalar
  }

  mutating func unit() throws(JSONValue.Malformed) -> UInt32 {
    guard at + 4 <= bytes.count else { throw malformed }
    var value: UInt32 = 0
    for c in bytes[at..<at + 4] {
      guard let digit = Character(Unicode.Scalar(c)).hexDigitValue, c < 0x80 else { throw malformed }
      value = value << 4 | UInt32(digit)
    }
    at += 4
    return value
  }
}
