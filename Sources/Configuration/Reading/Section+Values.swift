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

  /// The value of a key, or what the table says in its place.
  func read<T: KeyValue>(_ key: String, as _: T.Type = T.self) -> T? {
    guard let node = value(key), let type = entry(key)?.type else { return nil }
    return T.read(node, at: origin(of: key), as: type, in: self)
  }

  func boolean(_ key: String) -> Bool { read(key) ?? false }

  func choice<T: WordValue>(_ key: String) -> T? { read(key) }
}
