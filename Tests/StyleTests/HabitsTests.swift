import TestRun
import Testing

@Suite(.ownThread) struct HabitsTests {
  @Test("no code ends the process where an error could be told", arguments: ["try!", "fatalError(", " as! "])
  func traps(_ forbidden: String) {
    for (file, scrubbed) in SourceTree.code where file.path.hasPrefix("Sources/") {
      for line in Search.lines(of: forbidden, in: scrubbed.code) {
        Issue.record("\(file.path):\(line) has \(forbidden)")
      }
    }
  }

  @Test(
    "no file puts work off or names a machine's paths", arguments: ["TO" + "DO", "FIX" + "ME", "/wor" + "k/"])
  func leftovers(_ forbidden: String) {
    #expect(SourceTree.all.contains { $0.path == "Package.swift" })
    for file in SourceTree.all {
      for line in Search.lines(of: forbidden, in: Array(file.text.utf8)) {
        Issue.record("\(file.path):\(line) has \(forbidden)")
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
      #expect(!Search.has(step, in: scrubbed.code), "\(file.path) has \(step)")
    }
  }

  @Test("what is forbidden is found on each of its lines")
  func search() {
    let text = Array("a try! b\ntry\n\ntry! try!".utf8)
    #expect(Search.lines(of: "try!", in: text) == [1, 4, 4])
    #expect(Search.has("b\nt", in: text) && !Search.has("tri", in: text))
  }

  @Test("full Foundation is nowhere imported")
  func foundation() {
    for file in SourceTree.sources + SourceTree.tests {
      #expect(!FloorsTests.imports(of: file).contains { $0.module == "Foundation" }, "\(file.path)")
    }
  }

  @Test(
    "a file that does nothing but extend types is named for one of them and the aspect: Type+Aspect.swift")
  func extensionsAreNamed() {
    let kinds = ["struct ", "class ", "enum ", "protocol ", "actor ", "typealias ", "func ", "let ", "var "]
    var seen = 0
    for file in SourceTree.sources {
      let heads = file.lines.filter { $0.first?.isLetter == true || $0.hasPrefix("@") }
      let words = heads.map { line in
        line.split(separator: " ").drop {
          $0.hasPrefix("@")
            || ["public", "package", "internal", "private", "fileprivate", "final", "indirect"].contains($0)
        }
      }
      let extended = words.filter { $0.first == "extension" }.compactMap { $0.dropFirst().first }
      let declares = words.contains { kinds.contains("\($0.first ?? "") ") }
      guard !declares, !extended.isEmpty else { continue }
      seen += 1
      let name = file.path.split(separator: "/").last ?? ""
      #expect(
        extended.contains { name.hasPrefix($0.prefix { $0.isLetter || $0.isNumber } + "+") }, "\(file.path)")
    }
    #expect(seen > 50)
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
