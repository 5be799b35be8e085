#if canImport(Glibc)
  import Glibc
#endif

/// Finds the end of a message head in a growing buffer, looking at each byte once.
public enum HeadEnd {
  /// What was found.
  public enum Search: Equatable, Sendable {
    /// The head takes so many bytes, its empty line included.
    case found(Int)
    /// It goes on; search again from `resume` when there are more bytes.
    case incomplete(resume: Int)
    /// A line feed without its carriage return, which RFC 9112 §2.2 lets us refuse.
    case bareLineFeed
  }

  /// Searches `count` bytes, the lines before `from` being known already.
  @inline(__always)
  public static func find(_ base: UnsafePointer<UInt8>, count: Int, from: Int) -> Search {
    var lineStart = from
    while lineStart < count {
      guard let found = unsafe memchr(base + lineStart, 0x0A, count - lineStart) else { break }
      let at = unsafe UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
      guard at > lineStart, unsafe base[at - 1] == 0x0D else { return .bareLineFeed }
      if at == lineStart + 1 { return .found(at + 1) }
      lineStart = at + 1
    }
    return .incomplete(resume: lineStart)
  }

  /// Whether `count` bytes end in an empty line, without which nothing of them is parsed.
  @inline(__always)
  static func isComplete(_ base: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    unsafe count >= 4
      && UnsafeRawPointer(base + count - 4).loadUnaligned(as: UInt32.self)
        == UInt32(littleEndian: 0x0A0D_0A0D)
  }
}
