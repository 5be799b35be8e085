/// A subscriber's side of one ZeroMQ connection (ZMTP 3.0, without security): bytes in, messages out. Without I/O.
///
/// Only what a subscriber needs: its greeting, READY, one subscription, and the parts of messages that come.
public struct Subscription: Sendable {
  /// What is wrong with what a peer has sent; the connection is of no more use.
  public enum Failure: Error, Equatable, Sendable {
    /// It does not begin as ZMTP 3 does.
    case noZeroMQ
    /// It asks for another mechanism of security than none.
    case mechanism
    /// It is no publisher.
    case noPublisher
    /// A message is larger than `maximumMessage`, or has more parts than `maximumParts`.
    case tooLarge
    /// It has refused the connection, or a frame is not as it should be.
    case malformed
  }

  /// The longest message that is taken, in bytes.
  public static let maximumMessage = 8 << 20
  /// The most parts of one message.
  public static let maximumParts = 8

  private static let greetingLength = 64
  private static let mechanism = Array("NULL".utf8)

  private var input: [UInt8] = []
  private var isGreeted = false
  private var parts: [[UInt8]] = []
  private var partBytes = 0

  /// The peer has said that it is ready: messages come from here on.
  public private(set) var isReady = false
  /// What is to be sent next.
  public private(set) var output: [UInt8] = []

  private let topic: [UInt8]

  /// A subscription to the messages whose first part begins so. Each thing is said when the peer has said its own: libzmq takes
  /// nothing that comes early.
  public init(topic: String) {
    self.topic = Array(topic.utf8.prefix(254))
    output = [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Self.mechanism
    output += [UInt8](repeating: 0, count: Self.greetingLength - output.count)
  }

  /// What was to be sent has been.
  public mutating func sent() { output = [] }

  /// Takes in what has come; each whole message that is in it is handed over.
  public mutating func receive(
    _ bytes: some Collection<UInt8>, _ message: ([[UInt8]]) -> Void
  ) throws(Failure) {
    input += bytes
    var at = 0
    defer { input.removeFirst(at) }
    if !isGreeted {
      guard try takeGreeting() else { return }
      at = Self.greetingLength
    }
    while let frame = try nextFrame(from: at) {
      let body = Array(input[frame.body])
      at = frame.body.upperBound
      if frame.flags & Flags.command != 0 {
        try obey(body)
      } else {
        try take(body, isLast: frame.flags & Flags.more == 0, message)
      }
    }
  }

  // MARK: Frames

  private enum Flags {
    static let more: UInt8 = 1
    static let long: UInt8 = 2
    static let command: UInt8 = 4
  }

  private mutating func takeGreeting() throws(Failure) -> Bool {
    if let first = input.first, first != 0xFF { throw .noZeroMQ }
    guard input.count >= Self.greetingLength else { return false }
    guard input[9] & 1 == 1, input[10] >= 3 else { throw .noZeroMQ }
    guard input[12..<16].elementsEqual(Self.mechanism), input[16..<32].allSatisfy({ $0 == 0 }) else {
      throw .mechanism
    }
    isGreeted = true
    let ready = Self.text("READY") + Self.text("Socket-Type") + [0, 0, 0, 3] + Array("SUB".utf8)
    output += [Flags.command, UInt8(ready.count)] + ready
    return true
  }

  private func nextFrame(from at: Int) throws(Failure) -> (flags: UInt8, body: Range<Int>)? {
    guard input.count - at >= 2 else { return nil }
    let flags = input[at]
    guard flags & ~(Flags.more | Flags.long | Flags.command) == 0 else { throw .malformed }
    var (start, count) = (at + 2, Int(input[at + 1]))
    if flags & Flags.long != 0 {
      guard input.count - at >= 9 else { return nil }
      let size = input[at + 1..<at + 9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard size <= UInt64(Self.maximumMessage) else { throw .tooLarge }
      (start, count) = (at + 9, Int(size))
    }
    return input.count - start >= count ? (flags, start..<start + count) : nil
  }

  private mutating func take(_ part: [UInt8], isLast: Bool, _ message: ([[UInt8]]) -> Void) throws(Failure) {
    guard isReady else { throw .malformed }
    partBytes += part.count
    guard parts.count < Self.maximumParts, partBytes <= Self.maximumMessage else { throw .tooLarge }
    parts.append(part)
    guard isLast else { return }
    message(parts)
    (parts, partBytes) = ([], 0)
  }

  // MARK: Commands

  private static func text(_ name: String) -> [UInt8] { [UInt8(name.utf8.count)] + Array(name.utf8) }

  private mutating func obey(_ body: [UInt8]) throws(Failure) {
    guard let length = body.first, length > 0, body.count > Int(length) else { throw .malformed }
    let rest = body[(1 + Int(length))...]
    switch String(decoding: body[1..<1 + Int(length)], as: UTF8.self) {
    case "READY":
      guard let kind = Self.property("socket-type", rest) else { throw .malformed }
      guard kind == "PUB" || kind == "XPUB" else { throw .noPublisher }
      isReady = true
      output += [0, UInt8(1 + topic.count), 1] + topic
    case "ERROR": throw .malformed
    case "PING":
      // What it carries behind its time comes back.
      let pong = Self.text("PONG") + rest.dropFirst(2).prefix(16)
      output += [Flags.command, UInt8(pong.count)] + pong
    default: break
    }
  }

  private static func property(_ wanted: String, _ list: ArraySlice<UInt8>) -> String? {
    var at = list.startIndex
    while at < list.endIndex {
      let name = at + 1..<at + 1 + Int(list[at])
      guard name.upperBound + 4 <= list.endIndex else { return nil }
      let size = list[name.upperBound..<name.upperBound + 4].reduce(0) { $0 << 8 | Int($1) }
      let value = name.upperBound + 4
      guard size <= list.endIndex - value else { return nil }
      if String(decoding: list[name], as: UTF8.self).lowercased() == wanted {
        return String(decoding: list[value..<value + size], as: UTF8.self)
      }
      at = value + size
    }
    return nil
  }
}
