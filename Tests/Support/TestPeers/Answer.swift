internal import TestSupport

/// A response as a client reads it.
package struct Answer: Equatable {
  package var status = 0
  /// Status line and fields, without the empty line.
  package var head = ""
  /// The content, chunks taken off.
  package var body = ""
  /// Whether the content ended as its framing says.
  package var isComplete = false

  package init() {}

  /// The first value of a field.
  package func field(_ name: String) -> String? { all(name).first }

  /// Every value of a field.
  package func all(_ name: String) -> [String] {
    head.split(separator: "\r\n").dropFirst().compactMap { line in
      guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
        return nil
      }
      return String(line[line.index(after: colon)...].drop { $0 == " " })
    }
  }
}

extension Wire {
  /// Reads one response; `toHead` when it answers a HEAD request.
  package func readAnswer(toHead: Bool = false) -> Answer {
    var answer = Answer()
    let head = readHead()
    guard head.hasSuffix("\r\n\r\n") else {
      answer.head = head
      return answer
    }
    answer.head = String(head.dropLast())
    answer.status = Int(head.split(separator: " ").dropFirst().first?.prefix(3) ?? "") ?? 0
    if toHead || answer.status < 200 || answer.status == 204 || answer.status == 304 {
      answer.isComplete = true
    } else if answer.field("Transfer-Encoding") == "chunked" {
      (answer.body, answer.isComplete) = readChunks()
    } else if let length = answer.field("Content-Length").flatMap({ Int($0) }) {
      let bytes = read(exactly: length)
      answer.body = latin1Text(bytes)
      answer.isComplete = bytes.count == length
    } else {
      answer.body = latin1Text(readToEnd())
      answer.isComplete = ending == .closed
    }
    return answer
  }

  /// Reads one chunk's content; empty for the last one, its trailers left in place.
  package func readChunk() -> String {
    let line = read(through: "\r\n")
    guard let size = Int(line.prefix { $0.isHexDigit }, radix: 16), size > 0 else { return "" }
    let content = read(exactly: size)
    _ = read(exactly: 2)
    return latin1Text(content)
  }

  private func readChunks() -> (String, Bool) {
    var all = ""
    while true {
      let chunk = readChunk()
      guard !chunk.isEmpty else { break }
      all += chunk
    }
    while true {
      let line = read(through: "\r\n")
      guard line.hasSuffix("\r\n") else { return (all, false) }
      if line == "\r\n" { return (all, true) }
    }
  }
}
