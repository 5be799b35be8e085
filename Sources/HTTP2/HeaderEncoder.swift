internal import HTTP

/// Compresses header sections (RFC 7541) with the static table alone: no state for each connection, no Huffman
/// coding, no copy of a value that is used once.
@safe struct HeaderEncoder: BitwiseCopyable {
  private let start: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  private(set) var count = 0
  private(set) var overflowed = false

  init(_ start: UnsafeMutablePointer<UInt8>, capacity: Int) {
    unsafe self.start = unsafe start
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
    unsafe string(value, n)
  }

  /// A field by its name in any case, which is lower-cased (RFC 9113 §8.2).
  mutating func field(
    _ name: UnsafePointer<UInt8>, _ nameLength: Int, _ value: UnsafePointer<UInt8>, _ n: Int
  ) {
    let index = unsafe StaticTable.index(name, nameLength)
    if index > 0 { return unsafe literal(nameIndex: index, value, n) }
    append(0)
    number(nameLength, prefix: 7, first: 0)
    guard nameLength <= capacity - count else {
      overflowed = true
      return
    }
    for i in 0..<nameLength {
      let c = unsafe name[i]
      unsafe start[count + i] = c &- 0x41 < 26 ? c | 0x20 : c
    }
    count += nameLength
    unsafe string(value, n)
  }

  private mutating func string(_ value: UnsafePointer<UInt8>, _ n: Int) {
    number(n, prefix: 7, first: 0)
    guard n <= capacity - count else {
      overflowed = true
      return
    }
    unsafe (start + count).update(from: value, count: n)
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
    unsafe start[count] = byte
    count += 1
  }
}

/// The names of HPACK's static table (RFC 7541 Appendix A), as far as messages of proxies use them.
enum StaticTable {
  /// The index of a name, or 0. The bytes must be token characters.
  static func index(_ p: UnsafePointer<UInt8>, _ length: Int) -> Int {
    switch length {
    case 3: unsafe same(p, "age") ? 21 : same(p, "via") ? 60 : 0
    case 4:
      switch unsafe p[0] | 0x20 {
      case 0x64: unsafe same(p, "date") ? 33 : 0
      case 0x65: unsafe same(p, "etag") ? 34 : 0
      case 0x66: unsafe same(p, "from") ? 37 : 0
      case 0x68: unsafe same(p, "host") ? 38 : 0
      case 0x6C: unsafe same(p, "link") ? 45 : 0
      case 0x76: unsafe same(p, "vary") ? 59 : 0
      default: 0
      }
    case 5: unsafe same(p, "allow") ? 22 : same(p, "range") ? 50 : 0
    case 6:
      unsafe same(p, "accept")
        ? 19 : same(p, "cookie") ? 32 : same(p, "server") ? 54 : same(p, "expect") ? 35 : 0
    case 7: unsafe same(p, "expires") ? 36 : same(p, "referer") ? 51 : same(p, "refresh") ? 52 : 0
    case 8: unsafe same(p, "location") ? 46 : same(p, "if-match") ? 39 : same(p, "if-range") ? 42 : 0
    case 10: unsafe same(p, "user-agent") ? 58 : same(p, "set-cookie") ? 55 : 0
    case 11: unsafe same(p, "retry-after") ? 53 : 0
    case 12: unsafe same(p, "content-type") ? 31 : same(p, "max-forwards") ? 47 : 0
    case 13:
      switch unsafe p[0] | 0x20 {
      case 0x61: unsafe same(p, "authorization") ? 23 : same(p, "accept-ranges") ? 18 : 0
      case 0x63: unsafe same(p, "cache-control") ? 24 : same(p, "content-range") ? 30 : 0
      case 0x69: unsafe same(p, "if-none-match") ? 41 : 0
      case 0x6C: unsafe same(p, "last-modified") ? 44 : 0
      default: 0
      }
    case 14: unsafe same(p, "content-length") ? 28 : same(p, "accept-charset") ? 15 : 0
    case 15: unsafe same(p, "accept-encoding") ? 16 : same(p, "accept-language") ? 17 : 0
    case 16:
      unsafe same(p, "content-encoding")
        ? 26
        : same(p, "content-language")
          ? 27 : same(p, "content-location") ? 29 : same(p, "www-authenticate") ? 61 : 0
    case 17: unsafe same(p, "if-modified-since") ? 40 : 0
    case 19:
      unsafe same(p, "content-disposition")
        ? 25 : same(p, "if-unmodified-since") ? 43 : same(p, "proxy-authorization") ? 49 : 0
    case 25: unsafe same(p, "strict-transport-security") ? 56 : 0
    case 27: unsafe same(p, "access-control-allow-origin") ? 20 : 0
    default: 0
    }
  }

  @inline(__always)
  private static func same(_ p: UnsafePointer<UInt8>, _ name: StaticString) -> Bool {
    unsafe FieldName.matches(p, name)
  }
}
