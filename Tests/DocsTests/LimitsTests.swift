import FoundationEssentials
import OS
import TestRun
import Testing

/// docs/limits.md lists every fixed limit: gathered from the constants and their comments, so that it cannot disagree.
@Suite(.ownThread) struct LimitsTests {
  @Test("docs/limits.md lists the constants of the sources as they are")
  func limits() throws {
    let made = LimitsDocument.make()
    let file = Documents.root.appending(path: "docs/limits.md")
    if Subprocess.inheritedEnvironment()["CERTD_WRITE_DOCS"] == "1" {
      try made.write(to: file, atomically: true, encoding: .utf8)
    }
    let committed = try String(contentsOf: file, encoding: .utf8)
    #expect(committed == made, "run CERTD_WRITE_DOCS=1 swift test --filter DocsTests")
    #expect(made.contains("| `ChunkedFraming.maximumLineBytes` | 1024 |"))
  }

  @Test("every limit says what it is")
  func described() {
    for row in LimitsDocument.all { #expect(!row.meaning.isEmpty, "\(row.module): \(row.name)") }
  }

  @Test("each row names the type that the constant stands in, nested ones with those around them")
  func owners() {
    let names = LimitsDocument.all.map(\.name)
    for owner in ["Machine.maximumRefusals", "Attempt.maximumInterimHeads", "EdgeProxy.maximumWorkers"] {
      #expect(names.contains(owner), "\(names.filter { $0.hasSuffix(owner.drop { $0 != "." }) })")
    }
    // A file that names no type of that name cannot own it.
    #expect(!names.contains { $0.hasPrefix(".") })
  }
}

/// Makes the document.
enum LimitsDocument {
  struct Row: Comparable {
    let module: String
    let name: String
    let value: String
    let meaning: String
    static func < (a: Self, b: Self) -> Bool { (a.module, a.name) < (b.module, b.name) }
  }

  static func make() -> String {
    var text = """
      # Limits

      What an operator can change is in [configuration.md](configuration.md). These limits are fixed; the list is made
      from the constants themselves (`CERTD_WRITE_DOCS=1 swift test --filter DocsTests`).

      """
    let all = all.filter { !$0.meaning.isEmpty }
    var module = ""
    for row in all {
      if row.module != module {
        module = row.module
        text += "\n## \(module)\n\n| Constant | Value | Meaning |\n|---|---|---|\n"
      }
      text += "| `\(row.name)` | \(row.value) | \(row.meaning) |\n"
    }
    return text
  }

  static let all = sources().flatMap { rows(in: $0) }.sorted()

  private static func sources() -> [String] {
    let root = Documents.root.appending(path: "Sources").path
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []
    return names.filter { $0.hasSuffix(".swift") }.map { "\(root)/\($0)" }
  }

  private static func rows(in path: String) -> [Row] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    let parts = path.split(separator: "/").map(String.init)
    guard let sources = parts.lastIndex(of: "Sources"), sources + 1 < parts.count else { return [] }
    var comment: [String] = []
    var scopes = Scopes()
    var rows: [Row] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let bare = line.drop { $0 == " " }
      if bare.hasPrefix("///") {
        comment.append(String(bare.dropFirst(3).drop { $0 == " " }))
        continue
      }
      if let (name, value) = constant(bare), !scopes.areNumbersOfAProtocol {
        let meaning = comment.joined(separator: " ").replacing("|", with: "\\|")
        rows.append(
          Row(
            module: parts[sources + 1], name: "\(scopes.name).\(name)", value: value, meaning: meaning))
      }
      scopes.enter(typeName(bare), bare)
      comment = []
    }
    return rows
  }

  /// The types that a line stands in, by the braces around it.
  private struct Scopes {
    private var types: [(name: String, depth: Int)] = []
    private var depth = 0

    var name: String { types.map(\.name).joined(separator: ".") }

    /// What a protocol calls its things by limits nothing.
    var areNumbersOfAProtocol: Bool { ["Setting", "Kind"].contains(types.last?.name) }

    mutating func enter(_ type: String?, _ line: Substring) {
      if let type { types.append((type, depth)) }
      var isText = false
      for character in line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex) {
        if character == "\"" { isText.toggle() }
        if isText { continue }
        if character == "{" { depth += 1 }
        if character == "}" { depth -= 1 }
      }
      while let last = types.last, depth <= last.depth, line.contains("}") || !line.contains("{") {
        // A declaration whose body begins on a later line goes on.
        if type != nil, !line.contains("}") { break }
        types.removeLast()
      }
    }
  }

  private static func typeName(_ line: Substring) -> String? {
    for keyword in ["struct ", "enum ", "class ", "actor ", "extension "] {
      guard let range = line.firstRange(of: keyword), !line.contains("//") else { continue }
      let before = line[..<range.lowerBound]
      guard before.allSatisfy({ $0.isLetter || $0 == " " || $0 == "@" }) else { continue }
      return String(line[range.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" })
    }
    return nil
  }

  /// A static constant whose value is made of numbers, and whose name tells a size, a count or a time.
  private static func constant(_ line: Substring) -> (String, String)? {
    guard let range = line.firstRange(of: "static let ") else { return nil }
    guard let equals = line.firstRange(of: " = ") else { return nil }
    let name = line[range.upperBound...].prefix { $0.isLetter || $0.isNumber }
    let value = String(line[equals.upperBound...])
    let words = [
      "maximum", "Bytes", "Seconds", "Milliseconds", "Nanoseconds", "limit", "Limit", "kept", "Size", "Batch",
      "PerTurn", "PerSecond", "budget", "Patience", "crowd", "Depth", "Capacity", "Window", "Streams", "most",
    ]
    guard words.contains(where: { name.contains($0) || name.hasPrefix($0.lowercased()) }),
      value.allSatisfy({ $0.isNumber || " _*<>.-+()".contains($0) }), value.contains(where: { $0.isNumber })
    else { return nil }
    return (String(name), value)
  }
}
