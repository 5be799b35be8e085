import OS
import Synchronization

/// The challenge board as one process keeps it in memory, so that whoever asks for a token makes nobody read files: the
/// directory's time of change is looked at, once a millisecond at most, and what stands there is read when that is another.
///
/// Time is passed in: `monotonic` in nanoseconds, `wall` in nanoseconds since 1970.
public final class ChallengeMemory: Sendable {
  private struct State {
    var answers: [String: [UInt8]] = [:]
    var validations: [String: ChallengeBoard.Validation] = [:]
    /// When the directory was looked at last.
    var lookedAt: UInt64?
    /// The directory's time of change as it was read, unless it may change once more without that being seen.
    var settled: Int64?
  }

  /// How often the directory is looked at, in nanoseconds.
  public static let lookNanoseconds: UInt64 = 1_000_000
  /// Answers that are kept at most; the rest of a directory that has more is not read.
  public static let maximumAnswers = 10_000
  /// How long after a change another one may bear the same time, in nanoseconds: file systems keep coarse time.
  private static let settlingNanoseconds: Int64 = 50_000_000

  private let board: ChallengeBoard
  private let monotonic: @Sendable () -> UInt64
  private let wall: @Sendable () -> Int64
  private let state = Mutex(State())

  /// The memory of a board.
  public init(
    _ board: ChallengeBoard, monotonic: @escaping @Sendable () -> UInt64,
    wall: @escaping @Sendable () -> Int64
  ) {
    self.board = board
    self.monotonic = monotonic
    self.wall = wall
  }

  /// The answer for a token as it came in a request; nil when there is none or the text is no token.
  public func answer(token: String) -> [UInt8]? {
    guard ChallengeBoard.isToken(token) else { return nil }
    return state.withLock { state in
      look(&state)
      return state.answers[token]
    }
  }

  /// What a validation of a server name is shown; nil when none is under way.
  public func validation(serverName: String) -> ChallengeBoard.Validation? {
    state.withLock { state in
      look(&state)
      return state.validations[serverName.lowercased()]
    }
  }

  private func look(_ state: inout State) {
    let now = monotonic()
    if let last = state.lookedAt, now &- last < Self.lookNanoseconds { return }
    state.lookedAt = now
    guard let changed = board.changedNanoseconds() else { return }
    if state.settled == changed { return }
    // Another change within the grain of the file system's clock would not be seen: then it is read once more.
    state.settled = wall() &- changed > Self.settlingNanoseconds ? changed : nil
    (state.answers, state.validations) = board.all(most: Self.maximumAnswers)
  }
}

extension ChallengeBoard {
  /// When something was put up or taken down last, in nanoseconds since 1970; nil when that cannot be told.
  func changedNanoseconds() -> Int64? { (try? directoryStatus())?.modifiedNanoseconds }
}
