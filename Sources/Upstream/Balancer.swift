/// Which of a service's backends gets the next request. Pure: it is shown what it decides by.
public enum Balancer {
  /// How to choose.
  public enum Policy: String, Sendable, CaseIterable, BitwiseCopyable {
    /// In turn.
    case roundRobin = "round-robin"
    /// The one with the fewest exchanges under way, in turn among equals.
    case leastRequest = "least-request"
  }

  /// The most backends of one service.
  public static let maximumBackends = 64

  /// An index, or nil when every backend is unhealthy or has been tried. `cursor` moves on with each choice;
  /// `tried` has a bit for each backend that failed this request already.
  public static func pick(
    _ policy: Policy, count: Int, cursor: inout Int, tried: UInt64,
    isUsable: (Int) -> Bool, load: (Int) -> Int
  ) -> Int? {
    guard count > 0 else { return nil }
    var best: Int?
    var bestLoad = Int.max
    let first = cursor >= count || cursor < 0 ? 0 : cursor
    for step in 0..<count {
      var index = first + step
      if index >= count { index -= count }
      guard tried >> UInt64(index) & 1 == 0, isUsable(index) else { continue }
      if policy == .roundRobin {
        best = index
        break
      }
      let candidate = load(index)
      if candidate < bestLoad {
        best = index
        bestLoad = candidate
      }
    }
    if let best { cursor = best + 1 }
    return best
  }
}
