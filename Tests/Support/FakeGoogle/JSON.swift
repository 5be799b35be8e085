import FoundationEssentials

/// A JSON value of the stand-in: independent of the code under test.
public enum JSON: Sendable, Hashable, Codable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// Any number.
  case number(Double)
  /// A text.
  case string(String)
  /// A list.
  case list([JSON])
  /// Members by name.
  case object([String: JSON])

  /// Reads a value; throws `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let one = try decoder.singleValueContainer()
    if let text = try? one.decode(String.self) {
      self = .string(text)
    } else if let members = try? one.decode([String: JSON].self) {
      self = .object(members)
    } else if let items = try? one.decode([JSON].self) {
      self = .list(items)
    } else if one.decodeNil() {
      self = .null
    } else if let flag = try? one.decode(Bool.self) {
      self = .bool(flag)
    } else {
      self = .number(try one.decode(Double.self))
    }
  }

  /// Writes the value.
  public func encode(to encoder: any Encoder) throws {
    var one = encoder.singleValueContainer()
    switch self {
    case .null: try one.encodeNil()
    case .bool(let flag): try one.encode(flag)
    case .number(let number):
      if let whole = Int64(exactly: number) { try one.encode(whole) } else { try one.encode(number) }
    case .string(let text): try one.encode(text)
    case .list(let items): try one.encode(items)
    case .object(let members): try one.encode(members)
    }
  }

  /// Reads a text; nil when it is none of JSON.
  public static func parse(_ bytes: [UInt8]) -> JSON? {
    try? JSONDecoder().decode(JSON.self, from: Data(bytes))
  }

  /// The value as text, members in the order of their names.
  public var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  /// A member; nil when there is none. Setting nil removes it.
  public subscript(_ name: String) -> JSON? {
    get { if case .object(let members) = self { members[name] } else { nil } }
    set {
      var members = self.members
      members[name] = newValue
      self = .object(members)
    }
  }

  /// The members; none for another kind of value.
  public var members: [String: JSON] { if case .object(let members) = self { members } else { [:] } }
  /// The items; none for another kind of value.
  public var items: [JSON] { if case .list(let items) = self { items } else { [] } }
  /// The text; nil for another kind of value.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The number, also one in quotes; nil for another kind of value.
  public var number: Double? {
    switch self {
    case .number(let number): number
    case .string(let text): Double(text)
    default: nil
    }
  }

  /// Whether it is null, or an empty text, list or object.
  public var isEmpty: Bool {
    switch self {
    case .null: true
    case .string(let text): text.isEmpty
    case .list(let items): items.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  /// A list of texts.
  public static func strings(_ texts: [String]) -> JSON { .list(texts.map { .string($0) }) }

  /// Members of `other` over one's own, objects in objects alike; null removes.
  mutating func merge(_ other: [String: JSON]) {
    for (name, value) in other {
      if value == .null {
        self[name] = nil
      } else if case .object(let inner) = value, case .object? = self[name] {
        self[name]?.merge(inner)
      } else {
        self[name] = value
      }
    }
  }
}

extension JSON: ExpressibleByStringInterpolation, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A number.
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
  /// A list.
  public init(arrayLiteral elements: JSON...) { self = .list(elements) }
  /// An object.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
}
