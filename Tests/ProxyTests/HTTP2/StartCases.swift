import TestPeers

/// How a connection begins (RFC 9113 §3.4), and what every server understands.
extension HTTP2Case {
  static let start: [HTTP2Case] = [
    HTTP2Case("3.4", "the server's first frame is SETTINGS", .goesOn, begins: false) { c in
      c.wire.write(Frame.preface)
      c.send(.settings())
      c.wait { !$0.trace.isEmpty }
      if c.trace.first?.hasPrefix("4/0/") != true { c.send(.goAway(last: 0, 1)) }
      c.wait { $0.settingsAcks > 0 }
    },
    HTTP2Case("3.4", "a preface that comes octet by octet", .answers([1]), begins: false) { c in
      for byte in Frame.preface + Frame.settings().bytes { c.wire.write([byte]) }
      c.send(.headers(1, get()))
    },
    HTTP2Case("3.4", "preface, SETTINGS and a request at once", .answers([1]), begins: false) { c in
      c.wire.write(Frame.preface + Frame.settings().bytes)
      c.send(.headers(1, get()))
    },
    HTTP2Case("3.4", "a preface that is none", .closes, begins: false) { c in
      c.wire.write(Array("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n".utf8))
      c.send(.settings())
      // Anything may come in HTTP/1.1 (RFC 9113 §3.4): what counts is the end.
      _ = c.wire.readToEnd()
    },
    HTTP2Case(
      "3.4", "a first frame that is not SETTINGS: HEADERS", .connection([.protocolError]), begins: false
    ) {
      c in
      c.wire.write(Frame.preface)
      c.send(.headers(1, get()))
    },
    HTTP2Case("3.4", "a first frame that is not SETTINGS: PING", .connection([.protocolError]), begins: false)
    {
      c in
      c.wire.write(Frame.preface)
      c.send(.ping())
    },
  ]

  static let frames: [HTTP2Case] = [
    HTTP2Case("6.1", "one DATA frame", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .data(1, hello, end: true))
    },
    HTTP2Case("6.1", "several DATA frames", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .data(1, hello), .data(1, hello), .data(1, hello, end: true))
    },
    HTTP2Case("6.1", "DATA with padding", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .data(1, hello, end: true, padding: 8))
    },
    HTTP2Case("6.1", "DATA with padding of no octets and of 255", .answers([1])) { c in
      c.send(
        .headers(1, post(), end: false), .data(1, hello, padding: 0), .data(1, [], end: true, padding: 255))
    },
    HTTP2Case("6.1", "an empty DATA frame that ends the stream", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .data(1, [], end: true))
    },
    HTTP2Case("6.2", "one HEADERS frame", .answers([1])) { c in c.send(.headers(1, get())) },
    HTTP2Case("6.2", "HEADERS with padding", .answers([1])) { c in c.send(.headers(1, get(), padding: 8)) },
    HTTP2Case("6.2", "HEADERS with a priority", .answers([1])) { c in
      c.send(.headers(1, get(), priority: .init(on: 0, exclusive: true, weight: 255)))
    },
    HTTP2Case("6.2", "HEADERS with padding and a priority", .answers([1])) { c in
      c.send(.headers(1, get(), padding: 17, priority: .init(on: 0)))
    },
    HTTP2Case("6.3", "PRIORITY of the least weight", .answers([1])) { c in
      c.send(.priority(1, .init(on: 0, weight: 0)), .headers(1, get()))
    },
    HTTP2Case("6.3", "PRIORITY of the greatest weight", .answers([1])) { c in
      c.send(.priority(1, .init(on: 0, weight: 255)), .headers(1, get()))
    },
    HTTP2Case("6.3", "PRIORITY that depends on another stream", .goesOn) { c in
      c.send(.priority(1, .init(on: 0)), .priority(3, .init(on: 1)))
    },
    HTTP2Case("6.3", "PRIORITY that depends exclusively", .answers([1])) { c in
      c.send(.priority(1, .init(on: 0, exclusive: true)), .headers(1, get()))
    },
    HTTP2Case("6.3", "PRIORITY of an idle stream above one that is opened then", .answers([1])) { c in
      c.send(.priority(3, .init(on: 0)), .headers(1, get()))
    },
    HTTP2Case("6.4", "RST_STREAM", .goesOn) { c in c.send(.headers(1, get("/hold"), end: false), .reset(1)) },
    HTTP2Case("6.5", "SETTINGS with every parameter", .goesOn) { c in
      c.send(
        .settings([
          (.headerTableSize, 100), (.enablePush, 0), (.maxConcurrentStreams, 1), (.initialWindowSize, 70_000),
          (.maxFrameSize, 20_000), (.maxHeaderListSize, 5000),
        ]))
    },
    HTTP2Case("6.7", "PING", .goesOn) { c in c.send(.ping()) },
    HTTP2Case("6.8", "GOAWAY: the connection may end when all is answered", .closes) { c in
      c.send(.headers(1, get()), .goAway())
      if c.response(1).status == 200 { c.wire.shutdownWrite() }
    },
    HTTP2Case("6.9", "WINDOW_UPDATE of the connection", .answers([1])) { c in
      c.send(.windowUpdate(0, 1), .headers(1, get()))
    },
    HTTP2Case("6.9", "WINDOW_UPDATE of a stream", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .windowUpdate(1, 1), .data(1, hello, end: true))
    },
    HTTP2Case("6.10", "one CONTINUATION", .answers([1])) { c in
      let block = get()
      c.send(
        .headers(1, Array(block.prefix(9)), complete: false), .continuation(1, Array(block.dropFirst(9))))
    },
    HTTP2Case("6.10", "several CONTINUATIONs, one octet each, and an empty one", .answers([1])) { c in
      let block = get()
      let cut = block.count - 6
      c.send(.headers(1, Array(block.prefix(cut)), complete: false))
      for byte in block[cut...] { c.send(.continuation(1, [byte], complete: false)) }
      c.send(.continuation(1, []))
    },
    HTTP2Case("6.10", "CONTINUATION behind HEADERS with padding and priority", .answers([1])) { c in
      let block = get()
      c.send(
        .headers(1, Array(block.prefix(9)), complete: false, padding: 3, priority: .init(on: 0)),
        .continuation(1, Array(block.dropFirst(9))))
    },
    HTTP2Case("6.10", "a HEADERS frame without any fragment", .answers([1])) { c in
      c.send(.headers(1, [], complete: false), .continuation(1, get()))
    },
  ]

  static let requests: [HTTP2Case] = [
    HTTP2Case("8.3.1", "GET", .answers([1])) { c in c.send(.headers(1, get())) },
    HTTP2Case("8.3.1", "HEAD", .answers([1])) { c in c.send(.headers(1, HPACK.block(fields("HEAD")))) },
    HTTP2Case("8.3.1", "POST", .answers([1])) { c in
      c.send(.headers(1, post("/", "content-length=5"), end: false), .data(1, hello, end: true))
    },
    HTTP2Case("8.3.1", "POST with trailers", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .data(1, hello), .headers(1, trailers))
    },
    HTTP2Case("8.3.1", "POST with trailers and no content", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .headers(1, trailers))
    },
    HTTP2Case("8.3.1", "many requests at once", .answers([1, 3, 5, 7, 9, 11, 13, 15, 17, 19])) { c in
      c.send(stride(from: 1, to: 20, by: 2).map { .headers($0, get()) })
    },
    HTTP2Case("5.1.1", "stream numbers with gaps", .answers([1, 99, 0x7FFF_FFFF])) { c in
      c.send(.headers(1, get()), .headers(99, get()))
      c.response(99)
      c.send(.headers(0x7FFF_FFFF, get()))
    },
  ]
}
