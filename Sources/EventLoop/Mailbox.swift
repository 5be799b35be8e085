internal import CLinux
public import OS
import Synchronization

/// Messages from any thread to the one that owns an event loop. A sender never waits for the reader.
///
/// The owner registers `descriptor`, level-triggered, and calls `take` when it is readable.
public final class Mailbox<Message: Sendable>: Sendable {
  private let queue = Mutex<[Message]>([])
  /// An eventfd, readable while messages wait.
  public let descriptor: Int32

  /// An empty mailbox. Throws `SystemError` when the process is out of descriptors.
  public init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: certd_errno()) }
  }

  deinit { Sys.close(descriptor) }

  /// Leaves a message and wakes the owner.
  public func post(_ message: Message) {
    let wasEmpty = queue.withLock {
      $0.append(message)
      return $0.count == 1
    }
    guard wasEmpty else { return }
    var one: UInt64 = 1
    _ = Sys.write(descriptor, &one, 8)
  }

  /// All messages, in order of arrival.
  public func take() -> [Message] {
    var count: UInt64 = 0
    _ = Sys.read(descriptor, &count, 8)
    return queue.withLock {
      let all = $0
      $0.removeAll()
      return all
    }
  }
}
