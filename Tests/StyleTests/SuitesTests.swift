import TestRun
import Testing

@Suite(.ownThread) struct SuitesTests {
  @Test("every suite has the trait that gives its tests threads and tells their times")
  func trait() {
    var tests = 0
    for file in SourceTree.tests where Search.has("\n  @Test", in: Array(file.text.utf8)) {
      // The head of the type that a test stands in, with the attribute before it.
      var head = ""
      var goesOn = false
      for line in file.lines {
        if line.hasPrefix("@Suite") {
          head = String(line)
          goesOn = !line.hasSuffix("{")
        } else if goesOn {
          head += line
          goesOn = !line.hasSuffix("{")
        } else if let first = line.utf8.first, first != 0x20, line.hasSuffix("{") {
          head = String(line)
        } else if line.hasPrefix("  @Test") {
          tests += 1
          #expect(head.contains(".ownThread") || head.hasPrefix("extension "), "\(file.path): \(head)")
        }
      }
    }
    #expect(tests > 1000)
  }
}
