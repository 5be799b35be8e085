internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import TLS

// Requests that returning clients send before the handshake is over (RFC 8446 §2.3, RFC 8470): safe ones are
// forwarded at once and marked, all others wait in the buffer for the handshake's end.
extension Worker {
  /// A step of a handshake: early data, while it may come, goes to the connection's buffer.
  func handshakeStep(_ client: Ref<ClientConnection>, _ lease: borrowing PipeLease) -> Session.Step {
    while lease.awaitsEarlyData {
      // Most connections bring none: they get no buffer for it.
      switch unsafe lease.readEarly(into: desk.scratch, capacity: ServerContext.maximumEarlyDataBytes) {
      case .bytes(let n):
        takeBuffer(client)
        // There always is room: a client's early data altogether is smaller than the buffer.
        guard let buffer = unsafe client.buffer, client.end + n <= Layout.full
        else { return .failed }
        unsafe (buffer + client.end).update(from: desk.scratch, count: n)
        client.end += n
      case .over: break
      case .wantRead: return .wantRead
      case .failed: return .failed
      }
    }
    return lease.handshake()
  }

  /// Whether a request has come whole in early data that may be repeated: then it is served before the handshake goes on.
  func serveEarly(_ client: Ref<ClientConnection>) -> Bool {
    guard client.state == .handshaking, let buffer = unsafe client.buffer, client.wire.output.isEmpty,
      client.end > client.start
    else { return false }
    let base = unsafe UnsafePointer(buffer + client.start)
    guard case .found(let length) = unsafe HeadEnd.find(base, count: client.end - client.start, from: 0),
      length <= snapshot.settings.limits.headBytes,
      unsafe desk.readRequest(base, length) == nil,
      Self.isRepeatable(desk.request)
    else { return false }
    client.isEarly = true
    client.state = .reading
    return true
  }

  /// Safe methods (RFC 9110 §9.2.1) without content or upgrade. One that ends the connection waits as well: before the
  /// handshake's end TLS cannot be closed properly.
  private static func isRepeatable(_ head: RequestHead) -> Bool {
    guard head.framing == .none, head.keepsAlive, !head.upgrade else { return false }
    switch head.method {
    case .get, .head, .options: return true
    default: return false
    }
  }

  /// An early request has been answered: back to the handshake, unless the next one can be served early as well.
  func leaveEarly(_ client: Ref<ClientConnection>) {
    client.isEarly = false
    client.state = .handshaking
    timeClient(client, again: true)
    putOff(client)
  }
}
