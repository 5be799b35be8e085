package import OS
package import TLS

/// A client's HTTP/2 connection for tests of servers: it sends whatever it is told, right or wrong, frame by frame,
/// and keeps account of what comes.
///
/// It has no policy and no retries. What it promises: each frame of the server is checked against the RFC, and what
/// is wrong is noted in `violations`; nothing waits longer than the wire's patience. Used by one thread at a time.
package final class HTTP2Connection: @unchecked Sendable {
  package let wire: Wire
  /// What the server has set.
  package internal(set) var settings: [UInt16: UInt32] = [:]
  /// What has come on each stream.
  package internal(set) var streams: [UInt32: Received] = [:]
  /// The last GOAWAY.
  package internal(set) var goAway: GoAway?
  /// The data of the PINGs that were answered.
  package internal(set) var pongs: [[UInt8]] = []
  /// How often the server has acknowledged our settings, and sent its own.
  package internal(set) var settingsAcks = 0
  package internal(set) var settingsFrames = 0
  /// What the server did against the RFC.
  package internal(set) var violations: [String] = []
  /// The last frames that came, for messages.
  package internal(set) var trace: [String] = []
  /// Whether windows are given back at once as DATA comes.
  package var givesBack = true
  /// Whether content is kept; it is counted in any case.
  package var keepsBodies = true
  /// Whether settings are acknowledged as they come.
  package var acknowledges = true
  /// What we may send: for the connection and for each stream.
  package internal(set) var sendWindow: Int64 = 65_535
  /// What the server may send, by what we have told it.
  var receiveWindow: Int64 = 65_535
  var initialReceiveWindow: Int64 = 65_535
  let decoder = HPACKDecoder()
  /// The sizes of HPACK's table that our SETTINGS have told, each until it is acknowledged.
  var tableSizes: [UInt32?] = []
  var open: (frame: Frame, block: [UInt8])?

  package struct GoAway: Sendable, Equatable {
    package let last: UInt32
    package let code: UInt32
  }

  /// What has come on a stream.
  package struct Received: Sendable {
    /// Interim responses' statuses in their order.
    package var interim: [Int] = []
    package var status: Int?
    package var headers: [Header] = []
    package var trailers: [Header]?
    package var body: [UInt8] = []
    /// How much content came; also when the body is not kept.
    package var count = 0
    package var hasEnded = false
    /// The code of RST_STREAM.
    package var reset: UInt32?
    /// What we may send on it.
    package var sendWindow: Int64
    var receiveWindow: Int64
    /// The sizes of its DATA frames.
    package var dataSizes: [Int] = []

    package var isOver: Bool { hasEnded || reset != nil }

    /// The value of a response's field; several joined.
    package func field(_ name: String) -> String? {
      let values = headers.filter { $0.name == Array(name.utf8) }.map {
        String(decoding: $0.value, as: UTF8.self)
      }
      return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
  }

  package init(_ wire: Wire) {
    self.wire = wire
    wire.isDuplex = true
  }

  /// How the server has ended the connection, if it has.
  package var ending: Wire.Ending? { wire.ending }

  // MARK: Sending

  /// Sends the preface and settings, and takes in the server's.
  @discardableResult
  package func start(_ values: [(Setting, UInt32)] = []) -> Bool {
    wire.write(Frame.preface)
    send(.settings(values))
    return wait { $0.settingsFrames > 0 && $0.settingsAcks > 0 }
  }

  /// Sends frames, and remembers what they allow the server to send.
  package func send(_ frames: Frame...) { send(frames) }

  package func send(_ frames: [Frame]) {
    for frame in frames { account(for: frame) }
    wire.write(frames.flatMap(\.bytes))
  }

  /// A stream's account, begun when it is asked for.
  package subscript(_ stream: UInt32) -> Received {
    get {
      streams[stream]
        ?? Received(
          sendWindow: Int64(settings[Setting.initialWindowSize.rawValue] ?? 65_535),
          receiveWindow: initialReceiveWindow)
    }
    set { streams[stream] = newValue }
  }

  private func account(for frame: Frame) {
    let stream = frame.stream & 0x7FFF_FFFF
    switch frame.type {
    case Frame.Kind.windowUpdate where frame.payload.count == 4:
      let increment = Int64(Frame.readWord(frame.payload) & 0x7FFF_FFFF)
      if stream == 0 { receiveWindow += increment } else { self[stream].receiveWindow += increment }
    case Frame.Kind.settings where !frame.has(Frame.Flag.ack):
      tableSizes.append(Self.values(frame.payload).last { $0.0 == Setting.headerTableSize.rawValue }?.1)
      for (id, value) in Self.values(frame.payload) where id == Setting.initialWindowSize.rawValue {
        let change = Int64(value) - initialReceiveWindow
        // The server may go on by the old value until it has read this: only growth counts at once.
        if change > 0 { for id in streams.keys { streams[id]?.receiveWindow += change } }
        initialReceiveWindow = Int64(value)
      }
    case Frame.Kind.data:
      sendWindow -= Int64(frame.payload.count)
      self[stream].sendWindow -= Int64(frame.payload.count)
    case Frame.Kind.headers: if streams[stream] == nil { streams[stream] = self[stream] }
    default: break
    }
  }

  static func values(_ payload: [UInt8]) -> [(UInt16, UInt32)] {
    stride(from: 0, to: payload.count - payload.count % 6, by: 6).map { at in
      (UInt16(payload[at]) << 8 | UInt16(payload[at + 1]), Frame.readWord(payload[(at + 2)...]))
    }
  }

  /// Sends content as the windows allow, in frames of at most so many octets. False when the windows stay closed or
  /// the stream is over.
  @discardableResult
  package func sendBody(
    _ stream: UInt32, _ content: [UInt8], end: Bool = true, frameSize: Int = 16_384
  ) -> Bool {
    var at = 0
    while at < content.count {
      guard wait({ $0.sendWindow > 0 && $0[stream].sendWindow > 0 || $0[stream].isOver }),
        !self[stream].isOver
      else { return false }
      let room = Int(min(sendWindow, self[stream].sendWindow))
      let n = min(frameSize, room, content.count - at)
      send(.data(stream, Array(content[at..<at + n]), end: end && at + n == content.count))
      at += n
    }
    if content.isEmpty, end { send(.data(stream, [], end: true)) }
    return true
  }

  // MARK: Receiving

  /// Takes in frames until something holds; false when the connection ends, or is silent, before it does.
  @discardableResult
  package func wait(
    within milliseconds: Int32 = Wire.patienceMilliseconds, _ holds: (HTTP2Connection) -> Bool
  ) -> Bool {
    while !holds(self) {
      guard step(milliseconds) else { return holds(self) }
    }
    return true
  }

  /// Waits for a whole response.
  @discardableResult
  package func response(_ stream: UInt32) -> Received {
    wait { $0[stream].isOver }
    return self[stream]
  }

  /// Whether the server goes on: it answers a PING. All that it did before has come in by then.
  @discardableResult
  package func goesOn() -> Bool {
    barriers += 1
    // Never the same twice: an old answer must not be taken for this one's.
    let data =
      [0x62, 0x61, 0x72, 0x72]
      + withUnsafeBytes(of: UInt32(truncatingIfNeeded: barriers).bigEndian) { Array($0) }
    send(.ping(data))
    return wait { $0.pongs.contains(data) } && goAway == nil
  }
  private var barriers = 0

  /// Takes in all that comes until the server closes, or nothing more comes for so long.
  package func drain(within milliseconds: Int32 = Wire.patienceMilliseconds) {
    while step(milliseconds) {}
  }

  /// Takes in what is there already.
  package func takeIn() { while wire.hasInput, step(0) {} }

  /// One frame; false when there is none.
  package func step(_ milliseconds: Int32) -> Bool {
    guard let head = wire.read(9, within: milliseconds) else { return false }
    let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
    if length > 16_384 { violations.append("a frame of \(length) octets") }
    guard let payload = wire.read(length) else {
      violations.append("an unfinished frame")
      return false
    }
    let frame = Frame(head[3], flags: head[4], stream: Frame.readWord(head[5...]), payload)
    if trace.count > 40 { trace.removeFirst(20) }
    trace.append("\(frame.type)/\(frame.flags)/\(frame.stream)[\(length)]")
    take(frame)
    return true
  }
}

extension HTTP2Connection {
  /// A connection over plain TCP, by prior knowledge (RFC 9113 §3.3).
  package convenience init(to address: SocketAddress, receiveBuffer: Int32? = nil) throws {
    self.init(try Wire.connect(address, receiveBuffer: receiveBuffer))
  }

  /// A connection over TLS, by ALPN (RFC 9113 §3.2); nil when the server does not choose `h2`.
  package convenience init?(to address: SocketAddress, _ context: ClientContext, host: String) throws {
    let wire = try Wire.connect(address)
    guard wire.secure(context, host: host), wire.applicationProtocol == .http2 else { return nil }
    self.init(wire)
  }
}
