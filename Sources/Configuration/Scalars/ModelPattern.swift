/// Which models of requests a line of `models` is for.
public enum ModelPattern: Sendable, Hashable, CustomStringConvertible {
  /// Every one.
  case any
  /// One, by its whole name.
  case exact(String)
  /// Those whose names begin so: `llama-*`.
  case prefix(String)

  /// The longest name, in bytes.
  public static let maximumBytes = 256

  static func parse(_ text: String) throws(Invalid) -> ModelPattern {
    guard !text.isEmpty, text.utf8.count <= maximumBytes, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else {
      throw Invalid(
        "\(quoted(text)) is no model's name", "write up to \(maximumBytes) visible ASCII characters")
    }
    if text == "*" { return .any }
    guard let star = text.firstIndex(of: "*") else { return .exact(text) }
    guard star == text.index(before: text.endIndex) else {
      throw Invalid("\(quoted(text)) has a wildcard inside", "a wildcard stands alone at the end: llama-*")
    }
    return .prefix(String(text.dropLast()))
  }

  /// As it is written.
  public var description: String {
    switch self {
    case .any: "*"
    case .exact(let name): name
    case .prefix(let start): "\(start)*"
    }
  }
}
