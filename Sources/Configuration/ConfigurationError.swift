/// One thing wrong with a configuration: where, what, and what to write instead.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file's name as it was given, or `command line`.
  public let file: String
  /// The line, from 1; 0 when it came from no file.
  public let line: Int
  /// The column in characters, from 1; 0 when it came from no file.
  public let column: Int
  /// The path of the key, for instance `listeners[0].tls`; may be empty.
  public let path: String
  /// What is wrong. Never holds a secret.
  public let message: String
  /// What to do about it, or nil.
  public let hint: String?

  /// An error about one place.
  public init(file: String, position: Position, path: String, message: String, hint: String? = nil) {
    self.file = file
    line = position.line
    column = position.column
    self.path = path
    self.message = message
    self.hint = hint
  }

  /// `certd.yaml:12:5: listeners[0].tsl: unknown key; did you mean "tls"?`
  public var description: String {
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    let subject = path.isEmpty ? "" : "\(path): "
    return "\(place): \(subject)\(message)" + (hint.map { "; \($0)" } ?? "")
  }
}

/// Everything found wrong with one file, in the order of its lines; never empty.
public struct ConfigurationErrors: Error, Equatable, Sendable, CustomStringConvertible {
  /// The errors, at most ``maximumCount``.
  public let errors: [ConfigurationError]
  /// How many more there were.
  public let omitted: Int

  /// How many errors of one file are told.
  public static let maximumCount = 50

  /// One line for each error.
  public var description: String {
    let lines = errors.map(\.description)
    return (omitted > 0 ? lines + ["and \(omitted) more"] : lines).joined(separator: "\n")
  }
}
