/// A place in a file: line and column, both counted from 1; line 0 means no place in particular.
public struct Position: Sendable, Hashable, Comparable {
  /// The line, from 1.
  public let line: Int
  /// The column in characters, from 1.
  public let column: Int
  /// The name of an included file; nil for the file that includes it.
  public let file: String?

  /// A place.
  public init(line: Int, column: Int, file: String? = nil) {
    self.line = line
    self.column = column
    self.file = file
  }

  /// What stands for a value that no file holds, such as a default or a command-line flag.
  public static let none = Position(line: 0, column: 0)

  /// By line, then by column.
  public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// Where a value was written, so that a later check can point at it.
///
/// Any two origins are equal: a reload that only moves lines changes nothing.
public struct Origin: Sendable, Equatable {
  /// The place in the file.
  public let position: Position
  /// The path of the value, for instance `listeners[0].tls`.
  public let path: String

  /// An origin.
  public init(position: Position, path: String) {
    self.position = position
    self.path = path
  }

  /// The origin of a value that nobody wrote.
  public static let none = Origin(position: .none, path: "")

  /// Always true.
  public static func == (a: Self, b: Self) -> Bool { true }
}
