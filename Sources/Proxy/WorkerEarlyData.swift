internal import EventLoop
internal import HTTP
internal import OS
internal import TLS

// Requests that returning clients send before the handshake is over (RFC 8446 §2.3, RFC 8470): safe ones are
// forwarded at once and marked, all others wait in the buffer for the handshake's end.
extension Worker {
  /// A step of a handshake: early data, while it may come, goes to the connection's buffer.
  func handshakeStep(_ client: Ref<Downstream>, _ lease: borrowing PipeLease) -> Session.Step {
    while lease.awaitsEarlyData {
      // Most connections bring none: they get no buffer for it.
      switch unsafe lease.readEarly(into: scratch, capacity: ServerContext.maximumEarlyDataBytes) {
      case .bytes(let n):
        takeBuffer(client)
        // There always is room: a client's early data altogether is smaller than the buffer.
        guard let buffer = unsafe client.buffer, client.end + n <= Downstream.headroom + Downstream.bodyRoom
        else { return .failed }
        unsafe (buffer + client.end).update(from: scratch, count: n)
        client.end += n
      case .over: break
      case .wantRead: return .wantRead
      case .failed: return .failed
      }
    }
    return lease.handshake()
  }

  /// Serves a request that has come whole in early data, if it is one that may be repeated. True when it is served.
  @discardableResult
  func serveEarly(_ client: Ref<Downstream>) -> Bool {
    guard client.state == .handshaking, let buffer = unsafe client.buffer, client.wire.output.isEmpty,
      client.end > client.start
    else { return false }
    let base = unsafe UnsafePointer(buffer + client.start)
    guard case .found(let length) = unsafe HeadEnd.find(base, count: client.end - client.start, from: 0),
      length <= snapshot.settings.limits.headBytes,
      unsafe RequestHead.parse(base, count: length, fields: &fields, into: &requestHead) == nil,
      Self.isRepeatable(requestHead)
    else { return false }
    client.isEarly = true
    client.state = .reading
    pump(client)
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
  func leaveEarly(_ client: Ref<Downstream>) {
    client.isEarly = false
    client.state = .handshaking
    arm(client, snapshot.settings.limits.handshakeMilliseconds)
    putOff(client)
  }

  /// Whether a field of a client is replaced by our own (RFC 8470 §5.1). Otherwise the client's passes: it says that
  /// somebody before us has taken the request early, and asks for nothing but care.
  @inline(__always)
  func isReplacedByEarlyData(
    _ name: UnsafePointer<UInt8>, _ length: Int, _ client: Ref<Downstream>
  ) -> Bool {
    guard client.isEarly, length == Self.earlyData.utf8CodeUnitCount else { return false }
    for i in 0..<length where unsafe name[i] | 0x20 != Self.earlyData.utf8Start[i] | 0x20 { return false }
    return true
  }

  private static let earlyData: StaticString = "early-data"
}
