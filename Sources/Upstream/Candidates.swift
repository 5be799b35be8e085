/// What a policy decides by: the backends of one service as they are at this moment.
public protocol Candidates {
  /// How many there are; what lies beyond `Balancer.maximumBackends` is not looked at.
  var count: Int { get }
  /// Whether a request may be sent to it.
  func isUsable(_ index: Int) -> Bool
  /// The exchanges under way, and what counts like some; what is negative counts as none.
  func load(_ index: Int) -> Int
  /// Its share; what lies outside `Balancer.weights` is taken for the nearest.
  func weight(_ index: Int) -> Int
}

/// The candidates that a request may go to, looked at once.
struct Choice<Of: Candidates> {
  let all: Of
  let count: Int
  private(set) var usable = BackendSet()
  /// The sum of their weights.
  private(set) var totalWeight: UInt64 = 0
  private var lightest = UInt64.max
  private var heaviest: UInt64 = 0

  @inline(__always)
  init(_ all: Of, tried: BackendSet) {
    self.all = all
    count = max(0, min(all.count, Balancer.maximumBackends))
    for index in 0..<count where !tried.contains(index) && all.isUsable(index) {
      usable.insert(index)
      let own = weight(index)
      totalWeight += own
      lightest = min(lightest, own)
      heaviest = max(heaviest, own)
    }
  }

  /// Whether all weigh the same.
  var isEven: Bool { lightest == heaviest }

  @inline(__always)
  func weight(_ index: Int) -> UInt64 {
    UInt64(min(max(all.weight(index), Balancer.weights.lowerBound), Balancer.weights.upperBound))
  }

  /// Times a weight it stays far below overflow.
  @inline(__always)
  func load(_ index: Int) -> UInt64 { UInt64(min(max(all.load(index), 0), 1 << 48)) }
}
