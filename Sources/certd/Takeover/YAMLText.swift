import JSON

/// Values as they stand in a file that certd writes.
enum YAMLText {
  /// A text: plain where nothing in it means anything to YAML, else in double quotes.
  static func quoted(_ text: String) -> String {
    let isPlain =
      text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || [UInt8]("._-/".utf8).contains(byte)
      } && text.utf8.first.map { $0 != 0x2D && $0 != 0x2E } ?? false && Double(text) == nil
      && !["true", "false", "null", "yes", "no", "on", "off"].contains(text.lowercased())
    if isPlain { return text }
    // A dollar would be read as the beginning of a variable.
    var out = "\""
    for scalar in text.replacing("${", with: "$${").unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case let other where other.value < 0x20 || other.value == 0x7F:
        out += "\\x" + (other.value < 16 ? "0" : "") + String(other.value, radix: 16)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  /// A list on one line.
  static func list(_ texts: some Sequence<String>) -> String {
    "[" + texts.map(quoted).joined(separator: ", ") + "]"
  }

  /// A section on one line.
  static func map(_ members: [(String, String)]) -> String {
    "{ " + members.map { "\($0): \($1)" }.joined(separator: ", ") + " }"
  }
}
