import HTTP2Client
import Testing

/// What a client sends after it has begun a connection, and what the server must do by the RFC.
struct HTTP2Case: CustomTestStringConvertible, Sendable {
  /// How a server must take it.
  enum Outcome: Sendable {
    /// GOAWAY with one of these codes, then the end of the connection (RFC 9113 §5.4.1).
    case connection(Set<ErrorCode>)
    /// RST_STREAM with one of these codes, and everything else goes on (RFC 9113 §5.4.2). A server may make
    /// more of it: then it is a connection error.
    case stream(UInt32, Set<ErrorCode>)
    /// As before with PROTOCOL_ERROR, or an answer 400 (RFC 9113 §8.1.1).
    case refused(UInt32)
    /// The connection ends, with GOAWAY or without.
    case closes
    /// Each of these streams is answered with 200.
    case answers([UInt32])
    /// Nothing happens.
    case goesOn
  }

  let section: String
  let says: String
  let expects: Outcome
  /// False where the case itself begins the connection.
  var begins = true
  let play: @Sendable (HTTP2Connection) -> Void

  init(
    _ section: String, _ says: String, _ expects: Outcome, begins: Bool = true,
    _ play: @escaping @Sendable (HTTP2Connection) -> Void
  ) {
    self.section = section
    self.says = says
    self.expects = expects
    self.begins = begins
    self.play = play
  }

  var testDescription: String { "\(section): \(says)" }

  /// Plays it and looks at what happens.
  func check(on connection: HTTP2Connection) {
    if begins { #expect(connection.start(), "no SETTINGS came") }
    play(connection)
    switch expects {
    case .connection(let codes): expectConnectionError(connection, codes)
    case .stream(let stream, let codes): expectStreamError(connection, stream, codes)
    case .refused(let stream):
      if connection.response(stream).status == 400 {
        expectGoesOn(connection)
      } else {
        expectStreamError(connection, stream, [.protocolError])
      }
    case .closes:
      connection.drain()
      #expect([.closed, .reset].contains(connection.ending), "still open: \(connection.trace)")
    case .answers(let streams):
      for stream in streams {
        let answer = connection.response(stream)
        #expect(answer.status == 200, "\(stream): \(answer.status ?? 0) \(connection.trace)")
        #expect(answer.hasEnded && (answer.reset ?? 0) == 0)
      }
      #expect(connection.goesOn(), "\(connection.trace)")
    case .goesOn: expectGoesOn(connection)
    }
    #expect(connection.violations == [])
  }

  private func expectConnectionError(_ connection: HTTP2Connection, _ codes: Set<ErrorCode>) {
    connection.drain()
    #expect([.closed, .reset].contains(connection.ending), "still open: \(connection.trace)")
    guard let goAway = connection.goAway else {
      Issue.record("no GOAWAY: \(connection.trace)")
      return
    }
    #expect(codes.contains { $0.rawValue == goAway.code }, "GOAWAY with \(goAway.code)")
  }

  private func expectStreamError(_ connection: HTTP2Connection, _ stream: UInt32, _ codes: Set<ErrorCode>) {
    connection.wait { $0[stream].reset != nil || $0.goAway != nil }
    if connection.goAway != nil { return expectConnectionError(connection, codes) }
    guard let code = connection[stream].reset else {
      Issue.record("no RST_STREAM: \(connection.trace)")
      return
    }
    #expect(codes.contains { $0.rawValue == code }, "RST_STREAM with \(code)")
    expectGoesOn(connection)
  }

  /// PINGs are answered, and so is another request.
  private func expectGoesOn(_ connection: HTTP2Connection) {
    guard connection.goesOn() else {
      Issue.record("the connection does not go on: \(connection.goAway as Any) \(connection.trace)")
      return
    }
    let next = ((connection.streams.keys.max() ?? 0) + 1) | 1
    connection.send(.headers(next, Self.get()))
    #expect(connection.response(next).status == 200, "\(connection.trace)")
  }
}

/// Header blocks of requests.
extension HTTP2Case {
  static func fields(_ method: String, _ path: String = "/") -> [Header] {
    [Header(":method", method), ":scheme=http", Header(":path", path), ":authority=localhost"]
  }

  static func get(_ path: String = "/", _ more: Header...) -> [UInt8] {
    HPACK.block(fields("GET", path) + more)
  }

  static func post(_ path: String = "/", _ more: Header...) -> [UInt8] {
    HPACK.block(fields("POST", path) + more)
  }

  static let trailers = HPACK.block(["x-checksum=5"])
  static let hello = Array("hello".utf8)
  /// A block of more than `size` octets.
  static func large(_ size: Int) -> [UInt8] {
    HPACK.block(
      fields("GET")
        + (0..<size / 4000 + 1).map { Header("x-large-\($0)", String(repeating: "a", count: 4000)) })
  }
}
