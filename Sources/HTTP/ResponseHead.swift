#if canImport(Glibc)
  import Glibc
#endif

/// A parsed response head of an upstream: offsets into its buffer, and what the proxy decides by.
public struct ResponseHead: BitwiseCopyable, Sendable {
  /// Bytes of the head, its empty line included.
  public var length = 0
  /// The status code, 100 to 999.
  public var status = 0
  /// Where the status code begins; status and reason run to the end of the line.
  public var statusStart = 0
  /// Length of status code and reason.
  public var statusLength = 0
  /// 0 for HTTP/1.0, 1 for HTTP/1.1.
  public var minorVersion: UInt8 = 1
  /// How the content ends, knowing the request's method.
  public var framing = BodyFraming.none
  /// The Connection field.
  public var connection = ConnectionOptions()
  /// A Content-Length was there, also where there is no content (HEAD, 304).
  public var declaredLength: UInt64?
  /// It was there more than once, always the same: passed on as one.
  public var repeatsLength = false

  /// An empty head.
  public init() {}

  /// Whether the upstream keeps the connection after this response (RFC 9112 §9.3).
  public var keepsAlive: Bool {
    connection.close ? false : minorVersion == 1 || connection.keepAlive
  }

  /// Whether this is an interim response other than 101 (RFC 9110 §15.2).
  public var isInterim: Bool { status < 200 && status != 101 }

  /// Parses a complete head of `count` bytes, as `HeadEnd` found it, which answers a request with `method`.
  public static func parse(
    _ base: UnsafePointer<UInt8>, count: Int, method: Method, fields: inout FieldSection,
    into head: inout ResponseHead
  ) -> ParseError? {
    head = ResponseHead()
    head.length = count
    guard unsafe HeadEnd.isComplete(base, count) else { return .malformedStatusLine }
    guard let found = unsafe memchr(base, 0x0D, count) else { return .malformedStatusLine }
    let end = unsafe UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
    guard unsafe head.parseStatusLine(base, end) else { return .malformedStatusLine }
    if let error = unsafe fields.parse(base, from: end + 2, to: count, most: fields.capacity) { return error }
    return unsafe head.interpret(base, method, fields)
  }

  /// HTTP-version SP status-code SP [ reason ]; the last space may be missing, as many servers write it.
  private mutating func parseStatusLine(_ base: UnsafePointer<UInt8>, _ end: Int) -> Bool {
    guard end >= 12, unsafe base[end + 1] == 0x0A, unsafe memcmp(base, "HTTP/1.", 7) == 0,
      unsafe base[7] &- 0x30 < 10,
      unsafe base[8] == 0x20
    else { return false }
    minorVersion = unsafe base[7] == 0x30 ? 0 : 1
    for i in 9..<12 {
      let digit = unsafe base[i] &- 0x30
      guard digit < 10 else { return false }
      status = status * 10 + Int(digit)
    }
    guard status >= 100, unsafe end == 12 || base[12] == 0x20 else { return false }
    guard unsafe Characters.areValue(base + 12, end - 12) else { return false }
    statusStart = 9
    statusLength = end - 9
    return true
  }

  private mutating func interpret(
    _ base: UnsafePointer<UInt8>, _ method: Method, _ fields: borrowing FieldSection
  ) -> ParseError? {
    var gathered = FramingFields()
    gathered.allowsEqualLengths = true
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard line.name != .other else { continue }
      if let error = unsafe gathered.take(base, line) { return error }
    }
    connection = gathered.connection
    declaredLength = gathered.contentLength
    repeatsLength = gathered.repeatsLength
    if status < 200 || status == 204 || status == 304 || method == .head { return nil }
    if gathered.hasTransferEncoding {
      guard minorVersion == 1 else { return .transferEncodingInOldVersion }
      guard gathered.contentLength == nil else { return .lengthWithTransferEncoding }
      framing = .chunked
    } else if let length = gathered.contentLength {
      framing = length > 0 ? .length(length) : .none
    } else {
      framing = .untilClose
    }
    return nil
  }
}
