/// The header section whose frames are coming in.
struct HeaderBlock: BitwiseCopyable {
  /// Its stream; 0 when none is under way.
  var stream: UInt32 = 0
  var isLast = false
  var continuations = 0
  /// What becomes of it once it is decoded.
  var fate = Fate.deliver
  var builder: HeadBuilder?

  enum Fate: BitwiseCopyable {
    case deliver
    /// For a stream that is no more: decoded for the table's sake only.
    case ignore
    case streamError(ErrorCode)
    case connectionError(ErrorCode)
  }
}

// HEADERS and CONTINUATION (RFC 9113 §6.2, §6.10).
extension Connection {
  mutating func handleHeaders(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard frame.stream != 0, let headBuffer = unsafe headBuffer else { return fail(.protocolError) }
    var start = 0
    var end = frame.length
    var dependsOnItself = false
    if frame.has(FrameHeader.Flag.padded) {
      guard frame.length >= 1 else { return fail(.protocolError) }
      start = 1
      unsafe end -= Int(p[0])
    }
    if frame.has(FrameHeader.Flag.priority) {
      guard frame.length - start >= 5 else { return fail(.frameSizeError) }
      dependsOnItself = unsafe readUInt32(p + start) & 0x7FFF_FFFF == frame.stream
      start += 5
    }
    guard start <= end else { return fail(.protocolError) }
    block = HeaderBlock()
    block.isLast = frame.has(FrameHeader.Flag.endStream)
    let known = unsafe table.find(frame.stream)
    let kind: HeadBuilder.Kind =
      unsafe known?.pointee.headReceived == true ? .trailers : isServer ? .request : .response
    block.fate = unsafe fate(of: frame, known)
    if case .connectionError(let code) = block.fate { return fail(code) }
    if case .ignore = block.fate, isServer ? !floods.allows(.control, now: now) : !closed.takesLateHead() {
      return calm(.control)
    }
    if dependsOnItself, case .deliver = block.fate { block.fate = .streamError(.protocolError) }
    block.stream = frame.stream
    block.builder = unsafe HeadBuilder(
      kind, headBuffer, capacity: headCapacity, limit: Int(limits.headerBytes),
      offersConnectProtocol: limits.offersConnectProtocol)
    return unsafe takeFragment(frame, p + start, end - start, now)
  }

  /// What a header section on this stream means (RFC 9113 §5.1, §5.1.1).
  private mutating func fate(
    of frame: FrameHeader, _ known: UnsafeMutablePointer<StreamState>?
  ) -> HeaderBlock.Fate {
    if let known = unsafe known {
      if unsafe known.pointee.remoteClosed { return .connectionError(.streamClosed) }
      // Trailers end the stream (RFC 9113 §8.1).
      let isTrailers = unsafe known.pointee.headReceived
      return isTrailers && !block.isLast ? .streamError(.protocolError) : .deliver
    }
    guard isServer else {
      if isIdle(frame.stream) { return .connectionError(.protocolError) }
      return closed.ending(of: frame.stream) == .ended ? .connectionError(.streamClosed) : .ignore
    }
    guard frame.stream & 1 == 1 else { return .connectionError(.protocolError) }
    if frame.stream > lastPeerStream {
      lastPeerStream = frame.stream
      if frame.stream > goAwaySent {
        closed.allowLate(window: limits.streamWindow)
        return .ignore
      }
      return table.count < Int(limits.concurrentStreams) ? .deliver : .streamError(.refusedStream)
    }
    switch closed.ending(of: frame.stream) {
    case .ended: return .connectionError(.streamClosed)
    case .resetByUs: return .ignore
    case .unknown: return .connectionError(.protocolError)
    }
  }

  mutating func handleContinuation(_ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ now: UInt64) -> Event? {
    guard block.stream != 0 else { return fail(.protocolError) }
    block.continuations += 1
    guard block.continuations <= ConnectionLimits.continuationFrames else { return calm(.continuation) }
    if frame.length == 0, !floods.allows(.emptyFrame, now: now) { return calm(.emptyFrame) }
    return unsafe takeFragment(frame, p, frame.length, now)
  }

  private mutating func takeFragment(
    _ frame: FrameHeader, _ p: UnsafePointer<UInt8>, _ count: Int, _ now: UInt64
  ) -> Event? {
    guard var builder = block.builder else { return fail(.internalError) }
    let isComplete = frame.has(FrameHeader.Flag.endHeaders)
    guard unsafe decoder.decode(p, count, isLast: isComplete, into: &builder) else {
      return fail(.compressionError)
    }
    // A small section may stand for a huge one; beyond some measure it is an attack.
    guard builder.listBytes <= Int(limits.headerBytes) * 8 else { return calm(.continuation) }
    guard isComplete else {
      block.builder = builder
      return nil
    }
    let id = block.stream
    let fate = block.fate
    let isLast = block.isLast
    block = HeaderBlock()
    builder.finish(hasContent: !isLast)
    switch fate {
    case .deliver: return deliver(id, builder, isLast, now)
    case .ignore, .connectionError: return nil
    case .streamError(let code): return refuse(id, code, now)
    }
  }

  /// A stream error before or on a stream.
  private mutating func refuse(_ id: UInt32, _ code: ErrorCode, _ now: UInt64) -> Event {
    if let stream = unsafe table.find(id) { return unsafe fail(stream, code, now) }
    // A refusal for want of room is no fault of the peer's.
    let kind: Flood = code == .refusedStream ? .rapidReset : .madeReset
    if !floods.allows(kind, now: now) { return calm(kind) }
    writeReset(id, code)
    closed.remember(id, resetByUs: true, window: limits.streamWindow)
    return .refused(code)
  }

  private mutating func deliver(_ id: UInt32, _ builder: HeadBuilder, _ isLast: Bool, _ now: UInt64) -> Event
  {
    guard !builder.isMalformed else { return refuse(id, .protocolError, now) }
    let stream = unsafe table.find(id)
    if let stream = unsafe stream {
      if builder.isTooLarge { return unsafe fail(stream, .enhanceYourCalm, now) }
      if let error = unsafe takeSection(stream, builder, isLast) { return unsafe fail(stream, error, now) }
    } else if isLast, builder.contentLength > 0 {
      return refuse(id, .protocolError, now)
    }
    return unsafe .head(
      DecodedHead(
        id: id, stream: stream, count: builder.count, isTooLarge: builder.isTooLarge,
        isTrailers: builder.kind == .trailers, isLast: isLast, isExtendedConnect: builder.isExtendedConnect,
        contentLength: builder.contentLength))
  }

  /// A section on a stream that exists: trailers, or a response.
  private mutating func takeSection(
    _ stream: UnsafeMutablePointer<StreamState>, _ builder: HeadBuilder, _ isLast: Bool
  ) -> ErrorCode? {
    if builder.kind == .response {
      if builder.status < 200 {
        if isLast { return .protocolError }
      } else {
        unsafe stream.pointee.headReceived = true
        unsafe stream.pointee.declaredLength = builder.contentLength
        if builder.status == 304 || builder.status == 204 { unsafe stream.pointee.expectsNoContent = true }
      }
    }
    if isLast {
      let missing = unsafe stream.pointee.declaredLength - stream.pointee.received
      if missing > 0, unsafe !stream.pointee.expectsNoContent { return .protocolError }
      unsafe closeRemote(stream)
    }
    return nil
  }
}
