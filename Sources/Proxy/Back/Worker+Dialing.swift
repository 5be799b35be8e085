internal import EventLoop
internal import Exchange
internal import OS
internal import TLS
internal import Telemetry
internal import Upstream

// From nothing to a connection that can be used.
extension Worker {
  /// A connection that is being made; nil when the kernel refuses at once, or there are too many.
  func dial(_ pool: Unmanaged<BackendPool>, maximum: Int) -> Ref<BackendConnection>? {
    let status = unsafe pool._withUnsafeGuaranteedRef { unsafe $0.status }
    guard unsafe status._withUnsafeGuaranteedRef({ $0.openConnection(maximum: maximum) }) else { return nil }
    let family = unsafe pool._withUnsafeGuaranteedRef { $0.address.family }
    var fd = Sys.socket(family: family, for: .backends)
    if Sys.isOutOfDescriptors(fd), freeDescriptor() { fd = Sys.socket(family: family, for: .backends) }
    guard fd >= 0 else {
      if Sys.isOutOfDescriptors(fd) { shared.report(.outOfDescriptors) }
      unsafe status._withUnsafeGuaranteedRef { $0.closeConnection() }
      return nil
    }
    let backend = backends.acquire()
    backend.dialedNanoseconds = nowNanoseconds
    backend.wire.fd = Int32(fd)
    backend.wire.timer = TimerNode(owner: token(backend))
    unsafe backend.pool = unsafe pool.retain()
    Sys.setNoDelay(backend.wire.fd)
    var address = unsafe pool._withUnsafeGuaranteedRef { $0.address }
    let result = unsafe Sys.connect(backend.wire.fd, &address)
    guard result == 0 || result == Sys.inProgress, poller.add(backend.wire.fd, token(backend)) == 0 else {
      // At once: nobody listens on this machine, or no port of ours is left.
      counters.add(.upstreamConnectionsFailed)
      reportBroken(backend, SystemError(call: "connect", code: Int32(clamping: -result)).description)
      closeBackend(backend)
      return nil
    }
    return backend
  }

  /// The kernel has decided about a connect.
  func connected(_ backend: Ref<BackendConnection>) {
    let error = Sys.socketError(backend.wire.fd)
    guard error == 0 else {
      return connectFailed(backend, SystemError(call: "connect", code: error).description)
    }
    guard let pool = unsafe backend.pool else { return closeBackend(backend) }
    guard announceClient(backend) else { return connectFailed(backend, "closed before the PROXY header") }
    let host = unsafe pool._withUnsafeGuaranteedRef { $0.settings.tlsHost }
    guard let host else { return established(backend) }
    let context = unsafe pool._withUnsafeGuaranteedRef { $0.clientContext }
    guard let context, let session = Session(client: context, host: host, pipe: pipe) else {
      return connectFailed(backend, "no TLS session")
    }
    backend.wire.secure(session)
    backend.state = .handshaking
    stepBackendHandshake(backend)
  }

  func stepBackendHandshake(_ backend: Ref<BackendConnection>) {
    while true {
      let step = backend.wire.handshake(pipe, listensFirst: false) { $0.handshake() }
      if step.isOver { return connectFailed(backend, "closed during the TLS handshake") }
      switch step.outcome {
      case .complete: return established(backend)
      case .wantRead where backend.wire.readable: continue
      case .wantRead, .wantWrite, nil: return
      case .closed, .failed: return connectFailed(backend, "TLS: " + backend.wire.failure)
      }
    }
  }

  /// The connection can be used: what it was made for begins.
  private func established(_ backend: Ref<BackendConnection>) {
    if let mux = backend.mux { return beginBackendMux(backend, mux) }
    guard let exchange = backend.exchange else { return closeBackend(backend) }
    backend.state = .active
    counters.add(.upstreamConnectionsOpened)
    if let service = unsafe exchange.service {
      let taken = (nowNanoseconds &- min(backend.dialedNanoseconds, nowNanoseconds)) / 1000
      unsafe service.pointee.times._withUnsafeGuaranteedRef { $0.connect.record(taken) }
      if unsafe service.pointee.breaks, let model = exchange.model { letGo(model, LimitSet(.pending)) }
    }
    drive(exchange, .connected)
  }

  /// No connection came about: everything that has waited for it looks elsewhere.
  func connectFailed(_ backend: Ref<BackendConnection>, _ reason: String) {
    if let mux = backend.mux {
      leavePool(mux)
      walk(mux) { stream in
        if let waiting = stream.backend { attemptFailed(waiting, reason) }
      }
      return closeBackend(backend)
    }
    attemptFailed(backend, reason)
  }

  private func attemptFailed(_ backend: Ref<BackendConnection>, _ reason: String) {
    counters.add(.upstreamConnectionsFailed)
    guard let exchange = backend.exchange else { return closeBackend(backend) }
    drive(exchange, .connectFailed, faultOf: backend, reason)
  }
}

extension BackendPool {
  /// Whether requests may be sent to it.
  func isUsable(_ maximumConnections: Int) -> Bool {
    guard hasAddress, unsafe status._withUnsafeGuaranteedRef({ $0.health }) != .unhealthy else {
      return false
    }
    if maximumConnections == 0 { return true }
    return unsafe status._withUnsafeGuaranteedRef {
      settings.http2
        ? firstMux != nil || $0.connections < maximumConnections : $0.inFlight < maximumConnections
    }
  }
}
