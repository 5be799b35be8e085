internal import JSON

/// The JSON Schema of the file (draft 7, which editors know best), made from the table of keys.
public struct ConfigurationSchema {
  /// The schema's text, ending in a line feed.
  public static func text() -> String { text(of: .certd) }

  static func text(of keys: KeyTable) -> String {
    JSONWriter.text(.indented) {
      $0.object {
        $0.member("$schema", "http://json-schema.org/draft-07/schema#")
        $0.member("title", "certd.yaml")
        ConfigurationSchema(keys: keys).section("", &$0)
      }
    } + "\n"
  }

  private let keys: KeyTable

  // What follows writes members into the object that its caller has begun.

  private func section(_ path: String, _ out: inout JSONWriter) {
    let keys = keys.children(of: path)
    out.member("type", "object")
    out.member("additionalProperties", false)
    let required = keys.filter { $0.fallback == .required }
    if !required.isEmpty { out.member("required", required.map(\.name)) }
    out.object("properties") {
      for key in keys { $0.object(key.name) { schema(of: key, &$0) } }
    }
  }

  private func schema(of key: Key, _ out: inout JSONWriter) {
    out.member("description", key.summary.replacing("`", with: ""))
    if case .value(let text) = key.fallback {
      out.name("default")
      literal(text, key.type, &out)
    }
    shape(of: key.type, at: key.path, &out)
  }

  private func literal(_ text: String, _ type: Key.ValueType, _ out: inout JSONWriter) {
    switch type {
    case .boolean, .booleanOrSection: out.boolean(text == "true")
    case .integer, .integerOr: if let number = decimal(text) { out.integer(number) } else { out.string(text) }
    default: out.string(text)
    }
  }

  private func shape(of type: Key.ValueType, at path: String, _ out: inout JSONWriter) {
    switch type {
    case .text(let kind): shape(of: kind, &out)
    case .boolean: out.member("type", "boolean")
    case .integer(let allowed): range(allowed, &out)
    case .integerOr(let word, let allowed):
      either(&out, { range(allowed, &$0) }, { $0.member("const", word) })
    case .duration(_, let off): matching(off ? "^([0-9]+(ms|s|m|h|d)|off)$" : "^[0-9]+(ms|s|m|h|d)$", &out)
    case .size: matching("^[0-9]+(B|KiB|MiB|GiB)$", &out)
    case .choice(let all, _): out.member("enum", all)
    case .list(let element, let maximum):
      out.member("type", "array")
      out.member("maxItems", maximum)
      out.object("items") { shape(of: element, at: "\(path)[]", &$0) }
    case .listOrSection(let element, let maximum):
      either(
        &out, { shape(of: .list(of: element, maximumCount: maximum), at: path, &$0) }, { section(path, &$0) })
    case .section: section(path, &out)
    case .booleanOrSection:
      either(&out, { $0.member("type", "boolean") }, { section(path, &$0) })
    case .named(let value, let maximum):
      out.member("type", "object")
      out.member("maxProperties", maximum)
      out.object("additionalProperties") { shape(of: value, at: "\(path).*", &$0) }
    case .textOrSection(let kind):
      either(&out, { shape(of: kind, &$0) }, { section(path, &$0) })
    case .choiceOrSection(let all):
      either(&out, { $0.member("enum", all) }, { section(path, &$0) })
    case .textOrList(let kind, let maximum):
      either(
        &out, { shape(of: kind, &$0) },
        {
          $0.member("type", "array")
          $0.member("minItems", 1)
          $0.member("maxItems", maximum)
          $0.object("items") { shape(of: kind, &$0) }
        })
    case .choiceOrList(let all, let maximum):
      either(
        &out, { $0.member("enum", all) },
        {
          $0.member("type", "array")
          $0.member("minItems", 1)
          $0.member("maxItems", maximum)
          $0.object("items") { $0.member("enum", all) }
        })
    }
  }

  private func shape(of kind: Key.TextKind, _ out: inout JSONWriter) {
    switch kind {
    case .statusRange, .retryCondition, .count: out.member("type", ["string", "integer"])
    case .line, .name, .fieldValue: out.member("type", ["string", "number", "boolean"])
    case .share:
      out.member("type", "number")
      out.member("minimum", 0)
      out.member("maximum", 1)
    case .cipher: out.member("enum", TLSAlgorithm.ciphers.flatMap(\.allNames))
    case .cipherSuite: out.member("enum", TLSAlgorithm.cipherSuites.flatMap(\.allNames))
    case .group: out.member("enum", TLSAlgorithm.groups.flatMap(\.allNames))
    default: out.member("type", "string")
    }
  }

  private func range(_ range: ClosedRange<Int>, _ out: inout JSONWriter) {
    out.member("type", "integer")
    out.member("minimum", range.lowerBound)
    out.member("maximum", range.upperBound)
  }

  private func matching(_ pattern: String, _ out: inout JSONWriter) {
    out.member("type", "string")
    out.member("pattern", pattern)
  }

  private func either(
    _ out: inout JSONWriter, _ one: (inout JSONWriter) -> Void, _ other: (inout JSONWriter) -> Void
  ) {
    out.array("oneOf") {
      $0.object(one)
      $0.object(other)
    }
  }
}
