/// Which of a service's backends gets the next request. Pure: it is shown what it decides by. Each policy is a file beside
/// this one; a new one is a case here, and every switch over them names its place.
public enum Balancer {
  /// How to choose.
  public enum Policy: Sendable, CaseIterable, BitwiseCopyable {
    /// In turn, each as often as its weight says.
    case roundRobin
    /// The one with the fewest exchanges under way for its weight, in turn among equals.
    case leastRequest
    /// The one that is expected to give the first token soonest.
    case modelAware
  }

  /// The most backends of one service; a configuration with more is refused.
  public static let maximumBackends = BackendSet.capacity
  /// The weights that count; what lies outside is taken for the nearest.
  public static let weights = 1...4000

  /// An index, or nil when every backend is unhealthy or has been tried. `cursor` moves on with each choice;
  /// `tried` holds the backends that failed this request already.
  @inline(__always)
  public static func pick(
    _ policy: Policy, _ candidates: some Candidates, cursor: inout Int, tried: BackendSet
  ) -> Int? {
    let choice = Choice(candidates, tried: tried)
    guard let turn = RoundRobin.turn(choice, cursor) else { return nil }
    let best =
      switch policy {
      case .roundRobin: turn
      case .leastRequest: LeastRequest.pick(choice, from: turn)
      case .modelAware: ModelAware.pick(choice, from: turn)
      }
    cursor = RoundRobin.next(choice, cursor, after: best)
    return best
  }
}
