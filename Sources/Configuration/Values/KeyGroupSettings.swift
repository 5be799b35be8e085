public import APIKeys

/// A group of keys: where they are, and what they may have together.
public struct KeyGroupSettings: Sendable, Equatable {
  /// The name that routes and commands call it by.
  public var name: String
  /// The file with one key a line; absolute path. It need not be there as long as there is no key.
  public var file: Located<String>
  /// What all of its keys may have together.
  public var limits = KeyLimits()
  /// Where it was written.
  public var origin: Origin
}
