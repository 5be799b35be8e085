/// Which models a key is for: whole names, or beginnings such as `llama-*`; `*` is all of them.
public enum ModelPatterns {
  /// The longest pattern, in bytes.
  public static let maximumBytes = 256

  /// Whether a text is a pattern.
  public static func isValid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return !bytes.isEmpty && bytes.count <= maximumBytes && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }
      && !bytes.dropLast().contains(0x2A)
  }
}
