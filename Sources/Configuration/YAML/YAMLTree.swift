/// Builds the tree of one document from events, within ``YAMLLimits``.
///
/// A key that stands twice in one section is told and its second value dropped; everything else that is
/// not plain data (aliases, tags, several documents, keys that are no text) ends the reading.
struct YAMLTree {
  /// The document's root; nil when the file holds nothing but white space and comments.
  private(set) var root: YAMLNode?
  /// Keys that stand twice, with where the first stands.
  private(set) var duplicates: [(path: String, position: Position, first: Position)] = []
  private var nodeCount = 0

  init(_ bytes: [UInt8]) throws(YAMLFailure) {
    let start = Position(line: 1, column: 1)
    guard bytes.count <= YAMLLimits.fileSizeInBytes else {
      throw YAMLFailure(
        position: start, message: "the file is larger than \(YAMLLimits.fileSizeInBytes) bytes", hint: nil)
    }
    // libyaml reads a null pointer as the end of input, but is not promised to.
    let input = bytes.isEmpty ? [0x0A] : bytes
    let outcome: Result<Void, YAMLFailure> = unsafe input.withUnsafeBufferPointer { buffer in
      do throws(YAMLFailure) {
        var parser = try unsafe YAMLParser(buffer)
        try read(&parser)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  private mutating func read(_ parser: inout YAMLParser) throws(YAMLFailure) {
    while true {
      let event = try parser.next()
      switch event.kind {
      case .streamEnd: return
      case .documentStart:
        guard root == nil else {
          throw YAMLFailure(
            position: event.position, message: "a second document starts here",
            hint: "a configuration is one document; remove the line \"---\"")
        }
        root = try node(from: try parser.next(), &parser, path: "", depth: 0)
      default: continue
      }
    }
  }

  private mutating func node(
    from event: YAMLEvent, _ parser: inout YAMLParser, path: String, depth: Int
  ) throws(YAMLFailure) -> YAMLNode {
    try admit(event, depth: depth)
    switch event.kind {
    case .scalar(let text, let plain):
      return YAMLNode(content: .scalar(text, plain: plain), position: event.position)
    case .sequenceStart:
      var items: [YAMLNode] = []
      while true {
        let next = try parser.next()
        if case .sequenceEnd = next.kind { break }
        items.append(try node(from: next, &parser, path: "\(path)[\(items.count)]", depth: depth + 1))
      }
      return YAMLNode(content: .sequence(items), position: event.position)
    case .mappingStart:
      return YAMLNode(
        content: .mapping(try entries(&parser, path: path, depth: depth)), position: event.position)
    default:
      throw YAMLFailure(position: event.position, message: "malformed YAML", hint: nil)
    }
  }

  private mutating func entries(
    _ parser: inout YAMLParser, path: String, depth: Int
  ) throws(YAMLFailure) -> [YAMLNode.Entry] {
    var entries: [YAMLNode.Entry] = []
    var seen: [String: Position] = [:]
    while true {
      let event = try parser.next()
      if case .mappingEnd = event.kind { return entries }
      try admit(event, depth: depth)
      guard case .scalar(let key, _) = event.kind else {
        throw YAMLFailure(position: event.position, message: "a key must be a plain word", hint: nil)
      }
      let place = path.isEmpty ? key : "\(path).\(key)"
      let value = try node(from: try parser.next(), &parser, path: place, depth: depth + 1)
      if let first = seen[key] {
        duplicates.append((place, event.position, first))
      } else {
        seen[key] = event.position
        entries.append(YAMLNode.Entry(key: key, position: event.position, value: value))
      }
    }
  }

  private mutating func admit(_ event: YAMLEvent, depth: Int) throws(YAMLFailure) {
    nodeCount += 1
    func refuse(_ message: String, _ hint: String? = nil) throws(YAMLFailure) {
      throw YAMLFailure(position: event.position, message: message, hint: hint)
    }
    if case .alias = event.kind {
      try refuse("aliases (*name) are not accepted", "write the value out, or put quotes around it: \"*\"")
    }
    if event.hasAnchor { try refuse("anchors (&name) are not accepted", "write the value out") }
    if event.hasTag { try refuse("tags (!name) are not accepted", "remove the tag") }
    if depth > YAMLLimits.depth { try refuse("nested more than \(YAMLLimits.depth) levels deep") }
    if nodeCount > YAMLLimits.nodeCount { try refuse("more than \(YAMLLimits.nodeCount) values") }
  }
}
