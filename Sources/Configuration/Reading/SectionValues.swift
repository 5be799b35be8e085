/// Typed values. Where something is wrong it is reported, so that the reading as a whole fails, and a
/// stand-in is returned that nobody will see.
extension Section {
  func text<T>(_ key: String, _ parse: (String) throws(Invalid) -> T) -> T? {
    guard let node = value(key) else { return nil }
    return text(of: node, origin(of: key), parse)
  }

  /// One scalar, parsed.
  func text<T>(_ node: YAMLNode, at origin: Origin, _ parse: (String) throws(Invalid) -> T) -> T? {
    text(of: node, origin, parse)
  }

  private func text<T>(
    of node: YAMLNode, _ origin: Origin, _ parse: (String) throws(Invalid) -> T
  ) -> T? {
    guard case .scalar(let text, _) = node.content, !node.isNull else {
      report.error(origin, "expected a single value, found \(node.kind)")
      return nil
    }
    guard !text.utf8.contains(0) else {
      report.error(origin, "the text holds a control character")
      return nil
    }
    do throws(Invalid) { return try parse(text) } catch {
      report.error(origin, error)
      return nil
    }
  }

  func texts<T: Sendable & Equatable>(
    _ key: String, nonEmpty: Bool = false, _ parse: (String) throws(Invalid) -> T
  ) -> [Located<T>]? {
    items(key, nonEmpty: nonEmpty)?.compactMap { item in
      text(of: item.node, item.origin, parse).map { Located($0, origin: item.origin) }
    }
  }

  /// Absolute paths of a list.
  func paths(_ key: String) -> [String] {
    (texts(key, Word.line) ?? []).map { report.resolved($0.value) }
  }

  func path(_ key: String) -> String? { text(key, Word.line).map(report.resolved) }

  func boolean(_ key: String) -> Bool {
    guard let node = value(key) else { return false }
    let answer = text(of: node, origin(of: key)) { text throws(Invalid) in
      guard text == "true" || text == "false" else {
        throw Invalid("\(quoted(text)) is neither true nor false")
      }
      guard case .scalar(_, plain: true) = node.content else {
        throw Invalid("\(quoted(text)) is a text", "remove the quotes")
      }
      return text == "true"
    }
    return answer ?? false
  }

  func integer(_ key: String) -> Int? {
    text(key) { text throws(Invalid) in
      var range = 0...Int.max
      switch entry(key)?.type {
      case .integer(let allowed): range = allowed
      case .integerOr(let word, let allowed):
        if text == word { return nil }
        range = allowed
        guard decimal(text) != nil else { throw Invalid("\(quoted(text)) is neither a number nor \(word)") }
      default: break
      }
      guard let number = decimal(text) else { throw Invalid("\(quoted(text)) is no whole number") }
      guard range.contains(number) else {
        throw Invalid("\(number) is out of range", "from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    } ?? nil
  }

  func duration(_ key: String) -> Duration { durationOrOff(key) ?? .zero }

  /// A duration, or nil for `off`.
  func durationOrOff(_ key: String) -> Duration? {
    text(key) { text throws(Invalid) in
      guard case .duration(let range, let off) = entry(key)?.type else { return nil }
      if off, text == "off" { return nil }
      let duration = try DurationText.parse(text)
      guard range.contains(duration.wholeMilliseconds) else {
        let low = DurationText.text(.milliseconds(range.lowerBound))
        throw Invalid(
          "\(text) is out of range", "from \(low) to \(DurationText.text(.milliseconds(range.upperBound)))")
      }
      return duration
    } ?? nil
  }

  func size(_ key: String) -> Int {
    text(key) { text throws(Invalid) in
      let bytes = try SizeText.parse(text)
      guard case .size(let range) = entry(key)?.type, range.contains(bytes) else {
        guard case .size(let range) = entry(key)?.type else { return bytes }
        throw Invalid(
          "\(text) is out of range",
          "from \(SizeText.text(range.lowerBound)) to \(SizeText.text(range.upperBound))")
      }
      return bytes
    } ?? 0
  }

  func choice<T: RawRepresentable & CaseIterable>(_ key: String) -> T? where T.RawValue == String {
    text(key) { text throws(Invalid) in
      if let value = T(rawValue: text) { return value }
      let words = T.allCases.map(\.rawValue)
      if case .choice(_, let reserved) = entry(key)?.type, reserved.contains(text) {
        throw Invalid("\(quoted(text)) is not supported yet", "write \(alternatives(words))")
      }
      throw Invalid(
        "\(quoted(text)) is not known",
        Nearest.hint(for: text, among: words) ?? "write \(alternatives(words))")
    }
  }
}
