internal import JSON
internal import Upstream

/// The models that a route has: those that its lines name, and for lines with a wildcard what the engines of their services
/// list. Pure.
struct ModelCatalog {
  /// One of them, as it is told.
  struct Entry: Equatable {
    let id: String
    /// Its object in JSON.
    let text: String
  }

  private(set) var entries: [Entry] = []
  private var ids: Set<String> = []

  /// The most models that are told of.
  static let maximumEntries = 4096

  /// `listed` gives what the engines of a service have told, in their order.
  init(_ rules: [Settings.ModelRule], listed: (Int) -> [ListedModels.Entry]) {
    for rule in rules {
      guard case .exact(let name) = rule.pattern, let first = rule.targets.first else { continue }
      let there = listed(first.service).first { $0.id == first.model ?? name }
      add(ListedModels.Entry(id: name, created: there?.created ?? 0, owner: there?.owner ?? ""))
    }
    for rule in rules {
      // A name that is written into all content says nothing of what clients may ask for.
      for target in rule.targets + rule.fallback where target.model == nil {
        for entry in listed(target.service) where Self.best(entry.id, rules)?.pattern == rule.pattern {
          add(entry)
        }
      }
    }
  }

  /// The rule that has a name: the most exact one.
  private static func best(_ name: String, _ rules: [Settings.ModelRule]) -> Settings.ModelRule? {
    rules.lazy.filter { $0.pattern.matches(name) }.max { $0.pattern.exactness < $1.pattern.exactness }
  }

  private mutating func add(_ entry: ListedModels.Entry) {
    guard entries.count < Self.maximumEntries, ids.insert(entry.id).inserted else { return }
    let text = JSONWriter.text {
      $0.object {
        $0.member("id", entry.id)
        $0.member("object", "model")
        $0.member("created", entry.created)
        $0.member("owned_by", entry.owner.isEmpty ? "certd" : entry.owner)
      }
    }
    entries.append(Entry(id: entry.id, text: text))
  }

  /// The list of those that are wanted (OpenAI, "List models").
  func list(where isWanted: (String) -> Bool) -> [UInt8] {
    let wanted = entries.filter { isWanted($0.id) }.map(\.text)
    return Array(#"{"object":"list","data":[\#(wanted.joined(separator: ","))]}"#.utf8)
  }
}

extension Settings.ModelPattern {
  /// Whether it is for a model.
  func matches(_ name: String) -> Bool {
    switch self {
    case .any: true
    case .exact(let own): own == name
    case .prefix(let start): name.hasPrefix(start)
    }
  }

  /// The greater, the more exact.
  fileprivate var exactness: Int {
    switch self {
    case .any: 0
    case .exact: .max
    case .prefix(let start): start.utf8.count
    }
  }
}
