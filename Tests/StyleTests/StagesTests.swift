import Testing

struct StagesTests {
  private static let folder = "Sources/Proxy/Stages/"

  /// Each stage, with the folder that it lives in.
  private static let stages: [(name: String, folder: String)] = SourceTree.code.flatMap { file, scrubbed in
    String(decoding: scrubbed.code, as: UTF8.self).matches(of: /struct (\w+): Stage \{/).map { match in
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
        let code = String(decoding: scrubbed.code, as: UTF8.self)
        let name = try Regex("\\b\(stage.name)\\(\\)")
        lines += code.split(separator: "\n").filter { $0.contains(name) }.map { "\(file.path): \($0)" }
      }
      #expect(lines.count == 1 && lines.first?.hasPrefix(Self.folder + "Stages.swift") == true, "\(lines)")
    }
  }
}
