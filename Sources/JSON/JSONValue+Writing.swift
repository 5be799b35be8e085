extension JSONValue {
  /// The value as JSON on one line, members sorted by name: the same value is the same text.
  public var text: String { JSONWriter.text(.line) { write(to: &$0) } }

  /// The value as JSON, two spaces a level, members sorted by name.
  public var indentedText: String { JSONWriter.text(.indented) { write(to: &$0) } }

  /// Writes the value, members sorted by name.
  public func write(to out: inout JSONWriter) {
    switch self {
    case .null: out.null()
    case .bool(let value): out.boolean(value)
    case .number(let text): out.raw(text)
    case .string(let text): out.string(text)
    case .array(let elements): out.array { for element in elements { element.write(to: &$0) } }
    case .object(let members):
      out.object {
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
          $0.name(name)
          value.write(to: &$0)
        }
      }
    }
  }
}
