/// Checks bodies against the table of members.
enum BodyFields {
  /// What is wrong with a request's body, in the words that Google uses; empty when nothing is.
  static func violations(_ row: String, _ value: JSON, at path: String = "") -> [String] {
    guard case .object(let members) = value else {
      return ["Invalid value\(place(path)), expected an object"]
    }
    guard let known = FieldTable.rows[row] else { return ["the stand-in has no table row \(row)"] }
    return members.sorted { $0.key < $1.key }.flatMap { name, inner -> [String] in
      guard let member = known[name] else {
        return [
          "Invalid JSON payload received. Unknown name \"\(name)\"\(place(path)): Cannot find field."
        ]
      }
      return member.isOutput
        ? [] : check(member.type[...], inner, at: path.isEmpty ? name : "\(path).\(name)")
    }
  }

  /// The members that a client may set.
  static func inputs(_ row: String, _ value: JSON) -> [String: JSON] {
    value.members.filter { FieldTable.rows[row]?[$0.key]?.isOutput == false }
  }

  private static func place(_ path: String) -> String { path.isEmpty ? "" : " at '\(path)'" }

  private static func check(_ type: Substring, _ value: JSON, at path: String) -> [String] {
    if value == .null || type == "any" { return [] }
    func wrong(_ kind: String) -> [String] {
      ["Invalid value\(place(path)) (\(kind)), \(value.text.prefix(60))"]
    }
    switch type.first {
    case "[":
      guard case .list(let items) = value else { return wrong("list") }
      return items.enumerated().flatMap { check(type.dropFirst(), $1, at: "\(path)[\($0)]") }
    case "{":
      guard case .object(let members) = value else { return wrong("map") }
      return members.flatMap { check(type.dropFirst(), $1, at: "\(path).\($0)") }
    case "e" where type.hasPrefix("e("):
      guard let text = value.string else { return wrong("enum") }
      return type.dropFirst(2).dropLast().split(separator: "|").contains(text[...]) ? [] : wrong("enum")
    default: break
    }
    switch type {
    case "s": if case .string = value { return [] } else { return wrong("TYPE_STRING") }
    case "b": if case .bool = value { return [] } else { return wrong("TYPE_BOOL") }
    case "n": return value.number == nil ? wrong("TYPE_DOUBLE") : []
    case "i", "l": return value.number.flatMap { Int64(exactly: $0) } == nil ? wrong("TYPE_INT32") : []
    default: return violations(String(type), value, at: path)
    }
  }
}
