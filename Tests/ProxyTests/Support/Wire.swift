import CLinux
import OS
import TLS
import TestSupport

/// One end of a stream socket as a test sees it, plain or with TLS; everything waits for its event, at most
/// `patienceMilliseconds`. Used by one thread at a time.
final class Wire: @unchecked Sendable {
  /// How a stream ended.
  enum Ending: Equatable {
    /// Properly: end of the stream, with TLS after its close notification.
    case closed
    /// By a reset.
    case reset
    /// TLS ended without its notification, or with something that is no record.
    case broken
    /// Not at all within the test's patience.
    case stillOpen
  }

  static let patienceMilliseconds: Int32 = 30_000

  let fd: Int32
  /// Everything that has been read so far, decrypted.
  private(set) var received: [UInt8] = []
  /// How the stream has ended, if it has.
  private(set) var ending: Ending?
  private var consumed = 0
  private var layer: TLSLayer?
  private var isOpen = true

  init(fd: Int32) {
    self.fd = fd
    _ = certd_fcntl(fd, F_SETFL, certd_fcntl(fd, F_GETFL, 0) | O_NONBLOCK)
    Sys.setNoDelay(fd)
  }

  deinit { close() }

  /// Connects; with a small receive buffer where the test wants back-pressure early.
  static func connect(_ address: SocketAddress, receiveBuffer: Int32? = nil) throws -> Wire {
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

  /// Begins TLS; false when the handshake fails.
  func secure(_ make: (borrowing RecordPipe) -> Session?) -> Bool {
    guard let layer = TLSLayer(make) else { return false }
    self.layer = layer
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

  /// The certificate that the peer has shown.
  var peerLeaf: [UInt8]? { withExtendedLifetime(self) { layer?.session.peerChain.first } }

  /// What ALPN agreed on.
  var applicationProtocol: ApplicationProtocol? {
    withExtendedLifetime(self) { layer?.session.applicationProtocol }
  }

  // MARK: Writing

  func write(_ text: String) { write(latin1(text)) }

  /// Writes all; what cannot be written because the peer has gone is dropped.
  func write(_ bytes: [UInt8]) {
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
  func writeWithClose(_ bytes: [UInt8]) {
    guard let layer, layer.write(bytes[...]) else { return }
    layer.session.shutdown()
    sendAll(layer.takeOutput())
  }

  /// Writes bytes below TLS.
  func writeRaw(_ bytes: [UInt8]) { sendAll(bytes) }

  /// Reads exactly so many bytes before TLS begins, and none behind them.
  func readRaw(exactly count: Int) {
    let end = received.count + count
    while received.count < end, wait(POLLIN) {
      var buffer = [UInt8](repeating: 0, count: end - received.count)
      let n = Sys.recv(fd, &buffer, buffer.count)
      guard n > 0 else { break }
      received += buffer[..<n]
    }
    consumed = received.count
  }

  /// Writes as much as there is room for at present: how many bytes.
  func writeSome(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { raw in raw.baseAddress.map { max(0, Sys.send(fd, $0, raw.count)) } ?? 0 }
  }

  private func sendAll(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count {
      let n = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { Sys.send(fd, $0 + at, raw.count - at) } ?? -1
      }
      if n == Sys.wouldBlock {
        guard wait(POLLOUT) else { return }
      } else if n <= 0 {
        return
      } else {
        at += n
      }
    }
  }

  // MARK: Reading

  /// Some bytes that were not returned yet; none at the end.
  func read() -> [UInt8] {
    while consumed == received.count { guard pull() else { return [] } }
    return take(received.count - consumed)
  }

  /// Exactly so many bytes, fewer at the end.
  func read(exactly count: Int) -> [UInt8] {
    while received.count - consumed < count, pull() {}
    return take(min(count, received.count - consumed))
  }

  /// All bytes up to and with a text; what there is when the stream ends before.
  func read(through text: String) -> String {
    let marker = latin1(text)
    var from = consumed
    while true {
      if received.count >= from + marker.count {
        for at in from...received.count - marker.count
        where received[at] == marker[0] && received[at..<at + marker.count].elementsEqual(marker) {
          return string(take(at + marker.count - consumed))
        }
        from = max(from, received.count - marker.count + 1)
      }
      guard pull() else { return string(take(received.count - consumed)) }
    }
  }

  /// A head with its empty line.
  func readHead() -> String { read(through: "\r\n\r\n") }

  /// All that comes until the stream ends.
  func readToEnd() -> [UInt8] {
    while pull() {}
    return take(received.count - consumed)
  }

  /// Whether there is nothing to read and no end at this very moment.
  var isQuiet: Bool { consumed == received.count && ending == nil && !ready(POLLIN, 0) }

  /// Writes all, taking in what comes meanwhile, then reads until `isDone` says that all has come.
  func write(_ bytes: [UInt8], step: Int, whileReadingUntil isDone: ([UInt8]) -> Bool) {
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
  var isStuck: Bool { !ready(POLLOUT, 500) }

  /// Whether nothing comes for a moment.
  func pauses() -> Bool { !ready(POLLIN, 30) }

  private func take(_ count: Int) -> [UInt8] {
    defer { consumed += count }
    return Array(received[consumed..<consumed + count])
  }

  private func string(_ bytes: [UInt8]) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }

  /// Receives once; false when the stream has ended.
  private func pull() -> Bool {
    guard ending == nil, isOpen else { return false }
    if let layer, layer.decrypt(into: &received) { return true }
    if let end = layer?.ending { return finish(end) }
    guard wait(POLLIN) else { return finish(.stillOpen) }
    var buffer = [UInt8](repeating: 0, count: RecordPipe.inputCapacity)
    let n = Sys.recv(fd, &buffer, buffer.count)
    if n == Sys.wouldBlock { return true }
    if n < 0 { return finish(.reset) }
    if n == 0 { return finish(layer == nil ? .closed : .broken) }
    if let layer {
      layer.feed(buffer[..<n])
      _ = layer.decrypt(into: &received)
      sendAll(layer.takeOutput())
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

  /// Ends our half.
  func shutdownWrite() {
    if let layer {
      layer.session.shutdown()
      sendAll(layer.takeOutput())
    }
    Sys.shutdownWrite(fd)
  }

  func reset() {
    Sys.setResetOnClose(fd)
    close()
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    Sys.close(fd)
  }

  private func wait(_ events: Int32) -> Bool { ready(events, Self.patienceMilliseconds) }

  private func ready(_ events: Int32, _ milliseconds: Int32) -> Bool {
    var set = pollfd(fd: fd, events: Int16(events), revents: 0)
    return poll(&set, 1, milliseconds) > 0
  }
}
