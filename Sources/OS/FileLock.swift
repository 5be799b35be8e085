import CLinux

/// A lock between processes, kept by the kernel: it goes when its holder does, however that ends.
///
/// The file stays and means nothing by itself. Two locks of one process exclude each other like those of
/// two processes. Released when the value goes out of scope.
public struct FileLock: ~Copyable, Sendable {
  private let file: FileHandle

  private init(_ file: consuming FileHandle) { self.file = file }

  // Closing alone is not enough: a child that is just being spawned holds the same open file until it execs.
  deinit { flock(file.descriptor, LOCK_UN) }

  /// How often a busy lock is tried again, in nanoseconds.
  public static let retryNanoseconds: UInt64 = 5_000_000

  /// The lock on a file, which is made if there is none, or nil when somebody holds it.
  public static func tryAcquire(_ path: String, _ fs: FileSystem) throws(SystemError) -> FileLock? {
    let file = try fs.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600, call: "open lock")
    let descriptor = file.descriptor
    do { try fs.call("flock", path) { Int(flock(descriptor, LOCK_EX | LOCK_NB)) } } catch {
      if error.code == EWOULDBLOCK { return nil }
      throw error
    }
    return FileLock(file)
  }

  /// The lock, or nil when it is still busy after so many nanoseconds. Blocks the thread: only for locks
  /// that are held for one write.
  public static func acquire(
    _ path: String, _ fs: FileSystem, patienceNanoseconds: UInt64
  ) throws(SystemError) -> FileLock? {
    let start = Clock.monotonicNanoseconds()
    while true {
      if let lock = try tryAcquire(path, fs) { return lock }
      guard Clock.monotonicNanoseconds() &- start < patienceNanoseconds else { return nil }
      var pause = timespec(tv_sec: 0, tv_nsec: Int(retryNanoseconds))
      unsafe nanosleep(&pause, nil)
    }
  }

  /// The lock, or nil when it is still busy after so many tries, with the caller's sleep in between.
  public static func acquire(
    _ path: String, _ fs: FileSystem, tries: Int, sleep: () async throws -> Void
  ) async throws -> FileLock? {
    for attempt in 1...max(1, tries) {
      if let lock = try tryAcquire(path, fs) { return lock }
      if attempt < tries { try await sleep() }
    }
    return nil
  }
}
