import CLinux

/// Wakes one waiting thread; rings that nobody has waited for are remembered as one.
public final class Doorbell: Sendable {
  private let descriptor: Int32

  /// A bell that has not rung. Throws `SystemError` when the process is out of descriptors.
  public init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: certd_errno()) }
  }

  deinit { Sys.close(descriptor) }

  /// Wakes whoever waits, or whoever waits next. Never blocks.
  public func ring() {
    var one: UInt64 = 1
    _ = unsafe Sys.write(descriptor, &one, 8)
  }

  /// Waits for a ring, at most so many milliseconds (-1: for ever); false when none came.
  @discardableResult
  public func wait(milliseconds: Int32 = -1) -> Bool {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let count = unsafe poll(&wanted, 1, milliseconds)
      if count < 0, certd_errno() == EINTR { continue }
      guard count > 0 else { return false }
      var rings: UInt64 = 0
      _ = unsafe Sys.read(descriptor, &rings, 8)
      return true
    }
  }
}
