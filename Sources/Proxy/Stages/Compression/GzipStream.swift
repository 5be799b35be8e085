internal import CZlib

/// One gzip stream (RFC 1952) under way, over zlib. A plain handle that belongs to a `GzipPool`; it knows neither
/// connections nor framing: bytes go in, bytes come out where it is told.
@safe struct GzipStream: BitwiseCopyable {
  fileprivate let state: UnsafeMutablePointer<z_stream>

  /// What is done with bytes that zlib would rather keep for a while.
  enum Ending: BitwiseCopyable {
    /// They stay: more is at hand.
    case none
    /// All that has been given can be decompressed by the receiver.
    case flush
    /// The stream ends.
    case finish
  }

  /// What one step gave.
  struct Step: BitwiseCopyable {
    /// Bytes written.
    let produced: Int
    /// All input is taken, and the ending is complete: otherwise the room was too small, and one more step is due.
    let isDone: Bool
  }

  /// Gives bytes to be compressed by the steps that follow; they must stay until a step is done.
  func give(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    unsafe state.pointee.next_in = unsafe UnsafeMutablePointer(mutating: bytes)
    unsafe state.pointee.avail_in = UInt32(truncatingIfNeeded: count)
  }

  /// Compresses into at most `capacity` bytes; nil when zlib refuses, after which the stream is of no use.
  func step(into out: UnsafeMutablePointer<UInt8>, capacity: Int, _ ending: Ending) -> Step? {
    unsafe state.pointee.next_out = unsafe out
    unsafe state.pointee.avail_out = UInt32(truncatingIfNeeded: capacity)
    let mode: Int32 =
      switch ending {
      case .none: Z_NO_FLUSH
      case .flush: Z_SYNC_FLUSH
      case .finish: Z_FINISH
      }
    let result = unsafe deflate(state, mode)
    // Z_BUF_ERROR only says that there was nothing to do.
    guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return nil }
    let left = unsafe Int(state.pointee.avail_out)
    let isDone = ending == .finish ? result == Z_STREAM_END : left > 0
    return Step(produced: capacity - left, isDone: isDone)
  }
}

/// One worker's gzip streams. Each takes about 260 KiB, so that there is a bound: beyond it responses pass as they are.
final class GzipPool {
  /// The most streams of one worker at once: 64 MiB.
  static let maximumActive = 256
  /// Streams kept for the next response.
  static let maximumIdle = 16

  private var idle: [GzipStream] = []
  private(set) var active = 0

  deinit { for stream in idle { Self.free(stream) } }

  /// A stream at its beginning, of a level from 1 to 9; nil at the bound, or when memory is out.
  func acquire(level: Int32) -> GzipStream? {
    guard active < Self.maximumActive else { return nil }
    if let kept = idle.popLast() {
      if unsafe deflateReset(kept.state) == Z_OK,
        unsafe deflateParams(kept.state, level, Z_DEFAULT_STRATEGY) == Z_OK
      {
        active += 1
        return kept
      }
      Self.free(kept)
    }
    let state = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe state.initialize(to: z_stream())
    // 16 beside the window's 15 bits asks for gzip's frame instead of zlib's.
    let result = unsafe deflateInit2_(
      state, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard result == Z_OK else {
      unsafe state.deallocate()
      return nil
    }
    active += 1
    return unsafe GzipStream(state: state)
  }

  /// Takes a stream back, wherever it stands.
  func release(_ stream: GzipStream) {
    active -= 1
    if idle.count < Self.maximumIdle { idle.append(stream) } else { Self.free(stream) }
  }

  private static func free(_ stream: GzipStream) {
    unsafe deflateEnd(stream.state)
    unsafe stream.state.deallocate()
  }
}
