/// The pipe in the hands of one session, for one step. At its end the pipe is empty, whatever happened: what a session has
/// not consumed, or has said, is either taken by the session's own connection before, or gone. Another one never meets it.
@safe public struct PipeLease: ~Copyable {
  private let session: Session
  private let state: UnsafeMutablePointer<PipeState>
  private let receiveBuffer: UnsafeMutableRawPointer

  /// Lends a pipe to a session, which is shown what its connection has received and not consumed. Those bytes stay where
  /// they are as long as the lease lasts.
  public init(_ pipe: borrowing RecordPipe, to session: Session, unread: UnsafeRawBufferPointer) {
    self.session = session
    unsafe state = unsafe pipe.state
    unsafe receiveBuffer = unsafe pipe.receiveBuffer
    unsafe state.pointee.input = unread.baseAddress
    unsafe state.pointee.inputLeft = unread.count
    unsafe state.pointee.outputCount = 0
  }

  deinit {
    unsafe state.pointee.input = nil
    unsafe state.pointee.inputLeft = 0
    unsafe state.pointee.outputCount = 0
  }

  /// What the session has not consumed.
  public var unread: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: state.pointee.input, count: state.pointee.inputLeft)
  }

  /// What the session wants to be sent.
  public var records: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: state.pointee.output, count: state.pointee.outputCount)
  }

  /// Receives more, at most `RecordPipe.inputCapacity` bytes, when all has been consumed: `receive` answers how many, or
  /// zero or less, which is passed on.
  @inline(__always)
  public func refill(_ receive: (UnsafeMutableRawPointer, Int) -> Int) -> Int {
    let n = unsafe receive(receiveBuffer, RecordPipe.inputCapacity)
    unsafe state.pointee.input = unsafe n > 0 ? UnsafeRawPointer(receiveBuffer) : nil
    unsafe state.pointee.inputLeft = max(0, n)
    return n
  }

  /// Goes on with the handshake.
  public func handshake() -> Session.Step { session.handshake() }

  /// Goes on with the handshake, reading early data on the way.
  public func readEarly(into buffer: UnsafeMutableRawPointer, capacity: Int) -> Session.EarlyRead {
    unsafe session.readEarly(into: buffer, capacity: capacity)
  }

  /// Whether early data may come still.
  public var awaitsEarlyData: Bool { session.awaitsEarlyData }

  /// Decrypts at most `capacity` bytes.
  public func read(into buffer: UnsafeMutableRawPointer, capacity: Int) -> Session.ReadResult {
    unsafe session.read(into: buffer, capacity: capacity)
  }

  /// Whether nothing is left to decrypt without more being received.
  public var isDrained: Bool { unsafe state.pointee.inputLeft == 0 && !session.hasPending }

  /// Encrypts at most `Session.maximumWrite` bytes.
  public func write(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool { unsafe session.write(bytes, count) }

  /// Says that no more will come (RFC 8446 §6.1).
  public func shutdown() { session.shutdown() }
}
