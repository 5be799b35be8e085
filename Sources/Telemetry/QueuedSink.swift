public import OS
import Synchronization

/// A descriptor with a queue before it, and a thread of its own that waits for the reader: whoever writes a line never
/// does. Lines that the queue has no room for are dropped; how many is told by one line when there is room again.
public final class QueuedSink: LogSink {
  private struct Queue {
    var lines: [[UInt8]] = []
    var bytes = 0
    var dropped: UInt64 = 0
    var isWriting = false
  }

  /// The most that waits, in bytes.
  public static let maximumBytes = 1 << 20

  private let queue = Mutex(Queue())
  private let filled: Doorbell
  private let emptied: Doorbell

  /// Writes to a descriptor that stays open and that it does not own. `dropped` makes the line that tells of so many
  /// lost ones. Throws `SystemError` when the system has no thread or descriptor for it.
  public init(descriptor: Int32, dropped: @escaping @Sendable (UInt64) -> [UInt8]) throws(SystemError) {
    filled = try Doorbell()
    emptied = try Doorbell()
    try Thread.start("certd-log") { [self] in
      while true {
        filled.wait()
        while let batch = take() {
          for line in batch.lines { DescriptorSink.write(line, to: descriptor) }
          if batch.dropped > 0 { DescriptorSink.write(dropped(batch.dropped), to: descriptor) }
        }
        emptied.ring()
      }
    }.detach()
  }

  /// Lines that have been lost so far and not been told of yet.
  public var waitingDropped: UInt64 { queue.withLock { $0.dropped } }

  /// Leaves a line; never waits.
  public func write(_ line: [UInt8]) {
    let isFirst = queue.withLock { queue -> Bool in
      guard queue.bytes + line.count <= Self.maximumBytes else {
        queue.dropped &+= 1
        return false
      }
      queue.lines.append(line)
      queue.bytes += line.count
      return queue.lines.count == 1
    }
    if isFirst { filled.ring() }
  }

  /// Everything that waits; nil when nothing does.
  private func take() -> (lines: [[UInt8]], dropped: UInt64)? {
    queue.withLock { queue in
      queue.isWriting = !queue.lines.isEmpty || queue.dropped > 0
      guard queue.isWriting else { return nil }
      defer { (queue.lines, queue.bytes, queue.dropped) = ([], 0, 0) }
      return (queue.lines, queue.dropped)
    }
  }

  /// Waits until everything has been written, at most so many milliseconds: a reader that stands still does not hold up
  /// the end.
  public func flush(milliseconds: Int) {
    let deadline = Clock.monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
    while queue.withLock({ $0.isWriting || !$0.lines.isEmpty }) {
      let now = Clock.monotonicNanoseconds()
      guard now < deadline else { return }
      filled.ring()
      emptied.wait(milliseconds: Int32(clamping: (deadline - now) / 1_000_000 + 1))
    }
  }
}
