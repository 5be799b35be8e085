import Synchronization

/// How many requests clients have sent of late, for all workers: a clock for each, in a table of fixed size.
///
/// Each client has the time at which all its requests would be due if they had come evenly; a request moves it on by one
/// interval, and is too early where that leads further ahead than a burst may (the generic cell rate algorithm). Clients are
/// known by 20 bits of a hash beside their place; where there is no room, the one that has been quiet for longest is forgotten.
@safe public final class RateTable: @unchecked Sendable {
  /// The most clients that are told apart at one time.
  public static let capacity = 16_384
  private static let probes = 4
  private static let timeBits: UInt64 = 44
  private static let timeMask: UInt64 = (1 << timeBits) - 1

  private let slots: UnsafeMutablePointer<Atomic<UInt64>>
  private let interval: UInt64
  private let burst: UInt64

  /// A table for so many requests a second, and so many at once.
  public init(requestsPerSecond: Int, burst: Int) {
    interval = UInt64(1_000_000 / max(1, min(requestsPerSecond, 1_000_000)))
    self.burst = interval * UInt64(max(1, burst))
    unsafe slots = .allocate(capacity: Self.capacity)
    for place in 0..<Self.capacity { unsafe (slots + place).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe slots.deinitialize(count: Self.capacity)
    unsafe slots.deallocate()
  }

  /// Counts a request of the client of a hash; after how many milliseconds it may come again, or nil when it may come now.
  public func take(_ hash: UInt64, nowMicroseconds: UInt64) -> UInt64? {
    let tag = hash >> Self.timeBits
    // 0 is a slot that nobody has.
    let now = nowMicroseconds & Self.timeMask | 1
    while true {
      let place = slot(of: hash, tag: tag, now: now)
      let before = unsafe slots[place].load(ordering: .relaxed)
      let ahead = before >> Self.timeBits == tag ? self.ahead(before, now) : 0
      guard ahead + interval <= burst else { return (ahead + interval - burst + 999) / 1000 }
      let next = tag << Self.timeBits | (now &+ ahead &+ interval) & Self.timeMask
      if unsafe slots[place].compareExchange(expected: before, desired: next, ordering: .relaxed).exchanged {
        return nil
      }
    }
  }

  /// How far a slot's time lies ahead; 0 for one that has passed.
  private func ahead(_ slot: UInt64, _ now: UInt64) -> UInt64 {
    let distance = (slot &- now) & Self.timeMask
    // Further than it could ever be is long ago.
    return distance <= burst + interval ? distance : 0
  }

  /// The client's own slot, else one that nobody needs, else that of who has been quiet for longest.
  private func slot(of hash: UInt64, tag: UInt64, now: UInt64) -> Int {
    var (best, least) = (0, UInt64.max)
    for probe in 0..<Self.probes {
      let place = Int(truncatingIfNeeded: hash &+ UInt64(probe)) & (Self.capacity - 1)
      let value = unsafe slots[place].load(ordering: .relaxed)
      if value != 0, value >> Self.timeBits == tag { return place }
      let ahead = value == 0 ? 0 : ahead(value, now)
      if ahead < least { (best, least) = (place, ahead) }
    }
    return best
  }
}
