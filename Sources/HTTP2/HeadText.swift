internal import HTTP
#if canImport(Glibc)
  import Glibc
#endif

/// Turns the text of an HTTP/1.1 head, as our own writers make it, into a header block.
enum HeadText {
  static func encode(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ kind: Connection.HeadKind, into out: inout HeaderEncoder
  ) {
    var at = 0
    switch kind {
    case .trailers: break
    case .response: at = unsafe status(text, count, &out)
    case .request(let isSecure, let acceptsTrailers):
      at = unsafe requestLine(text, count, isSecure, isConnect: false, &out)
      at = unsafe fields(text, count, from: at, isRequest: true, isConnect: false, &out)
      if acceptsTrailers { teTrailers(&out) }
      return
    case .connect(let isSecure):
      at = unsafe requestLine(text, count, isSecure, isConnect: true, &out)
      _ = unsafe fields(text, count, from: at, isRequest: true, isConnect: true, &out)
      return
    }
    _ = unsafe fields(text, count, from: at, isRequest: false, isConnect: false, &out)
  }

  private static func status(_ text: UnsafePointer<UInt8>, _ count: Int, _ out: inout HeaderEncoder) -> Int {
    guard count >= 12, let lineEnd = unsafe find(0x0A, text, 9, count) else { return count }
    let code = unsafe text + 9
    let value = unsafe Int(code[0] &- 0x30) * 100 + Int(code[1] &- 0x30) * 10 + Int(code[2] &- 0x30)
    switch value {
    case 200: out.indexed(8)
    case 204: out.indexed(9)
    case 206: out.indexed(10)
    case 304: out.indexed(11)
    case 400: out.indexed(12)
    case 404: out.indexed(13)
    case 500: out.indexed(14)
    // After an upgrade the tunnel is an ordinary success (RFC 8441 §5).
    case 101: out.indexed(8)
    default: unsafe out.literal(nameIndex: 8, code, 3)
    }
    return lineEnd + 1
  }

  private static let connect: StaticString = "CONNECT"
  private static let websocket: StaticString = "websocket"
  private static let trailers: StaticString = "trailers"
  private static let te: StaticString = "te"
  private static let protocolName: StaticString = ":protocol"

  private static func teTrailers(_ out: inout HeaderEncoder) {
    unsafe out.field(te.utf8Start, 2, trailers.utf8Start, 8)
  }

  private static func requestLine(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ isSecure: Bool, isConnect: Bool, _ out: inout HeaderEncoder
  ) -> Int {
    guard let methodEnd = unsafe find(0x20, text, 0, count),
      let pathEnd = unsafe find(0x20, text, methodEnd + 1, count),
      let lineEnd = unsafe find(0x0A, text, pathEnd, count)
    else { return count }
    if isConnect {
      unsafe out.literal(nameIndex: 2, connect.utf8Start, 7)
      unsafe out.field(protocolName.utf8Start, 9, websocket.utf8Start, 9)
    } else if methodEnd == 3, unsafe memcmp(text, "GET", 3) == 0 {
      out.indexed(2)
    } else if methodEnd == 4, unsafe memcmp(text, "POST", 4) == 0 {
      out.indexed(3)
    } else {
      unsafe out.literal(nameIndex: 2, text, methodEnd)
    }
    out.indexed(isSecure ? 7 : 6)
    let path = unsafe text + methodEnd + 1
    let length = pathEnd - methodEnd - 1
    if length == 1, unsafe path[0] == 0x2F {
      out.indexed(4)
    } else {
      unsafe out.literal(nameIndex: 4, path, length)
    }
    // The Host field follows at once where there is one: it becomes :authority, before all other fields.
    return unsafe host(text, lineEnd + 1, count, &out)
  }

  private static func host(_ text: UnsafePointer<UInt8>, _ at: Int, _ count: Int, _ out: inout HeaderEncoder)
    -> Int
  {
    guard count - at > 6, unsafe FieldName.matches(text + at, "host"), unsafe text[at + 4] == 0x3A,
      let end = unsafe find(0x0A, text, at, count)
    else { return at }
    let value = at + 6
    if end - 1 > value { unsafe out.literal(nameIndex: 1, text + value, end - 1 - value) }
    return end + 1
  }

  private static func fields(
    _ text: UnsafePointer<UInt8>, _ count: Int, from: Int, isRequest: Bool, isConnect: Bool,
    _ out: inout HeaderEncoder
  ) -> Int {
    var at = from
    while at < count, unsafe text[at] != 0x0D {
      guard let end = unsafe find(0x0A, text, at, count), let colon = unsafe find(0x3A, text, at, end) else {
        return count
      }
      let nameLength = colon - at
      var value = colon + 1
      var valueEnd = max(value, end - 1)
      // What HTTP/1.1 allows around a value is malformed here (RFC 9113 §8.2.1).
      while value < valueEnd, unsafe isBlank(text[value]) { value += 1 }
      while value < valueEnd, unsafe isBlank(text[valueEnd - 1]) { valueEnd -= 1 }
      let name = unsafe text + at
      at = end + 1
      let known = unsafe FieldName.identify(name, nameLength)
      // What speaks of one HTTP/1.1 connection has no meaning here (RFC 9113 §8.2.2).
      if known.isHopByHop || (known == .host && isRequest) { continue }
      if isConnect || known == .other, unsafe isHandshakeField(name, nameLength, isConnect, isRequest) {
        continue
      }
      unsafe out.field(name, nameLength, text + value, valueEnd - value)
    }
    return at
  }

  @inline(__always)
  private static func isBlank(_ c: UInt8) -> Bool { c == 0x20 || c == 0x09 }

  /// The key and its answer belong to the HTTP/1.1 handshake only (RFC 8441 §5).
  @inline(__always)
  private static func isHandshakeField(
    _ name: UnsafePointer<UInt8>, _ length: Int, _ isConnect: Bool, _ isRequest: Bool
  ) -> Bool {
    if length == 17, isConnect { return unsafe FieldName.matches(name, "sec-websocket-key") }
    return unsafe length == 20 && !isRequest && FieldName.matches(name, "sec-websocket-accept")
  }

  @inline(__always)
  private static func find(_ byte: UInt8, _ text: UnsafePointer<UInt8>, _ from: Int, _ to: Int) -> Int? {
    guard from < to, let found = unsafe memchr(text + from, Int32(byte), to - from) else { return nil }
    return unsafe UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - text
  }
}
