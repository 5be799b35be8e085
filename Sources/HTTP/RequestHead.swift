// HTTP: HTTP/1.1 messages as bytes (RFC 9110, RFC 9112): heads parsed into offsets, framing, content, URLs.
//
// It does not read or write sockets, keep connections, allocate for each message, or repair what is ambiguous.
// It promises that any bytes are survived; that a head which two readers could frame differently is refused, with a name for
// why; that nothing is read past the given length; that what it accepts is passed on by offsets and never copied.

#if canImport(Glibc)
  import Glibc
#endif

/// A parsed request head: offsets into the buffer that it was parsed from, and what the proxy decides by.
public struct RequestHead: BitwiseCopyable, Sendable {
  /// Bytes of the head, its empty line included.
  public var length = 0
  /// The method's length; it begins the buffer.
  public var methodLength = 0
  /// Which method it is.
  public var method = Method.other
  /// Where path and query begin.
  public var targetStart = 0
  /// Length of path and query; 0 for an absolute URL without a path, which means `/` (or `*` for OPTIONS).
  public var targetLength = 0
  /// Where the host begins: in the target when that is absolute, else in the Host field. Without port.
  public var hostStart = 0
  /// The host's length; 0 when HTTP/1.0 names none.
  public var hostLength = 0
  /// Where the authority, host and port as written, begins.
  public var authorityStart = 0
  /// The authority's length.
  public var authorityLength = 0
  /// What the client speaks. A head of HTTP/2 is read as text of HTTP/1.1; who has unpacked it says so.
  public var version = Version.http11
  /// How the content ends.
  public var framing = BodyFraming.none
  /// The Connection field.
  public var connection = ConnectionOptions()
  /// `Expect: 100-continue` is there.
  public var expectsContinue = false
  /// An Upgrade field is there and Connection names it.
  public var upgrade = false
  /// The client takes trailers (RFC 9110 §10.1.4).
  public var acceptsTrailers = false
  /// It is a gRPC call, by its Content-Type.
  public var isCall = false

  /// An empty head.
  public init() {}

  /// The length of the target's path, in a head that begins at `base`.
  public func pathLength(_ base: UnsafePointer<UInt8>) -> Int {
    let target = unsafe base + targetStart
    for i in 0..<targetLength where unsafe target[i] == 0x3F { return i }
    return targetLength
  }

  /// Whether the client wants the connection kept after the response (RFC 9112 §9.3).
  public var keepsAlive: Bool {
    connection.close ? false : version != .http10 || connection.keepAlive
  }
}

/// What a client speaks.
public enum Version: UInt8, BitwiseCopyable, Sendable {
  /// Content ends with the connection, and no chunks are known (RFC 1945).
  case http10
  /// RFC 9112.
  case http11
  /// The connection frames content by itself (RFC 9113).
  case http2
}

/// The methods that the proxy treats specially.
public enum Method: UInt8, BitwiseCopyable, Sendable {
  case other, get, head, post, put, delete, options, trace, connect

  static func identify(_ p: UnsafePointer<UInt8>, _ length: Int) -> Method {
    func equals(_ text: StaticString) -> Bool { unsafe memcmp(p, text.utf8Start, length) == 0 }
    switch length {
    case 3: return equals("GET") ? .get : equals("PUT") ? .put : .other
    case 4: return equals("POST") ? .post : equals("HEAD") ? .head : .other
    case 5: return equals("TRACE") ? .trace : .other
    case 6: return equals("DELETE") ? .delete : .other
    case 7: return equals("OPTIONS") ? .options : equals("CONNECT") ? .connect : .other
    default: return .other
    }
  }

  /// Whether repeating it has the effect of doing it once (RFC 9110 §9.2.2).
  public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .other, .post, .connect: false
    }
  }
}

extension RequestHead {
  /// Parses a complete head of `count` bytes, as `HeadEnd` found it; one that is cut off is refused.
  /// Offsets are relative to `base`.
  public static func parse(
    _ base: UnsafePointer<UInt8>, count: Int, fields: inout FieldSection, into head: inout RequestHead
  ) -> ParseError? {
    head = RequestHead()
    head.length = count
    guard unsafe HeadEnd.isComplete(base, count) else { return .malformedRequestLine }
    var lineEnd = 0
    if let error = unsafe head.parseRequestLine(base, count, &lineEnd) { return error }
    if let error = unsafe fields.parse(base, from: lineEnd + 2, to: count, most: fields.requestCapacity) {
      return error
    }
    return unsafe head.interpret(base, fields)
  }

  private mutating func parseRequestLine(
    _ base: UnsafePointer<UInt8>, _ count: Int, _ lineEnd: inout Int
  ) -> ParseError? {
    guard let found = unsafe memchr(base, 0x0D, count) else { return .malformedRequestLine }
    let end = unsafe UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
    lineEnd = end
    var at = 0
    while at < end, unsafe Characters.isNameLetter(base[at]) || Characters.isToken(base[at]) { at += 1 }
    guard at > 0, at < end, unsafe base[at] == 0x20 else {
      return at == 0 ? .malformedMethod : .malformedRequestLine
    }
    methodLength = at
    method = unsafe Method.identify(base, at)
    at += 1
    let start = at
    at = unsafe Characters.passTarget(base, from: at, to: end)
    guard at > start else { return .malformedTarget }
    guard at < end, unsafe base[at] == 0x20 else { return .malformedTarget }
    let target = (start, at - start)
    let version = at + 1
    guard end - version == 8, unsafe base[end + 1] == 0x0A else { return .malformedRequestLine }
    let text = unsafe base + version
    guard unsafe memcmp(text, "HTTP/", 5) == 0, unsafe text[6] == 0x2E, unsafe text[5] &- 0x30 < 10,
      unsafe text[7] &- 0x30 < 10
    else {
      return .malformedRequestLine
    }
    guard unsafe text[5] == 0x31 else { return .unsupportedVersion }
    self.version = unsafe text[7] == 0x30 ? .http10 : .http11
    return unsafe parseTarget(base, target.0, target.1)
  }

  private mutating func parseTarget(_ base: UnsafePointer<UInt8>, _ start: Int, _ length: Int) -> ParseError?
  {
    if method == .connect { return .connectNotSupported }
    targetStart = start
    targetLength = length
    if unsafe base[start] == 0x2F { return nil }
    if unsafe base[start] == 0x2A, length == 1 { return method == .options ? nil : .malformedTarget }
    // absolute-form (RFC 9112 §3.2.2): its authority counts, not the Host field.
    var prefix = 0
    if length > 8, unsafe FieldName.matches(base + start, "https://") {
      prefix = 8
    } else if length > 7, unsafe FieldName.matches(base + start, "http://") {
      prefix = 7
    } else {
      return .malformedTarget
    }
    var end = start + prefix
    while end < start + length, unsafe base[end] != 0x2F, unsafe base[end] != 0x3F { end += 1 }
    authorityStart = start + prefix
    authorityLength = end - authorityStart
    guard unsafe setHost(base) else { return .malformedTarget }
    targetStart = end
    targetLength = start + length - end
    return nil
  }

  private mutating func interpret(_ base: UnsafePointer<UInt8>, _ fields: borrowing FieldSection)
    -> ParseError?
  {
    var framing = FramingFields()
    var hostSeen = false
    var hasUpgrade = false
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      switch line.name {
      case .other:
        guard line.nameLength == 12, line.valueLength >= 16 else { continue }
        if unsafe FieldName.isGRPCContent(
          name: base + Int(line.nameStart), value: base + Int(line.valueStart))
        {
          isCall = true
        }
      case .te:
        acceptsTrailers = unsafe FieldName.containsTrailers(
          base + Int(line.valueStart), Int(line.valueLength))
      case .host:
        guard !hostSeen else { return .repeatedHost }
        hostSeen = true
        if let error = unsafe takeHost(base, line) { return error }
      case .upgrade: hasUpgrade = true
      case .expect:
        guard line.valueLength == 12, unsafe FieldName.matches(base + Int(line.valueStart), "100-continue")
        else {
          return .unsupportedExpectation
        }
        expectsContinue = version != .http10
      default:
        if let error = unsafe framing.take(base, line) { return error }
      }
    }
    guard hostSeen || version == .http10 else { return .missingHost }
    connection = framing.connection
    upgrade = hasUpgrade && connection.upgrade && version != .http10
    return setFraming(framing)
  }

  private mutating func setFraming(_ fields: FramingFields) -> ParseError? {
    if fields.hasTransferEncoding {
      guard version != .http10 else { return .transferEncodingInOldVersion }
      guard fields.contentLength == nil else { return .lengthWithTransferEncoding }
      framing = .chunked
    } else if let length = fields.contentLength, length > 0 {
      framing = .length(length)
    }
    return nil
  }

  private mutating func takeHost(_ base: UnsafePointer<UInt8>, _ line: FieldLine) -> ParseError? {
    // An absolute target has said it already; the field is still checked.
    let (start, length) = (authorityStart, authorityLength)
    authorityStart = Int(line.valueStart)
    authorityLength = Int(line.valueLength)
    guard authorityLength > 0 else { return .malformedHost }
    let (hostWas, hostLengthWas) = (hostStart, hostLength)
    guard unsafe setHost(base) else { return .malformedHost }
    if length > 0 {
      (authorityStart, authorityLength, hostStart, hostLength) = (start, length, hostWas, hostLengthWas)
    }
    return nil
  }

  /// host [ ":" port ] (RFC 9110 §7.2), the host not empty.
  private mutating func setHost(_ base: UnsafePointer<UInt8>) -> Bool {
    let end = authorityStart + authorityLength
    var at = authorityStart
    guard at < end, authorityLength <= 261 else { return false }
    hostStart = at
    if unsafe base[at] == 0x5B {
      at += 1
      // An IPv6 address (RFC 3986 §3.2.2): zones and future versions have no meaning here.
      var colons = 0
      while at < end, unsafe Characters.isAddress(base[at]) {
        if unsafe base[at] == 0x3A { colons += 1 }
        at += 1
      }
      guard at < end, unsafe base[at] == 0x5D, colons >= 2 else { return false }
      at += 1
    } else {
      while at < end, unsafe Characters.isHost(base[at]) { at += 1 }
    }
    hostLength = at - hostStart
    guard hostLength > 0 else { return false }
    if at == end { return true }
    guard unsafe base[at] == 0x3A, end - at <= 6 else { return false }
    for i in at + 1..<end where unsafe base[i] &- 0x30 > 9 { return false }
    return true
  }
}
