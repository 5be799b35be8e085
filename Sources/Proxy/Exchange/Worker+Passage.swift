internal import EventLoop
internal import Exchange
internal import OS
internal import TLS
internal import Telemetry

// TLS-to-TCP: after the handshake the server name (RFC 6066 §3) decides; where it leads to a service that is spoken to
// in TCP, a connection to a backend is made and both are joined into a tunnel.
extension Worker {
  /// Begins to pass a client's connection on where its server name says so. False when it speaks HTTP.
  func beginPassage(_ client: Ref<ClientConnection>) -> Bool {
    guard snapshot.serverNames != nil, let session = client.wire.session else { return false }
    return unsafe session.withServerName { name, count in
      guard let route = unsafe snapshot.passage(name, count) else { return false }
      guard unsafe !route.pointee.needsIdentity || client.identity != nil else {
        beginClose(client)
        return true
      }
      let exchange = exchanges.acquire()
      exchange.client = client
      unsafe exchange.snapshot = unsafe Unmanaged.passRetained(snapshot)
      unsafe exchange.route = unsafe route
      unsafe exchange.service = unsafe route.pointee.service
      exchange.machine = unsafe Machine(
        maximumAttempts: route.pointee.service.pointee.attempts, isPassage: true)
      exchange.startedNanoseconds = nowNanoseconds
      if accessLog != nil { unsafe exchange.logged = LoggedRequest(method: "TCP", host: name, count) }
      client.exchange = exchange
      client.state = .tunnel
      counters.add(.passages)
      drive(exchange, .admitted)
      return true
    }
  }

  /// The backend is there: whatever either side has said already passes.
  func joinPassage(_ exchange: Ref<Exchange>) -> Step {
    if let client = exchange.client { putOff(client) }
    if let backend = exchange.backend, backend.wire.hasUnread { putOff(backend) }
    return .rest
  }
}
