/// One frame as it is on the wire (RFC 9113 §4.1). Any field may have any value: what is wrong can be said as well.
package struct Frame: Sendable, Equatable {
  /// The type's code.
  package var type: UInt8
  /// All eight flags.
  package var flags: UInt8
  /// The stream, the reserved bit included.
  package var stream: UInt32
  /// What follows the nine octets of the header.
  package var payload: [UInt8]

  /// A frame of anything.
  package init(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) {
    self.type = type
    self.flags = flags
    self.stream = stream
    self.payload = payload
  }

  /// The types of RFC 9113 §6.
  package enum Kind {
    package static let data: UInt8 = 0
    package static let headers: UInt8 = 1
    package static let priority: UInt8 = 2
    package static let rstStream: UInt8 = 3
    package static let settings: UInt8 = 4
    package static let pushPromise: UInt8 = 5
    package static let ping: UInt8 = 6
    package static let goAway: UInt8 = 7
    package static let windowUpdate: UInt8 = 8
    package static let continuation: UInt8 = 9
  }

  /// The flags of RFC 9113 §6; `ack` and `endStream` are the same bit.
  package enum Flag {
    package static let ack: UInt8 = 0x1
    package static let endStream: UInt8 = 0x1
    package static let endHeaders: UInt8 = 0x4
    package static let padded: UInt8 = 0x8
    package static let priority: UInt8 = 0x20
  }

  /// The octets to send.
  package var bytes: [UInt8] {
    let n = payload.count
    let head: [UInt8] = [UInt8(n >> 16 & 0xFF), UInt8(n >> 8 & 0xFF), UInt8(n & 0xFF), type, flags]
    return head + Self.word(stream) + payload
  }

  package func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

  static func word(_ value: UInt32) -> [UInt8] {
    [
      UInt8(truncatingIfNeeded: value >> 24), UInt8(truncatingIfNeeded: value >> 16),
      UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value),
    ]
  }

  static func readWord(_ bytes: some Collection<UInt8>) -> UInt32 {
    bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension Frame {
  /// What the client sends before all frames (RFC 9113 §3.4).
  package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  package static func data(_ stream: UInt32, _ content: [UInt8], end: Bool = false, padding: Int? = nil)
    -> Frame
  {
    let flags = (end ? Flag.endStream : 0) | (padding == nil ? 0 : Flag.padded)
    return Frame(Kind.data, flags: flags, stream: stream, padded(content, padding))
  }

  /// Which stream another one waits for (RFC 7540 §5.3, deprecated by RFC 9113 §5.3.2).
  package struct Dependency: Sendable {
    package var on: UInt32
    package var exclusive = false
    package var weight: UInt8 = 15
    package init(on stream: UInt32, exclusive: Bool = false, weight: UInt8 = 15) {
      (self.on, self.exclusive, self.weight) = (stream, exclusive, weight)
    }
    var bytes: [UInt8] { Frame.word(on | (exclusive ? 0x8000_0000 : 0)) + [weight] }
  }

  package static func headers(
    _ stream: UInt32, _ block: [UInt8], end: Bool = true, complete: Bool = true, padding: Int? = nil,
    priority: Dependency? = nil
  ) -> Frame {
    var flags = (end ? Flag.endStream : 0) | (complete ? Flag.endHeaders : 0)
    if padding != nil { flags |= Flag.padded }
    if priority != nil { flags |= Flag.priority }
    return Frame(
      Kind.headers, flags: flags, stream: stream, padded((priority?.bytes ?? []) + block, padding))
  }

  package static func continuation(_ stream: UInt32, _ block: [UInt8], complete: Bool = true) -> Frame {
    Frame(Kind.continuation, flags: complete ? Flag.endHeaders : 0, stream: stream, block)
  }

  package static func priority(_ stream: UInt32, _ dependency: Dependency) -> Frame {
    Frame(Kind.priority, stream: stream, dependency.bytes)
  }

  package static func reset(_ stream: UInt32, _ code: ErrorCode = .cancel) -> Frame {
    Frame(Kind.rstStream, stream: stream, word(code.rawValue))
  }

  package static func settings(_ values: [(Setting, UInt32)] = []) -> Frame {
    Frame(
      Kind.settings,
      values.flatMap { [UInt8($0.0.rawValue >> 8), UInt8($0.0.rawValue & 0xFF)] + word($0.1) })
  }

  package static let settingsAck = Frame(Kind.settings, flags: Flag.ack)

  /// Eight octets of opaque data.
  package static func ping(_ data: [UInt8] = Array("pingpong".utf8), ack: Bool = false) -> Frame {
    Frame(Kind.ping, flags: ack ? Flag.ack : 0, data)
  }

  package static func goAway(last: UInt32 = 0, _ code: UInt32 = 0, debug: [UInt8] = []) -> Frame {
    Frame(Kind.goAway, word(last) + word(code) + debug)
  }

  package static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Frame {
    Frame(Kind.windowUpdate, stream: stream, word(increment))
  }

  package static func pushPromise(_ stream: UInt32, promised: UInt32, _ block: [UInt8]) -> Frame {
    Frame(Kind.pushPromise, flags: Flag.endHeaders, stream: stream, word(promised) + block)
  }

  private static func padded(_ content: [UInt8], _ padding: Int?) -> [UInt8] {
    guard let padding else { return content }
    return [UInt8(truncatingIfNeeded: padding)] + content + Array(repeating: 0, count: padding)
  }
}

/// Parameters of SETTINGS (RFC 9113 §6.5.2, RFC 8441 §3).
package enum Setting: UInt16, Sendable {
  case headerTableSize = 1
  case enablePush = 2
  case maxConcurrentStreams = 3
  case initialWindowSize = 4
  case maxFrameSize = 5
  case maxHeaderListSize = 6
  case enableConnectProtocol = 8
  /// One that nobody knows.
  case unknown = 0x7A7A
}

/// Error codes (RFC 9113 §7).
package enum ErrorCode: UInt32, Sendable {
  case noError, protocolError, internalError, flowControlError, settingsTimeout, streamClosed, frameSizeError
  case refusedStream, cancel, compressionError, connectError, enhanceYourCalm, inadequateSecurity
  case http11Required
  /// One that nobody knows.
  case unknown = 0xFA57
}
