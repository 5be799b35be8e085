internal import EventLoop
internal import Exchange
internal import OS
internal import TLS
internal import Telemetry

// The PROXY protocol on both sides. A client's address is taken from a header only when the connection itself comes
// from an address that the listener trusts; such a connection must begin with one.
extension Worker {
  /// Whether a connection has to begin with a PROXY header.
  func expectsProxyHeader(_ client: Ref<ClientConnection>, _ peer: SocketAddress) -> Bool {
    let trusted = listeners[Int(client.listener)].settings.proxyProtocolFrom
    guard !trusted.isEmpty else { return false }
    let address = peer.ipBytes
    return trusted.contains { $0.contains(address) }
  }

  /// Reads the header; what stands behind it is the client's first bytes.
  func readProxyHeader(_ client: Ref<ClientConnection>) {
    guard client.wire.readable else { return }
    let start = unsafe pipe.receiveBuffer.assumingMemoryBound(to: UInt8.self)
    let kept = unsafe client.wire.early
    if let from = kept.baseAddress { unsafe pipe.receiveBuffer.copyMemory(from: from, byteCount: kept.count) }
    let room = RecordPipe.inputCapacity - kept.count
    let n = unsafe Sys.recv(client.wire.fd, start + kept.count, room)
    if n < room { client.wire.readable = n > 0 && client.wire.peerClosed }
    guard n > 0 else {
      if n != Sys.wouldBlock { refuseProxyHeader(client, "the connection ended before its end") }
      return
    }
    let bytes = unsafe UnsafeBufferPointer(start: start, count: kept.count + n)
    switch unsafe ProxyProtocol.read(bytes) {
    case .incomplete:
      unsafe client.wire.keep(UnsafeRawBufferPointer(bytes))
      // After the peer's close there is no further edge.
      if client.wire.readable { readProxyHeader(client) }
    case .malformed(let reason): refuseProxyHeader(client, reason.description)
    case .header(let length, let ends):
      if let ends { believe(client, ends) }
      unsafe beginBehindHeader(
        client, rest: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[length...]))
    }
  }

  private func refuseProxyHeader(_ client: Ref<ClientConnection>, _ reason: String) {
    counters.add(.proxyHeadersRefused)
    shared.report(.proxyHeaderRefused(peer: text(client.peer), reason: reason))
    closeClient(client)
  }

  private func believe(_ client: Ref<ClientConnection>, _ ends: ProxyProtocol.Ends) {
    client.peer = PeerText(ends.source)
    let address = ends.source.ipBytes
    client.isTrusted = snapshot.settings.trustedProxies.contains { $0.contains(address) }
    let memory = UnsafeMutablePointer<ProxyProtocol.Ends>.allocate(capacity: 1)
    unsafe memory.initialize(to: ends)
    unsafe client.announced = unsafe memory
  }

  /// Goes on as an ordinary connection whose first bytes have been received already.
  private func beginBehindHeader(_ client: Ref<ClientConnection>, rest: UnsafeRawBufferPointer) {
    if client.wire.isSecure {
      client.state = .handshaking
      unsafe client.wire.keep(rest)
      if client.wire.hasUnread { queueHandshake(client) }
      return
    }
    client.wire.dropUnread()
    client.state = .reading
    setWait(ofClient: client, .requestHead, again: true)
    if let from = rest.baseAddress, rest.count > 0 {
      takeBuffer(client)
      guard let buffer = unsafe client.buffer else { return closeClient(client) }
      unsafe UnsafeMutableRawPointer(buffer + client.end).copyMemory(from: from, byteCount: rest.count)
      client.end += rest.count
    }
    pumpClient(client)
  }

  /// Tells a fresh connection's backend who the client is, where the service says so. False when it did not take it.
  func announceClient(_ backend: Ref<BackendConnection>) -> Bool {
    guard let pool = unsafe backend.pool, let client = backend.exchange?.client,
      let version = unsafe pool._withUnsafeGuaranteedRef({ $0.settings.sendProxy })
    else { return true }
    let bytes = ProxyProtocol.header(version, ends(of: client))
    // A new socket has room for so little.
    return unsafe bytes.withUnsafeBytes { raw in
      unsafe raw.baseAddress.map { unsafe Sys.send(backend.wire.fd, $0, raw.count) == raw.count } ?? false
    }
  }

  private func ends(of client: Ref<ClientConnection>) -> ProxyProtocol.Ends? {
    // A stream has the ends of the connection that carries it.
    let client = connection(of: client)
    if let announced = unsafe client.announced { return unsafe announced.pointee }
    guard let source = Sys.peerAddress(client.wire.fd), let destination = Sys.localAddress(client.wire.fd)
    else {
      return nil
    }
    return ProxyProtocol.Ends(source: source, destination: destination)
  }
}
