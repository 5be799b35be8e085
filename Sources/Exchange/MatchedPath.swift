/// A path as servers understand it, for matching only: what goes to the backend stays as it came.
///
/// Percent-encoded unreserved characters are decoded, dot segments and empty ones resolved (RFC 3986 §6.2.2); an encoded slash
/// or NUL stays encoded, and so is never taken for the slash of a prefix.
public enum MatchedPath {
  /// Where the path of a target ends, its query left out, and whether it means just what it says: most do.
  @inline(__always)
  public static func scan(_ target: UnsafePointer<UInt8>, _ count: Int) -> (length: Int, isPlain: Bool) {
    var isPlain = true
    var last: UInt8 = 0
    var start = 0
    // Eight bytes at a time while there is nothing to look at.
    while start + 8 <= count {
      let word = unsafe UInt64(littleEndian: UnsafeRawPointer(target + start).loadUnaligned(as: UInt64.self))
      guard isQuiet(word, after: last) else { break }
      last = UInt8(truncatingIfNeeded: word >> 56)
      start += 8
    }
    for i in start..<count {
      let c = unsafe target[i]
      if c == 0x3F { return (i, isPlain) }
      if c == 0x25 || last == 0x2F && c &- 0x2E < 2 { isPlain = false }
      last = c
    }
    return (count, isPlain)
  }

  /// Whether eight bytes hold no `?`, no `%`, and no slash with a dot or a slash behind it; `last` stands before them. The first
  /// byte is the lowest.
  @inline(__always)
  private static func isQuiet(_ word: UInt64, after last: UInt8) -> Bool {
    let slashes = zeros(word ^ 0x2F2F_2F2F_2F2F_2F2F)
    let dots = zeros(word ^ 0x2E2E_2E2E_2E2E_2E2E)
    let behind = slashes << 8 | (last == 0x2F ? 0x80 : 0)
    let asked = zeros(word ^ 0x3F3F_3F3F_3F3F_3F3F) | zeros(word ^ 0x2525_2525_2525_2525)
    return (asked | (behind & (slashes | dots))) == 0
  }

  /// The high bit of each byte that is zero, and nothing else.
  @inline(__always)
  private static func zeros(_ word: UInt64) -> UInt64 {
    let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    return ~(((word & low) &+ low) | word | low)
  }

  /// Writes the path that it means into `out`, which has room for `count` bytes; how many there are. A path that begins with
  /// a slash keeps it.
  /// With `opensSlashes` it is what a server reads that decodes a path before it looks for its segments: an encoded
  /// slash is one.
  public static func write(
    _ path: UnsafePointer<UInt8>, _ count: Int, into out: UnsafeMutablePointer<UInt8>,
    opensSlashes: Bool = false
  ) -> Int {
    var end = 0
    var i = 0
    while i < count {
      let (byte, length) = unsafe character(path + i, count - i, opensSlashes)
      if let byte {
        unsafe out[end] = byte
        end += 1
        if byte == 0x2F { unsafe close(out, &end) }
      } else {
        for j in 0..<length { unsafe out[end + j] = j == 0 ? path[i] : upper(path[i + j]) }
        end += length
      }
      i += length
    }
    // The last segment may be one of dots as well: a slash behind it resolves it, and goes again if it was but that.
    return unsafe closeLast(out, end)
  }

  /// Whether a slash is encoded in it.
  public static func hidesSlash(_ path: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    for i in 0..<max(0, count - 2)
    where unsafe path[i] == 0x25 && path[i + 1] == 0x32 && path[i + 2] | 0x20 == 0x66 {
      return true
    }
    return false
  }

  /// Whether a path without its query says what it means as plainly as it could: nothing decoded, resolved or taken out
  /// would leave it shorter. `out` has room for `count` bytes.
  public static func isNormal(
    _ path: UnsafePointer<UInt8>, _ count: Int, scratch out: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    // Whatever is resolved or decoded takes bytes away; a NUL has no business in a path.
    guard unsafe write(path, count, into: out) == count else { return false }
    for i in 0..<max(0, count - 2) where unsafe out[i] == 0x25 && out[i + 1] == 0x30 && out[i + 2] == 0x30 {
      return false
    }
    return true
  }

  /// The next byte, decoded where that is allowed, or nil for an encoded one that stays; and how many bytes it takes.
  private static func character(
    _ p: UnsafePointer<UInt8>, _ left: Int, _ opensSlashes: Bool
  ) -> (UInt8?, Int) {
    guard unsafe p[0] == 0x25, left >= 3, let high = unsafe digit(p[1]), let low = unsafe digit(p[2]) else {
      return unsafe (p[0], 1)
    }
    let byte = high << 4 | low
    return isUnreserved(byte) || (opensSlashes && byte == 0x2F) ? (byte, 3) : (nil, 3)
  }

  /// Behind a slash: drops an empty segment, one of one dot, or one of two dots with the segment before it.
  private static func close(_ out: UnsafeMutablePointer<UInt8>, _ end: inout Int) {
    let start = unsafe begin(out, end - 1)
    let segment = end - 1 - start
    guard start > 0 else { return }
    if unsafe segment == 0 || segment == 1 && out[start] == 0x2E {
      end = start
    } else if unsafe segment == 2 && out[start] == 0x2E && out[start + 1] == 0x2E {
      end = unsafe start > 1 ? begin(out, start - 1) : start
    }
  }

  private static func closeLast(_ out: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    let start = unsafe begin(out, count)
    let segment = count - start
    guard start > 0 else { return count }
    if unsafe segment == 1 && out[start] == 0x2E { return start }
    guard segment == 2, unsafe out[start] == 0x2E, unsafe out[start + 1] == 0x2E else { return count }
    return unsafe start > 1 ? begin(out, start - 1) : start
  }

  /// Where the segment begins that ends at `end`.
  private static func begin(_ out: UnsafePointer<UInt8>, _ end: Int) -> Int {
    var at = end
    while at > 0, unsafe out[at - 1] != 0x2F { at -= 1 }
    return at
  }

  private static func isUnreserved(_ c: UInt8) -> Bool {
    switch c {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }

  private static func digit(_ c: UInt8) -> UInt8? {
    switch c {
    case 0x30...0x39: c - 0x30
    case 0x41...0x46: c - 0x37
    case 0x61...0x66: c - 0x57
    default: nil
    }
  }

  private static func upper(_ c: UInt8) -> UInt8 { c >= 0x61 && c <= 0x66 ? c - 0x20 : c }
}
