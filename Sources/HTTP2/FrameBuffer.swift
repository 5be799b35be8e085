/// Frames that wait to be sent, in memory that the connection's owner lends.
@safe public struct FrameBuffer: BitwiseCopyable {
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
    unsafe base = unsafe memory
    self.capacity = capacity
    count = 0
  }

  /// Forgets the bytes: they have been sent. The memory stays.
  public mutating func clear() { count = 0 }

  /// Gives the memory back to its owner.
  public mutating func takeBack() -> UnsafeMutablePointer<UInt8>? {
    defer {
      unsafe base = nil
      capacity = 0
      count = 0
    }
    return unsafe base
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
    guard let base = unsafe base, room >= FrameHeader.size else { return }
    let p = unsafe base + count
    unsafe p[0] = UInt8(truncatingIfNeeded: length >> 16)
    unsafe p[1] = UInt8(truncatingIfNeeded: length >> 8)
    unsafe p[2] = UInt8(truncatingIfNeeded: length)
    unsafe p[3] = type
    unsafe p[4] = flags
    unsafe word(stream, at: p + 5)
    count += FrameHeader.size
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafePointer<UInt8>, _ n: Int) {
    guard let base = unsafe base, room >= n else { return }
    unsafe (base + count).update(from: bytes, count: n)
    count += n
  }

  @inline(__always)
  mutating func append(_ value: UInt32) {
    guard let base = unsafe base, room >= 4 else { return }
    unsafe word(value, at: base + count)
    count += 4
  }

  mutating func append(_ value: UInt16) {
    guard let base = unsafe base, room >= 2 else { return }
    unsafe base[count] = UInt8(truncatingIfNeeded: value >> 8)
    unsafe base[count + 1] = UInt8(truncatingIfNeeded: value)
    count += 2
  }

  /// Where the next byte goes, for writers that fill in a block themselves.
  var end: UnsafeMutablePointer<UInt8>? { unsafe base.map { unsafe $0 + count } }

  mutating func advance(_ n: Int) { count += n }

  @inline(__always)
  private func word(_ value: UInt32, at p: UnsafeMutablePointer<UInt8>) {
    unsafe p[0] = UInt8(truncatingIfNeeded: value >> 24)
    unsafe p[1] = UInt8(truncatingIfNeeded: value >> 16)
    unsafe p[2] = UInt8(truncatingIfNeeded: value >> 8)
    unsafe p[3] = UInt8(truncatingIfNeeded: value)
  }
}
