public import TLS

/// TLS on a server's side of a test connection.
public typealias TLSServerConnection = TLSConnection

/// TLS on one side of a test connection, blocking.
public final class TLSConnection {
  private let connection: ServerConnection
  private let pipe = RecordPipe()
  private let session: Session
  /// Whether the handshake succeeded.
  public private(set) var isSecure = false

  /// Shakes hands as a server; nil when memory is out.
  public init?(_ connection: ServerConnection, _ context: ServerContext) {
    self.connection = connection
    guard let session = Session(server: context, pipe: pipe) else { return nil }
    self.session = session
    isSecure = handshake()
  }

  /// Shakes hands as a client; nil when memory is out.
  public init?(_ connection: ServerConnection, client context: ClientContext, host: String) {
    self.connection = connection
    guard let session = Session(client: context, host: host, pipe: pipe) else { return nil }
    self.session = session
    isSecure = handshake()
  }

  private func handshake() -> Bool {
    while true {
      let step = session.handshake()
      flush()
      if step == .complete { return true }
      guard step == .wantRead, feed() else {
        Failure.clear()
        return false
      }
    }
  }

  deinit { session.free() }

  /// Some decrypted bytes, none at the end.
  public func read() -> [UInt8] {
    while true {
      var buffer = [UInt8](repeating: 0, count: 16_384)
      switch session.read(into: &buffer, capacity: buffer.count) {
      case .bytes(let n): return Array(buffer[..<n])
      case .wantRead: guard feed() else { return [] }
      case .closed: return []
      case .failed:
        Failure.clear()
        return []
      }
    }
  }

  /// A message head with its empty line; what there is at the end.
  public func readHead() -> String {
    var all: [UInt8] = []
    while !all.suffix(4).elementsEqual([13, 10, 13, 10]) {
      let part = read()
      if part.isEmpty { break }
      all += part
    }
    return String(decoding: all, as: UTF8.self)
  }

  /// Encrypts and sends a text.
  public func write(_ text: String) {
    let bytes = latin1(text)
    var at = 0
    while at < bytes.count {
      let n = min(bytes.count - at, Session.maximumWrite)
      guard bytes.withUnsafeBytes({ raw in raw.baseAddress.map { session.write($0 + at, n) } ?? false })
      else {
        return
      }
      flush()
      at += n
    }
  }

  /// Says that nothing more comes.
  public func notifyClose() {
    session.shutdown()
    flush()
  }

  /// Sends bytes that are no TLS record.
  public func writeRaw(_ text: String) { connection.write(text) }

  private func flush() {
    connection.write(Array(pipe.output))
    pipe.clearOutput()
  }

  private func feed() -> Bool {
    let bytes = connection.read(atMost: RecordPipe.inputCapacity)
    guard !bytes.isEmpty else { return false }
    bytes.withUnsafeBytes {
      pipe.receiveBuffer.copyMemory(
        from: $0.baseAddress ?? UnsafeRawPointer(pipe.receiveBuffer), byteCount: $0.count)
    }
    pipe.setInput(pipe.receiveBuffer, bytes.count)
    return true
  }
}
