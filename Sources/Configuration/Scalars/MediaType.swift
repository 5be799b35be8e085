/// Media types as the configuration names them (RFC 9110 §8.3.1), without parameters.
enum MediaType {
  /// The longest media type, in characters.
  private static let maximumLength = 127

  /// `application/json` or `text/*`, in lower case.
  static func parse(_ text: String) throws(Invalid) -> String {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let isWhole = parts.count == 2 && isName(parts[0]) && (parts[1] == "*" || isName(parts[1]))
    guard isWhole, text.utf8.count <= maximumLength else {
      throw Invalid("\(quoted(text)) is no media type", "write application/json, or text/* for all of a kind")
    }
    return text.lowercased()
  }

  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$&-^_.+".utf8.contains(byte)
        }
      }
  }
}
