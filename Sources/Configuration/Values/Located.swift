/// A value and where it was written; equal when the values are.
public struct Located<Value: Sendable & Equatable>: Sendable, Equatable {
  /// The value.
  public let value: Value
  /// Where it was written.
  public let origin: Origin

  /// A value and its place.
  public init(_ value: Value, origin: Origin = .none) {
    self.value = value
    self.origin = origin
  }
}
