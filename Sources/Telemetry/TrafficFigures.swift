/// What all workers have counted and measured of their traffic so far, in one: two of them tell what came between.
public struct TrafficFigures: Sendable, Equatable {
  /// Requests whose head was read.
  public var requests: UInt64 = 0
  /// Answers with a status of 500 or more.
  public var failures: UInt64 = 0
  /// From a request's head to the end of its answer, in microseconds.
  public var durations = Spread()
  /// From a request's head to the first content of its stream, in microseconds.
  public var firstTokens = Spread()
  /// Pieces of content of streams, which are tokens of most engines.
  public var tokens: UInt64 = 0

  /// Nothing yet.
  public init() {}

  /// What has been counted by these.
  public init(_ blocks: [CounterBlock], _ services: [ServiceTimesTable], _ models: [GenAITable]) {
    requests = blocks.reduce(0) { $0 &+ $1.value(of: .requests) }
    failures = blocks.reduce(0) { $0 &+ $1.value(of: .responses5xx) }
    durations = Spread(services.flatMap { $0.services.values.map(\.total) })
    let series = models.flatMap(\.series)
    firstTokens = Spread(series.map(\.timeToFirstToken), GenAISeries.Bounds.firstToken)
    let pieces = BoundedHistogram.total(series.map(\.interToken)).counts.last ?? 0
    tokens = pieces &+ firstTokens.count
  }

  /// What has come since an earlier time. Series that have given their place away since take what they had with them.
  public func since(_ earlier: TrafficFigures) -> TrafficFigures {
    var out = TrafficFigures()
    out.requests = Self.difference(requests, earlier.requests)
    out.failures = Self.difference(failures, earlier.failures)
    out.durations = durations.since(earlier.durations)
    out.firstTokens = firstTokens.since(earlier.firstTokens)
    out.tokens = Self.difference(tokens, earlier.tokens)
    return out
  }

  fileprivate static func difference(_ now: UInt64, _ before: UInt64) -> UInt64 {
    now > before ? now - before : 0
  }
}

extension TrafficFigures {
  /// How values are spread over a few bounds.
  public struct Spread: Sendable, Equatable {
    /// Each bound, in ascending order.
    var bounds: [UInt64] = []
    /// How many values lie at or below each bound.
    var counts: [UInt64] = []
    /// How many values there are.
    public internal(set) var count: UInt64 = 0
    /// Their sum.
    public internal(set) var sum: UInt64 = 0

    /// No values.
    public init() {}

    init(_ all: [CoarseHistogram]) {
      let exponents = CoarseHistogram.minimumExponent...CoarseHistogram.maximumExponent
      bounds = exponents.map { 1 << UInt64($0) }
      counts = exponents.map { exponent in all.reduce(0) { $0 &+ $1.count(below: exponent) } }
      count = all.reduce(0) { $0 &+ $1.count(below: CoarseHistogram.maximumExponent + 1) }
      sum = all.reduce(0) { $0 &+ $1.sum }
    }

    init(_ all: [BoundedHistogram], _ bounds: [UInt64]) {
      self.bounds = bounds
      let total = BoundedHistogram.total(all)
      counts = total.counts.isEmpty ? bounds.map { _ in 0 } : Array(total.counts.dropLast())
      count = total.counts.last ?? 0
      sum = total.sum
    }

    /// What has come since an earlier time.
    func since(_ earlier: Spread) -> Spread {
      var out = self
      guard earlier.counts.count == counts.count else { return out }
      for index in counts.indices {
        out.counts[index] = TrafficFigures.difference(counts[index], earlier.counts[index])
      }
      out.count = TrafficFigures.difference(count, earlier.count)
      out.sum = TrafficFigures.difference(sum, earlier.sum)
      return out
    }

    /// The mean; nil without values.
    public var mean: Double? { count > 0 ? Double(sum) / Double(count) : nil }

    /// The value that a share (0 to 1) of the values does not exceed, within its bounds by straight line; nil without values.
    public func quantile(_ share: Double) -> Double? {
      guard count > 0, share >= 0, share <= 1 else { return nil }
      let wanted = Double(count) * share
      var (lower, below) = (0.0, 0.0)
      for (bound, upTo) in zip(bounds, counts) {
        if Double(upTo) >= wanted, upTo > 0 {
          let inside = Double(upTo) - below
          return inside > 0
            ? lower + (Double(bound) - lower) * min(1, (wanted - below) / inside) : Double(bound)
        }
        (lower, below) = (Double(bound), Double(upTo))
      }
      return bounds.last.map { Double($0) }
    }
  }
}
