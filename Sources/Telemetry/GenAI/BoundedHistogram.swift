internal import Synchronization

/// How often values came up to each of a few bounds, and their sum. One thread records, any thread reads.
@safe public final class BoundedHistogram: @unchecked Sendable {
  private let count: Int
  private let bounds: UnsafeMutablePointer<UInt64>
  /// One for each bound, one for what lies above, and one for the sum.
  private let values: UnsafeMutablePointer<Atomic<UInt64>>

  /// Empty, with bounds in ascending order; each belongs to what lies at or below it.
  public init(_ all: [UInt64]) {
    count = all.count
    unsafe bounds = .allocate(capacity: max(1, all.count))
    unsafe bounds.initialize(repeating: 0, count: max(1, all.count))
    for (index, bound) in all.enumerated() { unsafe bounds[index] = bound }
    unsafe values = .allocate(capacity: all.count + 2)
    for index in 0..<all.count + 2 { unsafe (values + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe values.deinitialize(count: count + 2)
    unsafe values.deallocate()
    unsafe bounds.deallocate()
  }

  /// Records a value, so many times. Only for the thread that owns it.
  public func record(_ value: UInt64, times: UInt64 = 1) {
    var index = 0
    while index < count, unsafe bounds[index] < value { index += 1 }
    add(index, times)
    add(count + 1, value &* times)
  }

  private func add(_ index: Int, _ amount: UInt64) {
    let old = unsafe values[index].load(ordering: .relaxed)
    unsafe values[index].store(old &+ amount, ordering: .relaxed)
  }

  /// How many values lie at or below each bound, then how many there are; and their sum.
  static func total(_ all: [BoundedHistogram]) -> (counts: [UInt64], sum: UInt64) {
    guard let first = all.first else { return ([], 0) }
    var counts = [UInt64](repeating: 0, count: first.count + 1)
    var sum: UInt64 = 0
    for one in all where one.count == first.count {
      var below: UInt64 = 0
      for index in 0...one.count {
        unsafe below &+= one.values[index].load(ordering: .relaxed)
        counts[index] &+= below
      }
      unsafe sum &+= one.values[one.count + 1].load(ordering: .relaxed)
    }
    return (counts, sum)
  }
}
