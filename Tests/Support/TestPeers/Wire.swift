internal import CLinux
package import OS
package import TLS
internal import TestSupport

/// One end of a stream socket as a test sees it, plain or with TLS; everything waits for its event, at most
/// `patienceMilliseconds`. Used by one thread at a time.
package final class Wire: @unchecked Sendable {
  /// How a stream ended.
  package enum Ending: Sendable, Equatable {
    /// Properly: end of the stream, with TLS after its close notification.
    case closed
    /// By a reset.
    case reset
    /// TLS ended without its notification, or with something that is no record.
    case broken
  }

  /// The longest that is waited for anything, in milliseconds.
  package static let patienceMilliseconds: Int32 = 30_000

  package let fd: Int32
  /// Everything that has been read so far, decrypted; with `isDuplex` only what was not forgotten yet.
  package private(set) var received: [UInt8] = []
  /// How the stream has ended, if it has. Silence is no end: what comes later can still be read.
  package private(set) var ending: Ending?
  /// Takes in what comes while it writes, so that two peers that write much do not block each other, and forgets what
  /// has been read.
  package var isDuplex = false
  private var consumed = 0
  private var layer: TLSLayer?
  private var isOpen = true

  package init(fd: Int32) {
    self.fd = fd
    _ = certd_fcntl(fd, F_SETFL, certd_fcntl(fd, F_GETFL, 0) | O_NONBLOCK)
    Sys.setNoDelay(fd)
  }

  deinit { close() }

  /// Connects; with a small receive buffer where the test wants back-pressure early. Throws when nobody listens.
  package static func connect(_ address: SocketAddress, receiveBuffer: Int32? = nil) throws -> Wire {
    var address = address
    let fd = Sys.socket(family: address.family)
    guard fd >= 0 else { throw SystemError(call: "socket", code: Int32(-fd)) }
    if let receiveBuffer {
      Sys.setOption(Int32(fd), level: SOL_SOCKET, name: SO_RCVBUF, value: receiveBuffer)
    }
    let wire = Wire(fd: Int32(fd))
    let result = Sys.connect(Int32(fd), &address)
    if result == Sys.inProgress { _ = wire.wait(POLLOUT) }
    let code = Sys.socketError(Int32(fd))
    guard result == 0 || result == Sys.inProgress, code == 0 else {
      throw SystemError(call: "connect", code: code != 0 ? code : Int32(-result))
    }
    return wire
  }

  // MARK: TLS

  /// Begins TLS; false when the handshake fails.
  package func secure(_ make: (borrowing RecordPipe) -> Session?) -> Bool {
    guard let layer = TLSLayer(make) else { return false }
    self.layer = layer
    // What has come behind the bytes that were read is TLS already.
    layer.feed(received[consumed...])
    received.removeSubrange(consumed...)
    while true {
      let step = layer.session.handshake()
      sendAll(layer.takeOutput())
      switch step {
      case .complete: return true
      case .wantRead: guard pull() else { return false }
      case .wantWrite, .closed, .failed:
        Failure.clear()
        return false
      }
    }
  }

  /// Begins TLS as a server; false when the handshake fails.
  package func secure(_ context: ServerContext) -> Bool { secure { Session(server: context, pipe: $0) } }

  /// Begins TLS as a client; false when the handshake fails.
  package func secure(_ context: ClientContext, host: String) -> Bool {
    secure { Session(client: context, host: host, pipe: $0) }
  }

  /// The certificate that the peer has shown.
  package var peerLeaf: [UInt8]? { withExtendedLifetime(self) { layer?.session.peerChain.first } }

  /// What ALPN agreed on.
  package var applicationProtocol: ApplicationProtocol? {
    withExtendedLifetime(self) { layer?.session.applicationProtocol }
  }

  // MARK: Writing

  /// Writes a text, a byte for each character.
  package func write(_ text: String) { write(latin1(text)) }

  /// Writes all; what cannot be written because the peer has gone is dropped.
  package func write(_ bytes: [UInt8]) {
    guard let layer else { return sendAll(bytes) }
    var at = 0
    while at < bytes.count {
      let n = min(bytes.count - at, Session.maximumWrite)
      guard layer.write(bytes[at..<at + n]) else { return }
      sendAll(layer.takeOutput())
      at += n
    }
  }

  /// Writes all and TLS's close notification in one piece, and leaves the connection open below it.
  package func writeWithClose(_ bytes: [UInt8]) {
    guard let layer, layer.write(bytes[...]) else { return }
    layer.session.shutdown()
    sendAll(layer.takeOutput())
  }

  /// Writes bytes below TLS.
  package func writeRaw(_ bytes: [UInt8]) { sendAll(bytes) }

  /// Writes as much as there is room for at present: how many bytes.
  package func writeSome(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { raw in raw.baseAddress.map { max(0, Sys.send(fd, $0, raw.count)) } ?? 0 }
  }

  private func sendAll(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count, isOpen {
      let n = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { Sys.send(fd, $0 + at, raw.count - at) } ?? -1
      }
      if n == Sys.wouldBlock {
        let events = come(isDuplex && ending == nil ? POLLIN | POLLOUT : POLLOUT, Self.patienceMilliseconds)
        if events == 0 { return }
        if events & POLLIN != 0, isDuplex { _ = pull(0) }
      } else if n <= 0 {
        return
      } else {
        at += n
      }
    }
  }

  // MARK: Reading

  /// Reads exactly so many bytes before TLS begins, and none behind them.
  package func readRaw(exactly count: Int) {
    let end = received.count + count
    while received.count < end, wait(POLLIN) {
      var buffer = [UInt8](repeating: 0, count: end - received.count)
      let n = Sys.recv(fd, &buffer, buffer.count)
      guard n > 0 else { break }
      received += buffer[..<n]
    }
    consumed = received.count
  }

  /// Some bytes that were not returned yet; none at the end.
  package func read() -> [UInt8] {
    while consumed == received.count { guard pull() else { return [] } }
    return take(received.count - consumed)
  }

  /// Exactly so many bytes, fewer at the end.
  package func read(exactly count: Int) -> [UInt8] {
    while received.count - consumed < count, pull() {}
    return take(min(count, received.count - consumed))
  }

  /// Exactly so many bytes; nil when the stream ends before, or nothing comes for so long.
  package func read(_ count: Int, within milliseconds: Int32 = patienceMilliseconds) -> [UInt8]? {
    while received.count - consumed < count {
      guard pull(milliseconds) else { return nil }
    }
    return take(count)
  }

  /// All bytes up to and with a text; what there is when the stream ends before.
  package func read(through text: String) -> String {
    let marker = latin1(text)
    var from = consumed
    while true {
      if received.count >= from + marker.count {
        for at in from...received.count - marker.count
        where received[at] == marker[0] && received[at..<at + marker.count].elementsEqual(marker) {
          return latin1Text(take(at + marker.count - consumed))
        }
        from = max(from, received.count - marker.count + 1)
      }
      let forgotten = consumed
      guard pull() else { return latin1Text(take(received.count - consumed)) }
      from -= forgotten - consumed
    }
  }

  /// A head with its empty line.
  package func readHead() -> String { read(through: "\r\n\r\n") }

  /// All that comes until the stream ends.
  @discardableResult
  package func readToEnd() -> [UInt8] {
    while pull() {}
    return take(received.count - consumed)
  }

  /// Whether there is nothing to read and no end at this very moment.
  package var isQuiet: Bool { consumed == received.count && ending == nil && !ready(POLLIN, 0) }

  /// Whether something is there to be read at this moment.
  package var hasInput: Bool { consumed < received.count || ending == nil && ready(POLLIN, 0) }

  /// Writes all, taking in what comes meanwhile, then reads until `isDone` says that all has come.
  package func write(_ bytes: [UInt8], step: Int, whileReadingUntil isDone: ([UInt8]) -> Bool) {
    var at = 0
    while at < bytes.count, ending == nil {
      while ready(POLLIN, 0), pull() {}
      guard ready(POLLOUT, 1) else { continue }
      let n = min(step, bytes.count - at)
      write(Array(bytes[at..<at + n]))
      at += n
    }
    while !isDone(received), pull() {}
    consumed = received.count
  }

  /// Whether there is no room to write and none is made for a moment: the peer has stopped reading.
  package var isStuck: Bool { !ready(POLLOUT, 500) }

  /// Whether nothing comes for a moment.
  package func pauses() -> Bool { !ready(POLLIN, 30) }

  private func take(_ count: Int) -> [UInt8] {
    defer { consumed += count }
    return Array(received[consumed..<consumed + count])
  }

  /// Receives once; false when the stream has ended or nothing came in time.
  private func pull(_ milliseconds: Int32 = patienceMilliseconds) -> Bool {
    guard ending == nil, isOpen else { return false }
    if isDuplex, consumed > 1 << 16 {
      received.removeFirst(consumed)
      consumed = 0
    }
    if let layer, layer.decrypt(into: &received) { return true }
    if let end = layer?.ending { return finish(end) }
    guard ready(POLLIN, milliseconds) else { return false }
    var buffer = [UInt8](repeating: 0, count: RecordPipe.inputCapacity)
    let n = Sys.recv(fd, &buffer, buffer.count)
    if n == Sys.wouldBlock { return true }
    if n < 0 { return finish(.reset) }
    if n == 0 { return finish(layer == nil ? .closed : .broken) }
    if let layer {
      layer.feed(buffer[..<n])
      _ = layer.decrypt(into: &received)
      // While it writes, what TLS has to say of its own follows behind what is being written.
      if !isDuplex { sendAll(layer.takeOutput()) }
    } else {
      received += buffer[..<n]
    }
    return true
  }

  private func finish(_ how: Ending) -> Bool {
    ending = how
    return false
  }

  // MARK: Ending

  /// TLS's close notification alone.
  package func notifyClose() {
    guard let layer else { return }
    layer.session.shutdown()
    sendAll(layer.takeOutput())
  }

  /// Ends our half.
  package func shutdownWrite() {
    notifyClose()
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

  private func wait(_ events: Int32) -> Bool { ready(events, Self.patienceMilliseconds) }

  private func ready(_ events: Int32, _ milliseconds: Int32) -> Bool { come(events, milliseconds) != 0 }

  /// Which of some events have come, in time.
  private func come(_ events: Int32, _ milliseconds: Int32) -> Int32 {
    var set = pollfd(fd: fd, events: Int16(events), revents: 0)
    return poll(&set, 1, milliseconds) > 0 ? Int32(set.revents) : 0
  }
}
