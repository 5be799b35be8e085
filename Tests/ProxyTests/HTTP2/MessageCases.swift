import TestPeers

/// What makes a request malformed (RFC 9113 §8).
extension HTTP2Case {
  /// A request with these fields, and nothing behind it.
  private static func malformed(
    _ section: String, _ says: String, is expects: Outcome = .stream(1, [.protocolError]), _ fields: [Header]
  ) -> HTTP2Case {
    HTTP2Case(section, says, expects) { c in c.send(.headers(1, HPACK.block(fields))) }
  }

  /// A GET request with further fields.
  private static func with(
    _ section: String, _ says: String, _ more: Header..., expects: Outcome = .stream(1, [.protocolError])
  ) -> HTTP2Case {
    malformed(section, says, is: expects, fields("GET") + more)
  }

  /// A GET request without one of its pseudo-header fields, with others in its place.
  private static func without(_ name: String, _ others: Header...) -> [Header] {
    fields("GET").filter { $0.name != Array(name.utf8) } + others
  }

  static let pseudo: [HTTP2Case] = [
    malformed("8.3", "an unknown pseudo-header field", fields("GET") + [":test=1"]),
    malformed("8.3", "the pseudo-header field of responses", fields("GET") + [":status=200"]),
    malformed("8.3", "a pseudo-header field behind others", [":method=GET", "x=1"] + without(":method")),
    malformed("8.3.1", "no :method", without(":method")),
    malformed("8.3.1", "no :scheme", without(":scheme")),
    malformed("8.3.1", "no :path", without(":path")),
    malformed("8.3.1", "an empty :path", without(":path", ":path=")),
    malformed("8.3.1", "a :path without a slash", without(":path", ":path=a")),
    malformed("8.3.1", "the :path * with GET", is: .refused(1), without(":path", ":path=*")),
    malformed("8.3.1", "a :path with a space", without(":path", ":path=/a b")),
    malformed("8.3.1", "an empty :method", without(":method", ":method=")),
    malformed("8.3.1", "a :method that is no token", without(":method", ":method=GE T")),
    malformed("8.3.1", "an empty :scheme", without(":scheme", ":scheme=")),
    malformed("8.3.1", "two :method", fields("GET") + [":method=GET"]),
    malformed("8.3.1", "two :scheme", fields("GET") + [":scheme=http"]),
    malformed("8.3.1", "two :path", fields("GET") + [":path=/"]),
    malformed("8.3.1", "two :authority", fields("GET") + [":authority=localhost"]),
    malformed(
      "8.3.1", "an :authority with user information", is: .refused(1), without(":authority", ":authority=a@b")
    ),
    malformed("8.3.1", "neither :authority nor Host", is: .refused(1), without(":authority")),
    malformed(
      "8.3.1", "Host in place of :authority", is: .answers([1]), without(":authority", "host=localhost")),
    with("8.3.1", "Host that agrees with :authority", "host=localhost", expects: .answers([1])),
    with("8.3.1", "Host that contradicts :authority", "host=other", expects: .refused(1)),
    with("8.3.1", "two Host", "host=localhost", "host=localhost", expects: .refused(1)),
    HTTP2Case("8.1", "a pseudo-header field in trailers", .stream(1, [.protocolError])) { c in
      c.send(
        .headers(1, post("/hold"), end: false), .data(1, hello), .headers(1, HPACK.block([":method=GET"])))
    },
    malformed("8.5", "CONNECT with :scheme and :path", fields("CONNECT")),
    malformed("8.5", "CONNECT without :authority", [":method=CONNECT"]),
    malformed(
      "8.4", "extended CONNECT without :path (RFC 8441 §4)",
      [":method=CONNECT", ":protocol=websocket", ":scheme=http", ":authority=localhost"]),
    malformed("8.4", ":protocol without CONNECT (RFC 8441 §4)", fields("GET") + [":protocol=websocket"]),
  ]

  static let names: [HTTP2Case] = [
    with("8.2", "an upper-case name", "X-Test=1"),
    with("8.2.1", "an empty name", "=1"),
    with("8.2.1", "a name with a space", "x test=1"),
    with("8.2.1", "a name with a colon", "x:test=1"),
    with("8.2.1", "a name with NUL", "x\u{0}test=1"),
    with("8.2.1", "a name with CR LF", "x\r\ntest=1"),
    with("8.2.1", "a name with DEL", "x\u{7F}=1"),
    with("8.2.1", "a name beyond ASCII", "x\u{E9}=1"),
    with("8.2.1", "a value with NUL", "x=a\u{0}b"),
    with("8.2.1", "a value with LF", "x=a\nb"),
    with("8.2.1", "a value with CR", "x=a\rb"),
    with("8.2.1", "a value that begins with a space", "x= a"),
    with("8.2.1", "a value that ends with a space", "x=a "),
    with("8.2.1", "a value that begins with a tab", "x=\ta"),
    with("8.2.1", "a value that ends with a tab", "x=a\t"),
    with("8.2.1", "an empty value, and octets beyond ASCII", "x=", "y=\u{E9}\u{FF}", expects: .answers([1])),
    with("8.2.2", "Connection", "connection=keep-alive"),
    with("8.2.2", "Proxy-Connection", "proxy-connection=keep-alive"),
    with("8.2.2", "Keep-Alive", "keep-alive=timeout=5"),
    with("8.2.2", "Transfer-Encoding", "transfer-encoding=chunked"),
    with("8.2.2", "Upgrade", "upgrade=h2c"),
    with("8.2.2", "TE with more than trailers", "te=trailers, deflate"),
    with("8.2.2", "TE: trailers", "te=trailers", expects: .answers([1])),
    HTTP2Case("8.2", "an upper-case name in trailers", .stream(1, [.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .data(1, hello), .headers(1, HPACK.block(["X-Sum=1"])))
    },
    HTTP2Case("8.2.2", "Connection in trailers", .stream(1, [.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .headers(1, HPACK.block(["connection=close"])))
    },
  ]

  /// A POST with a Content-Length and content in pieces.
  private static func length(
    _ says: String, _ value: String, _ pieces: [Int], trailers: Bool = false,
    expects: Outcome = .stream(1, [.protocolError])
  ) -> HTTP2Case {
    HTTP2Case("8.1.1", says, expects) { c in
      let end = pieces.isEmpty && !trailers
      c.send(.headers(1, post("/", Header("content-length", value)), end: end))
      for (number, size) in pieces.enumerated() {
        let last = number == pieces.count - 1 && !trailers
        c.send(.data(1, Array(repeating: 0x61, count: size), end: last))
      }
      if trailers { c.send(.headers(1, Self.trailers)) }
    }
  }

  static let lengths: [HTTP2Case] = [
    length("less content than Content-Length", "6", [5]),
    length("more content than Content-Length", "4", [5]),
    length("less content in several frames", "20", [5, 5, 5]),
    length("more content in several frames", "11", [5, 5, 5]),
    length("Content-Length and no content at all", "5", []),
    length("less content than Content-Length before trailers", "6", [5], trailers: true),
    length(
      "content as Content-Length says, with trailers", "10", [5, 5], trailers: true, expects: .answers([1])),
    length("Content-Length of 0 and no content", "0", [], expects: .answers([1])),
    length("Content-Length of 0 and an empty frame", "0", [0], expects: .answers([1])),
    length("a Content-Length that is no number", "5a", [5], expects: .refused(1)),
    length("a negative Content-Length", "-5", [5], expects: .refused(1)),
    length("a Content-Length beyond 64 bits", "36893488147419103237", [5], expects: .refused(1)),
    HTTP2Case("8.1.1", "two Content-Length that differ", .refused(1)) { c in
      c.send(.headers(1, post("/", "content-length=5", "content-length=6"), end: false))
      c.send(.data(1, hello, end: true))
    },
    HTTP2Case("8.1", "trailers that do not end the stream", .stream(1, [.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .data(1, hello), .headers(1, trailers, end: false))
    },
    HTTP2Case("8.1", "a second HEADERS that does not end the stream", .stream(1, [.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .headers(1, post(), end: false))
    },
  ]
}
