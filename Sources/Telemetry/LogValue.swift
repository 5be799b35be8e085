/// A value beside a log message.
public enum LogValue: Sendable, Equatable {
  /// Text; anything may be in it.
  case text(String)
  /// A whole number.
  case integer(Int64)
  /// A truth value.
  case boolean(Bool)

  /// The text of anything that describes itself, such as an error.
  public static func describing(_ value: some Sendable) -> LogValue { .text(String(describing: value)) }

  /// A number; those beyond the range of Int64 become its bounds.
  public static func number(_ value: some BinaryInteger) -> LogValue { .integer(Int64(clamping: value)) }
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .text(value) }
  /// A number.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

/// Something that must never be shown: a private key, a token, a password. Whoever needs it says so by
/// `exposed`; every description of it, or of what contains it, says `[redacted]`.
public struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// The value itself. Do not log it, print it or put it into an error.
  public let exposed: Value

  /// Wraps a secret.
  public init(_ value: Value) { exposed = value }

  /// Always `[redacted]`.
  public var description: String { "[redacted]" }
  /// Always `[redacted]`.
  public var debugDescription: String { "[redacted]" }
  /// No children, so that `dump` shows nothing either.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
