import Bytes
import FoundationEssentials
import Glibc
import JSON
import Scratch
import TestSupport
import TestRun
import Testing

/// The same documents read by Python's `json`, whose authors read the RFC independently.
@Suite("JSON against another reader", .ownThread) struct PythonTests {
  static let hasPython = system("python3 -c '' 2> /dev/null") == 0

  /// Tells of each line, base64 of a document, what it holds, or `-`. A half of a surrogate pair is no text: Python
  /// lets it pass, we do not.
  private static let program = """
    import base64, json, sys
    class Number(str): pass
    def refuse(_): raise ValueError
    def told(value):
        if value is None or value is True or value is False: return str(value)
        if isinstance(value, Number): return "#" + value
        if isinstance(value, str): return '"' + value.encode("utf-8").hex()
        if isinstance(value, list): return "[" + ",".join(map(told, value)) + "]"
        return "{" + ",".join(sorted(told(name) + ":" + told(inner) for name, inner in value.items())) + "}"
    def checked(pairs):
        for name, value in pairs: told(name), told(value)
        return dict(pairs)
    for line in sys.stdin:
        try:
            text = base64.b64decode(line).decode("utf-8")
            print(told(json.loads(text, parse_constant=refuse, parse_int=Number, parse_float=Number,
                                  object_pairs_hook=checked)))
        except ValueError: print("-")
    """

  private static func told(_ value: JSONValue) -> String {
    func text(_ text: String) -> String { "\"" + Hex.encode(Array(text.utf8)) }
    switch value {
    case .null: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .number(let number): return "#" + number
    case .string(let string): return text(string)
    case .array(let elements): return "[" + elements.map(told).joined(separator: ",") + "]"
    case .object(let members):
      return "{" + members.map { text($0.key) + ":" + told($0.value) }.sorted().joined(separator: ",") + "}"
    }
  }

  private static func python(_ documents: [[UInt8]]) throws -> [String] {
    let scratch = try ScratchDirectory()
    let input = documents.map { Base64.encode($0) + "\n" }.joined()
    try input.write(toFile: "\(scratch.path)/input", atomically: false, encoding: .utf8)
    try program.write(toFile: "\(scratch.path)/program", atomically: false, encoding: .utf8)
    try #require(system("cd '\(scratch.path)' && python3 program < input > output") == 0)
    return try String(contentsOfFile: "\(scratch.path)/output", encoding: .utf8).split(separator: "\n").map(
      String.init)
  }

  private func compare(_ documents: [[UInt8]], _ random: inout SeededGenerator) throws -> Int {
    let answers = try Self.python(documents)
    try #require(answers.count == documents.count)
    var whole = 0
    for (document, answer) in zip(documents, answers) {
      let shown = String(decoding: document, as: UTF8.self)
      let ours = (try? JSONValue(parsing: document)).map(Self.told) ?? "-"
      #expect(ours == answer, "\(shown)")
      let pieces = RandomDocument.pieces(of: document.count, &random)
      #expect(try Reading(document, pieces: pieces).isWhole == (answer != "-"), "\(shown)")
      if answer != "-" { whole += 1 }
    }
    return whole
  }

  @Test("the tables hold for Python too", .enabled(if: hasPython, "python3 is missing"))
  func tables() throws {
    var random = SeededGenerator(seed: 1)
    let documents =
      wholeDocuments.map { Array($0.document.utf8) } + brokenDocuments.map { latin1($0.document) }
    #expect(try compare(documents, &random) == wholeDocuments.count)
  }

  @Test("made documents hold the same for both", .enabled(if: hasPython, "python3 is missing"))
  func made() throws {
    var random = SeededGenerator(seed: 2)
    let documents = (0..<3000).map { _ in RandomDocument.make(&random) }
    #expect(try compare(documents, &random) == documents.count)
  }

  @Test("changed documents hold the same for both, or nothing", .enabled(if: hasPython, "python3 is missing"))
  func changed() throws {
    var random = SeededGenerator(seed: 3)
    let documents = (0..<6000).map { _ in RandomDocument.changed(RandomDocument.make(&random), &random) }
    let whole = try compare(documents, &random)
    #expect(whole > 600 && whole < 5400)
  }
}
