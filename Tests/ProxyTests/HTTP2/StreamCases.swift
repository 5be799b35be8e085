import TestPeers

/// Frame format, sizes and header blocks (RFC 9113 §4); stream states and numbers (§5).
extension HTTP2Case {
  static let format: [HTTP2Case] = [
    HTTP2Case("4.1", "a frame of an unknown type", .goesOn) { c in
      c.send(Frame(0xFF, flags: 0xFF, stream: 0, hello), Frame(0x16, stream: 1, hello))
    },
    HTTP2Case("4.1", "PRIORITY_UPDATE, ALTSVC and ORIGIN, which mean nothing here", .goesOn) { c in
      c.send(
        Frame(0x10, stream: 0, [0, 0, 0, 1] + Array("u=0".utf8)), Frame(0x0A, stream: 0, [0, 0]),
        Frame(0x0C, stream: 0, []))
    },
    HTTP2Case("4.1", "flags that are not defined", .goesOn) { c in
      c.send(Frame(Frame.Kind.ping, flags: 0x16, [UInt8](repeating: 1, count: 8)))
      c.wait { !$0.pongs.isEmpty }
    },
    HTTP2Case("4.1", "flags of DATA and HEADERS that are not defined", .answers([1])) { c in
      var (headers, data) = (Frame.headers(1, post(), end: false), Frame.data(1, hello, end: true))
      headers.flags |= 0xD2
      data.flags |= 0xF6
      c.send(headers, data)
    },
    HTTP2Case("4.1", "the reserved bit of a stream number", .answers([1])) { c in
      c.send(Frame(Frame.Kind.ping, stream: 0x8000_0000, hello + [1, 2, 3]))
      c.send(.headers(0x8000_0001, get()))
    },
    HTTP2Case("4.2", "DATA of 2^14 octets", .answers([1])) { c in
      c.send(.headers(1, post(), end: false), .data(1, Array(repeating: 1, count: 16_384), end: true))
    },
    HTTP2Case("4.2", "DATA beyond SETTINGS_MAX_FRAME_SIZE", .stream(1, [.frameSizeError])) { c in
      c.send(.headers(1, post(), end: false))
      c.send(.data(1, Array(repeating: 1, count: c.maximumFrame + 1), end: true))
    },
    HTTP2Case("4.2", "HEADERS beyond SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError])) { c in
      c.send(.headers(1, large(c.maximumFrame + 1)))
    },
    HTTP2Case("4.2", "CONTINUATION beyond SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError])) { c in
      c.send(.headers(1, get(), complete: false), .continuation(1, large(c.maximumFrame + 1)))
    },
    HTTP2Case("4.2", "SETTINGS beyond SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError])) { c in
      c.send(.settings((0...c.maximumFrame / 6).map { _ in (.unknown, 0) }))
    },
    HTTP2Case("4.2", "GOAWAY beyond SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError])) { c in
      c.send(.goAway(debug: Array(repeating: 0, count: c.maximumFrame)))
    },
    HTTP2Case("4.2", "an unknown frame beyond SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError])) { c in
      c.send(Frame(0xEE, Array(repeating: 0, count: c.maximumFrame + 1)))
    },
    HTTP2Case("4.3", "a header block that cannot be decoded", .connection([.compressionError])) { c in
      c.send(.headers(1, [0x00, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]))
    },
    HTTP2Case("4.3", "a header block that ends within a field", .connection([.compressionError])) { c in
      c.send(.headers(1, Array(get().dropLast(3))))
    },
    HTTP2Case("4.3", "trailers that cannot be decoded", .connection([.compressionError])) { c in
      c.send(.headers(1, post(), end: false), .headers(1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]))
    },
    HTTP2Case(
      "4.3", "a block that cannot be decoded on a reset stream",
      .connection([.compressionError, .streamClosed])
    ) {
      c in
      c.send(.headers(1, post("/hold"), end: false), .reset(1), .headers(1, [0xBF, 0xFE]))
    },
  ]

  /// What may not stand between HEADERS and its CONTINUATION (RFC 9113 §4.3, §6.10).
  static let interrupted: [HTTP2Case] = [
    ("PRIORITY", .priority(1, .init(on: 0))), ("HEADERS of another stream", .headers(3, get())),
    ("HEADERS of the same stream", .headers(1, get())), ("DATA", .data(1, hello)), ("RST_STREAM", .reset(1)),
    ("SETTINGS", .settings()), ("PING", .ping()), ("GOAWAY", .goAway()),
    ("WINDOW_UPDATE", .windowUpdate(0, 1)),
    ("CONTINUATION of another stream", .continuation(3, [])), ("an unknown frame", Frame(0xEE)),
  ].map { (name: String, frame: Frame) in
    HTTP2Case("4.3", "\(name) within a header block", .connection([.protocolError])) { c in
      let block = get()
      c.send(.headers(1, Array(block.prefix(5)), complete: false), frame)
      c.send(.continuation(1, Array(block.dropFirst(5))))
    }
  }

  static let states: [HTTP2Case] = [
    HTTP2Case("5.1", "idle: DATA", .connection([.protocolError])) { c in c.send(.data(1, hello, end: true)) },
    HTTP2Case("5.1", "idle: RST_STREAM", .connection([.protocolError])) { c in c.send(.reset(1)) },
    HTTP2Case("5.1", "idle: WINDOW_UPDATE", .connection([.protocolError])) { c in
      c.send(.windowUpdate(1, 100))
    },
    HTTP2Case("5.1", "idle: CONTINUATION", .connection([.protocolError])) { c in
      c.send(.continuation(1, get()))
    },
    HTTP2Case("5.1", "idle: PRIORITY", .goesOn) { c in c.send(.priority(1, .init(on: 0))) },
    HTTP2Case("5.1", "half-closed (remote): DATA", .stream(1, [.streamClosed])) { c in
      c.send(.headers(1, get("/hold")), .data(1, hello, end: true))
    },
    HTTP2Case("5.1", "half-closed (remote) after DATA: DATA", .stream(1, [.streamClosed])) { c in
      c.send(.headers(1, post("/hold"), end: false), .data(1, hello, end: true), .data(1, hello))
    },
    HTTP2Case("5.1", "half-closed (remote): HEADERS", .stream(1, [.streamClosed])) { c in
      c.send(.headers(1, get("/hold")), .headers(1, get()))
    },
    HTTP2Case("5.1", "half-closed (remote): CONTINUATION", .connection([.streamClosed, .protocolError])) {
      c in
      c.send(.headers(1, get("/hold")), .continuation(1, get()))
    },
    HTTP2Case("5.1", "half-closed (remote): WINDOW_UPDATE", .answers([1])) { c in
      c.send(.headers(1, get()), .windowUpdate(1, 100))
    },
    HTTP2Case("5.1", "half-closed (remote): PRIORITY", .answers([1])) { c in
      c.send(.headers(1, get()), .priority(1, .init(on: 0)))
    },
    HTTP2Case("5.1", "half-closed (remote): RST_STREAM", .goesOn) { c in
      c.send(.headers(1, get("/hold")), .reset(1))
    },
    HTTP2Case("5.1", "closed by RST_STREAM: DATA", .stream(1, [.streamClosed])) { c in
      c.send(.headers(1, post("/hold"), end: false), .reset(1), .data(1, hello))
    },
    HTTP2Case("5.1", "closed by RST_STREAM: HEADERS", .stream(1, [.streamClosed])) { c in
      c.send(.headers(1, post("/hold"), end: false), .reset(1), .headers(1, get()))
    },
    HTTP2Case("5.1", "closed by RST_STREAM: CONTINUATION", .connection([.streamClosed, .protocolError])) {
      c in
      c.send(.headers(1, post("/hold"), end: false), .reset(1), .continuation(1, get()))
    },
    HTTP2Case("5.1", "closed by END_STREAM: DATA", .stream(1, [.streamClosed])) { c in
      c.send(.headers(1, get()))
      c.response(1)
      c.send(.data(1, hello))
    },
    HTTP2Case("5.1", "closed by END_STREAM: HEADERS", .connection([.streamClosed])) { c in
      c.send(.headers(1, get()))
      c.response(1)
      c.send(.headers(1, get()))
    },
    HTTP2Case("5.1", "closed by END_STREAM: CONTINUATION", .connection([.streamClosed, .protocolError])) {
      c in
      c.send(.headers(1, get()))
      c.response(1)
      c.send(.continuation(1, get()))
    },
    HTTP2Case("5.1", "closed by END_STREAM: PRIORITY, WINDOW_UPDATE, RST_STREAM", .goesOn) { c in
      c.send(.headers(1, get()))
      c.response(1)
      c.send(.priority(1, .init(on: 0)), .windowUpdate(1, 5), .reset(1), .priority(1, .init(on: 0)))
    },
    HTTP2Case("5.1.1", "an even stream number", .connection([.protocolError])) { c in
      c.send(.headers(2, get()))
    },
    HTTP2Case("5.1.1", "a number below that of the last stream", .connection([.protocolError])) { c in
      c.send(.headers(5, get()), .headers(3, get()))
    },
    HTTP2Case(
      "5.1.2", "more streams than SETTINGS_MAX_CONCURRENT_STREAMS",
      .lastStream([.refusedStream, .protocolError])
    ) { c in
      let most = c.settings[Setting.maxConcurrentStreams.rawValue] ?? 100
      c.send((0...most).map { .headers($0 * 2 + 1, get("/hold")) })
      c.wait { $0[most * 2 + 1].isOver || $0.goAway != nil }
      c.send((0..<most).map { .reset($0 * 2 + 1) })
    },
    HTTP2Case("5.3.1", "HEADERS that depends on itself", .stream(1, [.protocolError])) { c in
      c.send(.headers(1, get(), priority: .init(on: 1)))
    },
    HTTP2Case("5.3.1", "PRIORITY that depends on itself", .stream(1, [.protocolError])) { c in
      c.send(.priority(1, .init(on: 1)))
    },
    HTTP2Case("5.4.1", "a connection error is told by GOAWAY", .connection([.frameSizeError])) { c in
      c.send(.headers(1, get()))
      c.response(1)
      c.send(Frame(Frame.Kind.ping, [0]))
    },
    HTTP2Case("5.4.1", "a connection error closes the connection", .closes) { c in
      c.send(Frame(Frame.Kind.ping, [0, 0, 0, 0, 0, 0, 0, 0, 0]))
    },
    HTTP2Case("5.5", "an unknown frame of a stream", .answers([1])) { c in
      c.send(
        .headers(1, post(), end: false), Frame(0x99, flags: 5, stream: 1, hello), .data(1, hello, end: true))
    },
  ]
}

extension HTTP2Connection {
  /// The largest frame that the server takes.
  var maximumFrame: Int { Int(settings[Setting.maxFrameSize.rawValue] ?? 16_384) }
}
