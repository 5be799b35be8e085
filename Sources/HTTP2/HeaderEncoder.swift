internal import HTTP

/// Compresses header sections (RFC 7541) with the static table alone: no state for each connection, no Huffman
/// coding, no copy of a value that is used once.
struct HeaderEncoder: BitwiseCopyable {
  private let start: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  private(set) var count = 0
  private(set) var overflowed = false

  init(_ start: UnsafeMutablePointer<UInt8>, capacity: Int) {
    self.start = start
    self.capacity = capacity
  }

  /// Says that the dynamic table, which is never used, has no room (RFC 7541 §6.3).
  mutating func resizeTable() { append(0x20) }

  /// A field that the static table holds whole (RFC 7541 §6.1).
  mutating func indexed(_ index: UInt8) { append(0x80 | index) }

  /// A field whose name the static table holds (RFC 7541 §6.2.2).
  mutating func literal(nameIndex: Int, _ value: UnsafePointer<UInt8>, _ n: Int) {
    // Secrets are never to be indexed by anybody on the way (RFC 7541 §7.1.3).
    let isSecret = nameIndex == 23 || nameIndex == 32 || nameIndex == 49 || nameIndex == 55
    number(nameIndex, prefix: 4, first: isSecret ? 0x10 : 0)
    string(value, n)
  }

  /// A field by its name in any case, which is lower-cased (RFC 9113 §8.2).
  mutating func field(
    _ name: UnsafePointer<UInt8>, _ nameLength: Int, _ value: UnsafePointer<UInt8>, _ n: Int
  ) {
    let index = StaticTable.index(name, nameLength)
    if index > 0 { return literal(nameIndex: index, value, n) }
    append(0)
    number(nameLength, prefix: 7, first: 0)
    guard nameLength <= capacity - count else {
      overflowed = true
      return
    }
    for i in 0..<nameLength {
      let c = name[i]
      start[count + i] = c &- 0x41 < 26 ? c | 0x20 : c
    }
    count += nameLength
    string(value, n)
  }

  private mutating func string(_ value: UnsafePointer<UInt8>, _ n: Int) {
    number(n, prefix: 7, first: 0)
    guard n <= capacity - count else {
      overflowed = true
      return
    }
    (start + count).update(from: value, count: n)
    count += n
  }

  /// RFC 7541 §5.1.
  private mutating func number(_ value: Int, prefix: Int, first: UInt8) {
    let most = 1 << prefix - 1
    guard value >= most else { return append(first | UInt8(truncatingIfNeeded: value)) }
    append(first | UInt8(truncatingIfNeeded: most))
    var rest = value - most
    while rest >= 128 {
      append(UInt8(truncatingIfNeeded: rest & 127 | 128))
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  private mutating func append(_ byte: UInt8) {
    guard count < capacity else {
      overflowed = true
      return
    }
    start[count] = byte
    count += 1
  }
}

/// The names of HPACK's static table (RFC 7541 Appendix A), as far as messages of proxies use them.
enum StaticTable {
  /// The index of a name, or 0. The bytes must be token characters.
  static func index(_ p: UnsafePointer<UInt8>, _ length: Int) -> Int {
    switch length {
    case 3: same(p, "age") ? 21 : same(p, "via") ? 60 : 0
    case 4:
      switch p[0] | 0x20 {
      case 0x64: same(p, "date") ? 33 : 0
      case 0x65: same(p, "etag") ? 34 : 0
      case 0x66: same(p, "from") ? 37 : 0
      case 0x68: same(p, "host") ? 38 : 0
      case 0x6C: same(p, "link") ? 45 : 0
      case 0x76: same(p, "vary") ? 59 : 0
      default: 0
      }
    case 5: same(p, "allow") ? 22 : same(p, "range") ? 50 : 0
    case 6:
      same(p, "accept") ? 19 : same(p, "cookie") ? 32 : same(p, "server") ? 54 : same(p, "expect") ? 35 : 0
    case 7: same(p, "expires") ? 36 : same(p, "referer") ? 51 : same(p, "refresh") ? 52 : 0
    case 8: same(p, "location") ? 46 : same(p, "if-match") ? 39 : same(p, "if-range") ? 42 : 0
    case 10: same(p, "user-agent") ? 58 : same(p, "set-cookie") ? 55 : 0
    case 11: same(p, "retry-after") ? 53 : 0
    case 12: same(p, "content-type") ? 31 : same(p, "max-forwards") ? 47 : 0
    case 13:
      switch p[0] | 0x20 {
      case 0x61: same(p, "authorization") ? 23 : same(p, "accept-ranges") ? 18 : 0
      case 0x63: same(p, "cache-control") ? 24 : same(p, "content-range") ? 30 : 0
      case 0x69: same(p, "if-none-match") ? 41 : 0
      case 0x6C: same(p, "last-modified") ? 44 : 0
      default: 0
      }
    case 14: same(p, "content-length") ? 28 : same(p, "accept-charset") ? 15 : 0
    case 15: same(p, "accept-encoding") ? 16 : same(p, "accept-language") ? 17 : 0
    case 16:
      same(p, "content-encoding")
        ? 26
        : same(p, "content-language")
          ? 27 : same(p, "content-location") ? 29 : same(p, "www-authenticate") ? 61 : 0
    case 17: same(p, "if-modified-since") ? 40 : 0
    case 19:
      same(p, "content-disposition")
        ? 25 : same(p, "if-unmodified-since") ? 43 : same(p, "proxy-authorization") ? 49 : 0
    case 25: same(p, "strict-transport-security") ? 56 : 0
    case 27: same(p, "access-control-allow-origin") ? 20 : 0
    default: 0
    }
  }

  @inline(__always)
  private static func same(_ p: UnsafePointer<UInt8>, _ name: StaticString) -> Bool {
    FieldName.matches(p, name)
  }
}
