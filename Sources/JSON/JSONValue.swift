/// Any JSON value (RFC 8259). Members of objects have no order; the text that we write has them sorted.
///
/// Resources of an API can be kept as they were read, so that a member that we do not know survives. Names are compared as
/// Swift compares texts: those that Unicode calls equal are one.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  /// A number as its text: 64-bit identifiers do not fit a double.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// A member of an object. Nil for another kind of value and for a member that is missing or null;
  /// setting nil removes it, and setting on something else than an object makes it one.
  public subscript(name: String) -> JSONValue? {
    get {
      guard case .object(let members) = self, let value = members[name], value != .null else { return nil }
      return value
    }
    set {
      var members = self.members
      members[name] = newValue
      self = .object(members)
    }
  }

  /// An element of an array, or nil.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  /// The text of a string.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The value of a boolean.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// A whole number; Google writes 64-bit ones as strings.
  public var int: Int64? {
    switch self {
    case .number(let text), .string(let text): Int64(text)
    default: nil
    }
  }
  /// The elements of an array; empty for anything else.
  public var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
  /// The members of an object; empty for anything else.
  public var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
  /// The strings of an array, others left out.
  public var strings: [String] { elements.compactMap(\.string) }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A number.
  public init(integerLiteral value: Int64) { self = .number(String(value)) }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object; of a name given twice the last value counts.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
  /// An array of strings.
  public init(_ texts: some Sequence<String>) { self = .array(texts.map { .string($0) }) }
  /// A number.
  public init(_ number: Int) { self = .number(String(number)) }
}
