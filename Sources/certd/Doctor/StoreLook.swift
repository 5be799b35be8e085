import OS
import Renewal

/// Looks at the owners and permissions of a store.
struct StoreLook {
  let root: String
  private let fs = FileSystem()

  /// How deep and how much of it is looked at.
  private static let maximumDepth = 4
  /// The most entries of the store that are looked at.
  private static let maximumEntries = 100_000

  init(root: String) { self.root = root }

  func findings() -> [Finding] {
    var entries: [SurroundingRules.StoreEntry] = []
    collect(root, 0, &entries)
    var findings = SurroundingRules.store(root, entries, user: FileSystem.ownUser)
    if let free = try? fs.freeBytes(root) { findings.append(SurroundingRules.space(root, freeBytes: free)) }
    return findings
  }

  private func collect(_ path: String, _ depth: Int, _ entries: inout [SurroundingRules.StoreEntry]) {
    guard entries.count < Self.maximumEntries, let status = try? fs.status(path, followingLinks: depth == 0)
    else { return }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    switch status.kind {
    case .directory:
      entries.append(.init(path: path, mode: status.mode, user: status.user, isSecret: depth == 0))
      guard depth < Self.maximumDepth else { return }
      for child in ((try? fs.list(path)) ?? []).sorted() { collect("\(path)/\(child)", depth + 1, &entries) }
    case .file:
      // Keys, and the files that hold one beside other things.
      let isSecret = name.hasSuffix("key.pem") || name == "order.json" || path.contains("/accounts/")
      entries.append(.init(path: path, mode: status.mode, user: status.user, isSecret: isSecret))
    case .link, .other, .socket: return
    }
  }
}
