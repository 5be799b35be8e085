// Content and what follows it.
extension FramingCase {
  private static let get = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
  private static let evil = "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n"
  private static let withChunks = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
  private static let withFive = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"

  static let chunked: [FramingCase] = [
    .chunks("g\r\nhello\r\n0\r\n\r\n"), .chunks("\r\nhello\r\n0\r\n\r\n"),
    .chunks(" 5\r\nhello\r\n0\r\n\r\n"),
    .chunks("5 \r\nhello\r\n0\r\n\r\n"), .chunks("5\t\r\nhello\r\n0\r\n\r\n"),
    .chunks("0x5\r\nhello\r\n0\r\n\r\n"),
    .chunks("-5\r\nhello\r\n0\r\n\r\n"), .chunks("+5\r\nhello\r\n0\r\n\r\n"),
    .chunks("5_\r\nhello\r\n0\r\n\r\n"),
    .chunks("5\nhello\r\n0\r\n\r\n"), .chunks("5\r\nhello\n0\r\n\r\n"), .chunks("5\r\nhello\r\r\n0\r\n\r\n"),
    .chunks("5\rhello\r\n0\r\n\r\n"), .chunks("5\r\nhelloX\r\n0\r\n\r\n"), .chunks("4\r\nhello\r\n0\r\n\r\n"),
    .chunks("5\r\nhello0\r\n\r\n"), .chunks("5\r\nhello\r\n0\r\n\n"), .chunks("5\r\nhello\r\n0\n\r\n"),
    .chunks("ffffffffffffffff\r\nhello"), .chunks("8000000000000000\r\nhello"),
    .chunks("00000000000000005\r\nhello"),
    .chunks("5;a\nb\r\nhello\r\n0\r\n\r\n"), .chunks("5;a\u{0}\r\nhello\r\n0\r\n\r\n"),
    .chunks("5;a\rb\r\nhello\r\n0\r\n\r\n"),
    .chunks("5;\(String(repeating: "x", count: 1024))\r\nhello\r\n0\r\n\r\n"),
    .chunks("5, 5\r\nhello\r\n0\r\n\r\n"), .chunks("0\r\nContent-Length: 5\r\n\r\n"),
    .chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n"), .chunks("0\r\nHost: x\r\n\r\n"),
    .chunks("0\r\ncookie: x\r\n\r\n"), .chunks("0\r\nAuthorization: x\r\n\r\n"),
    .chunks("0\r\nX-Forwarded-For: x\r\n\r\n"),
    .chunks("0\r\nConnection: x\r\n\r\n"), .chunks("0\r\nFoo : x\r\n\r\n"), .chunks("0\r\n Foo: x\r\n\r\n"),
    .chunks("0\r\nFoo\r\n\r\n"), .chunks("0\r\nFoo: a\nBar: b\r\n\r\n"), .chunks("0\r\nFoo: \u{0}\r\n\r\n"),
    .chunks("0\r\nFoo: \(String(repeating: "x", count: 9000))\r\n\r\n"),
    .goodChunks("0\r\n\r\n"), .goodChunks("5\r\nhello\r\n0\r\n\r\n"),
    .goodChunks("0005\r\nhello\r\n0000\r\n\r\n"),
    .goodChunks("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
    .goodChunks("5;a=\"b c\"\r\nhello\r\n0;x\r\n\r\n"),
    .goodChunks("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), .goodChunks("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"),
    .goodChunks("5\r\nhello\r\n0\r\nFoo: bar\r\nDigest: x\r\n\r\n"),
  ]

  static let content: [FramingCase] = [
    .passes(withFive + "hello"), .passes("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
    .passes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
    // A second request is told from content by the framing alone.
    .passes(withFive + "hello" + get, as: withFive + "hello", get),
    .passes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(evil.utf8.count)\r\n\r\n" + evil),
    .passes(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(evil.utf8.count)\r\n\r\n" + evil + get,
      as: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(evil.utf8.count)\r\n\r\n" + evil, get),
    .passes(
      withChunks + "22\r\n" + evil + "xxx\r\n0\r\n\r\n" + get,
      as: withChunks + "22\r\n" + evil + "xxx\r\n0\r\n\r\n", get),
    .passes(withChunks + "0\r\n\r\n" + get + get, as: withChunks + "0\r\n\r\n", get, get),
    .passes(get + withFive + "hello" + get, as: get, withFive + "hello", get),
    .passes(get + "\r\n" + get, as: get, get),
    // What is too much of one request is refused as the next one.
    .closes(withFive + "helloXX\r\n\r\n", as: withFive + "hello", then: 400),
    .closes(withFive + "hello\nGET", as: withFive + "hello", then: 400),
    .closes(withChunks + "0\r\n\r\n0\r\n\r\n", as: withChunks + "0\r\n\r\n", then: 400),
    .closes(get + "GET / HTTP/1.1\r\n\r\n", as: get, then: 400),
    // After the last request nothing is read.
    .closes(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + evil, as: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    ),
    .closes("GET / HTTP/1.0\r\nHost: h\r\n\r\n" + evil, as: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    .passes(
      "GET / HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n", as: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    .closes(
      "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", as: withFive + "hello"),
    .closes(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n",
      as: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
  ]
}
