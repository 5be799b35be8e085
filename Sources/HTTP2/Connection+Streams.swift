// Frames that belong to a stream.
extension Connection {
  // MARK: DATA (RFC 9113 §6.1)

  mutating func handleData(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.stream != 0 else { return fail(.protocolError) }
    receiveWindow -= Int64(frame.length)
    guard receiveWindow >= 0 else { return fail(.flowControlError) }
    var start = 0
    var count = frame.length
    if frame.has(FrameHeader.Flag.padded) {
      guard frame.length >= 1, unsafe Int(p[0]) < frame.length else { return fail(.protocolError) }
      start = 1
      unsafe count -= 1 + Int(p[0])
    }
    let isLast = frame.has(FrameHeader.Flag.endStream)
    guard let stream = unsafe table.find(frame.stream) else { return dataOnClosed(frame, now) }
    if count == 0, !isLast, !floods.allows(.emptyFrame, now: now) { return calm(.emptyFrame) }
    guard unsafe !stream.pointee.remoteClosed else {
      give(back: frame.length)
      return unsafe fail(stream, .streamClosed, now)
    }
    unsafe stream.pointee.receiveWindow -= Int64(frame.length)
    // Padding is nobody's to take: its room goes back at once.
    if frame.length > count { unsafe take(stream, frame.length - count) }
    guard unsafe stream.pointee.receiveWindow >= 0 else {
      give(back: count)
      return unsafe fail(stream, .flowControlError, now)
    }
    unsafe stream.pointee.received += Int64(count)
    let declared = unsafe stream.pointee.declaredLength
    let tooMuch = unsafe declared >= 0 && stream.pointee.received > declared
    let tooLittle = unsafe isLast && declared >= 0 && stream.pointee.received < declared
    guard unsafe stream.pointee.headReceived, !tooMuch, unsafe !tooLittle || stream.pointee.expectsNoContent
    else {
      give(back: count)
      return unsafe fail(stream, .protocolError, now)
    }
    if isLast { unsafe closeRemote(stream) }
    return unsafe .data(stream, p + start, count, isLast: isLast)
  }

  private mutating func dataOnClosed(_ frame: FrameHeader, _ now: UInt64) -> Event? {
    give(back: frame.length)
    if isIdle(frame.stream) { return fail(.protocolError) }
    if frame.length == 0, !floods.allows(.emptyFrame, now: now) { return calm(.emptyFrame) }
    // What was under way when we reset the stream is thrown away; anything else is an error.
    if closed.ending(of: frame.stream) == .ended { return fail(.streamClosed) }
    return closed.takesLateBytes(frame.length) ? nil : calm(.control)
  }

  // MARK: RST_STREAM (RFC 9113 §6.4)

  mutating func handleReset(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.length == 4 else { return fail(.frameSizeError) }
    guard frame.stream != 0, !isIdle(frame.stream) else { return fail(.protocolError) }
    guard let stream = unsafe table.find(frame.stream) else {
      return floods.allows(.control, now: now) ? nil : calm(.control)
    }
    if isServer, unsafe !stream.pointee.localClosed {
      // A client that has had an answer and wants no more of it is no attacker; still there is a measure.
      let kind: Flood = unsafe stream.pointee.isAnswered ? .control : .rapidReset
      guard floods.allows(kind, now: now) else { return calm(kind) }
    }
    let code = unsafe ErrorCode(wire: readUInt32(p))
    // A complete response, and no interest in the rest of the request (RFC 9113 §8.1).
    let isComplete = unsafe !isServer && stream.pointee.remoteClosed && code == .noError
    unsafe stream.pointee.remoteClosed = true
    unsafe stream.pointee.localClosed = true
    unsafe stream.pointee.wasReset = !isComplete
    unsafe forget(stream, resetByUs: false)
    return unsafe isComplete ? nil : .reset(stream, code, byPeer: true)
  }

  // MARK: WINDOW_UPDATE (RFC 9113 §6.9)

  mutating func handleWindowUpdate(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.length == 4 else { return fail(.frameSizeError) }
    let increment = unsafe Int64(readUInt32(p) & 0x7FFF_FFFF)
    windowUpdates -= 1
    guard windowUpdates > 0 || floods.allows(.control, now: now) else { return calm(.control) }
    if frame.stream == 0 {
      guard increment > 0 else { return fail(.protocolError) }
      sendWindow += increment
      return unsafe sendWindow <= Self.maximumWindow ? .writable(nil) : fail(.flowControlError)
    }
    guard !isIdle(frame.stream) else { return fail(.protocolError) }
    guard let stream = unsafe table.find(frame.stream) else { return nil }
    guard increment > 0 else { return unsafe fail(stream, .protocolError, now) }
    unsafe stream.pointee.sendWindow += increment
    guard unsafe stream.pointee.sendWindow <= Self.maximumWindow else {
      return unsafe fail(stream, .flowControlError, now)
    }
    return unsafe .writable(stream)
  }

  static var maximumWindow: Int64 { 0x7FFF_FFFF }

  // MARK: PRIORITY (RFC 9113 §6.3: read, checked, and otherwise ignored)

  mutating func handlePriority(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.stream != 0 else { return fail(.protocolError) }
    let stream = unsafe table.find(frame.stream)
    guard frame.length == 5 else {
      guard let stream = unsafe stream else { return fail(.frameSizeError) }
      return unsafe fail(stream, .frameSizeError, now)
    }
    guard unsafe readUInt32(p) & 0x7FFF_FFFF != frame.stream else {
      guard let stream = unsafe stream else { return fail(.protocolError) }
      return unsafe fail(stream, .protocolError, now)
    }
    return floods.allows(.control, now: now) ? nil : calm(.control)
  }

  // MARK: States

  /// The peer has ended its side.
  mutating func closeRemote(_ stream: UnsafeMutablePointer<StreamState>) {
    unsafe stream.pointee.remoteClosed = true
    if unsafe stream.pointee.localClosed { unsafe forget(stream, resetByUs: false) }
  }

  mutating func closeLocal(_ stream: UnsafeMutablePointer<StreamState>) {
    unsafe stream.pointee.localClosed = true
    if unsafe stream.pointee.remoteClosed { unsafe forget(stream, resetByUs: false) }
  }
}
