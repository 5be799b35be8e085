public import Bytes

/// Time and chance, passed in so that a test decides them.
public struct Environment: Sendable {
  /// The wall clock.
  public var now: @Sendable () -> UnixTime
  /// Seconds on a clock that is never set, for deadlines and rates.
  public var uptime: @Sendable () -> Double
  /// Waits so many seconds; throws only when the task is cancelled.
  public var sleep: @Sendable (_ seconds: Double) async throws -> Void
  /// A number from 0 up to but not including 1, for jitter.
  public var random: @Sendable () -> Double
  /// So many random bytes fit for identifiers.
  public var randomBytes: @Sendable (_ count: Int) -> [UInt8]
  /// Told of every failed try that is followed by another one; for logs.
  public var retrying: @Sendable (_ failure: GCPError, _ afterSeconds: Double) -> Void = { _, _ in }

  /// An environment.
  public init(
    now: @escaping @Sendable () -> UnixTime, uptime: @escaping @Sendable () -> Double,
    sleep: @escaping @Sendable (_ seconds: Double) async throws -> Void,
    random: @escaping @Sendable () -> Double, randomBytes: @escaping @Sendable (_ count: Int) -> [UInt8]
  ) {
    self.now = now
    self.uptime = uptime
    self.sleep = sleep
    self.random = random
    self.randomBytes = randomBytes
  }

  /// A random UUID (RFC 9562 §5.4), for `requestId`.
  func uuid() -> String {
    var bytes = Array((randomBytes(16) + [UInt8](repeating: 0, count: 16)).prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let hex = Array(Hex.encode(bytes))
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }.joined(separator: "-")
  }
}
