#if canImport(Glibc)
  internal import Glibc
#endif

/// Buffers of one size, given back and taken again last in, first out, so that the warm one is used next; no more than
/// a limit of them at a time.
///
/// Belongs to one thread.
@safe public struct BufferPool: ~Copyable {
  /// What a buffer is for: work that begins leaves room for work that goes on, so that what has been begun can be ended.
  public enum Purpose: Sendable {
    /// Something new, such as a request: gets one while less than half of the limit is out.
    case beginning
    /// Something under way.
    case goingOn
  }

  /// The size of every buffer in bytes.
  public let bufferSize: Int
  /// The most buffers that may be out when another one is asked for.
  public var maximum: Int
  private var idle: [UnsafeMutablePointer<UInt8>] = unsafe []
  private let maximumIdle: Int
  /// Buffers that are out.
  public private(set) var inUse = 0

  /// A pool that keeps at most so many idle buffers.
  public init(bufferSize: Int, maximumIdle: Int, maximum: Int = .max) {
    self.bufferSize = bufferSize
    self.maximumIdle = maximumIdle
    self.maximum = maximum
  }

  deinit { unsafe idle.forEach { buffer in unsafe free(buffer) } }

  /// Whether there would be a buffer.
  @inline(__always)
  public func hasRoom(_ purpose: Purpose) -> Bool {
    inUse < (purpose == .beginning ? maximum - maximum / 2 : maximum)
  }

  /// A buffer with unknown content; nil at the limit, or when the system has no memory.
  @inline(__always)
  public mutating func acquire(_ purpose: Purpose) -> UnsafeMutablePointer<UInt8>? {
    guard hasRoom(purpose) else { return nil }
    guard let buffer = unsafe idle.popLast() ?? fresh() else { return nil }
    inUse += 1
    return unsafe buffer
  }

  /// A buffer beyond the limit, for what mostly comes back before its owner's turn is over, such as the frames of a
  /// connection, of which each has one at a time. Whoever keeps it for something that begins asks `hasRoom` first.
  @inline(__always)
  public mutating func acquireUnbounded() -> UnsafeMutablePointer<UInt8> {
    inUse += 1
    return unsafe idle.popLast() ?? .allocate(capacity: bufferSize)
  }

  /// Gives a buffer back.
  @inline(__always)
  public mutating func release(_ buffer: UnsafeMutablePointer<UInt8>) {
    inUse -= 1
    if unsafe idle.count < maximumIdle { unsafe idle.append(buffer) } else { unsafe free(buffer) }
  }

  private func fresh() -> UnsafeMutablePointer<UInt8>? {
    unsafe malloc(bufferSize)?.bindMemory(to: UInt8.self, capacity: bufferSize)
  }
}
