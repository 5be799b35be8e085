/// Frames that wait to be sent, in memory that the connection's owner lends.
public struct FrameBuffer: BitwiseCopyable {
  /// The memory; nil while nothing waits and none is lent.
  public private(set) var base: UnsafeMutablePointer<UInt8>?
  /// Bytes that wait.
  public private(set) var count = 0
  private var capacity = 0

  /// Nothing lent yet.
  public init() {}

  /// Bytes that still fit.
  public var room: Int { capacity - count }

  /// Lends memory; the buffer must have none.
  public mutating func lend(_ memory: UnsafeMutablePointer<UInt8>, capacity: Int) {
    base = memory
    self.capacity = capacity
    count = 0
  }

  /// Forgets the bytes: they have been sent. The memory stays.
  public mutating func clear() { count = 0 }

  /// Gives the memory back to its owner.
  public mutating func takeBack() -> UnsafeMutablePointer<UInt8>? {
    defer {
      base = nil
      capacity = 0
      count = 0
    }
    return base
  }

  /// Begins a small frame if all of it fits: half a frame would be the end of the connection.
  mutating func begin(_ length: Int, _ type: UInt8, _ flags: UInt8, _ stream: UInt32) -> Bool {
    guard room >= FrameHeader.size + length else { return false }
    header(length, type, flags, stream)
    return true
  }

  /// Begins a frame of so many bytes of payload, for which there must be room.
  @inline(__always)
  mutating func header(_ length: Int, _ type: UInt8, _ flags: UInt8, _ stream: UInt32) {
    guard let base, room >= FrameHeader.size else { return }
    let p = base + count
    p[0] = UInt8(truncatingIfNeeded: length >> 16)
    p[1] = UInt8(truncatingIfNeeded: length >> 8)
    p[2] = UInt8(truncatingIfNeeded: length)
    p[3] = type
    p[4] = flags
    word(stream, at: p + 5)
    count += FrameHeader.size
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafePointer<UInt8>, _ n: Int) {
    guard let base, room >= n else { return }
    (base + count).update(from: bytes, count: n)
    count += n
  }

  @inline(__always)
  mutating func append(_ value: UInt32) {
    guard let base, room >= 4 else { return }
    word(value, at: base + count)
    count += 4
  }

  mutating func append(_ value: UInt16) {
    guard let base, room >= 2 else { return }
    base[count] = UInt8(truncatingIfNeeded: value >> 8)
    base[count + 1] = UInt8(truncatingIfNeeded: value)
    count += 2
  }

  /// Where the next byte goes, for writers that fill in a block themselves.
  var end: UnsafeMutablePointer<UInt8>? { base.map { $0 + count } }

  mutating func advance(_ n: Int) { count += n }

  @inline(__always)
  private func word(_ value: UInt32, at p: UnsafeMutablePointer<UInt8>) {
    p[0] = UInt8(truncatingIfNeeded: value >> 24)
    p[1] = UInt8(truncatingIfNeeded: value >> 16)
    p[2] = UInt8(truncatingIfNeeded: value >> 8)
    p[3] = UInt8(truncatingIfNeeded: value)
  }
}
