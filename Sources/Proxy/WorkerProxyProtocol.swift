internal import EventLoop
internal import OS
internal import TLS
internal import Telemetry

// The PROXY protocol on both sides. A client's address is taken from a header only when the connection itself comes
// from an address that the listener trusts; such a connection must begin with one.
extension Worker {
  /// Whether a connection has to begin with a PROXY header.
  func expectsProxyHeader(_ d: UnsafeMutablePointer<Downstream>, _ peer: SocketAddress) -> Bool {
    let trusted = listeners[Int(d.pointee.listener)].settings.proxyProtocolFrom
    guard !trusted.isEmpty else { return false }
    let address = peer.ipBytes
    return trusted.contains { $0.contains(address) }
  }

  /// Reads the header; what stands behind it is the client's first bytes.
  func readProxyHeader(_ d: UnsafeMutablePointer<Downstream>) {
    guard d.pointee.readable else { return }
    let start = pipe.receiveBuffer.assumingMemoryBound(to: UInt8.self)
    let kept = d.pointee.parkedInput.bytes
    if let from = kept.baseAddress { pipe.receiveBuffer.copyMemory(from: from, byteCount: kept.count) }
    let room = RecordPipe.inputCapacity - kept.count
    let n = Sys.recv(d.pointee.fd, start + kept.count, room)
    if n < room { d.pointee.readable = n > 0 && d.pointee.peerClosed }
    guard n > 0 else {
      if n != Sys.wouldBlock { refuseProxyHeader(d, "the connection ended before its end") }
      return
    }
    let bytes = UnsafeBufferPointer(start: start, count: kept.count + n)
    switch ProxyProtocol.read(bytes) {
    case .incomplete:
      d.pointee.parkedInput.keep(UnsafeRawBufferPointer(bytes))
      // After the peer's close there is no further edge.
      if d.pointee.readable { readProxyHeader(d) }
    case .malformed(let reason): refuseProxyHeader(d, reason.description)
    case .header(let length, let ends):
      if let ends { believe(d, ends) }
      begin(d, rest: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[length...]))
    }
  }

  private func refuseProxyHeader(_ d: UnsafeMutablePointer<Downstream>, _ reason: String) {
    counters.add(.proxyHeadersRefused)
    shared.report(.proxyHeaderRefused(peer: text(d.pointee.peer), reason: reason))
    close(d)
  }

  private func believe(_ d: UnsafeMutablePointer<Downstream>, _ ends: ProxyProtocol.Ends) {
    d.pointee.peer = PeerText(ends.source)
    let address = ends.source.ipBytes
    d.pointee.isTrusted = snapshot.settings.trustedProxies.contains { $0.contains(address) }
    let memory = UnsafeMutablePointer<ProxyProtocol.Ends>.allocate(capacity: 1)
    memory.initialize(to: ends)
    d.pointee.announced = memory
  }

  /// Goes on as an ordinary connection whose first bytes have been received already.
  private func begin(_ d: UnsafeMutablePointer<Downstream>, rest: UnsafeRawBufferPointer) {
    if d.pointee.session != nil {
      d.pointee.state = .handshaking
      d.pointee.parkedInput.keep(rest)
      if d.pointee.readable || !d.pointee.parkedInput.isEmpty { queueHandshake(d) }
      return
    }
    d.pointee.parkedInput.free()
    d.pointee.state = .reading
    arm(d, snapshot.settings.limits.headMilliseconds)
    if let from = rest.baseAddress, rest.count > 0 {
      takeBuffer(d)
      guard let buffer = d.pointee.buffer else { return close(d) }
      UnsafeMutableRawPointer(buffer + d.pointee.end).copyMemory(from: from, byteCount: rest.count)
      d.pointee.end += rest.count
    }
    pump(d)
  }

  /// Tells a fresh connection's backend who the client is, where the service says so. False when it did not take it.
  func announceClient(_ u: UnsafeMutablePointer<UpstreamConnection>) -> Bool {
    guard let pool = u.pointee.pool, let d = u.pointee.exchange?.pointee.downstream,
      let version = pool._withUnsafeGuaranteedRef({ $0.settings.sendProxy })
    else { return true }
    let bytes = ProxyProtocol.header(version, ends(of: d))
    // A new socket has room for so little.
    return bytes.withUnsafeBytes { raw in
      raw.baseAddress.map { Sys.send(u.pointee.fd, $0, raw.count) == raw.count } ?? false
    }
  }

  private func ends(of client: UnsafeMutablePointer<Downstream>) -> ProxyProtocol.Ends? {
    // A stream has the ends of the connection that carries it.
    let d = client.pointee.stream?.pointee.mux?.pointee.downstream ?? client
    if let announced = d.pointee.announced { return announced.pointee }
    guard let source = Sys.peerAddress(d.pointee.fd), let destination = Sys.localAddress(d.pointee.fd) else {
      return nil
    }
    return ProxyProtocol.Ends(source: source, destination: destination)
  }
}
