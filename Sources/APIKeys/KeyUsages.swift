internal import Synchronization

/// What all keys and groups have used, by group and id: it outlives every ring, so that a changed file, a reload or a key that
/// comes back forgets nothing.
public final class KeyUsages: Sendable {
  /// What something that has used tokens is called: a key's id in its group; an empty one is the group itself.
  public struct Name: Hashable, Sendable {
    /// The group.
    public let group: String
    /// The key's id in it; empty for the group itself.
    public let id: String
    /// A name.
    public init(group: String, id: String) {
      self.group = group
      self.id = id
    }
  }

  private let all = Mutex<[Name: KeyUsage]>([:])

  /// Nothing has been used.
  public init() {}

  /// What a key of that name has used; one that was not known has used nothing.
  public func usage(_ name: Name) -> KeyUsage {
    all.withLock { all in
      if let known = all[name] { return known }
      let made = KeyUsage()
      all[name] = made
      return made
    }
  }

  /// Nothing of it has been kept.
  public func markAllChanged() {
    for usage in all.withLock({ Array($0.values) }) { usage.markChanged() }
  }

  /// What has changed since the last call.
  public func changes() -> [(name: Name, saved: KeyUsage.Saved)] {
    let all = all.withLock { $0 }
    return all.compactMap { name, usage in usage.changes().map { (name, $0) } }
  }
}
