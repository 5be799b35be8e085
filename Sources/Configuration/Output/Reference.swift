/// The reference of the file in Markdown, made from the table of keys.
public enum ConfigurationReference {
  /// The text of docs/configuration.md, ending in a line feed.
  public static func text() -> String {
    var out = introduction
    out += sections(.certd)
    out += heading("Kinds of services", kinds)
    out += heading("Issuers known by name", presets)
    out += heading("Algorithms of TLS", algorithms)
    return out
  }

  /// A heading and a table for each section.
  static func sections(_ keys: KeyTable) -> String {
    var out = heading("The top of the file", table(of: "", keys))
    for key in keys.all {
      for path in childPaths(of: key) where !keys.children(of: path).isEmpty {
        out += heading("`\(path.replacing("*", with: "NAME"))`", "\(key.summary)\n\n" + table(of: path, keys))
      }
    }
    return out
  }

  private static let introduction = """
    # certd.yaml
    This file is made from the table that the parser reads; do not edit it by hand.

    One YAML document in UTF-8, at most 1 MiB, without anchors, aliases or tags. It is read strictly: an \
    unknown key, a doubled one or a malformed value is an error with its line and column, and all errors \
    of a file are told at once (`certd check`). Every key may be left out unless it says "required". Editors \
    complete and check the file with `certd.schema.json`. The common case needs no file at all: \
    `certd run --domain llm.example.com --backend http://127.0.0.1:8000 --email ops@example.com --agree-tos`.

    - Durations are a number and a unit: `500ms`, `10s`, `5m`, `24h`, `7d`.
    - Sizes are a number and a unit: `512B`, `64KiB`, `1MiB`, `1GiB`.
    - Addresses are `:443` (every address of the machine), `127.0.0.1:8443` or `[::1]:443`.
    - Relative paths start from the directory of this file.
    - `${NAME}` in a value is that variable of the environment, `${NAME:-default}` has a default, `${file:PATH}` is what the \
    file holds, its last line end left out; `$${` is a `${` that stays. What is not there is an error with its place. Commands \
    keep theirs: a shell reads them.
    - A file without routes and certificates is an error, also at a reload: the old one goes on.

    ```yaml
    acme:
      email: ops@example.com
      agree_tos: true
    routes:
      - hosts: [llm.example.com]
        paths: [/v1/*]
        service: chat
    services:
      chat:
        kind: vllm
        backends: [10.0.0.11:8000, 10.0.0.12:8000]
    ```

    """

  private static func heading(_ title: String, _ body: String) -> String { "\n## \(title)\n\(body)\n" }

  /// Where the keys below a key stand in the table.
  private static func childPaths(of key: Key) -> [String] {
    switch key.type {
    case .section, .choiceOrSection, .booleanOrSection, .textOrSection: [key.path]
    case .list(of: .section, _), .list(of: .textOrSection, _): ["\(key.path)[]"]
    case .listOrSection: ["\(key.path)[]", key.path]
    case .named(of: .section, _), .named(of: .textOrSection, _): ["\(key.path).*"]
    case .named(of: .list(of: .section, _), _): ["\(key.path).*[]"]
    default: []
    }
  }

  private static func table(of path: String, _ keys: KeyTable) -> String {
    let rows = keys.children(of: path).map { key in
      "| `\(key.name)` | \(shape(key.type)) | \(fallback(key)) | \(key.summary) |"
    }
    return (["| Key | Value | Default | What it does |", "|---|---|---|---|"] + rows)
      .joined(separator: "\n")
  }

  private static func fallback(_ key: Key) -> String {
    switch key.fallback {
    case .required: "required"
    case .value(let text): "`\(text)`"
    case .described(let text): text.isEmpty ? "as below" : text
    }
  }

  private static func shape(_ type: Key.ValueType) -> String {
    switch type {
    case .text(let kind): kind.rawValue
    case .boolean: "`true` or `false`"
    case .integer(let range): "number, \(range.lowerBound) to \(range.upperBound)"
    case .integerOr(let word, let range): "`\(word)`, or number, \(range.lowerBound) to \(range.upperBound)"
    case .duration(let range, let off):
      "duration, \(DurationText.text(.milliseconds(range.lowerBound))) to "
        + DurationText.text(.milliseconds(range.upperBound)) + (off ? ", or `off`" : "")
    case .size(let range): "size, \(SizeText.text(range.lowerBound)) to \(SizeText.text(range.upperBound))"
    case .choice(let words, _): alternatives(words.map { "`\($0)`" })
    case .list(let element, let maximum): "list of at most \(maximum): \(shape(element))"
    case .section: "section"
    case .booleanOrSection: "`true` or `false`, or section"
    case .named(let value, let maximum): "at most \(maximum) names, each with a \(shape(value))"
    case .textOrSection(let kind): "\(kind.rawValue), or section"
    case .listOrSection(let element, let maximum):
      "\(shape(.list(of: element, maximumCount: maximum))), or section"
    case .choiceOrSection(let words): alternatives(words.map { "`\($0)`" } + ["section"])
    case .textOrList(let kind, let maximum): "\(kind.rawValue), or list of at most \(maximum) of them"
    case .choiceOrList(let words, let maximum):
      "\(alternatives(words.map { "`\($0)`" })), or list of at most \(maximum) of them"
    }
  }

  private static var kinds: String {
    let rows = ServiceKind.allCases.map { kind in
      let defaults = HealthDefaults.of(kind)
      return
        "| `\(kind.rawValue)` | \(defaults.meaning) | \(defaults.source.isEmpty ? "-" : defaults.source) |"
    }
    return (["| Kind | A backend is ready when | Source |", "|---|---|---|"] + rows).joined(separator: "\n")
  }

  private static var algorithms: String {
    let kinds = [
      ("TLS 1.2 cipher suite", TLSAlgorithm.ciphers), ("TLS 1.3 cipher suite", TLSAlgorithm.cipherSuites),
      ("key exchange group", TLSAlgorithm.groups),
    ]
    let rows = kinds.flatMap { kind, all in
      all.map { algorithm in
        let others = algorithm.allNames.dropFirst().map { "`\($0)`" }.joined(separator: ", ")
        return "| \(kind) | `\(algorithm.name)` | \(others.isEmpty ? "-" : others) |"
      }
    }
    return (["| Kind | Name | Also |", "|---|---|---|"] + rows).joined(separator: "\n")
  }

  private static var presets: String {
    let rows = IssuerPreset.all.map {
      "| `\($0.name)` | \($0.directory) | \($0.externalAccountOrigin.map { "`\($0.rawValue)`" } ?? "-") |"
    }
    let local = "| `\(IssuerPreset.localName)` | built into certd, root in the store | - |"
    return (["| Name | Directory | `eab` |", "|---|---|---|"] + rows + [local]).joined(separator: "\n")
  }
}
