/// Settings whose initial value is what holds where the file says nothing: the default of a plain key stands in its
/// field and nowhere else.
protocol Defaulted {
  /// Every default.
  init()
}

/// The field of some settings that a key is read into.
protocol AnyBinding: Sendable {
  /// The field, for whoever compares names.
  var field: AnyKeyPath { get }
}

/// The field of `Root` that a key is read into.
struct Binding<Root>: AnyBinding {
  private let path: any PartialKeyPath<Root> & Sendable
  private let assign: @Sendable (Section, Key, YAMLNode, inout Root) -> Bool

  var field: AnyKeyPath { path }

  init<Value: KeyValue>(_ field: any WritableKeyPath<Root, Value> & Sendable) {
    path = field
    assign = { section, key, node, root in
      guard let value = Value.read(node, at: section.origin(of: key.name), as: key.type, in: section) else {
        return false
      }
      root[keyPath: field] = value
      return true
    }
  }

  /// Reads what was written for the key; false when it is wrong, which is told, and leaves the field as it is.
  func read(_ key: Key, _ section: Section, into root: inout Root) -> Bool {
    guard let node = section.written(key.name) else {
      guard key.fallback == .required else { return true }
      section.report.error(section.origin, "the key \"\(key.name)\" is missing")
      return false
    }
    guard !node.isNull else {
      section.report.error(section.origin(of: key.name), "has no value", "give it one or remove the key")
      return false
    }
    return assign(section, key, node, &root)
  }
}

extension Key {
  /// A plain key: read into a field, whose initial value is its default. A field that is nil at first has none.
  init<Root: Defaulted, Value: KeyValue>(
    _ field: any WritableKeyPath<Root, Value> & Sendable, _ path: String, _ type: ValueType,
    _ summary: String,
    since: String = "0.1"
  ) {
    let text = Root()[keyPath: field].text(as: type)
    self.init(
      path, type, text.map { .value($0) } ?? .described("none"), summary, since: since,
      binding: Binding(field))
  }

  /// A key that is read into a field where it is written; a sentence says what holds where it is not.
  init<Root, Value: KeyValue>(
    _ field: any WritableKeyPath<Root, Value> & Sendable, _ path: String, _ type: ValueType,
    _ fallback: Fallback, _ summary: String, since: String = "0.1"
  ) {
    self.init(path, type, fallback, summary, since: since, binding: Binding(field))
  }
}

extension Section {
  /// Reads every key that is bound to a field of `Root`. Gives the names of those that are wrong, which are told; their
  /// fields stay as they are.
  @discardableResult
  func fill<Root>(_ settings: inout Root) -> Set<String> {
    var wrong: Set<String> = []
    for key in known {
      guard let binding = key.binding as? Binding<Root> else { continue }
      if !binding.read(key, self, into: &settings) { wrong.insert(key.name) }
    }
    return wrong
  }

  /// Settings with what is written here, and their defaults for the rest.
  func settings<Root: Defaulted>(_: Root.Type = Root.self) -> Root {
    var settings = Root()
    fill(&settings)
    return settings
  }
}
