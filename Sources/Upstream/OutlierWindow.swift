internal import Synchronization

/// What one backend's requests of the present interval came to, counted by all workers. A race that is lost counts a request
/// in the interval beside its own.
public final class OutlierWindow: Sendable {
  /// Buckets of times to a power of two, as a power of two: they are told apart to 19 %.
  private static let bitsOfStep: UInt64 = 2
  /// How many buckets there are: times to beyond an hour.
  private static let buckets = 128

  private let requests = Atomic<Int>(0)
  private let errors = Atomic<Int>(0)
  private let times = InlineArray<128, Atomic<UInt32>> { _ in Atomic(0) }

  /// Nothing has been counted.
  public init() {}

  /// A request came to an end; `microseconds` is how long its answer took to begin, 0 where nobody knows.
  public func count(isError: Bool, microseconds: UInt64) {
    requests.wrappingAdd(1, ordering: .relaxed)
    if isError { errors.wrappingAdd(1, ordering: .relaxed) }
    if microseconds > 0 { times[Self.bucket(microseconds)].wrappingAdd(1, ordering: .relaxed) }
  }

  /// What has been counted, which begins anew.
  public func take() -> OutlierDetection.Interval {
    var counts = [UInt32](repeating: 0, count: Self.buckets)
    for bucket in 0..<Self.buckets { counts[bucket] = times[bucket].exchange(0, ordering: .relaxed) }
    return .init(
      requests: requests.exchange(0, ordering: .relaxed), errors: errors.exchange(0, ordering: .relaxed),
      median: Self.median(counts))
  }

  /// The bucket of a time in microseconds.
  static func bucket(_ microseconds: UInt64) -> Int {
    guard microseconds >= 1 << bitsOfStep else { return Int(microseconds) }
    let exponent = UInt64(63 - microseconds.leadingZeroBitCount)
    let within = microseconds >> (exponent - bitsOfStep) & (1 << bitsOfStep - 1)
    return min(buckets - 1, Int((exponent - bitsOfStep + 1) << bitsOfStep + within))
  }

  /// The least time of a bucket, in microseconds.
  static func least(_ bucket: Int) -> UInt64 {
    let group = UInt64(bucket) >> bitsOfStep
    guard group > 0 else { return UInt64(bucket) }
    return (1 << bitsOfStep + UInt64(bucket) & (1 << bitsOfStep - 1)) << (group - 1)
  }

  private static func median(_ counts: [UInt32]) -> UInt64? {
    let total = counts.reduce(0) { $0 + UInt64($1) }
    guard total > 0 else { return nil }
    var seen: UInt64 = 0
    for bucket in counts.indices {
      seen += UInt64(counts[bucket])
      if 2 * seen >= total { return least(bucket) }
    }
    return nil
  }
}
