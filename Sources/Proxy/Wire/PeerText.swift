internal import OS

/// The client's IP address as text, made once for each connection.
struct PeerText: BitwiseCopyable {
  private var text: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
  private(set) var count: UInt8 = 0

  init() {}

  init(_ address: SocketAddress) {
    let n = unsafe withUnsafeMutableBytes(of: &text) { raw in
      unsafe raw.baseAddress.map { unsafe address.writeHost(to: $0.assumingMemoryBound(to: UInt8.self)) } ?? 0
    }
    count = UInt8(truncatingIfNeeded: n)
  }

  /// The text, of one that stands in memory that does not move.
  @inline(__always)
  var bytes: UnsafeBufferPointer<UInt8> {
    mutating get {
      unsafe withUnsafeMutableBytes(of: &text) { raw in
        unsafe UnsafeBufferPointer(
          start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: Int(count))
      }
    }
  }

  func withBytes<R>(_ body: (UnsafePointer<UInt8>, Int) -> R) -> R {
    unsafe withUnsafeBytes(of: text) { raw in
      // The tuple is never empty, so that there always is a base address.
      unsafe body(raw.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self), Int(count))
    }
  }
}
