/// Which of a service's backends gets the next request. Pure: it is shown what it decides by.
public enum Balancer {
  /// How to choose.
  public enum Policy: String, Sendable, CaseIterable, BitwiseCopyable {
    /// In turn, each as often as its weight says.
    case roundRobin = "round-robin"
    /// The one with the fewest exchanges under way for its weight, in turn among equals.
    case leastRequest = "least-request"
  }

  /// The most backends of one service.
  public static let maximumBackends = 64
  /// The weights that count; what lies outside is taken for the nearest.
  public static let weights = 1...1000

  /// An index, or nil when every backend is unhealthy or has been tried. `cursor` moves on with each choice;
  /// `tried` has a bit for each backend that failed this request already.
  ///
  /// With equal weights the turn is strict. With unequal ones the choices of a backend are spread evenly, and
  /// over any number of them it is never more than a few away from its share.
  public static func pick(
    _ policy: Policy, count: Int, cursor: inout Int, tried: UInt64,
    isUsable: (Int) -> Bool, load: (Int) -> Int, weight: (Int) -> Int
  ) -> Int? {
    let count = min(count, maximumBackends)
    var usable: UInt64 = 0
    var total: UInt64 = 0
    var lightest = UInt64.max
    var heaviest: UInt64 = 0
    for index in 0..<max(0, count) where tried >> UInt64(index) & 1 == 0 && isUsable(index) {
      usable |= 1 << UInt64(index)
      let own = clamped(weight(index))
      total += own
      lightest = min(lightest, own)
      heaviest = max(heaviest, own)
    }
    guard usable != 0 else { return nil }
    let first: Int
    if lightest == heaviest {
      first = next(in: usable, from: cursor, count)
    } else {
      first = share(of: total, usable, cursor, weight)
    }
    let best = policy == .roundRobin ? first : least(usable, first, count, load, weight)
    cursor = lightest == heaviest ? best + 1 : cursor &+ 1
    return best
  }

  /// The first usable one at or after the cursor, round the end if need be.
  private static func next(in usable: UInt64, from cursor: Int, _ count: Int) -> Int {
    let start = cursor >= count || cursor < 0 ? 0 : cursor
    let after = usable & (~0 << UInt64(start))
    return (after != 0 ? after : usable).trailingZeroBitCount
  }

  /// The one on whose share of the circle the cursor falls. Steps of the golden ratio spread any run of
  /// numbers evenly, so that no state beside the cursor is needed and changes of health cost nothing.
  private static func share(of total: UInt64, _ usable: UInt64, _ cursor: Int, _ weight: (Int) -> Int) -> Int
  {
    let turn = UInt64(bitPattern: Int64(cursor)) &* 0x9E37_79B9_7F4A_7C15
    var place = turn.multipliedFullWidth(by: total).high
    var left = usable
    while true {
      let index = left.trailingZeroBitCount
      left &= left - 1
      let own = clamped(weight(index))
      if place < own || left == 0 { return index }
      place -= own
    }
  }

  /// The usable one with the least load for its weight, the first one met from `first` on among equals.
  private static func least(
    _ usable: UInt64, _ first: Int, _ count: Int, _ load: (Int) -> Int, _ weight: (Int) -> Int
  ) -> Int {
    var best = first
    var bestLoad = clampedLoad(load(first))
    var bestWeight = clamped(weight(first))
    for step in 1..<max(1, count) {
      var index = first + step
      if index >= count { index -= count }
      guard usable >> UInt64(index) & 1 == 1 else { continue }
      let (ownLoad, ownWeight) = (clampedLoad(load(index)), clamped(weight(index)))
      // ownLoad / ownWeight < bestLoad / bestWeight, without a division.
      if ownLoad * bestWeight < bestLoad * ownWeight {
        (best, bestLoad, bestWeight) = (index, ownLoad, ownWeight)
      }
    }
    return best
  }

  private static func clamped(_ weight: Int) -> UInt64 {
    UInt64(min(max(weight, weights.lowerBound), weights.upperBound))
  }

  /// Times a weight it stays far below overflow.
  private static func clampedLoad(_ load: Int) -> UInt64 { UInt64(min(max(load, 0), 1 << 48)) }
}
