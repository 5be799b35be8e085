/// A span of time in the data plane: whole milliseconds, as its clock counts them.
public struct Milliseconds: Sendable, Hashable, Comparable, BitwiseCopyable, ExpressibleByIntegerLiteral {
  /// How many.
  public var count: UInt64

  /// No end; still far from overflow when added to a clock.
  public static let never = Milliseconds(1 << 50)

  /// So many.
  @inlinable @inline(__always)
  public init(_ count: UInt64) { self.count = count }

  /// So many.
  @inlinable @inline(__always)
  public init(integerLiteral count: UInt64) { self.count = count }

  /// How many, and 0 for no end.
  public var orNone: UInt64 { self < .never ? count : 0 }

  /// The shorter one first.
  @inlinable @inline(__always)
  public static func < (a: Self, b: Self) -> Bool { a.count < b.count }
}
