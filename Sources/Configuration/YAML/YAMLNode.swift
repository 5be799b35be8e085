/// A value of a YAML document and where it starts.
struct YAMLNode: Sendable, Equatable {
  indirect enum Content: Sendable, Equatable {
    /// Text; `plain` when it stood without quotes, so that `true` and `"true"` can be told apart.
    case scalar(String, plain: Bool)
    case sequence([YAMLNode])
    case mapping([Entry])
  }

  struct Entry: Sendable, Equatable {
    let key: String
    let position: Position
    let value: YAMLNode
  }

  let content: Content
  let position: Position

  /// Whether this is an empty plain scalar or one of YAML's words for nothing.
  var isNull: Bool {
    guard case .scalar(let text, plain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What it is, for an error: `a list`.
  var kind: String {
    switch content {
    case .scalar: isNull ? "nothing" : "a single value"
    case .sequence: "a list"
    case .mapping: "a section"
    }
  }
}
