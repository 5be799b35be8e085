/// One section of the file beside the table's keys for it; tells every key that the table does not know.
struct Section {
  let report: Report
  /// Where the table describes it: `services.*.health`.
  let tablePath: String
  let origin: Origin
  private let values: [String: YAMLNode.Entry]
  /// The keys that the table has for it.
  let known: [Key]

  init(_ node: YAMLNode, tablePath: String, path: String, report: Report) {
    self.report = report
    self.tablePath = tablePath
    origin = Origin(position: node.position, path: path)
    known = report.keys.children(of: tablePath)
    guard case .mapping(let entries) = node.content else {
      values = [:]
      let hint = node.isNull ? "give it keys or remove it" : nil
      report.error(origin, "expected a section with keys, found \(node.kind)", hint)
      return
    }
    values = Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    for entry in entries where !known.contains(where: { $0.name == entry.key }) {
      let place = Origin(position: entry.position, path: Self.join(path, entry.key))
      report.error(
        place, "unknown key",
        Nearest.hint(for: entry.key, among: known.map(\.name)) ?? otherPlace(of: entry.key))
    }
  }

  /// A section that was not written.
  init(absent tablePath: String, origin: Origin, report: Report) {
    self.report = report
    self.tablePath = tablePath
    self.origin = origin
    known = report.keys.children(of: tablePath)
    values = [:]
  }

  private func otherPlace(of key: String) -> String? {
    guard let found = report.keys.all.first(where: { $0.name == key }) else { return nil }
    return found.parent.isEmpty
      ? "it belongs at the top of the file"
      : "it belongs in \"\(found.parent.replacing("*", with: "NAME"))\""
  }

  /// A path and one more key; a key that could garble a line is quoted.
  static func join(_ path: String, _ key: String) -> String {
    let simple = key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    let word = simple && key.utf8.count <= 64 && !key.isEmpty ? key : quoted(key)
    return path.isEmpty ? word : "\(path).\(word)"
  }

  func has(_ key: String) -> Bool { values[key] != nil }

  /// The keys that are written, in no order.
  var keys: [String] { Array(values.keys) }

  /// What was written for a key.
  func written(_ key: String) -> YAMLNode? { values[key]?.value }

  /// Where a key stands, or where it is missing.
  func origin(of key: String) -> Origin {
    Origin(
      position: values[key]?.value.position ?? origin.position, path: Self.join(origin.path, key))
  }

  /// The table's entry of a key of this section.
  func entry(_ key: String) -> Key? { known.first { $0.name == key } }

  /// What was written for a key, or what the table says in its place; tells a missing one that is required.
  func value(_ key: String) -> YAMLNode? {
    if let written = values[key]?.value {
      guard !written.isNull else {
        report.error(origin(of: key), "has no value", "give it one or remove the key")
        return nil
      }
      return written
    }
    switch entry(key)?.fallback {
    case .value(let text): return YAMLNode(content: .scalar(text, plain: true), position: origin.position)
    case .required:
      report.error(origin, "the key \"\(key)\" is missing")
      return nil
    case .described: return nil
    case nil:
      // A reader that asks for a key without an entry would make the reference lie.
      report.error(origin, "the key \"\(key)\" is missing from the table of keys")
      return nil
    }
  }

  func section(_ key: String) -> Section {
    let path = tablePath.isEmpty ? key : "\(tablePath).\(key)"
    guard let node = values[key]?.value else {
      return Section(absent: path, origin: origin(of: key), report: report)
    }
    return Section(node, tablePath: path, path: Self.join(origin.path, key), report: report)
  }

  /// A section that `true` stands for as well, its keys as if none had been written; nil when it is absent or
  /// `false`.
  func sectionOrSwitch(_ key: String) -> Section? {
    guard let node = values[key]?.value else { return nil }
    if case .scalar(let text, plain: true) = node.content, text == "true" || text == "false" {
      let path = tablePath.isEmpty ? key : "\(tablePath).\(key)"
      return text == "true" ? Section(absent: path, origin: origin(of: key), report: report) : nil
    }
    return section(key)
  }

  /// The members of a section with free names, in the order of the file.
  func members(_ key: String) -> [YAMLNode.Entry] {
    guard let node = value(key) else { return [] }
    guard case .mapping(let entries) = node.content else {
      report.error(origin(of: key), "expected a section with keys, found \(node.kind)")
      return []
    }
    if case .named(_, let maximum) = entry(key)?.type, entries.count > maximum {
      report.error(origin(of: key), "holds \(entries.count) names, more than \(maximum)")
      return []
    }
    return entries
  }

  /// The items of a list with their places.
  func items(_ key: String, nonEmpty: Bool = false) -> [(node: YAMLNode, origin: Origin)]? {
    guard let node = value(key) else { return nil }
    return items(of: node, at: origin(of: key), as: entry(key)?.type, nonEmpty: nonEmpty)
  }

  /// The items of a list that was written at a place.
  func items(
    of node: YAMLNode, at origin: Origin, as type: Key.ValueType?, nonEmpty: Bool = false
  ) -> [(node: YAMLNode, origin: Origin)]? {
    guard case .sequence(let items) = node.content else {
      let hint: String? = if case .scalar = node.content { "write it in brackets: [value]" } else { nil }
      report.error(origin, "expected a list, found \(node.kind)", hint)
      return nil
    }
    if nonEmpty, items.isEmpty {
      report.error(origin, "the list is empty")
      return nil
    }
    let most: Int? =
      switch type {
      case .list(_, let maximum), .listOrSection(_, let maximum), .choiceOrList(_, let maximum),
        .textOrList(_, let maximum):
        maximum
      default: nil
      }
    if let maximum = most, items.count > maximum {
      report.error(origin, "holds \(items.count) values, more than \(maximum)")
      return nil
    }
    return items.enumerated().map { index, item in
      (item, Origin(position: item.position, path: "\(origin.path)[\(index)]"))
    }
  }

  /// The sections of a list.
  func sections(_ key: String) -> [Section]? {
    let path = (tablePath.isEmpty ? key : "\(tablePath).\(key)") + "[]"
    return items(key)?.map { Section($0.node, tablePath: path, path: $0.origin.path, report: report) }
  }
}
