internal import HTTP

/// Part of a buffer that is content, and what came behind it that is not.
public struct ContentRange: Equatable, Sendable, BitwiseCopyable {
  /// Where it begins.
  public var from: Int
  /// Where it ends.
  public var to: Int
  /// Bytes behind it that do not belong to the message.
  public var surplus = 0

  /// All of a range.
  public init(from: Int, to: Int) {
    self.from = from
    self.to = to
  }

  /// Whether there is none.
  public var isEmpty: Bool { from == to }

  mutating func cut(to end: Int) {
    surplus = to - end
    to = end
  }
}

/// Wrapping of content into chunks (RFC 9112 §7.1).
public enum ChunkLine {
  /// The most that a chunk-size line takes, in bytes.
  public static let room = 10
  private static let last: StaticString = "0\r\n\r\n"

  /// Puts a size line before and CRLF behind the content, after a head that leaves `room` for it; the range to send.
  /// Nothing is wrapped that is empty: it would be the end.
  public static func wrap(
    _ buffer: UnsafeMutablePointer<UInt8>, _ content: ContentRange, head: Int
  ) -> (Int, Int) {
    let count = content.to - content.from
    guard count > 0 else { return (content.from - head, content.from) }
    var line: (UInt64, UInt64) = (0, 0)
    return unsafe withUnsafeMutableBytes(of: &line) { raw in
      guard let text = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        return (content.from, content.to)
      }
      var writer = unsafe HeadWriter(text, capacity: 16)
      writer.append(hex: UInt64(count))
      writer.append("\r\n")
      let sizeAt = content.from - writer.count
      let headAt = content.from - room - head
      // The head was put `room` before the content: close the gap that a short size line leaves.
      if head > 0, headAt + head < sizeAt {
        var i = head
        while i > 0 {
          i -= 1
          unsafe buffer[sizeAt - head + i] = unsafe buffer[headAt + i]
        }
      }
      unsafe (buffer + sizeAt).update(from: text, count: writer.count)
      unsafe buffer[content.to] = 0x0D
      unsafe buffer[content.to + 1] = 0x0A
      return (sizeAt - head, content.to + 2)
    }
  }

  /// Puts the last chunk, without trailers, at a place; where it ends.
  public static func appendLast(_ out: UnsafeMutablePointer<UInt8>, at end: Int) -> Int {
    unsafe (out + end).update(from: last.utf8Start, count: last.utf8CodeUnitCount)
    return end + last.utf8CodeUnitCount
  }
}
