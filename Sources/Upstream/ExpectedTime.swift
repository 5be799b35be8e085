/// How long answers of one service take at most, but for one of twenty: of the recent ones, in steps of a quarter. Pure.
public struct ExpectedTime: Sendable, BitwiseCopyable {
  /// Answers that have to be known before anything is expected.
  public static let leastAnswers = 20
  /// Answers after which older ones count half.
  static let window: UInt32 = 1000
  /// The share of answers that take no longer, in percent.
  static let percent: UInt32 = 95
  /// Spans that are told apart: four for each doubling, from a millisecond on.
  private static let spans = 80

  private var counts = InlineArray<80, UInt16>(repeating: 0)
  private var count: UInt32 = 0

  /// Nothing is known.
  public init() {}

  /// An answer has taken so long, in milliseconds.
  public mutating func record(milliseconds: UInt64) {
    let place = Self.place(milliseconds)
    counts[place] &+= 1
    count += 1
    guard count >= Self.window else { return }
    count = 0
    for place in 0..<Self.spans {
      counts[place] /= 2
      count += UInt32(counts[place])
    }
  }

  /// The time within which an answer is expected, in milliseconds; nil while too few are known.
  public var milliseconds: UInt64? {
    guard count >= Self.leastAnswers else { return nil }
    var left = count - count * Self.percent / 100
    var place = Self.spans - 1
    while place > 0 {
      let own = UInt32(counts[place])
      if own >= max(1, left) { break }
      left -= own
      place -= 1
    }
    return Self.end(place)
  }

  /// Times 4 for each doubling, and which quarter of it.
  private static func place(_ milliseconds: UInt64) -> Int {
    let value = max(1, milliseconds)
    let doublings = 63 - value.leadingZeroBitCount
    let quarter =
      doublings >= 2 ? Int(value >> UInt64(doublings - 2)) & 3 : Int(value << UInt64(2 - doublings)) & 3
    return min(doublings * 4 + quarter, spans - 1)
  }

  /// Where a span ends.
  private static func end(_ place: Int) -> UInt64 {
    let (doublings, quarter) = (UInt64(place / 4), UInt64(place % 4))
    return max(1, (1 << doublings) * (5 + quarter) / 4)
  }
}
