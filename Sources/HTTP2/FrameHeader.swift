/// The nine bytes before every frame's payload (RFC 9113 §4.1).
struct FrameHeader: BitwiseCopyable {
  let length: Int
  let type: UInt8
  let flags: UInt8
  let stream: UInt32

  /// The length of a frame's header, in bytes (RFC 9113 §4.1).
  static let size = 9

  init(_ p: UnsafePointer<UInt8>) {
    length = unsafe Int(p[0]) << 16 | Int(p[1]) << 8 | Int(p[2])
    type = unsafe p[3]
    flags = unsafe p[4]
    // The reserved bit is ignored.
    stream = unsafe UInt32(p[5] & 0x7F) << 24 | UInt32(p[6]) << 16 | UInt32(p[7]) << 8 | UInt32(p[8])
  }

  func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let pushPromise: UInt8 = 5
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
  }

  enum Flag {
    static let endStream: UInt8 = 0x1
    static let acknowledgement: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
  }
}

@inline(__always)
func readUInt32(_ p: UnsafePointer<UInt8>) -> UInt32 {
  unsafe UInt32(p[0]) << 24 | UInt32(p[1]) << 16 | UInt32(p[2]) << 8 | UInt32(p[3])
}
