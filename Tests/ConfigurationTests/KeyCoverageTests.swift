import TestRun
import Testing

@testable import Configuration

@Suite("The table and the reader", .ownThread)
struct KeyCoverageTests {
  /// A file in which only the key at a path of the table is written, with a value that no key accepts.
  private func file(wrongAt path: String) -> (text: String, path: String) {
    var text = "[[]]"
    var shown = path
    for part in path.split(separator: ".").reversed() {
      if part == "*" {
        text = "{n: \(text)}"
      } else if part == "*[]" {
        text = "{n: [\(text)]}"
      } else if part.hasSuffix("[]") {
        text = "{\(part.dropLast(2)): [\(text)]}"
      } else {
        text = "{\(part): \(text)}"
      }
    }
    shown.replace("[]", with: "[0]")
    shown.replace("*", with: "n")
    return (text, shown)
  }

  @Test("every key of the table is read", arguments: KeyTable.certd.all.map(\.path))
  func isRead(path: String) {
    let (text, shown) = file(wrongAt: path)
    #expect(
      errors(text).contains { $0.contains(": \(shown): expected") || $0.contains(": \(shown)[0]: expected") },
      "\(text) gives \(errors(text))")
  }

  @Test("every default of the table is a value that its key accepts")
  func defaults() throws {
    let services = "services: {a: {backends: [{address: h:1}]}}\n"
    #expect(errors(services) == [])
    for key in KeyTable.certd.all {
      guard case .value(let value) = key.fallback else { continue }
      let (text, _) = file(wrongAt: key.path)
      let isBoolean = value == "true" || value == "false"
      let written = text.replacing("[[]]", with: isBoolean ? value : "'\(value)'")
      let others = [
        "is missing", "agree_tos: true", "without TLS", "says nobody who changes", "nobody waits",
        "has neither keys nor an issuer", "names no certificate", "leads to where it comes from",
        "is no status of an error", "there is nothing to share",
        "expects nothing, or several things",
      ]
      let told = errors(written).filter { line in !others.contains { line.contains($0) } }
      #expect(told == [], "\(key.path)")
    }
  }
}
