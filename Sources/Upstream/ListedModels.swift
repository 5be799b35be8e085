internal import Synchronization

/// The models that one engine says it has, as it has told last: whoever asks an engine tells it here, and all workers see it.
public final class ListedModels: Sendable {
  /// A model as engines list it (OpenAI, "List models").
  public struct Entry: Sendable, Equatable {
    /// Its name.
    public var id: String
    /// When it was made, in seconds since 1970.
    public var created: Int
    /// Whose it is.
    public var owner: String
    /// A model.
    public init(id: String, created: Int = 0, owner: String = "") {
      (self.id, self.created, self.owner) = (id, created, owner)
    }
  }

  private struct Known: Sendable {
    var entries: [Entry]
    var hashes: Set<UInt64>
  }

  private let known = Mutex<Known?>(nil)
  private let revisionValue = Atomic<UInt64>(0)

  /// Nothing is known.
  public init() {}

  /// Another number after each change.
  public var revision: UInt64 { revisionValue.load(ordering: .relaxed) }

  /// What it has told last; nil as long as it has told nothing.
  public var entries: [Entry]? { known.withLock { $0?.entries } }

  /// The engine has these; nil where it does not tell.
  public func tell(_ entries: [Entry]?) {
    let isNew = known.withLock { known in
      guard known?.entries != entries else { return false }
      known = entries.map { Known(entries: $0, hashes: Set($0.map { Rendezvous.hash($0.id.utf8) })) }
      return true
    }
    if isNew { revisionValue.wrappingAdd(1, ordering: .relaxed) }
  }

  /// Whether it may have a model, by the hash of its name: one that has told nothing may have any.
  public func mayHave(_ name: UInt64) -> Bool {
    known.withLockIfAvailable { $0.map { $0.hashes.contains(name) } ?? true } ?? true
  }
}
