internal import HTTP
internal import Telemetry
internal import Upstream

/// What a request is called, and the steps of its trace. Made only where one of them is on; owned by its exchange.
@safe struct FollowedRequest: BitwiseCopyable {
  /// The longest identifier of a client's that is taken, in bytes.
  static let maximumIDBytes = 64
  /// Bytes of a trace's number in hexadecimal digits.
  static let traceDigits = 32
  /// The most attempts that are told of.
  static let maximumAttempts = 6

  /// One attempt at a backend.
  @safe struct Attempt: BitwiseCopyable {
    var began: UInt64 = 0
    var ended: UInt64 = 0
    var status: Unmanaged<BackendStatus>?
    var hasFailed = false
  }

  /// The identifier's text, and behind it the trace's number.
  private let text: UnsafeMutablePointer<UInt8>
  private(set) var idCount = 0
  private(set) var trace: TraceID?
  /// The number of its own step, and of the client's.
  var span: UInt64 = 0
  var parent: UInt64 = 0
  var isSampled = false

  private(set) var attempts = InlineArray<6, Attempt>(repeating: Attempt())
  private(set) var attemptCount = 0
  private var isTrying = false
  /// When it began to wait for room, and when that was over, in monotonic nanoseconds.
  private(set) var waitBegan: UInt64 = 0
  private(set) var waitEnded: UInt64 = 0

  init() {
    unsafe text = .allocate(capacity: Self.maximumIDBytes + Self.traceDigits)
    unsafe text.initialize(repeating: 0, count: Self.maximumIDBytes + Self.traceDigits)
  }

  func free() { unsafe text.deallocate() }

  var requestIDText: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: text, count: idCount) }
  var traceIDText: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: text + Self.maximumIDBytes, count: trace == nil ? 0 : Self.traceDigits)
  }

  // MARK: Names

  /// Takes a client's own identifier, if it is one.
  mutating func takeID(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard count > 0, count <= Self.maximumIDBytes else { return false }
    for index in 0..<count {
      switch unsafe bytes[index] {
      // Letters, digits and - _ . : + / =
      case 0x30...0x3A, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x2E, 0x2B, 0x2F, 0x3D: break
      default: return false
      }
    }
    unsafe text.update(from: bytes, count: count)
    idCount = count
    return true
  }

  /// Makes one: the time in milliseconds and chance, as RFC 9562 §5.7 has it.
  mutating func makeID(milliseconds: UInt64, _ first: UInt64, _ second: UInt64) {
    let high = milliseconds << 16 | 0x7000 | first & 0xFFF
    let low = 0x8000_0000_0000_0000 | second & 0x3FFF_FFFF_FFFF_FFFF
    var at = 0
    for index in 0..<32 {
      if index == 8 || index == 12 || index == 16 || index == 20 {
        unsafe text[at] = 0x2D
        at += 1
      }
      let half = index < 16 ? high : low
      unsafe text[at] = Self.digit(half >> (60 - 4 * UInt64(index % 16)))
      at += 1
    }
    idCount = at
  }

  /// It is called nothing.
  mutating func forgetID() { idCount = 0 }

  /// Belongs to a trace from here on.
  mutating func join(_ trace: TraceID) {
    self.trace = trace
    for index in 0..<Self.traceDigits {
      let half = index < 16 ? trace.high : trace.low
      unsafe text[Self.maximumIDBytes + index] = Self.digit(half >> (60 - 4 * UInt64(index % 16)))
    }
  }

  private static func digit(_ value: UInt64) -> UInt8 {
    let nibble = UInt8(truncatingIfNeeded: value & 0xF)
    return nibble < 10 ? 0x30 + nibble : 0x57 + nibble
  }

  // MARK: Steps

  /// An attempt begins, or the one that goes on has come to its backend.
  mutating func tries(at now: UInt64) {
    if waitBegan > 0, waitEnded == 0 { waitEnded = now }
    guard !isTrying, attemptCount < Self.maximumAttempts else { return }
    attempts[attemptCount].began = now
    isTrying = true
  }

  /// The attempt is over.
  mutating func stops(at now: UInt64, _ status: Unmanaged<BackendStatus>?, failed: Bool) {
    guard isTrying else { return }
    isTrying = false
    attempts[attemptCount].ended = now
    unsafe attempts[attemptCount].status = unsafe status
    attempts[attemptCount].hasFailed = failed
    attemptCount += 1
  }

  /// There was no room for the attempt: it waits instead.
  mutating func waits(at now: UInt64) {
    isTrying = false
    if waitBegan == 0 { waitBegan = now }
  }
}

/// A traceparent field (W3C Trace Context, version 00 and what later ones have in common with it).
struct TraceParent: Equatable {
  var trace: TraceID
  var span: UInt64
  var isSampled: Bool

  /// Its length in version 00, in bytes.
  static let count = 55

  init?(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    guard count >= Self.count, unsafe bytes[2] == 0x2D, unsafe bytes[35] == 0x2D, unsafe bytes[52] == 0x2D,
      let version = unsafe Self.number(bytes, 2), version != 0xFF,
      unsafe count == Self.count || version > 0 && bytes[55] == 0x2D,
      let high = unsafe Self.number(bytes + 3, 16), let low = unsafe Self.number(bytes + 19, 16),
      let span = unsafe Self.number(bytes + 36, 16), let flags = unsafe Self.number(bytes + 53, 2),
      high | low != 0, span != 0
    else { return nil }
    (trace, self.span, isSampled) = (TraceID(high: high, low: low), span, flags & 1 == 1)
  }

  private static func number(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in 0..<count {
      switch unsafe bytes[index] {
      case let digit where digit >= 0x30 && digit <= 0x39: value = value << 4 | UInt64(digit - 0x30)
      case let digit where digit >= 0x61 && digit <= 0x66: value = value << 4 | UInt64(digit - 0x57)
      default: return nil
      }
    }
    return value
  }
}
