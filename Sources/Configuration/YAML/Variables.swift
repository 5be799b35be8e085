/// What `${…}` in a value stands for, given from outside: the environment, and files.
public struct Variables: Sendable {
  /// The value of a variable of the environment, or nil.
  private let named: @Sendable (String) -> String?
  /// The contents of a file, or why it cannot be read.
  private let contents: @Sendable (String) throws(Unreadable) -> String

  /// Why a file cannot be read, in words.
  public struct Unreadable: Error, Sendable {
    let reason: String
    /// A reason.
    public init(_ reason: String) { self.reason = reason }
  }

  /// An environment and a way to read files, by absolute paths.
  public init(
    named: @escaping @Sendable (String) -> String?,
    contents: @escaping @Sendable (String) throws(Unreadable) -> String
  ) {
    self.named = named
    self.contents = contents
  }

  /// No variables, no files.
  public static let none = Variables(
    named: { _ in nil }, contents: { _ throws(Unreadable) in throw Unreadable("there are no files") })

  /// The value of a variable of the environment; nil where there is none, or an empty one.
  func value(_ name: String) -> String? { named(name).flatMap { $0.isEmpty ? nil : $0 } }

  /// Keys whose values a shell reads, which has variables of its own.
  private static let shellKeys: Set<String> = ["command", "deploy_hooks"]

  /// A tree with every `${…}` in its values replaced; `$${` is a `${` that stays. What cannot be is an error at its place.
  func replaced(in node: YAMLNode, path: String, _ report: Report) -> YAMLNode {
    switch node.content {
    case .scalar(let text, let plain):
      guard text.contains("${") else { return node }
      let value = replaced(in: text, Origin(position: node.position, path: path), report)
      return YAMLNode(content: .scalar(value, plain: plain), position: node.position)
    case .sequence(let items):
      let values = items.enumerated().map { replaced(in: $1, path: "\(path)[\($0)]", report) }
      return YAMLNode(content: .sequence(values), position: node.position)
    case .mapping(let entries):
      let values = entries.map { entry in
        guard !Self.shellKeys.contains(entry.key) else { return entry }
        let place = path.isEmpty ? entry.key : "\(path).\(entry.key)"
        return YAMLNode.Entry(
          key: entry.key, position: entry.position, value: replaced(in: entry.value, path: place, report))
      }
      return YAMLNode(content: .mapping(values), position: node.position)
    }
  }

  private func replaced(in text: String, _ origin: Origin, _ report: Report) -> String {
    var out = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "${") {
      let before = rest[..<start.lowerBound]
      if before.hasSuffix("$") {
        out += before + "{"
        rest = rest[start.upperBound...]
        continue
      }
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
        report.error(origin, "`${` without its `}`", "close it, or write $${ for one that stays")
        return text
      }
      // What cannot be replaced stays, so that nothing else is found wrong with it.
      guard let value = value(of: rest[start.upperBound..<end], origin, report) else { return text }
      out += before + value
      rest = rest[rest.index(after: end)...]
    }
    return out + rest
  }

  private func value(of expression: Substring, _ origin: Origin, _ report: Report) -> String? {
    if expression.hasPrefix("file:") {
      let path = String(expression.dropFirst("file:".count))
      do throws(Unreadable) {
        var text = try contents(report.resolved(path))[...]
        while text.last?.isNewline == true { text.removeLast() }
        return String(text)
      } catch {
        report.error(
          origin, "${file:\(path)} cannot be read: \(error.reason)", "make it readable, or name another")
        return nil
      }
    }
    let parts = expression.firstRange(of: ":-")
    let name = String(parts.map { expression[..<$0.lowerBound] } ?? expression)
    guard Self.isName(name) else {
      report.error(
        origin, "${\(expression)} names no variable",
        "write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stays as it is")
      return nil
    }
    if let value = named(name), !value.isEmpty || parts == nil { return value }
    if let parts { return String(expression[parts.upperBound...]) }
    report.error(
      origin, "the environment has no variable \(name)", "set it, or give a default: ${\(name):-value}")
    return nil
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy { c in
      (0x30...0x39).contains(c) || (0x41...0x5A).contains(c) || (0x61...0x7A).contains(c) || c == 0x5F
    }
  }
}
