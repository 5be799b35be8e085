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
      if let u = pool.takeIdle() {
        closeUpstream(u)
        return true
      }
    }
    guard let d = downstreams.next(&idleCursor, where: { Self.isIdle($0) }) else { return false }
    counters.add(.idleConnectionsClosed)
    if let m = d.pointee.mux {
      ready(m)
      m.pointee.connection.end()
      flush(m)
    }
    if let session = d.pointee.session {
      session.shutdown()
      _ = flushPipe(d)
    }
    close(d)
    return true
  }

  /// Whether a client's connection waits for a request of which nothing has come.
  private static func isIdle(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    guard d.pointee.stream == nil, d.pointee.exchange == nil, d.pointee.output.isEmpty else { return false }
    switch d.pointee.state {
    case .reading: return d.pointee.end == d.pointee.start
    case .multiplexed: return d.pointee.mux?.pointee.streamCount == 0
    default: return false
    }
  }
}
