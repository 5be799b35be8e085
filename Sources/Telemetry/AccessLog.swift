public import OS

/// The buffered access log of one worker: lines gather in memory and leave when the buffer is full or its
/// owner's tick comes, about once a second.
///
/// Belongs to one thread. Never waits: to a pipe or socket it writes only what fits now, and when the
/// buffer is full because the reader stands still, lines are dropped and counted. The process must ignore
/// SIGPIPE.
@safe public final class AccessLog {
  /// Where the lines go.
  public enum Destination: Sendable, Equatable {
    /// A descriptor that stays open and is not owned, such as standard output.
    case descriptor(Int32)
    /// A file that is appended to.
    case file(String)
  }

  /// Size of the buffer, in bytes.
  public static let bufferSizeInBytes = 65_536
  /// Writes of at most this size to a pipe happen whole or not at all (PIPE_BUF).
  static let atomicWriteInBytes = 4096

  private let destination: Destination
  private var descriptor: Int32
  private var isRegularFile: Bool
  private let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: bufferSizeInBytes)
  private var used = 0
  private var writer: AccessLineWriter
  /// Lines that were lost because they could not be written.
  public private(set) var droppedLines: UInt64 = 0

  /// Opens the destination.
  public init(to destination: Destination) throws(SystemError) {
    self.destination = destination
    writer = unsafe AccessLineWriter(buffer)
    do throws(SystemError) { descriptor = try Self.open(destination) } catch {
      unsafe buffer.deallocate()
      throw error
    }
    isRegularFile = Sys.isRegularFile(descriptor)
  }

  deinit {
    unsafe buffer.deallocate()
    if case .file = destination { Sys.close(descriptor) }
  }

  private static func open(_ destination: Destination) throws(SystemError) -> Int32 {
    switch destination {
    case .descriptor(let number): return number
    case .file(let path):
      let answer = Sys.openForAppending(path)
      guard let number = Int32(exactly: answer), number >= 0 else {
        throw SystemError(call: "open", code: Int32(clamping: -answer), subject: path)
      }
      return number
    }
  }

  /// Adds a line.
  public func append(_ entry: borrowing AccessEntry) {
    if Self.bufferSizeInBytes - used < AccessLineWriter.maximumLineInBytes { flush() }
    guard Self.bufferSizeInBytes - used >= AccessLineWriter.maximumLineInBytes else {
      droppedLines &+= 1
      return
    }
    unsafe used += writer.write(entry, at: buffer + used)
  }

  /// Writes what has gathered, as far as that needs no waiting. To be called about once a second and at the
  /// end.
  public func flush() {
    while used > 0 {
      let count = isRegularFile ? used : wholeLines(within: Self.atomicWriteInBytes)
      guard isRegularFile || Sys.isWritable(descriptor) else { return }
      let written = unsafe Sys.write(descriptor, buffer, count)
      if written == Sys.wouldBlock { return }
      guard written > 0 else {
        drop()
        return
      }
      used -= written
      if used > 0 { unsafe buffer.update(from: buffer + written, count: used) }
    }
  }

  /// How many of the first bytes are whole lines and at most so many; at least one line.
  private func wholeLines(within limit: Int) -> Int {
    guard used > limit else { return used }
    var end = limit
    while end > 0, unsafe buffer[end - 1] != 0x0A { end -= 1 }
    return end > 0 ? end : limit
  }

  /// Forgets what cannot be written: a full disk must not end in memory that is full as well.
  private func drop() {
    for index in 0..<used where unsafe buffer[index] == 0x0A { droppedLines &+= 1 }
    used = 0
  }

  /// Writes what has gathered to the old file and opens the path anew, after a rotation. On failure the
  /// old file stays in use.
  public func reopen() throws(SystemError) {
    flush()
    guard case .file = destination else { return }
    let fresh = try Self.open(destination)
    Sys.close(descriptor)
    descriptor = fresh
    isRegularFile = Sys.isRegularFile(fresh)
  }
}
