/// The open streams of a connection by number: open addressing, with memory only while there are streams.
@safe struct StreamTable: BitwiseCopyable {
  typealias Entry = UnsafeMutablePointer<StreamState>?

  private var entries: UnsafeMutablePointer<Entry>?
  private var capacity = 0
  private(set) var count = 0

  func find(_ id: UInt32) -> UnsafeMutablePointer<StreamState>? {
    guard let entries = unsafe entries else { return nil }
    var at = place(id)
    while let stream = unsafe entries[at] {
      if unsafe stream.pointee.id == id { return unsafe stream }
      at = (at + 1) & (capacity - 1)
    }
    return nil
  }

  mutating func insert(_ stream: UnsafeMutablePointer<StreamState>) {
    if (count + 1) * 2 > capacity { grow() }
    unsafe put(stream)
    count += 1
  }

  mutating func remove(_ id: UInt32) {
    guard let entries = unsafe entries else { return }
    var at = place(id)
    while let stream = unsafe entries[at], unsafe stream.pointee.id != id { at = (at + 1) & (capacity - 1) }
    guard unsafe entries[at] != nil else { return }
    count -= 1
    // Those behind it that were pushed on by it move up, so that every search still finds them.
    var hole = at
    var next = (at + 1) & (capacity - 1)
    while let stream = unsafe entries[next] {
      let home = unsafe place(stream.pointee.id)
      if (next &- home) & (capacity - 1) >= (next &- hole) & (capacity - 1) {
        unsafe entries[hole] = unsafe stream
        hole = next
      }
      next = (next + 1) & (capacity - 1)
    }
    unsafe entries[hole] = nil
  }

  /// Every stream, once; the table must not be changed meanwhile.
  func forEach(_ body: (UnsafeMutablePointer<StreamState>) -> Void) {
    guard let entries = unsafe entries, count > 0 else { return }
    for i in 0..<capacity { if let stream = unsafe entries[i] { unsafe body(stream) } }
  }

  mutating func free() {
    unsafe entries?.deallocate()
    unsafe entries = nil
    capacity = 0
    count = 0
  }

  private func place(_ id: UInt32) -> Int { Int(id >> 1) & (capacity - 1) }

  private mutating func put(_ stream: UnsafeMutablePointer<StreamState>) {
    guard let entries = unsafe entries else { return }
    var at = unsafe place(stream.pointee.id)
    while unsafe entries[at] != nil { at = (at + 1) & (capacity - 1) }
    unsafe entries[at] = unsafe stream
  }

  private mutating func grow() {
    let old = unsafe entries
    let oldCapacity = capacity
    capacity = max(8, capacity * 2)
    let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
    unsafe bigger.initialize(repeating: nil, count: capacity)
    unsafe entries = unsafe bigger
    guard let old = unsafe old else { return }
    for i in 0..<oldCapacity { if let stream = unsafe old[i] { unsafe put(stream) } }
    unsafe old.deallocate()
  }
}

/// The numbers of streams that closed last, so that late frames can be told from wrong ones (RFC 9113 §5.1).
@safe struct ClosedStreams: BitwiseCopyable {
  enum Ending { case ended, resetByUs, unknown }

  /// How many are remembered.
  private static let capacity = 64
  /// Header sections that may still come on a stream that we have reset: a few of 1xx, the head and trailers.
  static let lateHeadsPerStream = 4
  private var numbers: UnsafeMutablePointer<UInt32>?
  private var next = 0
  private var lateHeads = 0
  private var lateBytes: Int64 = 0

  /// Whether a header section may still come for streams that are no more; each is allowed once.
  mutating func takesLateHead() -> Bool {
    lateHeads -= 1
    return lateHeads >= 0
  }

  /// Whether so much content may still come for streams that are no more: not more than was under way.
  mutating func takesLateBytes(_ count: Int) -> Bool {
    lateBytes -= Int64(count)
    return lateBytes >= 0
  }

  /// A stream is not, or no more, taken care of: what its peer may have sent before it hears of that, `window` bytes of
  /// content, is allowed.
  mutating func allowLate(window: UInt32) {
    lateHeads = min(max(0, lateHeads) + Self.lateHeadsPerStream, 1 << 20)
    lateBytes = min(max(0, lateBytes) + Int64(window), 1 << 40)
  }

  mutating func remember(_ id: UInt32, resetByUs: Bool, window: UInt32) {
    if resetByUs { allowLate(window: window) }
    let memory: UnsafeMutablePointer<UInt32>
    if let numbers = unsafe numbers {
      unsafe memory = unsafe numbers
    } else {
      unsafe memory = .allocate(capacity: Self.capacity)
      unsafe memory.initialize(repeating: 0, count: Self.capacity)
      unsafe numbers = unsafe memory
    }
    unsafe memory[next] = id | (resetByUs ? 0x8000_0000 : 0)
    next = (next + 1) % Self.capacity
  }

  func ending(of id: UInt32) -> Ending {
    guard let numbers = unsafe numbers else { return .unknown }
    for i in 0..<Self.capacity where unsafe numbers[i] & 0x7FFF_FFFF == id {
      return unsafe numbers[i] & 0x8000_0000 != 0 ? .resetByUs : .ended
    }
    return .unknown
  }

  mutating func free() {
    unsafe numbers?.deallocate()
    unsafe numbers = nil
  }
}
