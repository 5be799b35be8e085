import TestPeers
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
    /// The same for the last stream that was begun.
    case lastStream(Set<ErrorCode>)
    /// A stream error with PROTOCOL_ERROR, or an answer 400 (RFC 9113 §8.1.1).
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

  /// Plays it; what did not go as it must, nothing when all did.
  func problems(on connection: HTTP2Connection) -> [String] {
    if begins, !connection.start() { return ["no SETTINGS came"] }
    play(connection)
    let found =
      switch expects {
      case .connection(let codes): connectionError(connection, codes)
      case .stream(let stream, let codes): streamError(connection, stream, codes)
      case .lastStream(let codes): streamError(connection, connection.streams.keys.max() ?? 0, codes)
      case .refused(let stream):
        connection.response(stream).status == 400
          ? goesOn(connection) : streamError(connection, stream, [.protocolError])
      case .closes: end(connection)
      case .answers(let streams): streams.flatMap { answered(connection, $0) } + goesOn(connection)
      case .goesOn: goesOn(connection)
      }
    let all = found + connection.violations
    return all.isEmpty ? [] : all + ["what came: " + connection.trace.joined(separator: " ")]
  }

  private func end(_ connection: HTTP2Connection) -> [String] {
    connection.drain()
    return [.closed, .reset].contains(connection.ending) ? [] : ["still open"]
  }

  private func answered(_ connection: HTTP2Connection, _ stream: UInt32) -> [String] {
    let answer = connection.response(stream)
    guard answer.status == 200, answer.hasEnded else {
      return [
        "\(stream): status \(answer.status ?? 0), reset \(answer.reset ?? 0), goaway \(connection.lastWord)"
      ]
    }
    return []
  }

  private func connectionError(_ connection: HTTP2Connection, _ codes: Set<ErrorCode>) -> [String] {
    let problems = end(connection)
    guard let goAway = connection.goAway else { return problems + ["no GOAWAY"] }
    guard codes.contains(where: { $0.rawValue == goAway.code }) else {
      return problems + ["GOAWAY with \(goAway.code)"]
    }
    return problems
  }

  private func streamError(_ connection: HTTP2Connection, _ stream: UInt32, _ codes: Set<ErrorCode>)
    -> [String]
  {
    if !connection.wait({ $0[stream].isOver || $0.goAway != nil }) {
      return ["neither RST_STREAM nor GOAWAY"]
    }
    // An answer may have come first.
    if connection[stream].reset == nil, connection.goAway == nil { _ = connection.goesOn() }
    if connection.goAway != nil { return connectionError(connection, codes) }
    guard let code = connection[stream].reset else { return ["no RST_STREAM"] }
    guard codes.contains(where: { $0.rawValue == code }) else { return ["RST_STREAM with \(code)"] }
    return goesOn(connection)
  }

  /// PINGs are answered, and so is another request.
  private func goesOn(_ connection: HTTP2Connection) -> [String] {
    guard connection.goesOn() else { return ["does not go on: \(connection.lastWord)"] }
    let next = ((connection.streams.keys.max() ?? 0) + 1) | 1
    guard next < 0x8000_0000 else { return [] }
    connection.send(.headers(next, Self.get()))
    return answered(connection, next).map { "afterwards " + $0 }
  }
}

extension HTTP2Connection {
  /// How the server has ended it, for messages.
  var lastWord: String { "\(goAway.map { "\($0.code)" } ?? "none"), \(ending.map { "\($0)" } ?? "open")" }
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
