/// Swift source with comments and the content of strings blanked out, so that what is left is code.
/// Lines stay where they are.
struct Scrubbed {
  private(set) var code: [UInt8] = []
  private let source: [UInt8]
  private var at = 0

  init(_ text: String) {
    source = Array(text.utf8)
    code.reserveCapacity(source.count)
    scanCode(until: nil)
  }

  private func looks(_ text: String) -> Bool {
    guard let first = text.utf8.first, at < source.count, source[at] == first else { return false }
    return source[at...].starts(with: text.utf8)
  }

  private mutating func keep() {
    code.append(source[at])
    at += 1
  }

  private mutating func blank() {
    code.append(source[at] == 0x0A ? 0x0A : 0x20)
    at += 1
  }

  private mutating func blank(_ count: Int) {
    for byte in source[at..<min(source.count, at + count)] { code.append(byte == 0x0A ? 0x0A : 0x20) }
    at = min(source.count, at + count)
  }

  /// Goes through code, to the end or to the parenthesis that ends an interpolation.
  private mutating func scanCode(until end: UInt8?) {
    var depth = 0
    while at < source.count {
      // Of most bytes nothing else need be asked.
      let byte = source[at]
      if byte == 0x2F, looks("//") {
        while at < source.count, source[at] != 0x0A { blank() }
      } else if byte == 0x2F, looks("/*") {
        while at < source.count, source[at] != 0x2A || !looks("*/") { blank() }
        blank(2)
      } else if byte == 0x22 || byte == 0x23, let pounds = stringStart() {
        scanString(pounds)
      } else {
        if byte == 0x28 { depth += 1 }
        if byte == 0x29 {
          if depth == 0, end != nil { return }
          depth -= 1
        }
        keep()
      }
    }
  }

  /// How many pound signs stand before a string that begins here; nil when none does.
  private func stringStart() -> Int? {
    var pounds = 0
    while at + pounds < source.count, source[at + pounds] == 0x23 { pounds += 1 }
    return at + pounds < source.count && source[at + pounds] == 0x22 ? pounds : nil
  }

  private mutating func scanString(_ pounds: Int) {
    let sign = String(repeating: "#", count: pounds)
    blank(pounds)
    let quote = looks("\"\"\"") ? "\"\"\"" : "\""
    blank(quote.utf8.count)
    while at < source.count {
      let byte = source[at]
      if byte != 0x22, byte != 0x5C {
        blank()
        continue
      }
      if looks(quote + sign) { return blank(quote.utf8.count + pounds) }
      if looks("\\" + sign + "(") {
        blank(2 + pounds)
        scanCode(until: 0x29)
        blank(1)
      } else if looks("\\" + sign) {
        blank(2 + pounds)
      } else {
        blank()
      }
    }
  }
}

/// A function of some source: where it begins and how many lines it has.
struct FunctionSpan: Equatable {
  let line: Int
  let lines: Int
}

extension Scrubbed {
  /// Every function and initialiser with a body.
  var functions: [FunctionSpan] {
    let lines = code.split(separator: 0x0A, omittingEmptySubsequences: false)
    var spans: [FunctionSpan] = []
    for (index, line) in lines.enumerated() where Self.declaresFunction(line) {
      if let end = Self.bodyEnd(lines, from: index) {
        spans.append(FunctionSpan(line: index + 1, lines: end - index + 1))
      }
    }
    return spans
  }

  private static func declaresFunction(_ line: ArraySlice<UInt8>) -> Bool {
    let words = String(decoding: line, as: UTF8.self).split { $0 == " " }
    for word in words {
      if word == "func" || word == "deinit" { return true }
      if ["init(", "init?(", "init<"].contains(where: word.hasPrefix) { return true }
      // Only modifiers and attributes stand before the keyword.
      guard modifiers.contains(String(word)) || word.hasPrefix("@") else { return false }
    }
    return false
  }

  private static let modifiers: Set<String> = [
    "public", "internal", "private", "fileprivate", "package", "static", "class", "final", "override",
    "mutating", "nonmutating", "consuming", "borrowing", "convenience", "required", "nonisolated", "prefix",
    "postfix", "infix", "indirect", "private(set)", "nonisolated(unsafe)",
  ]

  /// The line on which the body ends; nil for a requirement of a protocol.
  private static func bodyEnd(_ lines: [ArraySlice<UInt8>], from start: Int) -> Int? {
    var braces = 0
    var parentheses = 0
    for index in start..<lines.count {
      if index > start, braces == 0, parentheses == 0, endsRequirement(lines[index]) { return nil }
      for byte in lines[index] {
        switch byte {
        case 0x28: parentheses += 1
        case 0x29: parentheses -= 1
        case 0x7B: braces += 1
        case 0x7D:
          braces -= 1
          if braces == 0 { return index }
          if braces < 0 { return nil }
        default: break
        }
      }
    }
    return nil
  }

  private static func endsRequirement(_ line: ArraySlice<UInt8>) -> Bool {
    let text = String(decoding: line, as: UTF8.self)
    guard let word = text.split(separator: " ").first else { return true }
    return declaresFunction(line) || ["var", "let", "}", "associatedtype", "case"].contains(String(word))
  }
}
