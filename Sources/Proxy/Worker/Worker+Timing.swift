internal import EventLoop
internal import Exchange
internal import Upstream

// Every time limit of the proxy begins here: what each side is waited for follows from what goes on, and how long from
// that alone.
extension Worker {
  /// What has happened since the limits were set last: a limit goes on where nothing has, and begins anew where something
  /// has been got or given.
  enum Moved {
    case nothing, client, backend, both
  }

  /// Sets the limits of both sides of an exchange.
  func time(_ exchange: Ref<Exchange>, moved: Moved = .nothing) {
    guard let client = exchange.client else { return }
    timeClient(client, again: moved == .client || moved == .both)
    guard let backend = exchange.backend else { return }
    let wait = exchange.machine.backendWait(
      isHeldUp: backend.isHeldUp, clientHasParked: backend.readPaused)
    setWait(ofBackend: backend, wait, again: moved == .backend || moved == .both)
  }

  /// The same where only the backend has done something, and is read from.
  func timeResponse(_ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) {
    setWait(
      ofBackend: backend, exchange.machine.backendWait(isHeldUp: false, clientHasParked: false), again: true)
  }

  /// Sets a client's limit.
  func timeClient(_ client: Ref<ClientConnection>, again: Bool = false) {
    setWait(ofClient: client, wait(of: client), again: again)
  }

  private func wait(of client: Ref<ClientConnection>) -> Wait {
    if !client.wire.output.isEmpty { return .clientReads }
    switch client.state {
    case .proxyHeader, .handshaking: return .handshake
    case .reading: return client.headTimed ? .requestHead : .nextRequest
    case .exchange, .tunnel:
      guard let exchange = client.exchange else { return .none }
      let wait = exchange.machine.clientWait(hasParked: false, isHeldUp: exchange.backend?.isHeldUp == true)
      guard wait == .none, let model = exchange.model, model.everyMilliseconds > 0 else { return wait }
      return .heartbeat
    case .multiplexed:
      guard let mux = client.mux else { return .none }
      if client.headTimed { return .requestHead }
      guard mux.streamCount == 0 else { return .none }
      // One whose client has said that it will go, or has been told to, is kept for a moment only.
      return mux.endAnnounced ? .goodbye : mux.peerIsLeaving ? .linger : .nextRequest
    case .requested, .gated: return .none
    case .closing: return .clientReads
    case .lingering: return .linger
    }
  }

  func setWait(ofClient client: Ref<ClientConnection>, _ wait: Wait, again: Bool = false) {
    guard again || client.wait != wait else { return }
    client.wait = wait
    guard let limit = limit(wait, client) else { return unsafe wheel.disarm(timer(client)) }
    unsafe wheel.set(timer(client), deadline: nowMilliseconds &+ limit)
  }

  func setWait(ofBackend backend: Ref<BackendConnection>, _ wait: Wait, again: Bool = false) {
    guard again || backend.wait != wait else { return }
    if backend.wait != wait, wait == .responseHead {
      if let exchange = backend.exchange, let model = exchange.model {
        model.waitMilliseconds = nowMilliseconds
        if unsafe exchange.service?.pointee.hedging != nil { awaitAnswer(model, exchange) }
      }
    }
    backend.wait = wait
    guard let limit = limit(wait, backend) else { return unsafe wheel.disarm(timer(backend)) }
    unsafe wheel.set(timer(backend), deadline: nowMilliseconds &+ limit)
  }

  private func limit(_ wait: Wait, _ client: Ref<ClientConnection>) -> UInt64? {
    let limits = snapshot.settings.limits
    switch wait {
    case .clientReads: return limits.sendTimeout.count
    case .requestContent: return limits.requestBodyIdleTimeout.count
    case .nextRequest: return limits.keepaliveTimeout.count
    case .requestHead: return limits.headerTimeout.count
    case .handshake: return limits.handshakeTimeout.count
    case .goodbye: return min(Mux.goodbyeMilliseconds, limits.keepaliveTimeout.count)
    case .linger: return limits.lingerTimeout.count
    case .room:
      let until = client.exchange?.model?.waitsUntil ?? 0
      return until > nowMilliseconds ? until - nowMilliseconds : 1
    case .heartbeat:
      guard let model = client.exchange?.model else { return nil }
      let due = model.eventMilliseconds &+ model.everyMilliseconds
      return due > nowMilliseconds ? due - nowMilliseconds : 1
    case .none, .connect, .upload, .responseHead, .held, .firstByte, .nextByte, .tunnel: return nil
    }
  }

  private func limit(_ wait: Wait, _ backend: Ref<BackendConnection>) -> UInt64? {
    if wait == .nextRequest {
      return unsafe backend.pool?._withUnsafeGuaranteedRef { $0.keepAliveMilliseconds }
    }
    guard
      let service = unsafe backend.exchange?.service ?? backend.mux?.firstStream?.backend?.exchange?.service
    else { return nil }
    let timeouts = unsafe service.pointee.timeouts
    // An HTTP/2 backend whose SETTINGS are waited for is not yet one that takes requests.
    if wait == .upload, waitsForSettings(backend) { return timeouts.connect.count }
    switch wait {
    case .connect: return timeouts.connect.count
    case .upload, .nextByte: return timeouts.idle.count
    case .responseHead: return untilLook(backend, untilHedge(backend, timeouts.responseHead.count))
    case .held:
      guard let exchange = backend.exchange else { return nil }
      let end = heldUntil(exchange, timeouts)
      return untilLook(backend, end > nowMilliseconds ? end - nowMilliseconds : 1)
    case .firstByte: return timeouts.firstByte.count
    case .tunnel:
      return unsafe service.pointee.isPassage
        ? service.pointee.tunnelIdle.count : snapshot.settings.limits.upgradeIdleTimeout.count
    case .none, .clientReads, .requestContent, .nextRequest, .requestHead, .handshake, .goodbye, .linger,
      .heartbeat, .room:
      return nil
    }
  }

  /// Until when the heads of a request's responses are held back, however many there are.
  func heldUntil(_ exchange: Ref<Exchange>, _ timeouts: Settings.Timeouts) -> UInt64 {
    max(exchange.startedNanoseconds / 1_000_000, exchange.model?.calledMilliseconds ?? 0)
      &+ min(Self.holdMilliseconds, timeouts.firstByte.count)
  }

  /// How long after its request a response's head is held back for its first content, in milliseconds.
  static let holdMilliseconds: UInt64 = 14_000

  func timer(_ client: Ref<ClientConnection>) -> UnsafeMutablePointer<TimerNode> {
    unsafe client.address(atOffset: clientTimerOffset, as: TimerNode.self)
  }

  func timer(_ backend: Ref<BackendConnection>) -> UnsafeMutablePointer<TimerNode> {
    unsafe backend.address(atOffset: backendTimerOffset, as: TimerNode.self)
  }
}
