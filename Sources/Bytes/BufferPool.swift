/// Buffers of one size, given back and taken again last in, first out, so that the warm one is used next.
///
/// Belongs to one thread.
public struct BufferPool: ~Copyable {
  /// The size of every buffer in bytes.
  public let bufferSize: Int
  private var idle: [UnsafeMutablePointer<UInt8>] = []
  private let maximumIdle: Int
  /// Buffers that are out.
  public private(set) var inUse = 0

  /// A pool that keeps at most so many idle buffers.
  public init(bufferSize: Int, maximumIdle: Int) {
    self.bufferSize = bufferSize
    self.maximumIdle = maximumIdle
  }

  deinit { for buffer in idle { buffer.deallocate() } }

  /// A buffer with unknown content.
  public mutating func acquire() -> UnsafeMutablePointer<UInt8> {
    inUse += 1
    return idle.popLast() ?? .allocate(capacity: bufferSize)
  }

  /// Gives a buffer back.
  public mutating func release(_ buffer: UnsafeMutablePointer<UInt8>) {
    inUse -= 1
    if idle.count < maximumIdle { idle.append(buffer) } else { buffer.deallocate() }
  }
}
