extension FramingCase {
  static let all = lengths + codings + fieldLines + lineEnds + requestLines + hosts + chunked + content

  static let lengths: [FramingCase] = [
    .fields("Content-Length: 5", "Content-Length: 5", content: "hello"),
    .fields("Content-Length: 5", "Content-Length: 6", content: "hello"),
    .fields("Content-Length: 5", "content-length: 0", content: "hello"),
    .fields("Content-Length: 5, 5", content: "hello"),
    .fields("Content-Length: 5,6", content: "hello"),
    .fields("Content-Length:", content: "hello"),
    .fields("Content-Length: +5", content: "hello"),
    .fields("Content-Length: -5", content: "hello"),
    .fields("Content-Length: 0x5", content: "hello"),
    .fields("Content-Length: 5a", content: "hello"),
    .fields("Content-Length: 5 5", content: "hello"),
    .fields("Content-Length: \"5\"", content: "hello"),
    .fields("Content-Length: 9223372036854775808", content: "hello"),
    .fields("Content-Length: 18446744073709551621", content: "hello"),
    .fields("Content-Length: 99999999999999999999999999", content: "hello"),
    .fields("Content-Length : 5", content: "hello"),
    .fields("Content-Length\t: 5", content: "hello"),
    .fields("Content-Length: 5\u{0B}", content: "hello"),
    .fields("Content-Length: 5\u{0}", content: "hello"),
    .refused("GET / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
  ]

  static let codings: [FramingCase] = [
    .fields("Content-Length: 5", "Transfer-Encoding: chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked", "Content-Length: 5", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked", "Content-Length: 0", content: "0\r\n\r\n"),
    .fields("content-length: 4", "TRANSFER-ENCODING: CHUNKED", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked", "Transfer-Encoding: identity", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: identity", "Transfer-Encoding: chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked, chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked, identity", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked, gzip", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: identity", content: "hello"),
    .fields("Transfer-Encoding: gzip", content: "hello"),
    .fields("Transfer-Encoding: gzip, chunked", content: "0\r\n\r\n", with: 501),
    .fields("Transfer-Encoding: xchunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunkedx", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked;q=1", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: \"chunked\"", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: \u{0B}chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding: chunked\u{0}", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding:", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding : chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding\u{A0}: chunked", content: "0\r\n\r\n"),
    .fields("Transfer-Encoding:\r\n chunked", content: "0\r\n\r\n"),
    .fields("Foo: bar\r\n\tTransfer-Encoding: chunked", content: "0\r\n\r\n"),
    .fields("Foo: bar\rTransfer-Encoding: chunked", content: "0\r\n\r\n"),
    .refused("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .refused("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .passes(
      "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding:\t CHUNKED \r\n\r\n0\r\n\r\n",
      as: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .passes(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer_Encoding: chunked\r\n\r\n",
      as: "POST / HTTP/1.1\r\nHost: h\r\n\r\n"),
    .passes(
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      as: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .passes(
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
      as: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
  ]

  static let fieldLines: [FramingCase] = [
    .fields("Foo : bar"), .fields(": bar"), .fields("Foo"), .fields("Foo bar: x"), .fields("F\u{0}o: bar"),
    .fields("F\u{E9}o: bar"), .fields("Foo: b\u{0}r"), .fields("Foo: b\u{1B}r"), .fields("Foo: b\u{7F}r"),
    .fields("Foo: bar\r"), .fields("Foo: b\rr"), .fields(" Foo: bar"), .fields("\tFoo: bar"),
    .fields("Foo: bar\r\n folded"), .fields("Foo: bar\r\n\tfolded"), .fields("Foo: bar\r\n "),
    .fields("(Foo): bar"), .fields("Foo,: bar"), .fields("\"Foo\": bar"), .fields("Foo;: x"),
    .fields("Expect: 200-ok", with: 417),
    .passes("GET / HTTP/1.1\r\nHost: h\r\nFoo: b\u{E9}r\tbaz\r\nfoo: \u{FF}\r\n\r\n"),
    .passes(
      "GET / HTTP/1.1\r\nHost: h\r\nFoo:\t bar \t\r\nEmpty:\r\n\r\n",
      as: "GET / HTTP/1.1\r\nHost: h\r\nFoo: bar\r\nEmpty: \r\n\r\n"),
  ]

  static let lineEnds: [FramingCase] = [
    .refused("GET / HTTP/1.1\nHost: h\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost: h\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: h\r\n\n"), .refused("GET / HTTP/1.1\nHost: h\n\n"),
    .refused("GET / HTTP/1.1\rHost: h\r\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost: h\r\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"), .refused("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: h\r\nFoo: a\nBar: b\r\n\r\n"),
    .passes("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", as: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    .passes("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", as: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
  ]

  static let requestLines: [FramingCase] = [
    .refused("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("GET /  HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused(" GET / HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
    .refused("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("GET /\r\nHost: h\r\n\r\n"),
    .refused("GET / http/1.1\r\nHost: h\r\n\r\n"), .refused("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused("GET /\u{0} HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("GET /\u{80} HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused("GET /#f HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("GET x HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused("GET * HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("G(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n", with: 505),
    .refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", with: 505),
    .refused("GET / HTTP/0.9\r\nHost: h\r\n\r\n", with: 505),
    .refused("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", with: 405),
    .refused("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"), .refused("GET http:// HTTP/1.1\r\nHost: h\r\n\r\n"),
    .refused("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    .passes(
      "GET http://other:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n", as: "GET /p?q HTTP/1.1\r\nHost: other:81\r\n\r\n"
    ),
    .passes("GET http://o HTTP/1.1\r\nHost: h\r\n\r\n", as: "GET / HTTP/1.1\r\nHost: o\r\n\r\n"),
    .passes("GET HTTPS://o?q HTTP/1.1\r\nHost: h\r\n\r\n", as: "GET /?q HTTP/1.1\r\nHost: o\r\n\r\n"),
    .passes("OPTIONS http://o HTTP/1.1\r\nHost: h\r\n\r\n", as: "OPTIONS * HTTP/1.1\r\nHost: o\r\n\r\n"),
    .passes("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
    .passes("BREW //../a?%00 HTTP/1.1\r\nHost: h\r\n\r\n"),
  ]

  static let hosts: [FramingCase] = [
    .refused("GET / HTTP/1.1\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), .refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    .refused("GET http://a/ HTTP/1.1\r\n\r\n"), .refused("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n"),
    .refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    .passes("GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"),
  ]
}
