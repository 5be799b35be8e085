import OS

/// Something that was waited for did not happen.
public struct NeverHappened: Error, CustomStringConvertible {
  /// What.
  public let what: String
  /// What, in a sentence.
  public var description: String { "waited in vain for: \(what)" }
}

/// The longest that anything is waited for, in seconds: far more than it takes on a busy machine.
public let patienceInSeconds = 60

/// Looks every few milliseconds until something holds; throws when the time is up.
public func eventually(
  _ what: @autoclosure () -> String, within seconds: Int = patienceInSeconds,
  _ holds: () async throws -> Bool
) async throws {
  let deadline = Clock.monotonicNanoseconds() + UInt64(seconds) * 1_000_000_000
  while true {
    if try await holds() { return }
    guard Clock.monotonicNanoseconds() < deadline else { throw NeverHappened(what: what()) }
    try await Task.sleep(for: .milliseconds(10))
  }
}
