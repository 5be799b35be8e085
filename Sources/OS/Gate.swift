import CLinux

/// Blocks one thread until another opens it, once.
public final class Gate: Sendable {
  private let descriptor: Int32

  /// A closed gate. Throws when the process is out of descriptors.
  public init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC))
    guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: certd_errno()) }
  }

  deinit { Sys.close(descriptor) }

  /// Lets the waiting thread go on.
  public func open() {
    var one: UInt64 = 1
    _ = unsafe Sys.write(descriptor, &one, 8)
  }

  /// Waits until it is open.
  public func wait() {
    var count: UInt64 = 0
    _ = unsafe Sys.read(descriptor, &count, 8)
  }
}
