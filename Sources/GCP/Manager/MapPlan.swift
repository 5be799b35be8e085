internal import JSON
internal import PKI

/// What a certificate map shall hold, and what it holds. Pure.
struct MapPlan {
  /// The word for the entry that answers when no other does.
  static let primary = "PRIMARY"
  /// The most certificates of one entry: one for each type of key, at Google's limit.
  static let maximumCertificates = 4

  /// One entry: what it matches, and the certificates for it.
  struct Entry: Equatable {
    /// A host name, or `primary` for clients that name none or an unknown one.
    let matches: String
    var certificates: [ResourceLink]
  }

  /// The entries wanted, the primary one first.
  let wanted: [Entry]

  /// `certificates` in the order of preference; the first is the primary one.
  init(_ certificates: [(link: ResourceLink, names: [Identifier])]) {
    var entries: [Entry] = []
    if let first = certificates.first {
      entries.append(Entry(matches: Self.primary, certificates: [first.link]))
    }
    for (link, names) in certificates {
      for case .dns(let name) in names {
        if let index = entries.firstIndex(where: { $0.matches == name }) {
          let isFull = entries[index].certificates.count >= Self.maximumCertificates
          if !isFull, !entries[index].certificates.contains(link) { entries[index].certificates.append(link) }
        } else {
          entries.append(Entry(matches: name, certificates: [link]))
        }
      }
    }
    wanted = entries
  }

  /// An entry of a map as it was read.
  struct Found: Equatable {
    let path: Path
    let entry: Entry
    let isActive: Bool

    init(_ json: JSONValue, project: String) {
      path = Path(.certificateManager, json["name"]?.string ?? "")
      let certificates = (json["certificates"]?.strings ?? []).map { ResourceLink($0, project: project) }
      entry = Entry(
        matches: json["hostname"]?.string ?? json["matcher"]?.string ?? "", certificates: certificates)
      isActive = json["state"]?.string == "ACTIVE"
    }
  }

  /// A step that makes a map what it shall be.
  enum Step: Equatable {
    case create(Entry)
    case change(Path, Entry)
    case remove(Path)
  }

  /// The steps, removals last. With `keepsOthers` nothing is removed.
  func steps(from found: [Found], keepsOthers: Bool) -> [Step] {
    var steps: [Step] = []
    for entry in wanted {
      if let there = found.first(where: { $0.entry.matches == entry.matches }) {
        if there.entry != entry { steps.append(.change(there.path, entry)) }
      } else {
        steps.append(.create(entry))
      }
    }
    guard !keepsOthers else { return steps }
    for there in found where !wanted.contains(where: { $0.matches == there.entry.matches }) {
      steps.append(.remove(there.path))
    }
    return steps
  }
}
