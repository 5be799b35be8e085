import TestRun
import Testing

@Suite(.ownThread) struct StagesTests {
  private static let folder = "Sources/Proxy/Stages/"

  /// Each stage, with the folder that it lives in.
  private static let stages: [(name: String, folder: String)] = SourceTree.code.flatMap {
    (file, scrubbed) -> [(String, String)] in
    // Only few files name what is looked for slowly.
    guard Search.has(": Stage {", in: scrubbed.code) else { return [] }
    return String(decoding: scrubbed.code, as: UTF8.self).matches(of: /struct (\w+): Stage \{/).map { match in
      (String(match.1), file.path.split(separator: "/").dropLast().joined(separator: "/") + "/")
    }
  }

  @Test("a stage is its folder and one line beside it")
  func oneLine() throws {
    let stages = Self.stages
    #expect(stages.count >= 9)
    for stage in stages {
      #expect(stage.folder.hasPrefix(Self.folder) && stage.folder != Self.folder, "\(stage)")
      var lines: [String] = []
      for (file, scrubbed) in SourceTree.code
      where file.path.hasPrefix("Sources/") && !file.path.hasPrefix(stage.folder) {
        guard Search.has("\(stage.name)()", in: scrubbed.code) else { continue }
        let code = String(decoding: scrubbed.code, as: UTF8.self)
        let name = try Regex("\\b\(stage.name)\\(\\)")
        lines += code.split(separator: "\n").filter { $0.contains(name) }.map { "\(file.path): \($0)" }
      }
      #expect(lines.count == 1 && lines.first?.hasPrefix(Self.folder + "Stages.swift") == true, "\(lines)")
    }
  }
}
