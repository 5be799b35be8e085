import CLinux

/// Work that blocks or computes for long, kept away from the cooperative pool.
public enum OwnThread {
  /// Runs a closure on a thread of its own and waits for it without blocking one of the pool's. Throws when
  /// the system gives no thread; the closure then never runs.
  public static func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async throws(SystemError) -> R {
    let result: Result<R, SystemError> = await withCheckedContinuation { continuation in
      let job = Job { continuation.resume(returning: .success(body())) }
      if let failure = job.start() { continuation.resume(returning: .failure(failure)) }
    }
    return try result.get()
  }
}

/// A closure that runs once.
private final class Job: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  /// Starts it, or tells why the system gave no thread; the closure then never runs.
  func start() -> SystemError? {
    var thread = pthread_t()
    let reference = unsafe Unmanaged.passRetained(self)
    let code = unsafe pthread_create(&thread, nil, runJob, reference.toOpaque())
    guard code == 0 else {
      unsafe reference.release()
      return SystemError(call: "pthread_create", code: code)
    }
    pthread_detach(thread)
    return nil
  }

  func run() { body() }
}

private func runJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  unsafe Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}
