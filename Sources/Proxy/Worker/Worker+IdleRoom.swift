internal import EventLoop
internal import HTTP2
internal import OS
internal import TLS
internal import Telemetry

// When no descriptor is left for a backend, connections that nothing is asked on give theirs: a client that is connected
// and asks is never refused while another one is connected and does not.
extension Worker {
  /// Closes an idle connection to a backend, or else one of a client. False when there is neither.
  func freeDescriptor() -> Bool {
    for pool in snapshot.pools.values {
      if let backend = pool.takeIdle() {
        closeBackend(backend)
        return true
      }
    }
    guard let client = clients.next(&idleCursor, where: { Self.isIdle($0) }) else { return false }
    counters.add(.idleConnectionsClosed)
    if let mux = client.mux {
      ready(mux)
      mux.connection.end()
      flushMux(mux)
    }
    _ = client.wire.sayGoodbye(pipe)
    closeClient(client)
    return true
  }

  /// Whether a client's connection waits for a request of which nothing has come.
  private static func isIdle(_ client: Ref<ClientConnection>) -> Bool {
    guard client.exchange == nil, client.wire.output.isEmpty else { return false }
    switch client.state {
    case .reading: return client.end == client.start
    case .multiplexed: return client.mux?.streamCount == 0
    default: return false
    }
  }
}
