// Upstream: which of a service's backends gets the next request, and what is remembered of each.
//
// It does not connect, check health, resolve names, read a clock or draw random numbers: candidates, time and chance come in.
// It promises that a choice is made without allocation and only among candidates that may be chosen; that a policy is one
// file; that health, load and ejections are atomics which outlive settings; that retries stay within their budget.

/// Some of a service's backends, by their places: a fixed set of bits, without allocation.
///
/// Places outside `0..<BackendSet.capacity` are in no set and cannot be put into one.
public struct BackendSet: BitwiseCopyable, Sendable {
  /// How many places there are.
  public static let capacity = 1024
  private var words = InlineArray<16, UInt64>(repeating: 0)

  /// No backend.
  public init() {}

  /// Some backends.
  public init(_ places: some Sequence<Int>) { for place in places { insert(place) } }

  /// Whether a backend is in the set.
  @inline(__always)
  public func contains(_ place: Int) -> Bool {
    guard place >= 0, place < Self.capacity else { return false }
    return words[place >> 6] >> UInt64(place & 63) & 1 == 1
  }

  /// Puts a backend into the set.
  @inline(__always)
  public mutating func insert(_ place: Int) {
    guard place >= 0, place < Self.capacity else { return }
    words[place >> 6] |= 1 << UInt64(place & 63)
  }

  /// Takes a backend out of the set.
  mutating func remove(_ place: Int) {
    guard place >= 0, place < Self.capacity else { return }
    words[place >> 6] &= ~(1 << UInt64(place & 63))
  }

  /// How many there are.
  public var count: Int {
    var sum = 0
    for word in words.indices { sum += words[word].nonzeroBitCount }
    return sum
  }

  /// The place that has so many others of the set before it, or nil.
  func place(_ ordinal: Int) -> Int? {
    var left = ordinal
    for word in words.indices {
      var bits = words[word]
      guard left >= bits.nonzeroBitCount else {
        for _ in 0..<left { bits &= bits &- 1 }
        return word << 6 + bits.trailingZeroBitCount
      }
      left -= bits.nonzeroBitCount
    }
    return nil
  }

  /// The first place at or after one and below another, or nil.
  @inline(__always)
  func first(from place: Int, below end: Int) -> Int? {
    guard place < end, end <= Self.capacity else { return nil }
    var word = place >> 6
    var bits = words[word] & (~0 << UInt64(place & 63))
    while bits == 0 {
      word += 1
      guard word << 6 < end else { return nil }
      bits = words[word]
    }
    let found = word << 6 + bits.trailingZeroBitCount
    return found < end ? found : nil
  }
}
