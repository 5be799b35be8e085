/// Names and paths of Google's resources.
enum CloudText {
  /// The longest name, in characters.
  static let maximumNameCharacters = 63

  /// A name by Google's rule: lower-case letters, digits and hyphens, a letter first, no hyphen last.
  static func name(_ text: String) throws(Invalid) -> String {
    guard isName(text) else {
      throw Invalid(
        "\(quoted(text)) is no name of a Google resource",
        "lower-case letters, digits and hyphens, a letter first, at most \(maximumNameCharacters)")
    }
    return text
  }

  private static func isName(_ text: some StringProtocol) -> Bool {
    guard (1...maximumNameCharacters).contains(text.utf8.count), let first = text.utf8.first,
      (0x61...0x7A).contains(first), text.last != "-"
    else { return false }
    return text.utf8.allSatisfy {
      (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
    }
  }

  /// The path of a resource below its project, of one of some collections: `zones/Z/COLLECTION/N`. A whole link
  /// is kept with its project.
  static func path(_ text: String, of collections: [String], example: String) throws(Invalid) -> String {
    var rest = text[...]
    if let start = text.firstRange(of: "projects/") { rest = text[start.lowerBound...] }
    var parts = rest.split(separator: "/", omittingEmptySubsequences: false)[...]
    if parts.first == "projects" { parts = parts.dropFirst(2) }
    if parts.first == "global" {
      parts = parts.dropFirst()
    } else if parts.first == "zones" || parts.first == "regions" {
      guard parts.count > 1, isName(parts[parts.startIndex + 1]) else { throw wrong(text, example) }
      parts = parts.dropFirst(2)
    } else {
      throw wrong(text, example)
    }
    guard parts.count == 2, let collection = parts.first, let name = parts.last,
      collections.contains(String(collection)), isName(name)
    else { throw wrong(text, example) }
    return String(rest)
  }

  private static func wrong(_ text: String, _ example: String) -> Invalid {
    Invalid("\(quoted(text)) is no path of such a resource", "write \(example)")
  }

  /// A decimal fraction above 0 and at most 1.
  static func share(_ text: String) throws(Invalid) -> Double {
    guard text.utf8.count <= 12, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
      let value = Double(text), value > 0, value <= 1
    else { throw Invalid("\(quoted(text)) is no share above 0 and at most 1", "write 0.8") }
    return value
  }
}
