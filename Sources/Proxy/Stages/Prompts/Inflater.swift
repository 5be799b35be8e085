internal import CZlib

/// How a request's content is coded (RFC 9110 §8.4).
enum RequestCoding: UInt8, BitwiseCopyable {
  case none, gzip, deflate, unknown
}

/// Inflates content that is read, for one worker, one after another. What it makes is shown piece by piece and kept by nobody.
@safe final class Inflater {
  /// The most that is made of one request's content, in bytes.
  static let maximumBytes = 32 << 20
  /// Beyond `freeBytes` no more is made than this many times what came.
  static let maximumRatio = 100
  /// What any content may inflate to, in bytes.
  static let freeBytes = 1 << 20
  /// The most members of one content of gzip: each costs a beginning.
  static let maximumMembers = 64
  /// What is made at once, in bytes.
  private static let pieceBytes = 64 * 1024

  /// How it ended.
  enum Ending {
    /// All of it has been made.
    case whole
    /// More would have to come.
    case cut
    /// It is not what it should be.
    case malformed
    /// It would be too much.
    case tooMuch
  }

  private let state: UnsafeMutablePointer<z_stream>
  private let piece: UnsafeMutablePointer<UInt8>
  private var isReady = false

  init() {
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: z_stream())
    unsafe piece = .allocate(capacity: Self.pieceBytes)
  }

  deinit {
    if isReady { unsafe inflateEnd(state) }
    unsafe state.deallocate()
    unsafe piece.deallocate()
  }

  /// Inflates content, and shows what it makes.
  func inflate(
    _ content: UnsafeBufferPointer<UInt8>, _ coding: RequestCoding, _ body: (UnsafeRawBufferPointer) -> Void
  ) -> Ending {
    // 16 beside the window's 15 bits asks for gzip's frame (RFC 1952), none for zlib's (RFC 1950).
    let bits: Int32 = coding == .gzip ? 15 + 16 : 15
    guard begin(bits), let base = content.baseAddress else { return content.isEmpty ? .cut : .malformed }
    unsafe state.pointee.next_in = unsafe UnsafeMutablePointer(mutating: base)
    unsafe state.pointee.avail_in = UInt32(clamping: content.count)
    let most = min(Self.maximumBytes, max(Self.freeBytes, content.count * Self.maximumRatio))
    var (made, members) = (0, 1)
    while true {
      unsafe state.pointee.next_out = unsafe piece
      unsafe state.pointee.avail_out = UInt32(Self.pieceBytes)
      let result = unsafe CZlib.inflate(state, Z_NO_FLUSH)
      let count = unsafe Self.pieceBytes - Int(state.pointee.avail_out)
      made += count
      guard made <= most else { return .tooMuch }
      if count > 0 { unsafe body(UnsafeRawBufferPointer(start: piece, count: count)) }
      switch result {
      case Z_OK: continue
      case Z_BUF_ERROR: return .cut
      case Z_STREAM_END:
        guard unsafe state.pointee.avail_in > 0 else { return .whole }
        // Further members of gzip follow (RFC 1952 §2.2); of zlib nothing does.
        members += 1
        guard coding == .gzip, members <= Self.maximumMembers, unsafe inflateReset(state) == Z_OK else {
          return .malformed
        }
      default: return .malformed
      }
    }
  }

  private func begin(_ bits: Int32) -> Bool {
    if isReady { return unsafe inflateReset2(state, bits) == Z_OK }
    isReady =
      unsafe inflateInit2_(state, bits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    return isReady
  }
}
