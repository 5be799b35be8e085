extension JSONValue {
  /// The deepest nesting of objects and arrays that is read, in levels.
  public static let maximumDepth = 64

  /// A text that is not one JSON value.
  public struct Malformed: Error, Equatable, CustomStringConvertible, Sendable {
    /// Where, in bytes from the start.
    public let offset: Int
    /// `not JSON at byte 12`
    public var description: String { "not JSON at byte \(offset)" }
  }

  /// Reads exactly one value (RFC 8259) of at most `maximumDepth` levels; its length is the caller's to bound. Of a
  /// member named twice the last counts.
  public init(parsing text: some Sequence<UInt8>) throws(Malformed) {
    var builder = JSONBuilder()
    let value =
      unsafe text.withContiguousStorageIfAvailable { unsafe builder.read(UnsafeRawBufferPointer($0)) }
      ?? Array(text).withUnsafeBytes { unsafe builder.read($0) }
    guard let value else { throw Malformed(offset: builder.scanner.offset) }
    self = value
  }
}

/// Makes a value of tokens, without recursion: the open objects and arrays are a stack.
private struct JSONBuilder {
  /// An object or array that is open, and the name of the member whose value is being read.
  struct Level {
    var isObject: Bool
    var elements: [JSONValue] = []
    var members: [String: JSONValue] = [:]
    var name = ""
  }

  var scanner = JSONScanner(maximumDepth: JSONValue.maximumDepth, maximumBytes: .max)
  var levels: [Level] = []
  var text: [UInt8] = []
  var result: JSONValue?

  mutating func read(_ bytes: UnsafeRawBufferPointer) -> JSONValue? {
    var at = 0
    while true {
      var token = unsafe scanner.next(bytes, &at)
      if token == .more { token = scanner.finish() }
      if token == .malformed { return nil }
      if token == .end { return result }
      if case .text(let range) = token { unsafe text += bytes[range] } else { take(token) }
    }
  }

  private mutating func take(_ token: JSONScanner.Token) {
    switch token {
    case .objectStart: levels.append(Level(isObject: true))
    case .arrayStart: levels.append(Level(isObject: false))
    case .objectEnd, .arrayEnd: if let level = levels.popLast() { put(level.value) }
    case .nameStart, .stringStart, .numberStart: text.removeAll(keepingCapacity: true)
    case .nameEnd: levels[levels.count - 1].name = String(decoding: text, as: UTF8.self)
    case .stringEnd: put(.string(String(decoding: text, as: UTF8.self)))
    case .numberEnd: put(.number(String(decoding: text, as: UTF8.self)))
    case .scalar(let value):
      if let scalar = Unicode.Scalar(value) {
        text += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
      }
    case .true: put(.bool(true))
    case .false: put(.bool(false))
    case .null: put(.null)
    case .text, .more, .end, .malformed: break
    }
  }

  private mutating func put(_ value: JSONValue) {
    guard let last = levels.indices.last else {
      result = value
      return
    }
    levels[last].add(value)
  }
}

extension JSONBuilder.Level {
  /// What has been read of it.
  fileprivate var value: JSONValue { isObject ? .object(members) : .array(elements) }

  /// Adds an element or member, in place.
  fileprivate mutating func add(_ value: JSONValue) {
    if isObject { members[name] = value } else { elements.append(value) }
  }
}
