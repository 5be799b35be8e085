import Testing

struct HabitsTests {
  @Test("no code ends the process where an error could be told", arguments: ["try!", "fatalError(", " as! "])
  func traps(_ forbidden: String) {
    for (file, scrubbed) in SourceTree.code where file.path.hasPrefix("Sources/") {
      let code = String(decoding: scrubbed.code, as: UTF8.self)
      for (index, line) in code.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        #expect(!line.contains(forbidden), "\(file.path):\(index + 1) has \(forbidden)")
      }
    }
  }

  @Test(
    "no file puts work off or names a machine's paths", arguments: ["TO" + "DO", "FIX" + "ME", "/wor" + "k/"])
  func leftovers(_ forbidden: String) {
    #expect(SourceTree.all.contains { $0.path == "Package.swift" })
    for file in SourceTree.all {
      for (index, line) in file.lines.enumerated() {
        #expect(!line.contains(forbidden), "\(file.path):\(index + 1): \(line)")
      }
    }
  }

  @Test(
    "the proxy steps TLS nowhere but on its wire",
    arguments: [
      "PipeLease(", ".setInput(", ".clearOutput(", ".unreadInput", "session.read(", "session.write(",
      "session.shutdown(", "session.handshake(", "session?.shutdown(",
    ])
  func wire(_ step: String) {
    for (file, scrubbed) in SourceTree.code
    where file.path.hasPrefix("Sources/Proxy/") && !file.path.hasPrefix("Sources/Proxy/Wire/") {
      #expect(!String(decoding: scrubbed.code, as: UTF8.self).contains(step), "\(file.path) has \(step)")
    }
  }

  @Test("full Foundation is nowhere imported")
  func foundation() {
    for file in SourceTree.sources + SourceTree.tests {
      #expect(!FloorsTests.imports(of: file).contains { $0.module == "Foundation" }, "\(file.path)")
    }
  }

  @Test("no empty placeholder is left beside real files")
  func placeholders() {
    for file in SourceTree.sources + SourceTree.tests where file.path.hasSuffix("/Placeholder.swift") {
      let folder = file.path.dropLast("Placeholder.swift".count)
      let others = (SourceTree.sources + SourceTree.tests).filter { $0.path.hasPrefix(folder) }
      #expect(others.count == 1, "\(file.path)")
    }
  }
}
