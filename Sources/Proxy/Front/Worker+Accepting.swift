internal import Synchronization
internal import EventLoop
internal import Exchange
internal import OS
internal import Telemetry
internal import TLS

extension Worker {
  /// Connections taken from one listener in one turn, and beside traffic.
  private static let acceptBatch = 64
  /// The same while exchanges are under way.
  private static let acceptBatchBesideTraffic = 8
  /// How long accepting rests when the process is out of descriptors.
  private static let acceptPauseMilliseconds: UInt64 = 200

  func accept(_ index: Int) {
    guard index < listeners.count, listeners[index].isOpen else { return }
    var peer = SocketAddress()
    for _ in 0..<(exchanges.count > 0 ? Self.acceptBatchBesideTraffic : Self.acceptBatch) {
      if shared.connections.load(ordering: .relaxed) >= snapshot.settings.limits.connections {
        shared.report(.tooManyConnections)
        return pauseAccepting()
      }
      let fd = Sys.accept(listeners[index].fd, &peer)
      if fd < 0 {
        if Sys.isOutOfDescriptors(fd) {
          shared.report(.outOfDescriptors)
          pauseAccepting()
        }
        if fd == Sys.wouldBlock || Sys.isOutOfDescriptors(fd) { return }
        continue
      }
      openClient(Int32(fd), index, peer)
    }
  }

  private func openClient(_ fd: Int32, _ index: Int, _ peer: SocketAddress) {
    let client = clients.acquire()
    client.wire.fd = fd
    client.listener = UInt16(truncatingIfNeeded: index)
    client.peer = PeerText(peer)
    client.wire.timer = TimerNode(owner: token(client))
    if !snapshot.settings.trustedProxies.isEmpty {
      let address = peer.ipBytes
      client.isTrusted = snapshot.settings.trustedProxies.contains { $0.contains(address) }
    }
    shared.connections.wrappingAdd(1, ordering: .relaxed)
    counters.add(.connectionsAccepted)
    if let context = listeners[index].context {
      guard let session = Session(server: context, pipe: pipe) else { return closeClient(client) }
      client.wire.secure(session)
      timeClient(client)
    } else {
      client.state = .reading
      setWait(ofClient: client, .requestHead)
    }
    if expectsProxyHeader(client, peer) {
      client.state = .proxyHeader
      timeClient(client, again: true)
    }
    if poller.add(fd, token(client)) < 0 { closeClient(client) }
  }

  private func pauseAccepting() {
    guard !acceptPaused else { return }
    acceptPaused = true
    acceptResumeAt = nowMilliseconds + Self.acceptPauseMilliseconds
    for listener in listeners where listener.isOpen { poller.remove(listener.fd) }
  }

  func resumeAccepting() {
    acceptPaused = false
    acceptResumeAt = .max
    for (i, listener) in listeners.enumerated() where listener.isOpen {
      _ = poller.addLevel(listener.fd, Token(kind: Kind.listener, index: UInt32(i), generation: 0))
    }
  }
}
