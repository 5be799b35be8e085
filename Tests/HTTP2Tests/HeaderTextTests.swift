import TestRun
import Testing

@testable import HTTP2

/// Heads as text, compressed and decompressed again.
@Suite(.ownThread) struct HeaderTextTests {
  /// The head that comes out for a head that goes in.
  static func passed(_ text: String, _ kind: Connection.HeadKind, _ as: HeadBuilder.Kind) -> String? {
    let bytes = Array(text.utf8)
    let block = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 16)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 16)
    defer {
      block.deallocate()
      memory.deallocate()
    }
    var encoder = HeaderEncoder(block, capacity: 1 << 16)
    bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      HeadText.encode(base, buffer.count, kind, into: &encoder)
    }
    var decoder = HeaderDecoder()
    defer { decoder.free() }
    var builder = HeadBuilder(`as`, memory, capacity: 1 << 16, limit: 1 << 16, offersConnectProtocol: true)
    guard decoder.decode(block, encoder.count, isLast: true, into: &builder) else { return nil }
    builder.finish(hasContent: false)
    guard !builder.isMalformed, !builder.isTooLarge else { return nil }
    return String(decoding: UnsafeBufferPointer(start: memory, count: builder.count), as: UTF8.self)
  }

  static let long = String(repeating: "x", count: 9000)

  @Test(
    "responses come out as they went in, in lower case and without what is HTTP/1.1's own",
    arguments: [
      ("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200\r\n\r\n"),
      ("HTTP/1.1 418 I'm a teapot\r\nX-A: b\r\n\r\n", "HTTP/1.1 418\r\nx-a: b\r\n\r\n"),
      (
        "HTTP/1.1 404 \r\nContent-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 404\r\ncontent-type: text/plain\r\n\r\n"
      ),
      (
        "HTTP/1.1 500 e\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n",
        "HTTP/1.1 500\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n"
      ),
      (
        "HTTP/1.1 200 OK\r\nX-Long: \(long)\r\nEmpty: \r\n\r\n",
        "HTTP/1.1 200\r\nx-long: \(long)\r\nempty: \r\n\r\n"
      ),
    ])
  func responses(sent: String, comes: String) {
    #expect(Self.passed(sent, .response, .response) == comes)
  }

  @Test(
    "requests come out as they went in",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nhost: h\r\n\r\n"),
      (
        "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nVia: 1.1 certd\r\n\r\n",
        "POST /a?b=c HTTP/1.1\r\nhost: h:1\r\nauthorization: Bearer x\r\nvia: 1.1 certd\r\ncookie: a=b\r\n\r\n"
      ),
      ("PATCH /p HTTP/1.1\r\nHost: h\r\nUpgrade: foo\r\n\r\n", "PATCH /p HTTP/1.1\r\nhost: h\r\n\r\n"),
    ])
  func requests(sent: String, comes: String) {
    #expect(Self.passed(sent, .request(isSecure: true, acceptsTrailers: false), .request) == comes)
  }

  @Test("a WebSocket handshake becomes extended CONNECT without its key, and an Upgrade again")
  func webSocket() {
    let sent =
      "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"
      + "Sec-WebSocket-Version: 13\r\n\r\n"
    #expect(
      Self.passed(sent, .connect(isSecure: false), .request)
        == "GET /chat HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        + "sec-websocket-version: 13\r\n\r\n")
  }

  @Test("every name of the static table has the index that RFC 7541 gives it")
  func names() {
    // Appendix A, 15 to 61.
    let table = [
      "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept",
      "access-control-allow-origin", "age", "allow", "authorization", "cache-control", "content-disposition",
      "content-encoding", "content-language", "content-length", "content-location", "content-range",
      "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match",
      "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link",
      "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh",
      "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent",
      "vary", "via", "www-authenticate",
    ]
    for (place, name) in table.enumerated() {
      let index = Array(name.utf8).withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { StaticTable.index($0, buffer.count) } ?? -1
      }
      // Those that are never sent by us have no entry.
      #expect(index == place + 15 || index == 0, "\(name)")
    }
  }
}
