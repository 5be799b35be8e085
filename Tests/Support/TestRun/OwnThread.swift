internal import CLinux
internal import OS
internal import Synchronization
public import Testing

/// Runs each test on threads that may wait in system calls, and tells at the end of the run how long each has taken.
///
/// On the threads of the language, of which there are as many as processors, two tests that wait would hold up all
/// others. Every suite has this trait (see `SuitesTests`).
public struct OwnThread: TestTrait, SuiteTrait, TestScoping {
  /// The trait.
  public init() {}

  /// Also for the suites within.
  public var isRecursive: Bool { true }

  /// Once for each case.
  public func scopeProvider(for test: Test, testCase: Test.Case?) -> OwnThread? {
    testCase == nil ? nil : self
  }

  /// Runs a case.
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let begin = Clock.monotonicNanoseconds()
    defer { TestTimes.add(test, Clock.monotonicNanoseconds() - begin) }
    try await withTaskExecutorPreference(BlockingThreads.shared) { try await function() }
  }
}

extension Trait where Self == OwnThread {
  /// Runs on a thread of its own, which may wait.
  public static var ownThread: OwnThread { OwnThread() }
}
