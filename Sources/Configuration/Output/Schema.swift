/// The JSON Schema of the file (draft 7, which editors know best), made from the table of keys.
public enum ConfigurationSchema {
  /// The schema's text, ending in a line feed.
  public static func text() -> String {
    var root = object(of: "")
    root.insert(("$schema", .string("http://json-schema.org/draft-07/schema#")), at: 0)
    root.insert(("title", .string("certd.yaml")), at: 1)
    return JSONText.object(root).text() + "\n"
  }

  private static func object(of path: String) -> [(String, JSONText)] {
    let keys = KeyTable.children(of: path)
    var members: [(String, JSONText)] = [
      ("type", .string("object")), ("additionalProperties", .boolean(false)),
    ]
    let required = keys.filter { $0.fallback == .required }
    if !required.isEmpty { members.append(("required", .array(required.map { .string($0.name) }))) }
    members.append(("properties", .object(keys.map { ($0.name, .object(schema(of: $0))) })))
    return members
  }

  private static func schema(of key: Key) -> [(String, JSONText)] {
    var members: [(String, JSONText)] = [("description", .string(key.summary.replacing("`", with: "")))]
    if case .value(let text) = key.fallback { members.append(("default", literal(text, key.type))) }
    return members + shape(of: key.type, at: key.path)
  }

  private static func literal(_ text: String, _ type: Key.ValueType) -> JSONText {
    switch type {
    case .boolean, .booleanOrSection: .boolean(text == "true")
    case .integer, .integerOr: decimal(text).map(JSONText.integer) ?? .string(text)
    default: .string(text)
    }
  }

  private static func shape(of type: Key.ValueType, at path: String) -> [(String, JSONText)] {
    func range(_ range: ClosedRange<Int>) -> [(String, JSONText)] {
      [
        ("type", .string("integer")), ("minimum", .integer(range.lowerBound)),
        ("maximum", .integer(range.upperBound)),
      ]
    }
    func matching(_ pattern: String) -> [(String, JSONText)] {
      [("type", .string("string")), ("pattern", .string(pattern))]
    }
    func words(_ all: [String]) -> [(String, JSONText)] { [("enum", .array(all.map(JSONText.string)))] }
    switch type {
    case .text(.statusRange), .text(.retryCondition):
      return [("type", .array([.string("string"), .string("integer")]))]
    case .text(.line), .text(.name), .text(.fieldValue):
      return [("type", .array([.string("string"), .string("number"), .string("boolean")]))]
    case .text(.share):
      return [("type", .string("number")), ("minimum", .integer(0)), ("maximum", .integer(1))]
    case .text(.cipher): return words(TLSAlgorithm.ciphers.flatMap(\.allNames))
    case .text(.cipherSuite): return words(TLSAlgorithm.cipherSuites.flatMap(\.allNames))
    case .text(.group): return words(TLSAlgorithm.groups.flatMap(\.allNames))
    case .text: return [("type", .string("string"))]
    case .boolean: return [("type", .string("boolean"))]
    case .integer(let allowed): return range(allowed)
    case .integerOr(let word, let allowed):
      return [("oneOf", .array([.object(range(allowed)), .object([("const", .string(word))])]))]
    case .duration(_, let off): return matching(off ? "^([0-9]+(ms|s|m|h|d)|off)$" : "^[0-9]+(ms|s|m|h|d)$")
    case .size: return matching("^[0-9]+(B|KiB|MiB|GiB)$")
    case .choice(let all, _): return words(all)
    case .list(let element, let maximum):
      return [
        ("type", .string("array")), ("maxItems", .integer(maximum)),
        ("items", .object(shape(of: element, at: "\(path)[]"))),
      ]
    case .section: return object(of: path)
    case .booleanOrSection:
      return [("oneOf", .array([.object([("type", .string("boolean"))]), .object(object(of: path))]))]
    case .named(let value, let maximum):
      return [
        ("type", .string("object")), ("maxProperties", .integer(maximum)),
        ("additionalProperties", .object(shape(of: value, at: "\(path).*"))),
      ]
    case .textOrSection(let kind):
      return [
        ("oneOf", .array([.object(shape(of: .text(kind), at: path)), .object(object(of: path))]))
      ]
    case .choiceOrSection(let all):
      return [("oneOf", .array([.object(words(all)), .object(object(of: path))]))]
    case .choiceOrList(let all, let maximum):
      let list: [(String, JSONText)] = [
        ("type", .string("array")), ("minItems", .integer(1)), ("maxItems", .integer(maximum)),
        ("items", .object(words(all))),
      ]
      return [("oneOf", .array([.object(words(all)), .object(list)]))]
    }
  }
}

/// A JSON value to be written, members in the given order.
indirect enum JSONText {
  case string(String)
  case integer(Int)
  case boolean(Bool)
  case array([JSONText])
  case object([(String, JSONText)])

  func text(indent: String = "") -> String {
    let inner = indent + "  "
    switch self {
    case .string(let text): return Self.quote(text)
    case .integer(let number): return String(number)
    case .boolean(let flag): return flag ? "true" : "false"
    case .array(let items):
      return "[" + items.map { $0.text(indent: indent) }.joined(separator: ", ") + "]"
    case .object(let members):
      guard !members.isEmpty else { return "{}" }
      let lines = members.map { "\(inner)\(Self.quote($0.0)): \($0.1.text(indent: inner))" }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
    }
  }

  private static func quote(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
