internal import EventLoop
internal import OS
internal import TLS
internal import Telemetry

// TLS-to-TCP: after the handshake the server name (RFC 6066 §3) decides; where it leads to a service that is spoken to
// in TCP, a connection to a backend is made and both are joined into a tunnel.
extension Worker {
  /// Begins to pass a client's connection on where its server name says so. False when it speaks HTTP.
  func beginPassage(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    guard snapshot.serverNames != nil, let session = d.pointee.session else { return false }
    return session.withServerName { name, count in
      guard let route = snapshot.passage(name, count) else { return false }
      guard !route.pointee.needsIdentity || d.pointee.identity != nil else {
        beginClose(d)
        return true
      }
      let x = exchanges.acquire()
      x.pointee.downstream = d
      x.pointee.snapshot = Unmanaged.passRetained(snapshot)
      x.pointee.route = route
      x.pointee.service = route.pointee.service
      x.pointee.isPassage = true
      // There is no request that could be sent once more, nor a response whose head is waited for.
      x.pointee.replayable = false
      x.pointee.requestComplete = true
      x.pointee.headDone = true
      x.pointee.keepsAlive = false
      x.pointee.startedNanoseconds = nowNanoseconds
      if accessLog != nil { remember(x, method: "TCP", host: name, count) }
      d.pointee.exchange = x
      d.pointee.state = .tunnel
      disarm(d)
      counters.add(.passages)
      startUpstream(x)
      return true
    }
  }

  /// The backend is there: whatever either side has said already passes.
  func joinPassage(_ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>) {
    guard let d = x.pointee.downstream else { return closeUpstream(u) }
    x.pointee.responseStarted = true
    touch(u, x)
    pump(d)
    guard u.pointee.slot.isLive, u.pointee.exchange == x else { return }
    let hasMore =
      u.pointee.readable || !u.pointee.parkedInput.isEmpty || u.pointee.session?.hasPending == true
    if hasMore { pumpUpstream(u) }
  }

  /// No backend could be connected to: there is nothing to say to the client but the end.
  func refusePassage(_ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>, status: Int)
  {
    counters.add(.requestsWithoutBackend)
    x.pointee.status = status
    endExchange(x, reusable: false)
    beginClose(d)
  }

  /// What the access log will say of a connection that is passed on: its server name stands for the host.
  private func remember(
    _ x: UnsafeMutablePointer<Exchange>, method: StaticString, host: UnsafePointer<UInt8>, _ count: Int
  ) {
    let methodLength = method.utf8CodeUnitCount
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: methodLength + count)
    memory.update(from: method.utf8Start, count: methodLength)
    (memory + methodLength).update(from: host, count: count)
    x.pointee.logged = memory
    x.pointee.loggedMethodLength = methodLength
    x.pointee.loggedHostLength = count
    x.pointee.loggedPathLength = 0
  }
}
