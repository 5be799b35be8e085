public import Synchronization

/// How often values of which size came, to about 6 %: sixteen equal buckets for each power of two.
///
/// One thread records, any thread reads. Fixed size, about 5 KiB. Meant for microseconds: whole, rounded
/// down.
@safe public final class Histogram: @unchecked Sendable {
  /// Buckets to a power of two, as a power of two.
  @usableFromInline static let subBucketBits = 4
  /// Values from two to the power of this on share the last bucket (about 12 days in microseconds).
  @usableFromInline static let maximumExponent = 40
  /// The number of buckets.
  public static let bucketCount = (maximumExponent - subBucketBits + 1) << subBucketBits

  @usableFromInline let storage: UnsafeMutablePointer<Atomic<UInt64>>

  /// Empty.
  public init() {
    // One more holds the sum.
    unsafe storage = .allocate(capacity: Self.bucketCount + 1)
    for index in 0...Self.bucketCount { unsafe (storage + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe storage.deinitialize(count: Self.bucketCount + 1)
    unsafe storage.deallocate()
  }

  /// The bucket of a value.
  @inlinable
  static func bucket(of value: UInt64) -> Int {
    guard value >= 1 << UInt64(subBucketBits) else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    guard exponent < maximumExponent else { return bucketCount - 1 }
    let shift = UInt64(exponent - subBucketBits)
    let within = Int(truncatingIfNeeded: value >> shift) & ((1 << subBucketBits) - 1)
    return (exponent - subBucketBits + 1) << subBucketBits + within
  }

  /// The smallest value of a bucket.
  static func lowerBound(ofBucket index: Int) -> UInt64 {
    let group = index >> subBucketBits
    guard group > 0 else { return UInt64(max(0, index)) }
    let within = UInt64(index & ((1 << subBucketBits) - 1))
    return (1 << UInt64(subBucketBits) + within) << UInt64(group - 1)
  }

  /// Records a value. Only for the thread that owns the histogram.
  @inlinable
  public func record(_ value: UInt64) {
    let index = Self.bucket(of: value)
    unsafe storage[index].store(storage[index].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    let sum = unsafe storage[Self.bucketCount].load(ordering: .relaxed)
    unsafe storage[Self.bucketCount].store(sum &+ value, ordering: .relaxed)
  }

  /// What several workers recorded together.
  public static func snapshot(of histograms: [Histogram]) -> HistogramSnapshot {
    var counts = [UInt64](repeating: 0, count: bucketCount)
    var sum: UInt64 = 0
    for histogram in histograms {
      for index in 0..<bucketCount {
        unsafe counts[index] &+= histogram.storage[index].load(ordering: .relaxed)
      }
      unsafe sum &+= histogram.storage[bucketCount].load(ordering: .relaxed)
    }
    return HistogramSnapshot(counts: counts, sum: sum)
  }
}

/// The state of histograms at one moment.
public struct HistogramSnapshot: Sendable, Equatable {
  let counts: [UInt64]
  /// The sum of all values.
  public let sum: UInt64

  /// How many values there are.
  public var count: UInt64 { counts.reduce(0, &+) }

  /// How many values are smaller than a power of two.
  public func count(belowPowerOfTwo exponent: Int) -> UInt64 {
    guard (0..<Histogram.maximumExponent).contains(exponent) else { return count }
    return counts[..<Histogram.bucket(of: 1 << UInt64(exponent))].reduce(0, &+)
  }

  /// A value that at least this share (0 to 1) of the values do not exceed by more than a bucket; nil when
  /// empty.
  public func quantile(_ share: Double) -> UInt64? {
    let total = count
    guard total > 0, share >= 0, share <= 1 else { return nil }
    let wanted = max(1, UInt64((Double(total) * share).rounded(.up)))
    var seen: UInt64 = 0
    for (index, number) in counts.enumerated() {
      seen &+= number
      if seen >= wanted { return Histogram.lowerBound(ofBucket: index) }
    }
    return Histogram.lowerBound(ofBucket: Histogram.bucketCount - 1)
  }
}
