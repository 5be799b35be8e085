/// Keeps messages that repeat themselves from filling the log: of one kind about one thing the first is written at once,
/// and those of the minute behind it are counted and told together at its end. Pure: time is passed in.
public struct RepeatLimit: Sendable {
  /// What is said of a message that comes.
  public enum Verdict: Sendable, Equatable {
    /// Write it.
    case write
    /// It is counted.
    case count
  }

  /// Messages that were counted, to be told in one line.
  public struct Repeated: Sendable, Equatable {
    /// What kind of message, about what.
    public let key: String
    /// How many were not written.
    public let count: Int
    /// The last one's details.
    public let last: String
  }

  private struct Entry {
    var since: UInt64
    var count = 0
    var last = ""
  }

  /// How long messages are gathered after one that was written, in seconds.
  public static let windowSeconds: UInt64 = 60
  /// How many kinds and things are kept apart; messages about further ones are counted as one thing.
  public static let maximumKeys = 1024
  /// What further ones count as.
  public static let others = "others"

  private var entries: [String: Entry] = [:]

  /// Nothing has been said.
  public init() {}

  /// A message has come, at a time in seconds of any clock that never goes back.
  public mutating func take(_ key: String, _ details: String, seconds now: UInt64) -> Verdict {
    let key = entries[key] == nil && entries.count >= Self.maximumKeys ? Self.others : key
    guard entries[key] != nil else {
      entries[key] = Entry(since: now)
      return .write
    }
    entries[key]?.count += 1
    entries[key]?.last = details
    return .count
  }

  /// What is to be told by now. A thing that nothing was counted of is forgotten; one that was told of begins anew.
  public mutating func due(seconds now: UInt64) -> [Repeated] {
    var told: [Repeated] = []
    for (key, entry) in entries where now &- entry.since >= Self.windowSeconds {
      if entry.count > 0 {
        told.append(Repeated(key: key, count: entry.count, last: entry.last))
        entries[key] = Entry(since: now)
      } else {
        entries[key] = nil
      }
    }
    return told.sorted { $0.key < $1.key }
  }
}
