import Bytes
import GCP
import Synchronization

/// Many calls at once fail for one reason: it is told once, whatever each of them was for.
final class RepeatedFailure: Sendable {
  private let last = Mutex<(cause: GCPError.Cause, at: UnixTime)?>(nil)

  /// How long a failure is the same as the one before, in seconds.
  static let seconds: Int64 = 10

  /// Whether it is worth a line.
  func isNew(_ failure: GCPError, at now: UnixTime) -> Bool {
    last.withLock { last in
      if let known = last, known.cause == failure.cause, now < known.at + Self.seconds { return false }
      last = (failure.cause, now)
      return true
    }
  }
}
