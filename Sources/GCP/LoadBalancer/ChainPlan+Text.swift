public import JSON

extension ChainPlan {
  /// The plan as a diff: `+` is made, `~` is changed, `-/+` is made anew, `-` is removed, `!` is in the way.
  /// Values of header fields are left out: they may be secrets.
  public var text: String {
    var lines: [String] = []
    for change in changes {
      let label = change.resource.label
      switch change.action {
      case .keep: continue
      case .create:
        lines.append("+ \(label)")
        for (member, value) in Self.shown(change.resource) { lines.append("    \(member): \(value)") }
      case .update(let fields):
        lines.append("~ \(label)\(change.isAdopted ? " (taken over)" : "")")
        lines += fields.map(Self.line)
      case .replace(let fields):
        lines.append("-/+ \(label)\(change.isAdopted ? " (taken over)" : "")")
        lines += fields.map(Self.line)
      case .delete: lines.append("- \(label)")
      }
    }
    lines += obstacles.map { "! \($0)" }
    lines.append(summary)
    return lines.joined(separator: "\n")
  }

  /// `3 to make, 1 to change, 0 to remove`, or that nothing is to be done.
  public var summary: String {
    if isEmpty { return "everything is as configured" }
    var (made, changed, removed) = (0, 0, 0)
    for change in changes {
      switch change.action {
      case .create: made += 1
      case .update, .replace: changed += 1
      case .delete: removed += 1
      case .keep: break
      }
    }
    let text = "\(made) to make, \(changed) to change, \(removed) to remove"
    return obstacles.isEmpty ? text : "\(text); \(obstacles.count) in the way"
  }

  /// The plan for programs.
  public var json: JSONValue {
    let items: [JSONValue] = changes.map { change in
      var item: JSONValue = [
        "kind": .string(change.resource.kind.collection), "scope": .string("\(change.resource.scope)"),
        "name": .string(change.resource.name), "adopted": .bool(change.isAdopted),
      ]
      switch change.action {
      case .keep: item["action"] = "keep"
      case .create:
        item["action"] = "create"
        item["body"] = Self.redacted(change.resource.body.withoutNulls)
      case .delete: item["action"] = "delete"
      case .update(let fields), .replace(let fields):
        item["action"] = if case .update = change.action { "update" } else { "replace" }
        item["fields"] = .array(
          fields.map { field in
            func shown(_ value: JSONValue?) -> JSONValue {
              guard let value else { return .null }
              return field.path.hasSuffix(Self.hidden) ? .string(Self.notShown) : Self.redacted(value)
            }
            return ["path": .string(field.path), "old": shown(field.old), "new": shown(field.new)]
          })
      }
      if !change.attached.isEmpty { item["attach"] = .array(change.attached) }
      if !change.detached.isEmpty { item["detach"] = .array(change.detached) }
      return item
    }
    return [
      "changes": .array(items), "obstacles": JSONValue(obstacles.map(\.description)),
      "summary": .string(summary),
    ]
  }

  private static func line(_ field: FieldChange) -> String {
    let isSecret = field.path.hasSuffix(hidden)
    func text(_ value: JSONValue?) -> String {
      value.map { isSecret ? notShown : brief($0) } ?? "unset"
    }
    return "    \(field.path): \(text(field.old)) -> \(text(field.new))"
  }

  /// The members of something new, without what every resource of a chain has.
  private static func shown(_ resource: ChainResource) -> [(String, String)] {
    var members = resource.body.withoutNulls.members
    for hidden in ["description", "labels"] { members[hidden] = nil }
    if let endpoints = resource.endpoints { members["endpoints"] = .array(endpoints) }
    return members.sorted { $0.key < $1.key }.map { ($0.key, brief($0.value)) }
  }

  private static func brief(_ value: JSONValue) -> String {
    func shortened(_ value: JSONValue) -> JSONValue {
      switch value {
      case .string(let text) where text.hasPrefix("https://www.googleapis.com/compute/v1/"):
        .string(ResourceLink(text, project: "").description)
      case .array(let elements): .array(elements.map(shortened))
      case .object(let members): .object(members.mapValues(shortened))
      default: value
      }
    }
    let short = shortened(redacted(value))
    return short.string ?? short.text
  }

  private static let hidden = "headerValue"
  private static let notShown = "(not shown)"

  private static func redacted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        Dictionary(
          uniqueKeysWithValues: members.map {
            ($0.key, $0.key == hidden ? .string(notShown) : redacted($0.value))
          }))
    case .array(let elements): .array(elements.map(redacted))
    default: value
    }
  }
}
