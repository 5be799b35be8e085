import TestPeers

/// What each type of frame may not be (RFC 9113 §6.1 to §6.8, §6.10).
extension HTTP2Case {
  static let wrongFrames: [HTTP2Case] = [
    HTTP2Case("6.1", "DATA of stream 0", .connection([.protocolError])) { c in
      c.send(.headers(1, post(), end: false), .data(0, hello, end: true))
    },
    HTTP2Case("6.1", "DATA with as much padding as there is payload", .connection([.protocolError])) { c in
      c.send(.headers(1, post(), end: false))
      c.send(Frame(Frame.Kind.data, flags: Frame.Flag.padded, stream: 1, [6] + hello))
    },
    HTTP2Case("6.1", "DATA with padding and no octet", .connection([.protocolError, .frameSizeError])) { c in
      c.send(.headers(1, post(), end: false), Frame(Frame.Kind.data, flags: Frame.Flag.padded, stream: 1))
    },
    HTTP2Case("6.2", "HEADERS of stream 0", .connection([.protocolError])) { c in c.send(.headers(0, get()))
    },
    HTTP2Case("6.2", "HEADERS with more padding than payload", .connection([.protocolError])) { c in
      let block = get()
      let flags = Frame.Flag.padded | Frame.Flag.endHeaders | Frame.Flag.endStream
      c.send(Frame(Frame.Kind.headers, flags: flags, stream: 1, [UInt8(block.count + 1)] + block))
    },
    HTTP2Case("6.2", "HEADERS with padding into its priority", .connection([.protocolError])) { c in
      let flags = Frame.Flag.padded | Frame.Flag.endHeaders | Frame.Flag.priority
      c.send(Frame(Frame.Kind.headers, flags: flags, stream: 1, [4, 0, 0, 0, 0, 1, 0x82, 0x86]))
    },
    HTTP2Case("6.2", "HEADERS too short for its priority", .connection([.protocolError, .frameSizeError])) {
      c in
      let flags = Frame.Flag.endHeaders | Frame.Flag.priority
      c.send(Frame(Frame.Kind.headers, flags: flags, stream: 1, [0, 0, 0]))
    },
    HTTP2Case("6.3", "PRIORITY of stream 0", .connection([.protocolError])) { c in
      c.send(.priority(0, .init(on: 1)))
    },
    HTTP2Case("6.3", "PRIORITY of 4 octets", .stream(1, [.frameSizeError])) { c in
      c.send(.headers(1, post("/hold"), end: false), Frame(Frame.Kind.priority, stream: 1, [0, 0, 0, 0]))
    },
    HTTP2Case("6.3", "PRIORITY of 6 octets", .stream(1, [.frameSizeError])) { c in
      c.send(
        .headers(1, post("/hold"), end: false), Frame(Frame.Kind.priority, stream: 1, [0, 0, 0, 0, 1, 1]))
    },
    HTTP2Case("6.4", "RST_STREAM of stream 0", .connection([.protocolError])) { c in c.send(.reset(0)) },
    HTTP2Case("6.4", "RST_STREAM of an idle stream above an open one", .connection([.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .reset(3))
    },
    HTTP2Case("6.4", "RST_STREAM of 3 octets", .connection([.frameSizeError])) { c in
      c.send(.headers(1, post("/hold"), end: false), Frame(Frame.Kind.rstStream, stream: 1, [0, 0, 8]))
    },
    HTTP2Case("6.4", "RST_STREAM of 5 octets", .connection([.frameSizeError])) { c in
      c.send(.headers(1, post("/hold"), end: false), Frame(Frame.Kind.rstStream, stream: 1, [0, 0, 0, 0, 8]))
    },
    HTTP2Case("6.6", "PUSH_PROMISE of a client", .connection([.protocolError])) { c in
      c.send(.headers(1, get("/hold")), .pushPromise(1, promised: 2, get()))
    },
    HTTP2Case("6.6", "PUSH_PROMISE of a client on an idle stream", .connection([.protocolError])) { c in
      c.send(.pushPromise(1, promised: 2, get()))
    },
    HTTP2Case("6.7", "PING is answered with its data", .goesOn) { c in
      let data: [UInt8] = [0, 1, 2, 3, 0xFC, 0xFD, 0xFE, 0xFF]
      c.send(.ping(data))
      // A wrong answer is made visible as a connection that does not go on.
      if !c.wait({ !$0.pongs.isEmpty }) || c.pongs != [data] { c.wire.close() }
    },
    HTTP2Case("6.7", "PING with ACK is not answered", .goesOn) { c in
      c.send(.ping(Array("unasked!".utf8), ack: true), .ping())
      if !c.wait({ !$0.pongs.isEmpty }) || c.pongs != [Array("pingpong".utf8)] { c.wire.close() }
    },
    HTTP2Case("6.7", "PING of a stream", .connection([.protocolError])) { c in
      c.send(Frame(Frame.Kind.ping, stream: 1, [UInt8](repeating: 0, count: 8)))
    },
    HTTP2Case("6.7", "PING of 6 octets", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.ping, [UInt8](repeating: 0, count: 6)))
    },
    HTTP2Case("6.7", "PING without payload", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.ping))
    },
    HTTP2Case("6.8", "GOAWAY of a stream", .connection([.protocolError])) { c in
      c.send(Frame(Frame.Kind.goAway, stream: 1, [UInt8](repeating: 0, count: 8)))
    },
    HTTP2Case("6.8", "GOAWAY of 7 octets", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.goAway, [UInt8](repeating: 0, count: 7)))
    },
    HTTP2Case("6.10", "CONTINUATION of stream 0", .connection([.protocolError])) { c in
      c.send(.headers(1, [], complete: false), .continuation(0, get()))
    },
    HTTP2Case("6.10", "CONTINUATION behind a whole HEADERS", .connection([.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .continuation(1, []))
    },
    HTTP2Case("6.10", "CONTINUATION behind the last CONTINUATION", .connection([.protocolError])) { c in
      c.send(
        .headers(1, post("/hold"), end: false, complete: false), .continuation(1, []), .continuation(1, []))
    },
    HTTP2Case("6.10", "CONTINUATION behind DATA", .connection([.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .data(1, hello), .continuation(1, []))
    },
    HTTP2Case("7", "GOAWAY with an unknown code", .closes) { c in
      c.send(.goAway(ErrorCode.unknown.rawValue))
      c.wire.shutdownWrite()
    },
    HTTP2Case("7", "RST_STREAM with an unknown code", .goesOn) { c in
      c.send(.headers(1, post("/hold"), end: false), .reset(1, .unknown))
    },
  ]

  static let settings: [HTTP2Case] = [
    HTTP2Case("6.5", "an acknowledgement with payload", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.settings, flags: Frame.Flag.ack, [0, 1, 0, 0, 0, 0]))
    },
    HTTP2Case("6.5", "SETTINGS of a stream", .connection([.protocolError])) { c in
      c.send(Frame(Frame.Kind.settings, stream: 1, [0, 3, 0, 0, 0, 100]))
    },
    HTTP2Case("6.5", "SETTINGS of 3 octets", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.settings, [0, 3, 0]))
    },
    HTTP2Case("6.5", "SETTINGS of 7 octets", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.settings, [0, 3, 0, 0, 0, 100, 0]))
    },
    HTTP2Case("6.5.2", "SETTINGS_ENABLE_PUSH of 2", .connection([.protocolError])) { c in
      c.send(.settings([(.enablePush, 2)]))
    },
    HTTP2Case("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE of 2^31", .connection([.flowControlError])) { c in
      c.send(.settings([(.initialWindowSize, 0x8000_0000)]))
    },
    HTTP2Case("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE of 2^31 - 1", .answers([1])) { c in
      c.send(.settings([(.initialWindowSize, 0x7FFF_FFFF)]), .headers(1, get()))
    },
    HTTP2Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^14 - 1", .connection([.protocolError])) { c in
      c.send(.settings([(.maxFrameSize, 16_383)]))
    },
    HTTP2Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24", .connection([.protocolError])) { c in
      c.send(.settings([(.maxFrameSize, 16_777_216)]))
    },
    HTTP2Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24 - 1", .goesOn) { c in
      c.send(.settings([(.maxFrameSize, 16_777_215)]))
    },
    HTTP2Case("6.5.2", "a parameter that nobody knows", .goesOn) { c in c.send(.settings([(.unknown, 1)])) },
    HTTP2Case("6.5.2", "SETTINGS_HEADER_TABLE_SIZE of 0 and of 2^32 - 1", .answers([1])) { c in
      c.send(
        .settings([(.headerTableSize, 0)]), .settings([(.headerTableSize, 0xFFFF_FFFF)]), .headers(1, get()))
    },
    HTTP2Case("8.4", "SETTINGS_ENABLE_CONNECT_PROTOCOL of 2", .connection([.protocolError])) { c in
      c.send(.settings([(.enableConnectProtocol, 2)]))
    },
    HTTP2Case("6.5.3", "each SETTINGS is acknowledged once, in order", .goesOn) { c in
      let before = c.settingsAcks
      c.send(.settings([(.initialWindowSize, 100)]), .settings(), .ping())
      let ok = c.wait { !$0.pongs.isEmpty } && c.settingsAcks == before + 2
      if !ok { c.wire.close() }
      c.send(.settings([(.initialWindowSize, 65_535)]))
    },
    HTTP2Case("6.5.3", "the last of several values of a parameter counts", .goesOn) { c in
      c.send(.settings([(.initialWindowSize, 100), (.initialWindowSize, 1)]), .headers(1, get()))
      c.wait { $0[1].status != nil && $0[1].count > 0 }
      if c[1].dataSizes.first != 1 { c.wire.close() }
      c.send(.settings([(.initialWindowSize, 65_535)]))
    },
  ]
}
