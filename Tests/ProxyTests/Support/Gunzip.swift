import TestPeers
import TestSupport
import CZlib

/// Decompresses gzip as it comes.
final class Gunzip {
  private let state = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  /// The stream has ended, its checksum right.
  private(set) var isComplete = false
  private(set) var isBroken = false

  init() {
    state.initialize(to: z_stream())
    inflateInit2_(state, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
  }

  deinit {
    inflateEnd(state)
    state.deallocate()
  }

  /// What further bytes give.
  func take(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    bytes.withUnsafeMutableBufferPointer { input in
      state.pointee.next_in = input.baseAddress
      state.pointee.avail_in = UInt32(input.count)
      while !isComplete, !isBroken {
        let (result, count) = part.withUnsafeMutableBufferPointer { out in
          state.pointee.next_out = out.baseAddress
          state.pointee.avail_out = UInt32(out.count)
          let result = inflate(state, Z_SYNC_FLUSH)
          return (result, out.count - Int(state.pointee.avail_out))
        }
        all += part[..<count]
        if result == Z_STREAM_END {
          isComplete = true
        } else if result != Z_OK {
          isBroken = result != Z_BUF_ERROR
        }
        if count == 0 || result == Z_BUF_ERROR { break }
      }
    }
    return all
  }

  /// A whole gzip stream as text; nil when it is none.
  static func text(_ body: String) -> String? {
    let stream = Gunzip()
    let plain = stream.take(body.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    return stream.isComplete ? latin1Text(plain) : nil
  }
}
