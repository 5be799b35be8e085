// EventLoop: what one thread's loop is made of: epoll, timers, slots with generations, and a mailbox for other threads.
//
// It does not run a loop, read or write sockets, or call back. It promises that an event, a timer or a reference of a slot that
// has been used again is recognised and dropped.

internal import CLinux
public import OS

/// One epoll set. It does not read or write anything, keep callbacks or start threads: its owner waits,
/// looks at each event's token, and acts.
///
/// A descriptor is registered once, edge-triggered, for reading, writing and the peer's close; nothing is
/// changed afterwards. A token carries a generation, so that an event that was under way when its slot was
/// reused is recognised as stale and dropped.
@safe public struct Poller: ~Copyable, @unchecked Sendable {
  /// Events taken from the kernel in one turn.
  public static let batchSize = 512

  private let epoll: Int32
  private let events: UnsafeMutablePointer<epoll_event>

  /// A new epoll set. Throws `SystemError` when the process is out of descriptors.
  public init() throws(SystemError) {
    let fd = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard fd >= 0 else { throw SystemError(call: "epoll_create1", code: certd_errno()) }
    epoll = fd
    unsafe events = .allocate(capacity: Self.batchSize)
  }

  deinit {
    Sys.close(epoll)
    unsafe events.deallocate()
  }

  /// Registers a descriptor for all its edges. Closing the descriptor removes it. Returns 0 or `-errno`.
  public func add(_ fd: Int32, _ token: Token) -> Int {
    var event = unsafe epoll_event()
    unsafe event.events =
      EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
    unsafe event.data.u64 = token.bits
    return unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -Int(certd_errno())
  }

  /// Registers a descriptor for reading only, level-triggered: listening sockets and wake-ups.
  public func addLevel(_ fd: Int32, _ token: Token) -> Int {
    var event = unsafe epoll_event()
    unsafe event.events = EPOLLIN.rawValue
    unsafe event.data.u64 = token.bits
    return unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -Int(certd_errno())
  }

  /// Forgets a descriptor that stays open.
  public func remove(_ fd: Int32) {
    var event = unsafe epoll_event()
    unsafe epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event)
  }

  /// Waits for events, at most so many milliseconds (-1: for ever). Returns how many there are.
  public func wait(milliseconds: Int32) -> Int {
    let n = unsafe epoll_wait(epoll, events, Int32(Self.batchSize), milliseconds)
    return n < 0 ? 0 : Int(n)
  }

  /// One event of the last `wait`.
  public func event(_ index: Int) -> (token: Token, readiness: Readiness) {
    let event = unsafe events[index]
    return unsafe (Token(bits: event.data.u64), Readiness(rawValue: event.events))
  }
}

/// Names a registration: what kind of thing it is, its slot, and the slot's generation.
public struct Token: Equatable, Sendable, BitwiseCopyable {
  /// 8 bits of kind, 24 of generation, 32 of index.
  public let bits: UInt64

  /// A token read back from the kernel.
  public init(bits: UInt64) { self.bits = bits }

  /// A token of its parts; only the low 24 bits of the generation count.
  public init(kind: UInt8, index: UInt32, generation: UInt32) {
    bits = UInt64(kind) << 56 | UInt64(generation & 0xFF_FFFF) << 32 | UInt64(index)
  }

  /// The owner's own classification.
  public var kind: UInt8 { UInt8(truncatingIfNeeded: bits >> 56) }
  /// The slot.
  public var index: UInt32 { UInt32(truncatingIfNeeded: bits) }
  /// The slot's generation when it was registered.
  public var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & 0xFF_FFFF }
}

/// What epoll reported.
public struct Readiness: OptionSet, Sendable {
  /// epoll's own bits.
  public let rawValue: UInt32
  /// The kernel's bits as they are.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// There is something to read, or the end of the stream.
  public static let readable = Readiness(rawValue: 0x001)
  /// There is room to write.
  public static let writable = Readiness(rawValue: 0x004)
  /// The connection is in error.
  public static let error = Readiness(rawValue: 0x008)
  /// Both directions are closed.
  public static let hangup = Readiness(rawValue: 0x010)
  /// The peer has closed its sending half.
  public static let peerClosed = Readiness(rawValue: 0x2000)
}
