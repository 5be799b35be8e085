// Frames that belong to the connection.
extension Connection {
  // MARK: SETTINGS (RFC 9113 §6.5)

  private enum Setting {
    static let headerTableSize: UInt16 = 1
    static let enablePush: UInt16 = 2
    static let maxConcurrentStreams: UInt16 = 3
    static let initialWindowSize: UInt16 = 4
    static let maxFrameSize: UInt16 = 5
    static let maxHeaderListSize: UInt16 = 6
    static let enableConnectProtocol: UInt16 = 8
  }

  mutating func handleSettings(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.stream == 0 else { return fail(.protocolError) }
    if frame.has(FrameHeader.Flag.acknowledgement) {
      guard frame.length == 0 else { return fail(.frameSizeError) }
      guard gotSettings else { return fail(.protocolError) }
      return floods.allows(.control, now: now) ? nil : calm(.control)
    }
    guard frame.length % 6 == 0 else { return fail(.frameSizeError) }
    guard floods.allows(.settings, now: now), frame.length / 6 <= ConnectionLimits.settingsPerFrame else {
      return calm(.settings)
    }
    let isFirst = !gotSettings
    gotSettings = true
    var windowGrew = false
    for at in stride(from: 0, to: frame.length, by: 6) {
      let name = unsafe UInt16(p[at]) << 8 | UInt16(p[at + 1])
      let value = unsafe readUInt32(p + at + 2)
      if let code = apply(name, value, &windowGrew) { return fail(code) }
    }
    output.header(0, FrameHeader.Kind.settings, FrameHeader.Flag.acknowledgement, 0)
    if isFirst, !isServer { return .settings }
    return unsafe windowGrew ? .writable(nil) : nil
  }

  private mutating func apply(_ name: UInt16, _ value: UInt32, _ windowGrew: inout Bool) -> ErrorCode? {
    switch name {
    case Setting.headerTableSize:
      // Said once it holds for good: the table is made empty.
      guard value < PeerSettings.tableBytes, !peer.tableHasShrunk else { return nil }
      peer.tableHasShrunk = true
      peer.wantsSmallerTable = true
    case Setting.enablePush: return value > 1 || (!isServer && value == 1) ? .protocolError : nil
    case Setting.maxConcurrentStreams: peer.concurrentStreams = value
    case Setting.initialWindowSize:
      guard Int64(value) <= Self.maximumWindow else { return .flowControlError }
      return changeWindows(to: Int64(value), &windowGrew)
    case Setting.maxFrameSize:
      guard value >= 16_384, value <= 16_777_215 else { return .protocolError }
      // Larger frames would only make other streams wait.
      peer.frameBytes = 16_384
    case Setting.enableConnectProtocol:
      guard value <= 1, value == 1 || !peer.allowsConnectProtocol else { return .protocolError }
      peer.allowsConnectProtocol = value == 1
    default: break
    }
    return nil
  }

  /// Windows of open streams change by the difference and may become negative (RFC 9113 §6.9.2).
  private mutating func changeWindows(to value: Int64, _ windowGrew: inout Bool) -> ErrorCode? {
    let difference = value - peer.initialWindow
    peer.initialWindow = value
    var overflows = false
    unsafe table.forEach { stream in
      unsafe stream.pointee.sendWindow += difference
      if unsafe stream.pointee.sendWindow > Self.maximumWindow { overflows = true }
    }
    if difference > 0 { windowGrew = true }
    return overflows ? .flowControlError : nil
  }

  /// Begins the connection: a client's preface, our SETTINGS, and the room that the whole connection has.
  public mutating func start() {
    if !isServer { unsafe output.append(Self.preface.utf8Start, Self.prefaceLength) }
    var settings: [(UInt16, UInt32)] = [
      (Setting.initialWindowSize, limits.streamWindow), (Setting.maxHeaderListSize, limits.headerBytes),
    ]
    if isServer {
      settings.append((Setting.maxConcurrentStreams, limits.concurrentStreams))
      if limits.offersConnectProtocol { settings.append((Setting.enableConnectProtocol, 1)) }
    } else {
      settings.append((Setting.enablePush, 0))
    }
    output.header(settings.count * 6, FrameHeader.Kind.settings, 0, 0)
    for (name, value) in settings {
      output.append(name)
      output.append(value)
    }
    let more = Int64(limits.connectionWindow) - receiveWindow
    if more > 0 {
      writeWindowUpdate(0, UInt32(more))
      receiveWindow += more
    }
  }

  // MARK: PING (RFC 9113 §6.7)

  mutating func handlePing(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.stream == 0 else { return fail(.protocolError) }
    guard frame.length == 8 else { return fail(.frameSizeError) }
    if frame.has(FrameHeader.Flag.acknowledgement) {
      return floods.allows(.control, now: now) ? .pingAnswered : calm(.control)
    }
    if pings > 0 { pings -= 1 } else if !floods.allows(.ping, now: now) { return calm(.ping) }
    if output.begin(8, FrameHeader.Kind.ping, FrameHeader.Flag.acknowledgement, 0) {
      unsafe output.append(p, 8)
    }
    return nil
  }

  /// Asks the peer for a sign: `.pingAnswered` tells that all that it sent before has been read.
  public mutating func ping() {
    guard output.begin(8, FrameHeader.Kind.ping, 0, 0) else { return }
    output.append(UInt32(0))
    output.append(UInt32(1))
  }

  // MARK: GOAWAY (RFC 9113 §6.8)

  mutating func handleGoAway(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.stream == 0 else { return fail(.protocolError) }
    guard frame.length >= 8 else { return fail(.frameSizeError) }
    guard floods.allows(.control, now: now) else { return calm(.control) }
    goAwayReceived = true
    return unsafe .goAway(lastStream: readUInt32(p) & 0x7FFF_FFFF, ErrorCode(wire: readUInt32(p + 4)))
  }

  /// Tells the peer that its next requests belong elsewhere, while all that it has sent is still taken.
  public mutating func announceEnd() {
    guard goAwaySent == .max else { return }
    writeGoAway(lastStream: 0x7FFF_FFFF, .noError)
    goAwaySent = 0x7FFF_FFFF
  }

  /// Takes no further streams: what has come by now is the last.
  public mutating func end(_ code: ErrorCode = .noError) {
    guard goAwaySent > 0x7FFF_FFFE else { return }
    writeGoAway(lastStream: lastPeerStream, code)
    goAwaySent = lastPeerStream
  }

  mutating func writeGoAway(lastStream: UInt32, _ code: ErrorCode) {
    guard output.begin(8, FrameHeader.Kind.goAway, 0, 0) else { return }
    output.append(lastStream)
    output.append(code.rawValue)
  }
}
