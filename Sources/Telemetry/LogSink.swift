import OS
import Synchronization

/// Where log lines go. MUST take each line whole or not at all, from any thread; MUST NOT wait where the data plane
/// writes to it; has nobody to tell when it fails.
public protocol LogSink: Sendable {
  /// Takes one line, its line feed included.
  func write(_ line: [UInt8])

  /// Waits until what was taken has been written, at most so many milliseconds.
  func flush(milliseconds: Int)
}

extension LogSink {
  /// Nothing waits.
  public func flush(milliseconds: Int) {}
}

/// A descriptor that stays open as long as the process, such as standard error: for programs that have nothing else to do
/// meanwhile. Waits for its reader.
public final class DescriptorSink: LogSink {
  private let descriptor: Int32
  private let turn = Mutex(())

  /// Writes to a descriptor that it does not own.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// One write(2); more only when the kernel took part of the line.
  public func write(_ line: [UInt8]) { turn.withLock { _ in Self.write(line, to: descriptor) } }

  static func write(_ line: [UInt8], to descriptor: Int32) {
    unsafe line.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count, let start = bytes.baseAddress {
        let count = unsafe Sys.write(descriptor, start + written, bytes.count - written)
        guard count > 0 else { return }
        written += count
      }
    }
  }
}
