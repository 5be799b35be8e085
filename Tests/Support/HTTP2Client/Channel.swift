internal import CLinux
package import OS
package import TLS

/// A stream socket as a client has it, plain or with TLS. Everything waits for its event, at most the patience that
/// it was given. What comes in while it writes is kept, so that two peers that write much do not block each other.
/// Used by one thread at a time.
package final class Channel: @unchecked Sendable {
  /// How the peer ended the stream.
  package enum Ending: Sendable, Equatable {
    /// Properly: end of the stream.
    case closed
    case reset
    /// TLS ended without its notification, or with something that is no record.
    case broken
    /// Not at all: nothing came within the patience.
    case silent
  }

  /// The longest that is waited for anything, in milliseconds.
  package static let patienceMilliseconds: Int32 = 30_000

  package let fd: Int32
  /// How the stream has ended, if it has.
  package private(set) var ending: Ending?
  private var buffer: [UInt8] = []
  private var consumed = 0
  private var secure: SecureLayer?
  private var isOpen = true

  /// Connects. Throws when nobody listens.
  package init(to address: SocketAddress, receiveBuffer: Int32? = nil) throws {
    var address = address
    let made = Sys.socket(family: address.family)
    guard made >= 0 else { throw SystemError(call: "socket", code: Int32(-made)) }
    fd = Int32(made)
    if let receiveBuffer {
      Sys.setOption(fd, level: SOL_SOCKET, name: SO_RCVBUF, value: receiveBuffer)
    }
    Sys.setNoDelay(fd)
    let result = Sys.connect(fd, &address)
    if result == Sys.inProgress { _ = ready(POLLOUT, Self.patienceMilliseconds) }
    let code = Sys.socketError(fd)
    guard result == 0 || result == Sys.inProgress, code == 0 else {
      close()
      throw SystemError(call: "connect", code: code != 0 ? code : Int32(-result))
    }
  }

  deinit { close() }

  /// Shakes hands; the protocol that ALPN chose, or nil when it failed.
  package func handshake(_ context: ClientContext, host: String) -> ApplicationProtocol? {
    guard let layer = SecureLayer(context, host: host) else { return nil }
    secure = layer
    while true {
      let step = layer.session.handshake()
      sendAll(layer.takeOutput())
      switch step {
      case .complete: return layer.session.applicationProtocol
      case .wantRead: guard pull(Self.patienceMilliseconds) else { return nil }
      case .wantWrite, .closed, .failed:
        Failure.clear()
        return nil
      }
    }
  }

  // MARK: Writing

  /// Writes all; what cannot be written because the peer has gone is dropped.
  package func write(_ bytes: [UInt8]) {
    guard let secure else { return sendAll(bytes) }
    var at = 0
    while at < bytes.count {
      let n = min(bytes.count - at, Session.maximumWrite)
      guard secure.write(bytes[at..<at + n]) else { return }
      sendAll(secure.takeOutput())
      at += n
    }
  }

  private func sendAll(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count, isOpen {
      let n = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { Sys.send(fd, $0 + at, raw.count - at) } ?? -1
      }
      if n == Sys.wouldBlock {
        let events = ready(ending == nil ? POLLIN | POLLOUT : POLLOUT, Self.patienceMilliseconds)
        if events == 0 { return }
        if events & POLLIN != 0 { _ = pull(0) }
      } else if n <= 0 {
        return
      } else {
        at += n
      }
    }
  }

  // MARK: Reading

  /// Exactly so many bytes; nil when the stream ends before, or nothing comes for so long.
  package func read(_ count: Int, within milliseconds: Int32 = patienceMilliseconds) -> [UInt8]? {
    while buffer.count - consumed < count {
      guard pull(milliseconds) else { return nil }
    }
    defer { consumed += count }
    return Array(buffer[consumed..<consumed + count])
  }

  /// All that comes until the stream ends.
  package func readToEnd() -> [UInt8] {
    while pull(Self.patienceMilliseconds) {}
    defer { consumed = buffer.count }
    return Array(buffer[consumed...])
  }

  /// Whether something is there to be read at this moment.
  package var hasInput: Bool { buffer.count > consumed || ending == nil && ready(POLLIN, 0) != 0 }

  /// Receives once; false when the stream has ended or nothing came in time.
  private func pull(_ milliseconds: Int32) -> Bool {
    guard ending == nil, isOpen else { return false }
    if consumed > 1 << 16 {
      buffer.removeFirst(consumed)
      consumed = 0
    }
    if let secure, secure.decrypt(into: &buffer) { return true }
    if let end = secure?.ending { return finish(end) }
    guard ready(POLLIN, milliseconds) != 0 else { return finish(.silent) }
    var bytes = [UInt8](repeating: 0, count: RecordPipe.inputCapacity)
    let n = Sys.recv(fd, &bytes, bytes.count)
    if n == Sys.wouldBlock { return true }
    if n < 0 { return finish(.reset) }
    if n == 0 { return finish(secure == nil ? .closed : .broken) }
    if let secure {
      secure.feed(bytes[..<n])
      _ = secure.decrypt(into: &buffer)
    } else {
      buffer += bytes[..<n]
    }
    return true
  }

  private func finish(_ how: Ending) -> Bool {
    // Silence is no end: what comes later can still be read.
    if how != .silent { ending = how }
    return false
  }

  // MARK: Ending

  package func shutdownWrite() {
    if let secure {
      secure.session.shutdown()
      sendAll(secure.takeOutput())
    }
    Sys.shutdownWrite(fd)
  }

  package func reset() {
    Sys.setResetOnClose(fd)
    close()
  }

  package func close() {
    guard isOpen else { return }
    isOpen = false
    Sys.close(fd)
  }

  private func ready(_ events: Int32, _ milliseconds: Int32) -> Int32 {
    var set = pollfd(fd: fd, events: Int16(events), revents: 0)
    return poll(&set, 1, milliseconds) > 0 ? Int32(set.revents) : 0
  }
}

/// TLS of a client over bytes that the channel carries.
private final class SecureLayer {
  let session: Session
  private(set) var ending: Channel.Ending?
  private let pipe = RecordPipe()
  private var input: [UInt8] = []

  init?(_ context: ClientContext, host: String) {
    guard let session = Session(client: context, host: host, pipe: pipe) else { return nil }
    self.session = session
  }

  deinit { session.free() }

  func feed(_ bytes: ArraySlice<UInt8>) {
    input += bytes
    refill()
  }

  /// Decrypts what there is; true when that was something.
  func decrypt(into plain: inout [UInt8]) -> Bool {
    let before = plain.count
    var piece = [UInt8](repeating: 0, count: 16_384)
    while ending == nil {
      switch session.read(into: &piece, capacity: piece.count) {
      case .bytes(let n): plain += piece[..<n]
      case .wantRead: guard refill() else { return plain.count > before }
      case .closed: ending = .closed
      case .failed:
        Failure.clear()
        ending = .broken
      }
    }
    return plain.count > before
  }

  func write(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.withUnsafeBytes { raw in raw.baseAddress.map { session.write($0, raw.count) } ?? true }
  }

  func takeOutput() -> [UInt8] {
    defer { pipe.clearOutput() }
    return Array(pipe.output)
  }

  /// Moves input into the pipe when it has consumed what it had.
  @discardableResult
  private func refill() -> Bool {
    guard pipe.unreadInput.isEmpty, !input.isEmpty else { return false }
    let n = min(input.count, RecordPipe.inputCapacity)
    input.withUnsafeBytes { raw in
      if let base = raw.baseAddress { pipe.receiveBuffer.copyMemory(from: base, byteCount: n) }
    }
    input.removeFirst(n)
    pipe.setInput(pipe.receiveBuffer, n)
    return true
  }
}
