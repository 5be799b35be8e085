internal import CLinux
public import OS
import Synchronization

/// Messages from any thread to the one that owns an event loop. A sender never waits for the reader.
///
/// The owner registers `descriptor`, level-triggered, and calls `take` when it is readable.
public final class Mailbox<Message: Sendable>: Sendable {
  private struct Queue {
    var messages: [Message] = []
    var isClosed = false
  }

  private let queue = Mutex(Queue())
  /// An eventfd, readable while messages wait.
  public let descriptor: Int32

  /// An empty mailbox. Throws `SystemError` when the process is out of descriptors.
  public init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    guard descriptor >= 0 else { throw SystemError(call: "eventfd", code: certd_errno()) }
  }

  deinit { Sys.close(descriptor) }

  /// Leaves a message and wakes the owner. False when the owner takes no more: nobody will read it.
  @discardableResult
  public func post(_ message: Message) -> Bool {
    let waiting = queue.withLock { queue -> Int? in
      guard !queue.isClosed else { return nil }
      queue.messages.append(message)
      return queue.messages.count
    }
    guard let waiting else { return false }
    guard waiting == 1 else { return true }
    var one: UInt64 = 1
    _ = unsafe Sys.write(descriptor, &one, 8)
    return true
  }

  /// All messages, in order of arrival.
  public func take() -> [Message] {
    var count: UInt64 = 0
    _ = unsafe Sys.read(descriptor, &count, 8)
    return queue.withLock { queue in
      defer { queue.messages.removeAll() }
      return queue.messages
    }
  }

  /// Takes no further messages; those that were left are returned, to be dealt with as their senders expect.
  public func close() -> [Message] {
    queue.withLock { queue in
      queue.isClosed = true
      defer { queue.messages.removeAll() }
      return queue.messages
    }
  }
}
