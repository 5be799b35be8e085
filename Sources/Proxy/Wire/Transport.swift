internal import EventLoop
internal import OS
internal import TLS

/// What a connection is on the wire, on either side of the proxy: a socket, perhaps TLS on it, and what waits in both
/// directions. TLS is touched here only, and only under a lease of the worker's record pipe, so that no connection's
/// records ever meet another one's.
struct Transport: BitwiseCopyable {
  var timer = TimerNode()
  var fd: Int32 = -1
  /// The socket may have more to read: an edge has not been used up.
  var readable = false
  /// The end of the peer's stream has been read.
  var sawEnd = false
  /// The peer has closed, though what it sent before may still wait to be read.
  var peerClosed = false
  /// Our sending half has been closed, or takes no more.
  var writeClosed = false
  /// TLS, for those who ask what has been agreed on.
  private(set) var session: Session?
  private var unread = ParkedInput()
  /// What could not be sent at once.
  var output = ParkedOutput()

  /// The result of a receive beside counts of bytes: nothing has come.
  static let nothing = Sys.wouldBlock
  /// The result of a receive when the peer's stream was cut off: without a close notification (RFC 8446 §6.1), or by an
  /// error.
  static let cutOff = -1

  /// Whether there is TLS on it.
  var isSecure: Bool { session != nil }

  /// Whether something has come that has not been looked at: there will be no event for it.
  var hasUnread: Bool { readable || !unread.isEmpty || session?.hasPending == true }

  /// Whether received records wait.
  var hasUnreadRecords: Bool { !unread.isEmpty }

  /// Whether the peer's end, once it has come, was said on TLS too: otherwise it may not be all (RFC 8446 §6.1).
  var hasEndedProperly: Bool { session?.peerHasClosed ?? true }

  /// Why TLS has failed, for the log.
  var failure: String { session.map { Failure.take($0) } ?? "" }

  /// TLS begins.
  mutating func secure(_ session: Session) { self.session = session }

  /// What a stream knows of the connection that carries it; nothing can be sent or received by it.
  mutating func informed(by carrier: Transport) { session = carrier.session }

  /// What the kernel says about the socket.
  mutating func note(_ readiness: Readiness) {
    guard !readiness.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) else { return }
    readable = true
    if !readiness.isDisjoint(with: [.peerClosed, .hangup, .error]) { peerClosed = true }
  }

  /// Forgets records that nobody will look at.
  mutating func dropUnread() { unread.free() }

  /// Frees everything. The peer is told nothing.
  mutating func close() {
    Sys.close(fd)
    fd = -1
    session?.free()
    forget()
  }

  /// The same for a stream, which owns neither socket nor TLS.
  mutating func forget() {
    session = nil
    unread.free()
    output.free()
  }

  // MARK: Receiving

  /// Receives at most `capacity` bytes, decrypted: how many, 0 at the peer's end, `nothing`, or another negative number
  /// when the stream was cut off.
  mutating func receive(
    _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ pipe: borrowing RecordPipe
  ) -> Int {
    guard let session else {
      guard readable else { return sawEnd ? 0 : Self.nothing }
      let n = unsafe receiveRaw(buffer, capacity)
      if n == 0 { sawEnd = true }
      return n
    }
    if sawEnd { return 0 }
    let lease = unsafe PipeLease(pipe, to: session, unread: unread.bytes)
    let n = unsafe decrypt(lease, buffer, capacity)
    // A read may answer by itself, with an alert or a key update.
    if !settle(lease) { peerClosed = true }
    return n
  }

  private mutating func decrypt(
    _ lease: borrowing PipeLease, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int
  ) -> Int {
    var total = 0
    while total < capacity {
      if lease.isDrained {
        // One receive for each turn keeps the latency of what is here already low.
        guard readable, total == 0 else { break }
        let n = unsafe lease.refill { unsafe receiveRaw($0.assumingMemoryBound(to: UInt8.self), $1) }
        guard n > 0 else { return n == 0 ? Self.cutOff : n }
      }
      switch unsafe lease.read(into: buffer + total, capacity: capacity - total) {
      case .bytes(let n): total += n
      case .wantRead: if unsafe !lease.unread.isEmpty { return total > 0 ? total : Self.nothing }
      case .closed:
        sawEnd = true
        return total
      case .failed:
        Failure.clear()
        peerClosed = true
        return total > 0 ? total : Self.cutOff
      }
    }
    return total > 0 ? total : Self.nothing
  }

  /// Receives as it comes. A receive shorter than its room means that nothing is left, but after the peer's close there is
  /// no further edge: then it is read on to the end.
  @inline(__always)
  mutating func receiveRaw(_ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int {
    let n = unsafe Sys.recv(fd, buffer, capacity)
    if n < capacity { readable = n > 0 && peerClosed }
    return n
  }

  /// Bytes of the peer that stand before TLS begins, or were taken before their time.
  var early: UnsafeRawBufferPointer { unsafe unread.bytes }

  /// Keeps bytes for the next receive.
  mutating func keep(_ bytes: UnsafeRawBufferPointer) { unsafe unread.keep(bytes) }

  // MARK: Sending

  /// Sends bytes, encrypted if need be; what does not fit the socket is parked. False when the connection has failed.
  mutating func send(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ pipe: borrowing RecordPipe
  ) -> Bool {
    guard let session else { return unsafe sendRaw(bytes, count) }
    var at = 0
    while at < count {
      let n = min(count - at, Session.maximumWrite)
      guard unsafe encrypt(session, bytes + at, n, pipe) else { return false }
      at += n
    }
    return true
  }

  /// Sends what the socket takes, unless something waits already: how many bytes were taken, `nothing`, or another
  /// negative number when the connection has failed.
  mutating func sendSome(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ pipe: borrowing RecordPipe
  ) -> Int {
    guard output.isEmpty else { return Self.nothing }
    guard let session else { return unsafe Sys.send(fd, bytes, count) }
    let n = min(count, Session.maximumWrite)
    return unsafe encrypt(session, bytes, n, pipe) ? n : Self.cutOff
  }

  /// Sends what waits; 1 when nothing is left, 0 when there is no room, -1 when the connection has failed.
  mutating func flush() -> Int { output.flush(fd) }

  private mutating func encrypt(
    _ session: Session, _ bytes: UnsafePointer<UInt8>, _ count: Int, _ pipe: borrowing RecordPipe
  ) -> Bool {
    let lease = unsafe PipeLease(pipe, to: session, unread: UnsafeRawBufferPointer(start: nil, count: 0))
    guard unsafe lease.write(bytes, count) else {
      Failure.clear()
      return false
    }
    return sendRecords(lease)
  }

  private mutating func sendRaw(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard output.isEmpty else {
      unsafe output.append(bytes, count)
      return true
    }
    let n = unsafe Sys.send(fd, bytes, count)
    if n == count { return true }
    guard n >= 0 || n == Sys.wouldBlock else { return false }
    let sent = max(0, n)
    unsafe output.append(bytes + sent, count - sent)
    return true
  }

  // MARK: TLS

  /// One step of a handshake.
  struct HandshakeStep {
    /// What it led to; nil when there was nothing to go on with.
    var outcome: Session.Step?
    /// The connection has ended.
    var isOver = false
    /// Something has been said to the peer.
    var hasSpoken = false
  }

  /// Goes on with the handshake by `step`. A side that `listensFirst` does nothing before something has come.
  mutating func handshake(
    _ pipe: borrowing RecordPipe, listensFirst: Bool, _ step: (borrowing PipeLease) -> Session.Step
  ) -> HandshakeStep {
    guard let session else { return HandshakeStep(isOver: true) }
    let lease = unsafe PipeLease(pipe, to: session, unread: unread.bytes)
    if unread.isEmpty, readable {
      let n = unsafe lease.refill { unsafe receiveRaw($0.assumingMemoryBound(to: UInt8.self), $1) }
      if n <= 0, n != Sys.wouldBlock { return HandshakeStep(isOver: true) }
    }
    if listensFirst, unsafe lease.unread.isEmpty { return HandshakeStep() }
    var result = HandshakeStep(outcome: step(lease))
    result.hasSpoken = unsafe !lease.records.isEmpty
    result.isOver = !settle(lease)
    return result
  }

  /// Says that no more will come, on TLS and, when all has left, on the socket. False when the connection has failed.
  mutating func closeWrite(_ pipe: borrowing RecordPipe) -> Bool {
    guard sayGoodbye(pipe) else { return false }
    if output.isEmpty { Sys.shutdownWrite(fd) }
    return true
  }

  /// Says on TLS that no more will come. False when the connection has failed.
  mutating func sayGoodbye(_ pipe: borrowing RecordPipe) -> Bool {
    guard let session else { return true }
    let lease = unsafe PipeLease(pipe, to: session, unread: UnsafeRawBufferPointer(start: nil, count: 0))
    lease.shutdown()
    return sendRecords(lease)
  }

  /// Takes over what a step has left: records to be sent, and such as have not been consumed.
  private mutating func settle(_ lease: borrowing PipeLease) -> Bool {
    unsafe unread.keep(lease.unread)
    return sendRecords(lease)
  }

  private mutating func sendRecords(_ lease: borrowing PipeLease) -> Bool {
    let records = unsafe lease.records
    guard let base = records.baseAddress, records.count > 0 else { return true }
    return unsafe sendRaw(base.assumingMemoryBound(to: UInt8.self), records.count)
  }
}
