public import JSON

/// A YAML document of others, read by the rules and limits of certd.yaml.
public enum YAMLDocument {
  /// What is wrong with it, and where.
  public struct Malformed: Error, Sendable, CustomStringConvertible {
    /// `line 3, column 7: …`.
    public let description: String
  }

  /// The document as JSON; scalars are texts, for what they mean is its reader's to say.
  public static func json(_ bytes: [UInt8]) throws(Malformed) -> JSONValue {
    let tree: YAMLTree
    do throws(YAMLFailure) { tree = try YAMLTree(bytes) } catch {
      throw Malformed(
        description: "line \(error.position.line), column \(error.position.column): \(error.message)")
    }
    return tree.root.map(value) ?? .null
  }

  private static func value(_ node: YAMLNode) -> JSONValue {
    switch node.content {
    case .scalar(let text, _): node.isNull ? .null : .string(text)
    case .sequence(let items): .array(items.map(value))
    case .mapping(let entries):
      .object(Dictionary(entries.map { ($0.key, value($0.value)) }, uniquingKeysWith: { first, _ in first }))
    }
  }
}
