import TestPeers

/// Flow control (RFC 9113 §5.2, §6.9).
extension HTTP2Case {
  static let flow: [HTTP2Case] = [
    HTTP2Case("6.9", "WINDOW_UPDATE of 0 for the connection", .connection([.protocolError])) { c in
      c.send(.windowUpdate(0, 0))
    },
    HTTP2Case("6.9", "WINDOW_UPDATE of 0 for a stream", .stream(1, [.protocolError])) { c in
      c.send(.headers(1, post("/hold"), end: false), .windowUpdate(1, 0))
    },
    HTTP2Case("6.9", "WINDOW_UPDATE of 3 octets", .connection([.frameSizeError])) { c in
      c.send(Frame(Frame.Kind.windowUpdate, [0, 0, 1]))
    },
    HTTP2Case("6.9", "WINDOW_UPDATE of 5 octets for a stream", .connection([.frameSizeError])) { c in
      c.send(.headers(1, post("/hold"), end: false))
      c.send(Frame(Frame.Kind.windowUpdate, stream: 1, [0, 0, 0, 1, 0]))
    },
    HTTP2Case("6.9", "the reserved bit of an increment", .answers([1])) { c in
      c.send(.windowUpdate(0, 0x8000_0001), .headers(1, get()))
    },
    HTTP2Case("6.9.1", "a window of 1 octet: DATA of 1 octet", .goesOn) { c in
      c.send(.settings([(.initialWindowSize, 1)]))
      c.givesBack = false
      c.send(.headers(1, get()))
      c.wait { $0[1].count > 0 }
      if !c.goesOn() || c[1].dataSizes != [1] { c.wire.close() }
      c.givesBack = true
      c.send(.settings([(.initialWindowSize, 65_535)]))
    },
    HTTP2Case("6.9.1", "the connection's window beyond 2^31 - 1", .connection([.flowControlError])) { c in
      c.send(.windowUpdate(0, 0x7FFF_FFFF), .windowUpdate(0, 0x7FFF_FFFF))
    },
    HTTP2Case("6.9.1", "the connection's window one beyond 2^31 - 1", .connection([.flowControlError])) { c in
      c.send(.windowUpdate(0, 0x7FFF_FFFF - 65_535 + 1))
    },
    HTTP2Case("6.9.1", "the connection's window of 2^31 - 1", .answers([1])) { c in
      c.send(.windowUpdate(0, 0x7FFF_FFFF - 65_535), .headers(1, get()))
    },
    HTTP2Case("6.9.1", "a stream's window beyond 2^31 - 1", .stream(1, [.flowControlError])) { c in
      c.send(
        .headers(1, post("/hold"), end: false), .windowUpdate(1, 0x7FFF_FFFF), .windowUpdate(1, 0x7FFF_FFFF))
    },
    HTTP2Case("6.9.2", "a window opened by SETTINGS after HEADERS", .answers([1])) { c in
      c.send(.settings([(.initialWindowSize, 0)]), .headers(1, get()))
      if !c.goesOn() || c[1].count > 0 { c.wire.close() }
      c.givesBack = false
      c.send(.settings([(.initialWindowSize, 1)]))
      c.wait { $0[1].count > 0 }
      if !c.goesOn() || c[1].dataSizes != [1] { c.wire.close() }
      c.givesBack = true
      c.send(.settings([(.initialWindowSize, 65_535)]))
    },
    HTTP2Case("6.9.2", "a window that SETTINGS makes negative", .answers([1])) { c in
      c.givesBack = false
      c.send(.settings([(.initialWindowSize, 3)]), .headers(1, get()))
      c.wait { $0[1].count == 3 }
      c.send(.settings([(.initialWindowSize, 2)]), .windowUpdate(1, 1))
      // -1 and 1 is 0: nothing may come.
      if !c.goesOn() || c[1].count != 3 { c.wire.close() }
      c.send(.windowUpdate(1, 1))
      c.wait { $0[1].count > 3 }
      if !c.goesOn() || c[1].count != 4 { c.wire.close() }
      c.givesBack = true
      c.send(.windowUpdate(1, 60_000))
    },
    HTTP2Case(
      "6.9.2", "SETTINGS that lifts a stream's window beyond 2^31 - 1", .connection([.flowControlError])
    ) {
      c in
      c.send(.headers(1, post("/hold"), end: false), .windowUpdate(1, 0x7FFF_FFFF - 65_535))
      c.send(.settings([(.initialWindowSize, 65_536)]))
    },
    HTTP2Case("6.9.1", "a closed window of the connection with open ones of streams", .answers([1, 3])) { c in
      c.givesBack = false
      c.send(.settings([(.initialWindowSize, 0x00FF_FFFF)]))
      c.send(.headers(1, get("/big/65530")))
      c.response(1)
      c.send(.headers(3, get("/big/10000")))
      c.wait { $0[3].count == 5 }
      if !c.goesOn() || c[3].count != 5 { c.wire.close() }
      c.givesBack = true
      c.send(.windowUpdate(0, 65_535))
    },
    HTTP2Case("6.9.1", "DATA beyond the stream's window", .stream(1, [.flowControlError])) { c in
      c.send(.headers(1, post("/stuck"), end: false))
      // The backend takes nothing, so that no window is given back for long.
      c.overrun(1)
    },
    HTTP2Case("6.9", "padding counts against the window", .stream(1, [.flowControlError])) { c in
      c.send(.headers(1, post("/stuck"), end: false))
      c.overrun(1, padding: 255)
    },
    HTTP2Case("6.9", "content of a reset stream is given back to the connection", .answers([41])) { c in
      for stream in stride(from: UInt32(1), to: 40, by: 2) {
        c.send(.headers(stream, post("/hold"), end: false), .reset(stream))
      }
      c.send(.headers(41, post(), end: false))
      let content = [UInt8](repeating: 7, count: 300_000)
      if !c.sendBody(41, content) { c.wire.close() }
    },
  ]
}

extension HTTP2Connection {
  /// Fills the window of a stream that nobody reads, then sends one frame more, until the server minds: it may have
  /// given room just before. What it has given comes before its answer to a PING.
  func overrun(_ stream: UInt32, padding: Int? = nil) {
    let piece = [UInt8](repeating: 0, count: 16_384)
    func isOver() -> Bool { goAway != nil || self[stream].isOver || ending != nil }
    // Socket buffers on the way to the backend take some; 256 MiB is far beyond all of them.
    for _ in 0..<16_384 where !isOver() {
      let room = Int(min(sendWindow, self[stream].sendWindow)) - 10
      if room > 0 {
        send(.data(stream, Array(piece.prefix(room))))
      } else if !goesOn() || min(sendWindow, self[stream].sendWindow) > 10 {
        continue
      } else {
        send(.data(stream, [UInt8](repeating: 0, count: padding == nil ? 11 : 1), padding: padding))
        _ = goesOn()
      }
    }
  }
}
