internal import HTTP

// What we send on streams.
extension Connection {
  /// Makes a request that has just come in (`.head` without a stream) a stream.
  public mutating func accept(_ head: DecodedHead, as stream: UnsafeMutablePointer<StreamState>) {
    unsafe begin(stream, head.id)
    unsafe stream.pointee.headReceived = true
    unsafe stream.pointee.remoteClosed = head.isLast
    unsafe stream.pointee.declaredLength = head.contentLength
    unsafe stream.pointee.isTunnel = head.isExtendedConnect
  }

  /// Opens a stream of ours (a client's). `canOpenStream` must be true.
  public mutating func open(_ stream: UnsafeMutablePointer<StreamState>) {
    unsafe begin(stream, nextStream)
    nextStream += 2
  }

  private mutating func begin(_ stream: UnsafeMutablePointer<StreamState>, _ id: UInt32) {
    unsafe stream.pointee.id = id
    unsafe stream.pointee.sendWindow = peer.initialWindow
    unsafe stream.pointee.receiveWindow = Int64(limits.streamWindow)
    unsafe table.insert(stream)
  }

  // MARK: Header sections

  /// What a head's text is and whom it goes to.
  public enum HeadKind: BitwiseCopyable, Sendable, Equatable {
    /// A response, from its status line on.
    case response
    /// A request, from its request line on; `isSecure` chooses the scheme, `acceptsTrailers` adds `te: trailers`.
    case request(isSecure: Bool, acceptsTrailers: Bool)
    /// A WebSocket handshake as extended CONNECT (RFC 8441 §5).
    case connect(isSecure: Bool)
    /// Field lines only.
    case trailers
  }

  /// Sends a head, given as HTTP/1.1 text with its empty line. False when there is no room for it: send the
  /// output and try again.
  public mutating func writeHead(
    _ stream: UnsafeMutablePointer<StreamState>, _ kind: HeadKind, _ text: UnsafePointer<UInt8>, _ count: Int,
    isLast: Bool
  ) -> Bool {
    guard unsafe !stream.pointee.localClosed, !hasFailed else { return true }
    // Gaps for the headers of this frame and of continuations.
    let gaps = FrameHeader.size * (2 + count / peer.frameBytes)
    guard let end = unsafe output.end, output.room > gaps + 64 else { return false }
    let blockStart = unsafe end + FrameHeader.size
    var encoder = unsafe HeaderEncoder(blockStart, capacity: output.room - gaps)
    if peer.wantsSmallerTable { encoder.resizeTable() }
    unsafe HeadText.encode(text, count, kind, into: &encoder)
    guard !encoder.overflowed else { return false }
    let flags = isLast ? FrameHeader.Flag.endStream : 0
    unsafe frame(blockStart, encoder.count, stream.pointee.id, flags)
    peer.wantsSmallerTable = false
    // An interim head is none: it may be ours, and cost nobody anything.
    if kind == .response, count > 9, unsafe text[9] != 0x31 { unsafe stream.pointee.isAnswered = true }
    earn(frames: 2)
    if isLast { unsafe closeLocal(stream) }
    return true
  }

  /// Puts frame headers around a block that stands one frame header behind the output's end.
  private mutating func frame(
    _ block: UnsafeMutablePointer<UInt8>, _ count: Int, _ id: UInt32, _ flags: UInt8
  ) {
    let most = peer.frameBytes
    guard count > most else {
      output.header(count, FrameHeader.Kind.headers, flags | FrameHeader.Flag.endHeaders, id)
      return output.advance(count)
    }
    let pieces = (count + most - 1) / most
    for i in (1..<pieces).reversed() {
      let n = min(most, count - i * most)
      unsafe (block + i * (most + FrameHeader.size)).update(from: block + i * most, count: n)
    }
    for i in 0..<pieces {
      let n = min(most, count - i * most)
      let ends = i == pieces - 1 ? FrameHeader.Flag.endHeaders : 0
      output.header(
        n, i == 0 ? FrameHeader.Kind.headers : FrameHeader.Kind.continuation, (i == 0 ? flags : 0) | ends, id)
      output.advance(n)
    }
  }

  /// What we send is answered: by more room, and by PINGs that measure how fast it comes (gRPC does so for each
  /// round trip).
  private mutating func earn(frames: Int) {
    windowUpdates = min(windowUpdates + 4 * frames, Self.windowUpdateAllowance)
    pings = min(pings + frames, Self.pingAllowance)
  }

  // MARK: Content

  /// Bytes of content that the windows allow on a stream now.
  public func sendable(_ stream: UnsafeMutablePointer<StreamState>) -> Int {
    unsafe Int(max(0, min(stream.pointee.sendWindow, sendWindow)))
  }

  /// Sends content as far as the windows and the output's room go; how many bytes were taken. With `isLast` the
  /// stream ends when all of it was.
  public mutating func writeData(
    _ stream: UnsafeMutablePointer<StreamState>, _ bytes: UnsafePointer<UInt8>, _ count: Int, isLast: Bool
  ) -> Int {
    guard unsafe !stream.pointee.localClosed, !hasFailed else { return count }
    let allowed = unsafe min(count, sendable(stream))
    var at = 0
    while at < allowed {
      let room = output.room - FrameHeader.size
      // A sliver at the buffer's end is not worth a frame.
      guard room >= min(allowed - at, 1024) else { break }
      let n = min(allowed - at, room, peer.frameBytes)
      let ends = isLast && at + n == count
      unsafe output.header(n, FrameHeader.Kind.data, ends ? FrameHeader.Flag.endStream : 0, stream.pointee.id)
      unsafe output.append(bytes + at, n)
      at += n
      earn(frames: 1)
      if ends { unsafe closeLocal(stream) }
    }
    unsafe stream.pointee.sendWindow -= Int64(at)
    sendWindow -= Int64(at)
    return at
  }

  /// Ends our side of a stream without further content. False when there is no room.
  public mutating func writeEnd(_ stream: UnsafeMutablePointer<StreamState>) -> Bool {
    guard unsafe !stream.pointee.localClosed, !hasFailed else { return true }
    guard output.room >= FrameHeader.size else { return false }
    unsafe output.header(0, FrameHeader.Kind.data, FrameHeader.Flag.endStream, stream.pointee.id)
    unsafe closeLocal(stream)
    return true
  }

  /// Ends a stream at once, both ways.
  public mutating func reset(_ stream: UnsafeMutablePointer<StreamState>, _ code: ErrorCode) {
    guard unsafe stream.pointee.id != 0, unsafe !(stream.pointee.localClosed && stream.pointee.remoteClosed)
    else { return }
    unsafe writeReset(stream.pointee.id, code)
    unsafe stream.pointee.localClosed = true
    unsafe stream.pointee.remoteClosed = true
    unsafe stream.pointee.wasReset = true
    unsafe forget(stream, resetByUs: true)
  }

  mutating func writeReset(_ id: UInt32, _ code: ErrorCode) {
    guard output.begin(4, FrameHeader.Kind.resetStream, 0, id) else { return }
    output.append(code.rawValue)
  }

  // MARK: Flow control towards the peer

  /// The owner has passed on content: the peer gets its room back once it is worth a frame.
  public mutating func take(_ stream: UnsafeMutablePointer<StreamState>, _ n: Int) {
    give(back: n)
    guard unsafe !stream.pointee.remoteClosed, !hasFailed else { return }
    unsafe stream.pointee.taken += n
    guard unsafe stream.pointee.taken >= Int(limits.streamWindow / 2),
      unsafe writeWindowUpdate(stream.pointee.id, UInt32(truncatingIfNeeded: stream.pointee.taken))
    else { return }
    unsafe stream.pointee.receiveWindow += Int64(stream.pointee.taken)
    unsafe stream.pointee.taken = 0
  }

  /// Content that belongs to no stream any more has been thrown away.
  public mutating func give(back n: Int) {
    taken += n
    guard taken >= Int(limits.connectionWindow / 2), !hasFailed,
      writeWindowUpdate(0, UInt32(truncatingIfNeeded: taken))
    else { return }
    receiveWindow += Int64(taken)
    taken = 0
  }

  /// False when there is no room: what is owed stays owed.
  @discardableResult
  mutating func writeWindowUpdate(_ id: UInt32, _ increment: UInt32) -> Bool {
    guard output.begin(4, FrameHeader.Kind.windowUpdate, 0, id) else { return false }
    output.append(increment)
    return true
  }
}
