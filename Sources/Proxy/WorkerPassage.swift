internal import EventLoop
internal import OS
internal import TLS
internal import Telemetry

// TLS-to-TCP: after the handshake the server name (RFC 6066 §3) decides; where it leads to a service that is spoken to
// in TCP, a connection to a backend is made and both are joined into a tunnel.
extension Worker {
  /// Begins to pass a client's connection on where its server name says so. False when it speaks HTTP.
  func beginPassage(_ client: Ref<Downstream>) -> Bool {
    guard snapshot.serverNames != nil, let session = client.wire.session else { return false }
    return unsafe session.withServerName { name, count in
      guard let route = unsafe snapshot.passage(name, count) else { return false }
      guard unsafe !route.pointee.needsIdentity || client.identity != nil else {
        beginClose(client)
        return true
      }
      let exchange = exchanges.acquire()
      exchange.downstream = client
      unsafe exchange.snapshot = unsafe Unmanaged.passRetained(snapshot)
      unsafe exchange.route = unsafe route
      unsafe exchange.service = unsafe route.pointee.service
      exchange.isPassage = true
      // There is no request that could be sent once more, nor a response whose head is waited for.
      exchange.replayable = false
      exchange.requestComplete = true
      exchange.headDone = true
      exchange.keepsAlive = false
      exchange.startedNanoseconds = nowNanoseconds
      if accessLog != nil { unsafe remember(exchange, method: "TCP", host: name, count) }
      client.exchange = exchange
      client.state = .tunnel
      disarm(client)
      counters.add(.passages)
      startUpstream(exchange)
      return true
    }
  }

  /// The backend is there: whatever either side has said already passes.
  func joinPassage(_ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>) {
    guard let client = exchange.downstream else { return closeUpstream(backend) }
    exchange.responseStarted = true
    touch(backend, exchange)
    pump(client)
    guard backend.slot.isLive, backend.exchange == exchange else { return }
    let hasMore =
      backend.wire.hasUnread
    if hasMore { pumpUpstream(backend) }
  }

  /// No backend could be connected to: there is nothing to say to the client but the end.
  func refusePassage(_ exchange: Ref<Exchange>, _ client: Ref<Downstream>, status: Int) {
    counters.add(.requestsWithoutBackend)
    exchange.status = status
    endExchange(exchange, reusable: false)
    beginClose(client)
  }

  /// What the access log will say of a connection that is passed on: its server name stands for the host.
  private func remember(
    _ exchange: Ref<Exchange>, method: StaticString, host: UnsafePointer<UInt8>, _ count: Int
  ) {
    let methodLength = method.utf8CodeUnitCount
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: methodLength + count)
    unsafe memory.update(from: method.utf8Start, count: methodLength)
    unsafe (memory + methodLength).update(from: host, count: count)
    unsafe exchange.logged = unsafe memory
    exchange.loggedMethodLength = methodLength
    exchange.loggedHostLength = count
    exchange.loggedPathLength = 0
  }
}
