/// How the files of `include` are found and read, given from outside.
public struct Includes: Sendable {
  /// A file: its name as errors show it, and what it holds.
  public struct File: Sendable {
    /// As errors show it.
    public let name: String
    /// What it holds.
    public let bytes: [UInt8]

    /// A file.
    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  /// The most files that one configuration includes.
  public static let maximumFiles = 256

  /// The files of a pattern, an absolute path whose last part may have `*` and `?`, in the order of their names.
  let files: @Sendable (String) throws(Variables.Unreadable) -> [File]

  /// A way to find and read files.
  public init(files: @escaping @Sendable (String) throws(Variables.Unreadable) -> [File]) {
    self.files = files
  }

  /// There are none.
  public static let none = Includes { _ throws(Variables.Unreadable) in
    throw Variables.Unreadable("there are no files")
  }

  /// The tree with what its `include` names put into it: lists are joined, sections of one name as well, and a key that
  /// says something else in two files is an error.
  func merged(into root: YAMLNode, _ variables: Variables, _ report: Report) -> YAMLNode {
    guard case .mapping(var entries) = root.content,
      let place = entries.firstIndex(where: { $0.key == "include" })
    else { return root }
    let include = entries.remove(at: place)
    var count = 0
    for (pattern, origin) in patterns(include, report) {
      let found: [File]
      do throws(Variables.Unreadable) { found = try files(report.resolved(pattern)) } catch {
        report.error(
          origin, "\(quoted(pattern)) cannot be read: \(error.reason)", "name files that are there")
        continue
      }
      count += found.count
      guard count <= Self.maximumFiles else {
        report.error(origin, "more than \(Self.maximumFiles) files are included")
        break
      }
      for file in found {
        let added = read(file, variables, report)
        entries = Self.joined(entries, added, path: "", report)
      }
    }
    return YAMLNode(content: .mapping(entries), position: root.position)
  }

  private func patterns(_ include: YAMLNode.Entry, _ report: Report) -> [(String, Origin)] {
    let items: [(YAMLNode, String)] =
      if case .sequence(let nodes) = include.value.content {
        nodes.enumerated().map { ($1, "include[\($0)]") }
      } else { [(include.value, "include")] }
    return items.compactMap { node, path in
      let origin = Origin(position: node.position, path: path)
      guard case .scalar(let text, _) = node.content, !node.isNull, !text.isEmpty else {
        report.error(origin, "expected a file or a pattern of files, found \(node.kind)")
        return nil
      }
      return (text, origin)
    }
  }

  /// What one file has at its top; nothing when it cannot be read.
  private func read(_ file: File, _ variables: Variables, _ report: Report) -> [YAMLNode.Entry] {
    func origin(_ position: Position, _ path: String) -> Origin {
      Origin(position: position.placed(in: file.name), path: path)
    }
    do throws(YAMLFailure) {
      let tree = try YAMLTree(file.bytes.withoutMark)
      for double in tree.duplicates {
        report.error(
          origin(double.position, double.path), "the key stands twice",
          "the first is in line \(double.first.line)")
      }
      guard let root = tree.root, !root.isNull else { return [] }
      let node = variables.replaced(in: root.placed(in: file.name), path: "", report)
      guard case .mapping(let entries) = node.content else {
        report.error(
          origin(root.position, ""), "expected a section with keys, found \(root.kind)",
          "an included file has keys of the top, such as routes")
        return []
      }
      for entry in entries where entry.key == "include" {
        report.error(
          Origin(position: entry.position, path: "include"), "an included file includes no others",
          "name it in \(report.file)")
      }
      return entries.filter { $0.key != "include" }
    } catch {
      report.error(origin(error.position, ""), error.message, error.hint)
      return []
    }
  }

  private static func joined(
    _ entries: [YAMLNode.Entry], _ added: [YAMLNode.Entry], path: String, _ report: Report
  ) -> [YAMLNode.Entry] {
    var all = entries
    for entry in added {
      guard let place = all.firstIndex(where: { $0.key == entry.key }) else {
        all.append(entry)
        continue
      }
      let (first, name) = (all[place], path.isEmpty ? entry.key : "\(path).\(entry.key)")
      let content: YAMLNode.Content
      switch (first.value.content, entry.value.content) {
      case (.sequence(let a), .sequence(let b)): content = .sequence(a + b)
      // Sections of the top, such as services, take names from several files; what stands in one of those does not.
      case (.mapping(let a), .mapping(let b)) where path.isEmpty:
        content = .mapping(joined(a, b, path: name, report))
      default:
        let other = first.position.file ?? report.file
        report.error(
          Origin(position: entry.position, path: name), "the key stands twice",
          "the first is in \(other):\(first.position.line)")
        continue
      }
      all[place] = YAMLNode.Entry(
        key: first.key, position: first.position,
        value: YAMLNode(content: content, position: first.value.position))
    }
    return all
  }
}

extension [UInt8] {
  /// Without a byte order mark, which is no content; libyaml takes it for a column.
  var withoutMark: [UInt8] {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    return starts(with: mark) ? Array(dropFirst(mark.count)) : self
  }
}

extension Position {
  func placed(in file: String) -> Position { Position(line: line, column: column, file: file) }
}

extension YAMLNode {
  /// The same with places in an included file.
  func placed(in file: String) -> YAMLNode {
    let placed: Content =
      switch content {
      case .scalar: content
      case .sequence(let items): .sequence(items.map { $0.placed(in: file) })
      case .mapping(let entries):
        .mapping(
          entries.map {
            Entry(key: $0.key, position: $0.position.placed(in: file), value: $0.value.placed(in: file))
          })
      }
    return YAMLNode(content: placed, position: position.placed(in: file))
  }
}
