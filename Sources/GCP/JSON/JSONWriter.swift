internal import PKI

extension JSONValue {
  /// The value as JSON on one line, members sorted by name: the same value is the same text.
  public var text: String {
    var out = ""
    write(to: &out, indent: nil)
    return out
  }

  /// The value as JSON, two spaces a level, members sorted by name.
  public var indentedText: String {
    var out = ""
    write(to: &out, indent: 0)
    return out
  }

  private func write(to out: inout String, indent: Int?) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let text): out += text
    case .string(let text): out += JOSE.quoted(text)
    case .array(let elements):
      Self.list("[", "]", elements, indent, &out) { $0.write(to: &$1, indent: $2) }
    case .object(let members):
      Self.list("{", "}", members.sorted { $0.key < $1.key }, indent, &out) { member, out, indent in
        out += JOSE.quoted(member.key) + (indent == nil ? ":" : ": ")
        member.value.write(to: &out, indent: indent)
      }
    }
  }

  private static func list<T>(
    _ open: String, _ close: String, _ elements: [T], _ indent: Int?, _ out: inout String,
    _ write: (T, inout String, Int?) -> Void
  ) {
    out += open
    for (index, element) in elements.enumerated() {
      if index > 0 { out += "," }
      if let indent { out += "\n" + String(repeating: "  ", count: indent + 1) }
      write(element, &out, indent.map { $0 + 1 })
    }
    if let indent, !elements.isEmpty { out += "\n" + String(repeating: "  ", count: indent) }
    out += close
  }
}
