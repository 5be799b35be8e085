public import Bytes
public import PKI

/// Time and chance, passed in so that a test decides them.
public struct Environment: Sendable {
  /// The wall clock.
  public var now: @Sendable () -> UnixTime
  /// Waits so many seconds; throws only when the task is cancelled.
  public var sleep: @Sendable (_ seconds: Double) async throws -> Void
  /// A number from 0 up to but not including 1, for jitter.
  public var random: @Sendable () -> Double
  /// Told of every failed try that is followed by another one; for logs.
  public var retrying: @Sendable (_ failure: ACMEError, _ afterSeconds: Double) -> Void = { _, _ in }

  /// Told of each request before its first try; for whoever watches.
  public var stepping: @Sendable (_ step: ACMEError.Step, _ identifier: Identifier?) -> Void = { _, _ in }

  /// An environment.
  public init(
    now: @escaping @Sendable () -> UnixTime,
    sleep: @escaping @Sendable (_ seconds: Double) async throws -> Void,
    random: @escaping @Sendable () -> Double
  ) {
    self.now = now
    self.sleep = sleep
    self.random = random
  }
}
