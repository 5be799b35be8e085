/// Coarse timeouts for very many connections: setting one is a store, not a queue operation.
///
/// A timer that is moved later stays where it is linked and is linked anew when its old place comes up.
/// Deadlines are in milliseconds of the monotonic clock and fire up to one tick late, never early.
@safe public struct TimerWheel: ~Copyable {
  /// The tick, in milliseconds.
  public static let tickMilliseconds: UInt64 = 64
  private static let buckets = 1024

  private let heads: UnsafeMutablePointer<UnsafeMutablePointer<TimerNode>?>
  private let occupied: UnsafeMutablePointer<UInt64>
  /// The next tick to be looked at.
  private var cursor: UInt64

  /// An empty wheel.
  public init(nowMilliseconds now: UInt64) {
    unsafe heads = .allocate(capacity: Self.buckets)
    unsafe heads.initialize(repeating: nil, count: Self.buckets)
    unsafe occupied = .allocate(capacity: Self.buckets / 64)
    unsafe occupied.initialize(repeating: 0, count: Self.buckets / 64)
    cursor = now / Self.tickMilliseconds
  }

  deinit {
    unsafe heads.deallocate()
    unsafe occupied.deallocate()
  }

  /// Sets or moves a timer.
  public mutating func set(_ node: UnsafeMutablePointer<TimerNode>, deadline: UInt64) {
    unsafe node.pointee.deadline = deadline
    let tick = tick(of: deadline)
    if unsafe node.pointee.isLinked {
      if unsafe tick >= node.pointee.linkedTick { return }
      unsafe unlink(node)
    }
    unsafe link(node, tick)
  }

  /// Stops a timer without unlinking it: the cheap way for one that will be set again.
  public func disarm(_ node: UnsafeMutablePointer<TimerNode>) { unsafe node.pointee.deadline = .max }

  /// Takes a timer out, before its memory goes away.
  public mutating func remove(_ node: UnsafeMutablePointer<TimerNode>) {
    if unsafe node.pointee.isLinked { unsafe unlink(node) }
    unsafe node.pointee.deadline = .max
  }

  /// Appends every timer that is due to `due`, unlinked and unset: one that is set again before its turn is not due any more.
  public mutating func advance(nowMilliseconds now: UInt64, _ due: inout [UnsafeMutablePointer<TimerNode>]) {
    let target = now / Self.tickMilliseconds
    // After a long stall one turn of the wheel meets every bucket. The cursor jumps first, so that what is
    // linked anew on the way is linked where the cursor will pass.
    if target >= cursor + UInt64(Self.buckets) { cursor = target - UInt64(Self.buckets - 1) }
    while cursor <= target {
      unsafe drain(bucket: Int(cursor % UInt64(Self.buckets)), now: now, &due)
      cursor += 1
    }
  }

  /// Milliseconds until the next bucket with a timer, or nil when there is none.
  public func nextWakeMilliseconds(now: UInt64) -> UInt64? {
    let start = Int(cursor % UInt64(Self.buckets))
    let words = Self.buckets / 64
    for i in 0...words {
      var word = unsafe occupied[(start / 64 + i) % words]
      if i == 0 { word &= ~0 << UInt64(start % 64) }
      if i == words { word &= ~(~0 << UInt64(start % 64)) }
      guard word != 0 else { continue }
      let bucket = (start / 64 + i) % words * 64 + word.trailingZeroBitCount
      let distance = (bucket - start + Self.buckets) % Self.buckets
      let due = (cursor + UInt64(distance)) * Self.tickMilliseconds
      return due > now ? due - now : 0
    }
    return nil
  }

  private func tick(of deadline: UInt64) -> UInt64 {
    let tick = deadline / Self.tickMilliseconds + 1
    // What lies beyond one turn is linked at the far end and looked at again there.
    return min(max(tick, cursor), cursor + UInt64(Self.buckets - 1))
  }

  private mutating func drain(bucket: Int, now: UInt64, _ due: inout [UnsafeMutablePointer<TimerNode>]) {
    var next = unsafe heads[bucket]
    unsafe heads[bucket] = nil
    unsafe occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64))
    while let node = unsafe next {
      unsafe next = unsafe node.pointee.next
      unsafe node.pointee.next = nil
      unsafe node.pointee.previous = nil
      unsafe node.pointee.isLinked = false
      let deadline = unsafe node.pointee.deadline
      if deadline <= now {
        unsafe node.pointee.deadline = .max
        unsafe due.append(node)
      } else if deadline != .max {
        // The cursor still stands on this bucket: the earliest new place is the next one.
        unsafe link(node, max(tick(of: deadline), cursor + 1))
      }
    }
  }

  private mutating func link(_ node: UnsafeMutablePointer<TimerNode>, _ tick: UInt64) {
    let bucket = Int(tick % UInt64(Self.buckets))
    unsafe node.pointee.linkedTick = tick
    unsafe node.pointee.isLinked = true
    unsafe node.pointee.previous = nil
    unsafe node.pointee.next = unsafe heads[bucket]
    unsafe heads[bucket]?.pointee.previous = unsafe node
    unsafe heads[bucket] = unsafe node
    unsafe occupied[bucket / 64] |= 1 << UInt64(bucket % 64)
  }

  private mutating func unlink(_ node: UnsafeMutablePointer<TimerNode>) {
    let bucket = unsafe Int(node.pointee.linkedTick % UInt64(Self.buckets))
    if let previous = unsafe node.pointee.previous {
      unsafe previous.pointee.next = unsafe node.pointee.next
    } else {
      unsafe heads[bucket] = unsafe node.pointee.next
      if unsafe heads[bucket] == nil { unsafe occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
    }
    unsafe node.pointee.next?.pointee.previous = unsafe node.pointee.previous
    unsafe node.pointee.next = nil
    unsafe node.pointee.previous = nil
    unsafe node.pointee.isLinked = false
  }
}

/// A timer inside the thing that it times out.
@safe public struct TimerNode: BitwiseCopyable {
  var next: UnsafeMutablePointer<TimerNode>?
  var previous: UnsafeMutablePointer<TimerNode>?
  var linkedTick: UInt64 = 0
  /// Milliseconds of the monotonic clock; `UInt64.max` when not set.
  public internal(set) var deadline: UInt64 = .max
  var isLinked = false
  /// Whom it belongs to.
  public let owner: Token

  /// A timer that is not set.
  public init(owner: Token = Token(bits: 0)) { self.owner = owner }
}
