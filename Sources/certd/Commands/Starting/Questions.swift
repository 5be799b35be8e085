import OS

/// Asks at a terminal: questions on standard error, so that standard output has results only.
struct Questions {
  /// The longest answer that is read, in bytes.
  static let maximumAnswerBytes = 1024

  /// Asks until an answer will do. `check` gives the value, or throws what is wrong with it.
  func ask<Value>(
    _ question: String, usual: String?, _ check: (String) throws(SetupError) -> Value
  ) throws(SetupError) -> Value {
    while true {
      prompt("\(question)\(usual.map { " [\($0)]" } ?? "") ")
      guard let line = readLine() else {
        throw .other("stopped before the end; nothing was written")
      }
      let answer = line.trimmed
      do throws(SetupError) { return try check(answer.isEmpty ? usual ?? "" : answer) } catch {
        Output.error("  \(error)")
      }
    }
  }

  func agree(_ question: String, usual: Bool) throws(SetupError) -> Bool {
    try ask("\(question) (yes or no)", usual: usual ? "yes" : "no") { (answer) throws(SetupError) in
      switch answer.lowercased() {
      case "y", "yes": return true
      case "n", "no": return false
      default: throw .other("answer yes or no")
      }
    }
  }

  private func prompt(_ text: String) { Output.write(2, text) }

  /// Nil at the end of the input.
  private func readLine() -> String? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while line.count < Self.maximumAnswerBytes {
      let count = unsafe withUnsafeMutablePointer(to: &byte) { unsafe Sys.read(0, $0, 1) }
      guard count == 1 else { return nil }
      if byte == 0x0A { break }
      line.append(byte)
    }
    return String(decoding: line, as: UTF8.self)
  }
}
