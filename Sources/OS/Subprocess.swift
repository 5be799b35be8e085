import CLinux

/// Runs shell commands for an operator: hooks, not plumbing.
///
/// It does not keep a terminal or share any descriptor with the child. It promises that the
/// command runs in a process group of its own, that the group is killed when the time is up, and that
/// waiting occupies a thread of its own, never one of the cooperative pool.
public enum Subprocess {
  /// How a command ended.
  public enum Ending: Sendable, Equatable {
    /// It exited with this status.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Int32)
    /// It ran out of time and was killed with its group.
    case timedOut
  }

  /// What became of a command.
  public struct Outcome: Sendable, Equatable {
    /// How it ended.
    public let ending: Ending
    /// The end of its standard output and standard error together.
    public let output: [UInt8]
    /// Whether there was more output than was kept.
    public let isTruncated: Bool
  }

  /// How much output is kept, in bytes.
  public static let maximumOutputInBytes = 16 << 10

  /// The longest standard input, in bytes: what a pipe holds.
  public static let maximumInputInBytes = 16 << 10

  /// The environment of this process; entries without `=` are left out.
  public static func inheritedEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    guard var entry = unsafe certd_environment() else { return result }
    while let text = unsafe entry.pointee {
      let parts = unsafe String(cString: text).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
      unsafe entry += 1
    }
    return result
  }

  /// Runs `/bin/sh -c command` with exactly this environment and waits for the shell, not for what it left
  /// running behind. Throws when it could not be started.
  public static func shell(
    _ command: String, environment: [String: String], input: [UInt8] = [], timeLimitInSeconds: UInt32
  ) async throws(SystemError) -> Outcome {
    try await OwnThread.run { run(command, environment, input, timeLimitInSeconds) }.get()
  }

  /// Runs a program by its path, without a shell, in the same way. `arguments` are those behind its name.
  public static func program(
    _ path: String, _ arguments: [String], environment: [String: String], timeLimitInMilliseconds: UInt64
  ) async throws(SystemError) -> Outcome {
    try await OwnThread.run { () -> Result<Outcome, SystemError> in
      do throws(SystemError) {
        let child = try SpawnedShell(program: path, [path] + arguments, environment)
        return .success(
          try child.wait(
            untilNanoseconds: Clock.monotonicNanoseconds() + timeLimitInMilliseconds * 1_000_000))
      } catch { return .failure(error) }
    }.get()
  }

  private static func run(
    _ command: String, _ environment: [String: String], _ input: [UInt8], _ limit: UInt32
  ) -> Result<Outcome, SystemError> {
    do {
      let child = try SpawnedShell(command, environment, input: input)
      return .success(
        try child.wait(untilNanoseconds: Clock.monotonicNanoseconds() + UInt64(limit) * 1_000_000_000))
    } catch { return .failure(error) }
  }
}
