internal import JSON

/// A file of keys: one JSON object a line. Empty lines, and lines that begin with `#`, are kept and mean nothing.
public struct KeyList: Sendable, Equatable {
  /// What a line is.
  enum Line: Sendable, Equatable {
    case key(KeyRecord)
    /// As it was read: a comment, or what could not be read.
    case other([UInt8])
  }

  /// A line that cannot be read.
  public struct Problem: Sendable, Equatable {
    /// Counted from 1.
    public let line: Int
    /// Why; never what stands there.
    public let reason: String
  }

  /// The largest file, in bytes.
  public static let maximumBytes = 64 << 20
  /// The most keys in one file.
  public static let maximumKeys = 100_000
  /// The longest line, in bytes.
  static let maximumLineBytes = 64 << 10

  var lines: [Line] = []
  /// What could not be read; the lines are kept as they are.
  public private(set) var problems: [Problem] = []

  /// An empty file.
  public init() {}

  /// Reads a file whose keys are in `group` where they do not say otherwise.
  public init(_ bytes: [UInt8], group: String) {
    var ids: Set<String> = []
    var parts = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    for (index, line) in parts.enumerated() {
      func note(_ reason: String) {
        problems.append(Problem(line: index + 1, reason: reason))
        lines.append(.other(Array(line)))
      }
      let first = line.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
      guard let first, first != 0x23 else {
        lines.append(.other(Array(line)))
        continue
      }
      guard line.count <= Self.maximumLineBytes else {
        note("the line is longer than \(Self.maximumLineBytes) bytes")
        continue
      }
      do throws(KeyRecord.Malformed) {
        let key = try KeyRecord(line: line, group: group)
        if ids.count >= Self.maximumKeys {
          note("there are more than \(Self.maximumKeys) keys")
        } else if ids.insert(key.id).inserted {
          lines.append(.key(key))
        } else {
          note("the id stands twice")
        }
      } catch { note(error.description) }
    }
  }

  /// The keys, in the order of the file.
  public var keys: [KeyRecord] {
    lines.compactMap { if case .key(let key) = $0 { key } else { nil } }
  }

  /// Adds a key at the end.
  public mutating func append(_ key: KeyRecord) { lines.append(.key(key)) }

  /// Replaces the key of that id. False when there is none.
  public mutating func replace(_ key: KeyRecord) -> Bool {
    let place = lines.firstIndex { if case .key(let old) = $0 { old.id == key.id } else { false } }
    guard let place else { return false }
    lines[place] = .key(key)
    return true
  }

  /// The file.
  public var bytes: [UInt8] {
    lines.flatMap { line in
      switch line {
      case .key(let key): Array(key.json.text.utf8) + [0x0A]
      case .other(let bytes): bytes + [0x0A]
      }
    }
  }
}
