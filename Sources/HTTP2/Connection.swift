// HTTP2: one connection of HTTP/2 (RFC 9113), client's or server's side, without I/O.
//
// It does not own sockets, timers or requests. It promises that any bytes are survived, that memory is bounded whatever a peer
// does, and that floods end the connection by name.

/// One HTTP/2 connection (RFC 9113), either side, without I/O.
///
/// It knows no socket, no clock and no HTTP semantics beyond what framing needs: it is given received bytes and
/// memory to answer into, and tells what happened. It keeps no content: flow control bounds what its owner keeps.
/// What it promises: every rule of RFC 9113 whose breach is an error ends the stream or the connection with the code
/// that the RFC names, and what a peer may do for free is counted and limited (`Flood`).
///
/// HPACK decoding is nghttp2's; frames, streams and flow control are here, because a proxy that forwards in place
/// cannot afford a library's copies and allocations for each frame.
///
/// Belongs to one thread; `free` is called exactly once.
@safe public struct Connection: BitwiseCopyable {
  let isServer: Bool
  let limits: ConnectionLimits
  /// Frames to be sent.
  public var output = FrameBuffer()
  /// Where the text of header sections is written; lent by the owner, who may take it over after `.head`.
  public var headBuffer: UnsafeMutablePointer<UInt8>?
  let headCapacity: Int

  var peer = PeerSettings()
  var table = StreamTable()
  var closed = ClosedStreams()
  var decoder = HeaderDecoder()
  var floods = FloodGuard()
  var prefaceLeft: Int
  var gotSettings = false
  var hasFailed = false
  /// The highest stream that the peer has opened.
  var lastPeerStream: UInt32 = 0
  /// The next stream that we open.
  var nextStream: UInt32 = 1
  /// Streams after this one are not taken any more.
  var goAwaySent: UInt32 = .max
  var goAwayReceived = false
  var sendWindow: Int64 = 65_535
  var receiveWindow: Int64 = 65_535
  var taken = 0
  /// WINDOW_UPDATE frames that may still come before we have sent more.
  var windowUpdates = Self.windowUpdateAllowance
  /// PING frames that are answers to what we have sent.
  var pings = 0

  /// The header section under way.
  var block = HeaderBlock()

  /// WINDOW_UPDATE frames that may come before we have sent more.
  static let windowUpdateAllowance = 2000
  static let pingAllowance = 2000
  static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
  /// Room that the answers to one frame may take.
  static let reserve = 256

  /// Bytes of the client's connection preface (RFC 9113 §3.4).
  public static let prefaceLength = 24

  /// A connection on which nothing has been said yet. `headCapacity` is the size of the head buffers lent to it.
  public init(isServer: Bool, limits: ConnectionLimits, headCapacity: Int) {
    self.isServer = isServer
    self.limits = limits
    self.headCapacity = headCapacity
    prefaceLeft = isServer ? Self.prefaceLength : 0
  }

  /// Gives memory back. The lent buffers are the owner's.
  public mutating func free() {
    table.free()
    closed.free()
    decoder.free()
  }

  /// Open streams.
  public var streamCount: Int { table.count }

  /// Whether a client may open another stream now.
  public var canOpenStream: Bool {
    !hasFailed && !goAwayReceived && nextStream < Self.lastOwnStream
      && table.count < Int(min(peer.concurrentStreams, limits.concurrentStreams))
  }

  /// Whether a header section is under way: the head buffer is in use.
  public var isInHeaders: Bool { block.stream != 0 }

  /// Whether the last GOAWAY has been sent.
  public var hasEnded: Bool { goAwaySent < 0x7FFF_FFFF }

  /// Whether the peer has said that it takes no more streams.
  public var isRefusing: Bool { goAwayReceived || nextStream >= Self.lastOwnStream }

  /// Numbers of streams are used up some time before the protocol's end of them.
  static var lastOwnStream: UInt32 { 0x7FFF_FFF0 }

  /// Whether the peer takes extended CONNECT (RFC 8441); known once its SETTINGS have come.
  public var allowsConnectProtocol: Bool { peer.allowsConnectProtocol }

  /// Whether the peer's SETTINGS have come.
  public var hasSettings: Bool { gotSettings }

  /// How many leading bytes of `count` agree with a client's connection preface; all of them, or nil.
  public static func matchesPreface(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    let n = min(count, prefaceLength)
    for i in 0..<n where unsafe bytes[i] != preface.utf8Start[i] { return nil }
    return n
  }

  /// Reads from `consumed` on until something has to be told. What is not consumed must be given again, with more.
  /// `now` is in milliseconds.
  public mutating func next(
    _ input: UnsafePointer<UInt8>, _ count: Int, consumed: inout Int, now: UInt64
  ) -> Event {
    while !hasFailed {
      guard output.room >= Self.reserve else { return .outputFull }
      let p = unsafe input + consumed
      let left = count - consumed
      if prefaceLeft > 0 {
        guard unsafe takePreface(p, left, &consumed) else { return fail(.protocolError) }
        if prefaceLeft > 0 { return .needMore }
        continue
      }
      guard left >= FrameHeader.size else { return .needMore }
      let frame = unsafe FrameHeader(p)
      guard frame.length <= ConnectionLimits.frameBytes else { return fail(.frameSizeError) }
      guard left >= FrameHeader.size + frame.length else { return .needMore }
      consumed += FrameHeader.size + frame.length
      if let event = unsafe handle(frame, p + FrameHeader.size, now) { return event }
    }
    consumed = count
    return .needMore
  }

  private mutating func takePreface(_ p: UnsafePointer<UInt8>, _ left: Int, _ consumed: inout Int) -> Bool {
    let n = min(left, prefaceLeft)
    let from = Self.prefaceLength - prefaceLeft
    for i in 0..<n where unsafe p[i] != Self.preface.utf8Start[from + i] { return false }
    prefaceLeft -= n
    consumed += n
    return true
  }

  private mutating func handle(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    if !gotSettings, frame.type != FrameHeader.Kind.settings { return fail(.protocolError) }
    if block.stream != 0, frame.type != FrameHeader.Kind.continuation || frame.stream != block.stream {
      return fail(.protocolError)
    }
    switch frame.type {
    case FrameHeader.Kind.data: return unsafe handleData(frame, p, now)
    case FrameHeader.Kind.headers: return unsafe handleHeaders(frame, p, now)
    case FrameHeader.Kind.continuation: return unsafe handleContinuation(frame, p, now)
    case FrameHeader.Kind.windowUpdate: return unsafe handleWindowUpdate(frame, p, now)
    case FrameHeader.Kind.resetStream: return unsafe handleReset(frame, p, now)
    case FrameHeader.Kind.settings: return unsafe handleSettings(frame, p, now)
    case FrameHeader.Kind.ping: return unsafe handlePing(frame, p, now)
    case FrameHeader.Kind.goAway: return unsafe handleGoAway(frame, p, now)
    case FrameHeader.Kind.priority: return unsafe handlePriority(frame, p, now)
    // We never allow pushes (RFC 9113 §8.4).
    case FrameHeader.Kind.pushPromise: return fail(.protocolError)
    default: return floods.allows(.control, now: now) ? nil : calm(.control)
    }
  }

  // MARK: Endings

  /// A connection error (RFC 9113 §5.4.1).
  mutating func fail(_ code: ErrorCode, _ flood: Flood? = nil) -> Event {
    // The number never grows (RFC 9113 §6.8).
    writeGoAway(lastStream: min(lastPeerStream, goAwaySent), code)
    hasFailed = true
    return .failed(code, flood)
  }

  mutating func calm(_ flood: Flood) -> Event { fail(.enhanceYourCalm, flood) }

  /// A stream error (RFC 9113 §5.4.2) on a stream that is open.
  mutating func fail(
    _ stream: UnsafeMutablePointer<StreamState>, _ code: ErrorCode, _ now: UInt64
  ) -> Event {
    // Making us reset is as cheap for the peer as resetting (CVE-2025-8671).
    if isServer, !floods.allows(.madeReset, now: now) { return calm(.madeReset) }
    unsafe reset(stream, code)
    return unsafe .reset(stream, code, byPeer: false)
  }

  /// Both sides are done with a stream: it leaves the table.
  mutating func forget(_ stream: UnsafeMutablePointer<StreamState>, resetByUs: Bool) {
    unsafe table.remove(stream.pointee.id)
    unsafe closed.remember(stream.pointee.id, resetByUs: resetByUs, window: limits.streamWindow)
  }

  /// Whether no frame but PRIORITY may have come for a stream yet.
  func isIdle(_ id: UInt32) -> Bool {
    let isOurs = id & 1 == (isServer ? 0 : 1)
    return isOurs ? isServer || id >= nextStream : id > lastPeerStream
  }
}
