internal import HTTP

/// Writes a decoded header section as an HTTP/1.1 head, so that one set of rules parses, routes and rewrites the
/// messages of all versions; and checks what only HTTP/2 forbids (RFC 9113 §8.2 and §8.3).
///
/// The text grows from the front of the memory. Pseudo-header fields and cookie crumbs, whose place in the text
/// comes later, are kept at its end until then.
@safe struct HeadBuilder: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable { case request, response, trailers }

  private struct Slice: BitwiseCopyable {
    var start = -1
    var count = 0
    var isSet: Bool { start >= 0 }
  }

  let base: UnsafeMutablePointer<UInt8>
  let kind: Kind
  private let capacity: Int
  private let limit: Int
  private let offersConnectProtocol: Bool
  /// Bytes of text so far.
  private(set) var count = 0
  private var tail: Int
  private(set) var listBytes = 0
  private(set) var isMalformed = false
  private(set) var isTooLarge = false
  private(set) var contentLength: Int64 = -1
  /// An extended CONNECT (RFC 8441), written as the Upgrade request that it stands for.
  private(set) var isExtendedConnect = false
  /// A response's status code.
  private(set) var status = 0
  private var startWritten = false
  private var hasHost = false
  private var method = Slice()
  private var scheme = Slice()
  private var authority = Slice()
  private var path = Slice()
  private var connectProtocol = Slice()
  private var cookies = 0

  init(
    _ kind: Kind, _ base: UnsafeMutablePointer<UInt8>, capacity: Int, limit: Int, offersConnectProtocol: Bool
  ) {
    self.kind = kind
    unsafe self.base = unsafe base
    self.capacity = capacity
    self.limit = limit
    self.offersConnectProtocol = offersConnectProtocol
    tail = capacity
  }

  mutating func take(
    _ name: UnsafePointer<UInt8>, _ nameLength: Int, _ value: UnsafePointer<UInt8>, _ valueLength: Int
  ) {
    listBytes += nameLength + valueLength + 32
    if listBytes > limit { isTooLarge = true }
    if isMalformed || isTooLarge { return }
    guard nameLength > 0 else { return malformed() }
    guard unsafe Self.isCleanValue(value, valueLength) else { return malformed() }
    if unsafe name[0] == 0x3A { return unsafe takePseudo(name, nameLength, value, valueLength) }
    if unsafe !Characters.isPlainLowerName(name, nameLength) {
      for i in 0..<nameLength where unsafe !Characters.isToken(name[i]) || name[i] &- 0x41 < 26 {
        return malformed()
      }
    }
    if !startWritten { writeStart() }
    unsafe takeRegular(name, nameLength, value, valueLength)
  }

  /// Ends the text. `hasContent` says that content may follow.
  mutating func finish(hasContent: Bool) {
    if isMalformed || isTooLarge { return }
    if !startWritten { writeStart() }
    if cookies > 0 { writeCookies() }
    if kind == .request, hasContent, contentLength < 0, !isExtendedConnect {
      append("transfer-encoding: chunked\r\n")
    }
    append("\r\n")
  }

  private mutating func malformed() { isMalformed = true }

  /// Control characters, and white space before or behind, have no place in a value (RFC 9113 §8.2.1).
  @inline(__always)
  private static func isCleanValue(_ value: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard count > 0 else { return true }
    let first = unsafe value[0]
    let last = unsafe value[count - 1]
    if first == 0x20 || first == 0x09 || last == 0x20 || last == 0x09 { return false }
    return unsafe Characters.areValue(value, count)
  }

  // MARK: Pseudo-header fields

  private mutating func takePseudo(
    _ name: UnsafePointer<UInt8>, _ nameLength: Int, _ value: UnsafePointer<UInt8>, _ valueLength: Int
  ) {
    // They come before the others, in neither trailers nor twice (RFC 9113 §8.3).
    guard !startWritten, kind != .trailers else { return malformed() }
    if kind == .response {
      guard nameLength == 7, unsafe FieldName.matches(name, ":status"), status == 0 else {
        return malformed()
      }
      return unsafe takeStatus(value, valueLength)
    }
    let slice = unsafe keep(value, valueLength)
    switch nameLength {
    case 5 where unsafe FieldName.matches(name, ":path") && !path.isSet: path = slice
    case 7 where unsafe FieldName.matches(name, ":method") && !method.isSet: method = slice
    case 7 where unsafe FieldName.matches(name, ":scheme") && !scheme.isSet: scheme = slice
    case 9 where unsafe FieldName.matches(name, ":protocol") && !connectProtocol.isSet:
      connectProtocol = slice
    case 10 where unsafe FieldName.matches(name, ":authority") && !authority.isSet: authority = slice
    default: malformed()
    }
    for i in 0..<nameLength where unsafe name[i] &- 0x41 < 26 { malformed() }
  }

  private mutating func takeStatus(_ value: UnsafePointer<UInt8>, _ count: Int) {
    guard count == 3 else { return malformed() }
    for i in 0..<3 {
      guard unsafe value[i] &- 0x30 < 10 else { return malformed() }
      status = unsafe status * 10 + Int(value[i] &- 0x30)
    }
    // 101 has no meaning in HTTP/2 (RFC 9113 §8.6).
    if status < 100 || status == 101 { malformed() }
  }

  private mutating func writeStart() {
    startWritten = true
    switch kind {
    case .trailers: return
    case .response:
      guard status != 0 else { return malformed() }
      append("HTTP/1.1 ")
      for divisor in [100, 10, 1] { append(UInt8(truncatingIfNeeded: 0x30 + status / divisor % 10)) }
      append("\r\n")
    case .request: writeRequestLine()
    }
  }

  private mutating func writeRequestLine() {
    guard method.count > 0 else { return malformed() }
    for i in 0..<method.count {
      let byte = unsafe base[method.start + i]
      guard Characters.isNameLetter(byte) || Characters.isToken(byte) else { return malformed() }
    }
    let isConnect = method.count == 7 && memcmpLiteral(method, "CONNECT")
    if isConnect, !connectProtocol.isSet || !isWebSocket {
      let isPlain = !connectProtocol.isSet && !path.isSet && !scheme.isSet
      let isExtended =
        connectProtocol.isSet && offersConnectProtocol && path.count > 0 && isPath && isKnownScheme
      guard authority.count > 0, isPlain || isExtended else { return malformed() }
      append("CONNECT ")
      append(authority)
      append(" HTTP/1.1\r\nhost: ")
      append(authority)
      return append("\r\n")
    }
    guard scheme.isSet, isKnownScheme, path.count > 0, isPath else { return malformed() }
    if connectProtocol.isSet {
      guard isConnect, offersConnectProtocol, authority.count > 0, connectProtocol.count > 0 else {
        return malformed()
      }
      isExtendedConnect = true
      append("GET ")
    } else {
      append(method)
      append(" ")
    }
    append(path)
    append(" HTTP/1.1\r\n")
    if authority.isSet {
      append("host: ")
      append(authority)
      append("\r\n")
    }
    guard isExtendedConnect else { return }
    append("connection: upgrade\r\nupgrade: ")
    append(connectProtocol)
    append("\r\n")
  }

  /// The one protocol that extended CONNECT is taken for (RFC 8441 §5).
  private var isWebSocket: Bool {
    connectProtocol.count == 9 && memcmpLiteral(connectProtocol, "websocket")
  }

  private var isKnownScheme: Bool {
    unsafe (scheme.count == 5 && FieldName.matches(base + scheme.start, "https"))
      || (scheme.count == 4 && FieldName.matches(base + scheme.start, "http"))
  }

  private var isPath: Bool {
    let p = unsafe base + path.start
    guard unsafe Characters.passTarget(p, from: 0, to: path.count) == path.count else { return false }
    return unsafe p[0] == 0x2F || (path.count == 1 && p[0] == 0x2A)
  }

  // MARK: Other fields

  private mutating func takeRegular(
    _ name: UnsafePointer<UInt8>, _ nameLength: Int, _ value: UnsafePointer<UInt8>, _ valueLength: Int
  ) {
    let known = unsafe FieldName.identify(name, nameLength)
    switch known {
    case .other, .date, .server: break
    case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: return malformed()
    case .te:
      guard valueLength == 8, unsafe FieldName.matches(value, "trailers") else { return malformed() }
    case .host where kind == .request:
      guard !hasHost else { return malformed() }
      hasHost = true
      // Two names for one thing must agree (RFC 9113 §8.3.1).
      if authority.isSet { return unsafe isAuthority(value, valueLength) ? () : malformed() }
    case .contentLength where kind != .trailers:
      let before = contentLength
      guard unsafe takeLength(value, valueLength),
        before < 0 || (kind == .response && before == contentLength)
      else {
        return malformed()
      }
      if before >= 0 { return }
    default: break
    }
    // The key belongs to HTTP/1.1's handshake, which makes its own (RFC 8441 §5).
    if isExtendedConnect, nameLength == 17, unsafe FieldName.matches(name, "sec-websocket-key") { return }
    if kind == .trailers, unsafe ChunkedFraming.isForbiddenTrailer(name, nameLength) { return }
    if kind == .request, nameLength == 6, unsafe FieldName.matches(name, "cookie") {
      return unsafe keepCookie(value, valueLength)
    }
    unsafe append(name, nameLength)
    append(": ")
    unsafe append(value, valueLength)
    append("\r\n")
  }

  private func isAuthority(_ value: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    let ours = unsafe base + authority.start
    let length = unsafe withoutPort(ours, authority.count)
    guard unsafe length == withoutPort(value, count) else { return false }
    for i in 0..<length where unsafe ASCII.lowered(ours[i]) != ASCII.lowered(value[i]) { return false }
    return true
  }

  /// The length of an authority without the port that its scheme has anyway (RFC 9110 §4.2.3).
  private func withoutPort(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let isPlain = scheme.count == 4
    let port: StaticString = isPlain ? ":80" : ":443"
    let length = port.utf8CodeUnitCount
    guard count > length, unsafe FieldName.matches(p + count - length, port) else { return count }
    return count - length
  }

  private mutating func takeLength(_ value: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard count > 0, count <= 18 else { return false }
    var number: Int64 = 0
    for i in 0..<count {
      let digit = unsafe value[i] &- 0x30
      guard digit < 10 else { return false }
      number = number * 10 + Int64(digit)
    }
    contentLength = number
    return true
  }

  // MARK: Memory

  /// Keeps a value at the end of the memory.
  private mutating func keep(_ value: UnsafePointer<UInt8>, _ n: Int) -> Slice {
    guard n <= tail - count else {
      isTooLarge = true
      return Slice()
    }
    tail -= n
    unsafe (base + tail).update(from: value, count: n)
    return Slice(start: tail, count: n)
  }

  /// A crumb with its length behind it: they are found again from the first one down.
  private mutating func keepCookie(_ value: UnsafePointer<UInt8>, _ n: Int) {
    guard n + 4 <= tail - count else {
      isTooLarge = true
      return
    }
    if cookies == 0 { firstCookieEnd = tail }
    tail -= 4
    unsafe UnsafeMutableRawPointer(base + tail).storeBytes(of: UInt32(truncatingIfNeeded: n), as: UInt32.self)
    tail -= n
    unsafe (base + tail).update(from: value, count: n)
    cookies += 1
  }

  private var firstCookieEnd = 0

  /// The crumbs as one field, for those who know no others (RFC 9113 §8.2.3).
  private mutating func writeCookies() {
    append("cookie: ")
    var end = firstCookieEnd
    for i in 0..<cookies {
      let n = unsafe Int(UnsafeRawPointer(base + end - 4).loadUnaligned(as: UInt32.self))
      let start = end - 4 - n
      if i > 0 { append("; ") }
      // Text and crumbs share the memory: the text must not grow into those still to come.
      guard count + n + 4 <= tail else {
        isTooLarge = true
        return
      }
      unsafe append(base + start, n)
      end = start
    }
    append("\r\n")
  }

  private func memcmpLiteral(_ slice: Slice, _ text: StaticString) -> Bool {
    for i in 0..<slice.count where unsafe base[slice.start + i] != text.utf8Start[i] { return false }
    return true
  }

  @inline(__always)
  private mutating func append(_ bytes: UnsafePointer<UInt8>, _ n: Int) {
    guard n <= tail - count else {
      isTooLarge = true
      return
    }
    unsafe (base + count).update(from: bytes, count: n)
    count += n
  }

  private mutating func append(_ slice: Slice) { unsafe append(base + slice.start, slice.count) }
  private mutating func append(_ text: StaticString) { unsafe append(text.utf8Start, text.utf8CodeUnitCount) }
  private mutating func append(_ byte: UInt8) {
    var copy = byte
    unsafe append(&copy, 1)
  }
}
