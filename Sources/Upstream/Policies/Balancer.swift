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
    /// By chance, each as often as its weight says.
    case random
    /// The less busy one of two that are drawn.
    case powerOfTwoChoices
    /// The one of two that are drawn whose answers, as they came of late, are to be expected sooner.
    case peakEWMA
    /// By a key of the request, on a ring; busy ones are passed over.
    case ringHash
    /// By a key of the request, in a table; busy ones are passed over.
    case maglev
  }

  /// The most backends of one service; a configuration with more is refused.
  public static let maximumBackends = BackendSet.capacity
  /// The weights that count; what lies outside is taken for the nearest.
  public static let weights = 1...400_000

  /// An index, or nil when every backend is unhealthy or has been tried. `cursor` moves on with each choice; policies that
  /// draw take their chances from it, so that who wants them to be chances begins with a random one. `tried` holds the
  /// backends that failed this request already.
  @inline(__always)
  public static func pick(
    _ policy: Policy, _ candidates: some Candidates, cursor: inout Int, tried: BackendSet
  ) -> Int? {
    let choice = Choice(candidates, tried: tried)
    if policy.draws || policy.goesByKey { return pickByChance(policy, choice, &cursor) }
    guard let turn = RoundRobin.turn(choice, cursor) else { return nil }
    let best =
      switch policy {
      case .roundRobin: turn
      case .leastRequest: LeastRequest.pick(choice, from: turn)
      case .modelAware: ModelAware.pick(choice, from: turn)
      case .random, .powerOfTwoChoices, .peakEWMA, .ringHash, .maglev: turn
      }
    cursor = RoundRobin.next(choice, cursor, after: best)
    return best
  }

  @inline(never)
  private static func pickByChance<Of>(_ policy: Policy, _ choice: Choice<Of>, _ cursor: inout Int) -> Int? {
    var chance = Chance(cursor)
    defer { cursor = chance.cursor }
    switch policy {
    case .random: return choice.draw(&chance)
    case .powerOfTwoChoices: return PowerOfTwoChoices.pick(choice, &chance)
    case .peakEWMA: return PeakEWMA.pick(choice, &chance)
    case .ringHash, .maglev: return BoundedHash.pick(choice)
    case .roundRobin, .leastRequest, .modelAware: return nil
    }
  }
}

extension Balancer.Policy {
  /// Whether it draws lots.
  public var draws: Bool { self == .random || self == .powerOfTwoChoices || self == .peakEWMA }
  /// Whether it needs requests and answers that it can read.
  public var readsRequests: Bool { self == .modelAware || self == .peakEWMA || goesByKey }
  /// Whether a key of the request decides.
  public var goesByKey: Bool { self == .ringHash || self == .maglev }
}
