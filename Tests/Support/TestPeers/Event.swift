internal import CLinux
internal import OS

/// Something that happens in one thread and is waited for in another.
package final class Event: Sendable {
  private let descriptor: Int32

  package init() throws {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
    guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: certd_errno()) }
  }

  deinit { Sys.close(descriptor) }

  package func signal() {
    var one: UInt64 = 1
    _ = Sys.write(descriptor, &one, 8)
  }

  /// Waits for one signal; false when none came within the test's patience.
  @discardableResult
  package func wait() -> Bool {
    var set = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&set, 1, Wire.patienceMilliseconds) > 0 else { return false }
    var count: UInt64 = 0
    _ = Sys.read(descriptor, &count, 8)
    return true
  }

  /// Waits for a signal or for something to read elsewhere; true for the signal.
  package func waitBeside(_ other: Int32) -> Bool {
    var sets = (
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: other, events: Int16(POLLIN), revents: 0)
    )
    withUnsafeMutablePointer(to: &sets) {
      $0.withMemoryRebound(to: pollfd.self, capacity: 2) { _ = poll($0, 2, -1) }
    }
    return sets.0.revents != 0
  }
}
