import TestRun
import Testing

@Suite(.ownThread) struct SizeTests {
  private static let maximumFileLines = 500
  private static let medianFileLines = 200
  private static let maximumFunctionLines = 70

  @Test("no file is longer than 500 lines")
  func files() {
    for file in SourceTree.sources + SourceTree.tests {
      #expect(file.lineCount <= Self.maximumFileLines, "\(file.path) has \(file.lineCount) lines")
    }
  }

  @Test("half of the files are shorter than 200 lines")
  func median() {
    for files in [SourceTree.sources, SourceTree.tests] {
      let counts = files.map(\.lineCount).sorted()
      #expect(counts.isEmpty || counts[counts.count / 2] < Self.medianFileLines)
    }
  }

  @Test("every function is shorter than 70 lines")
  func functions() {
    var seen = 0
    for (file, scrubbed) in SourceTree.code {
      for function in scrubbed.functions {
        seen += 1
        #expect(
          function.lines < Self.maximumFunctionLines,
          "\(file.path):\(function.line) has a function of \(function.lines) lines")
      }
    }
    #expect(seen > 500)
  }

  @Test("functions are measured by their braces, whatever strings and comments say")
  func measuring() {
    let text = #"""
      protocol P {
        func a()
        var b: Int { get }
        init(c: Int)
      }
      struct S: P {
        public mutating func d(
          _ e: Int
        ) -> Int {
          let f = "}}} \(g("}") { $0 }) {"
          // }
          return #"\}"# + """
            }
            """
        }
        init?() { self.init(h: 1) }
        deinit {}
        let notAFunction = S.init(i)
      }
      """#
    #expect(
      Scrubbed(text).functions == [
        FunctionSpan(line: 7, lines: 9), FunctionSpan(line: 16, lines: 1), FunctionSpan(line: 17, lines: 1),
      ])
  }
}
