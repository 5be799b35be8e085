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
    /// The journal's socket, at this path: each line is a datagram with a field for everything.
    case journal(String)
  }

  /// Size of the buffer, in bytes.
  public static let bufferSizeInBytes = 65_536
  /// Writes of at most this size to a pipe happen whole or not at all (PIPE_BUF).
  static let atomicWriteInBytes = 4096

  let settings: AccessSettings
  private(set) var descriptor: Int32
  private(set) var isRegularFile: Bool
  /// Requests are chosen by it: the same seed chooses the same.
  private var chance: UInt64
  /// A request is chosen where chance is below it.
  private let share: UInt64
  private let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: bufferSizeInBytes)
  private var used = 0
  private var writer: AccessLineWriter
  /// Lines that were lost because they could not be written.
  public private(set) var droppedLines: UInt64 = 0

  /// Opens the destination, for all requests as JSON.
  public convenience init(to destination: Destination) throws(SystemError) {
    try self.init(AccessSettings(to: destination))
  }

  /// Opens the destination; `seed` is where chance begins.
  public init(_ settings: AccessSettings, seed: UInt64 = 0) throws(SystemError) {
    self.settings = settings
    chance = seed
    share = settings.sample >= 1 ? .max : UInt64(max(0, settings.sample) * 0x1p64)
    writer = unsafe AccessLineWriter(buffer)
    do throws(SystemError) { descriptor = try Self.open(settings.destination) } catch {
      unsafe buffer.deallocate()
      throw error
    }
    isRegularFile = Sys.isRegularFile(descriptor)
  }

  deinit {
    unsafe buffer.deallocate()
    if case .descriptor = settings.destination {} else { Sys.close(descriptor) }
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
    case .journal(let path):
      let answer = Sys.connectDatagrams(unixPath: path)
      guard let number = Int32(exactly: answer), number >= 0 else {
        throw SystemError(call: "connect", code: Int32(clamping: -answer), subject: path)
      }
      return number
    }
  }

  /// Whether clients' own names for themselves are told.
  public var tellsUserAgent: Bool { settings.tellsUserAgent }

  /// Whether a request has a line: one that failed always, of others a share.
  private func isChosen(_ status: UInt16) -> Bool {
    guard share < .max, status > 0, status < 400 else { return true }
    // SplitMix64.
    chance &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (chance ^ chance >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31 < share
  }

  /// Adds a line.
  public func append(_ entry: borrowing AccessEntry) {
    guard isChosen(entry.status) else { return }
    if case .journal = settings.destination { return sendDatagram(entry) }
    if Self.bufferSizeInBytes - used < AccessLineWriter.maximumLineInBytes { flush() }
    guard Self.bufferSizeInBytes - used >= AccessLineWriter.maximumLineInBytes else {
      droppedLines &+= 1
      return
    }
    unsafe used += writer.write(entry, settings.format, at: buffer + used)
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

  private func sendDatagram(_ entry: borrowing AccessEntry) {
    let count = unsafe writer.writeDatagram(entry, at: buffer)
    if unsafe Sys.send(descriptor, buffer, count) < 0 { droppedLines &+= 1 }
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
    if case .descriptor = settings.destination { return }
    let fresh = try Self.open(settings.destination)
    Sys.close(descriptor)
    descriptor = fresh
    isRegularFile = Sys.isRegularFile(fresh)
  }
}
