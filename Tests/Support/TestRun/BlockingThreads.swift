internal import CLinux
internal import OS
internal import Synchronization

/// An executor that starts another thread whenever all that it has are busy, up to a number.
final class BlockingThreads: TaskExecutor {
  /// The one that all tests share.
  static let shared = BlockingThreads()

  private static let maximum = 128
  private let state = Mutex<(jobs: [UnownedJob], threads: Int, idle: Int)>(([], 0, 0))
  /// Counts the jobs that wait.
  private let descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_SEMAPHORE))

  /// Has the job run by whichever thread is idle first.
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let needsThread = state.withLock { state in
      state.jobs.append(job)
      guard state.jobs.count > state.idle, state.threads < Self.maximum else { return false }
      state.threads += 1
      return true
    }
    var one: UInt64 = 1
    _ = Sys.write(descriptor, &one, 8)
    guard needsThread else { return }
    let thread = try? Thread.start("test-body") { [self] in run() }
    if let thread { thread.detach() } else { state.withLock { $0.threads -= 1 } }
  }

  private func run() {
    while true {
      state.withLock { $0.idle += 1 }
      var count: UInt64 = 0
      while Sys.read(descriptor, &count, 8) != 8 {}
      let job = state.withLock { state in
        state.idle -= 1
        return state.jobs.removeFirst()
      }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}
