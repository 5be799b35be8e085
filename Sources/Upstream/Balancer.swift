/// Which of a service's backends gets the next request. Pure: it is shown what it decides by.
public enum Balancer {
  /// How to choose.
  public enum Policy: String, Sendable, CaseIterable, BitwiseCopyable {
    /// In turn, each as often as its weight says.
    case roundRobin = "round-robin"
    /// The one with the fewest exchanges under way for its weight, in turn among equals.
    case leastRequest = "least-request"
  }

  /// The most backends of one service; a configuration with more is refused.
  public static let maximumBackends = BackendSet.capacity
  /// The weights that count; what lies outside is taken for the nearest.
  public static let weights = 1...1000

  /// An index, or nil when every backend is unhealthy or has been tried. `cursor` moves on with each choice;
  /// `tried` holds the backends that failed this request already.
  ///
  /// With equal weights the turn is strict. With unequal ones the choices of a backend are spread evenly, and
  /// over any number of them it is never more than a few away from its share.
  public static func pick(
    _ policy: Policy, count: Int, cursor: inout Int, tried: BackendSet,
    isUsable: (Int) -> Bool, load: (Int) -> Int, weight: (Int) -> Int
  ) -> Int? {
    let count = max(0, min(count, maximumBackends))
    var usable = BackendSet()
    var total: UInt64 = 0
    var lightest = UInt64.max
    var heaviest: UInt64 = 0
    for index in 0..<count where !tried.contains(index) && isUsable(index) {
      usable.insert(index)
      let own = clamped(weight(index))
      total += own
      lightest = min(lightest, own)
      heaviest = max(heaviest, own)
    }
    let isEven = lightest == heaviest
    let begin =
      isEven ? next(in: usable, from: cursor, count) : share(of: total, usable, count, cursor, weight)
    guard let begin else { return nil }
    let best = policy == .roundRobin ? begin : least(usable, begin, count, load, weight)
    cursor = isEven ? best + 1 : cursor &+ 1
    return best
  }

  /// The first usable one at or after the cursor, round the end if need be.
  @inline(__always)
  private static func next(in usable: BackendSet, from cursor: Int, _ count: Int) -> Int? {
    let start = cursor >= count || cursor < 0 ? 0 : cursor
    return usable.first(from: start, below: count) ?? usable.first(from: 0, below: start)
  }

  /// The one on whose share of the circle the cursor falls. Steps of the golden ratio spread any run of
  /// numbers evenly, so that no state beside the cursor is needed and changes of health cost nothing.
  private static func share(
    of total: UInt64, _ usable: BackendSet, _ count: Int, _ cursor: Int, _ weight: (Int) -> Int
  ) -> Int? {
    let turn = UInt64(bitPattern: Int64(cursor)) &* 0x9E37_79B9_7F4A_7C15
    var place = turn.multipliedFullWidth(by: total).high
    var last: Int?
    while let index = usable.first(from: (last ?? -1) + 1, below: count) {
      let own = clamped(weight(index))
      if place < own { return index }
      place -= own
      last = index
    }
    return last
  }

  /// The usable one with the least load for its weight, the first one met from `first` on among equals.
  @inline(__always)
  private static func least(
    _ usable: BackendSet, _ first: Int, _ count: Int, _ load: (Int) -> Int, _ weight: (Int) -> Int
  ) -> Int {
    var best = first
    var bestLoad = clampedLoad(load(first))
    var bestWeight = clamped(weight(first))
    var (from, end) = (first + 1, count)
    for _ in 0..<2 {
      while let index = usable.first(from: from, below: end) {
        from = index + 1
        let (ownLoad, ownWeight) = (clampedLoad(load(index)), clamped(weight(index)))
        // ownLoad / ownWeight < bestLoad / bestWeight, without a division.
        if ownLoad * bestWeight < bestLoad * ownWeight {
          (best, bestLoad, bestWeight) = (index, ownLoad, ownWeight)
        }
      }
      // Round the end.
      (from, end) = (0, first)
    }
    return best
  }

  private static func clamped(_ weight: Int) -> UInt64 {
    UInt64(min(max(weight, weights.lowerBound), weights.upperBound))
  }

  /// Times a weight it stays far below overflow.
  private static func clampedLoad(_ load: Int) -> UInt64 { UInt64(min(max(load, 0), 1 << 48)) }
}
