internal import EventLoop
internal import Exchange
internal import OS
internal import Telemetry
internal import Upstream

// Attempts of a request: each on one backend, on a connection or a stream of its own.
extension Worker {
  /// Chooses a backend and begins an attempt on it, on a kept connection where there is one.
  func openElsewhere(_ exchange: Ref<Exchange>) -> Machine.Event {
    guard let service = unsafe exchange.service else { return .nobody }
    if unsafe service.pointee.choosesApart { return unsafe openApart(exchange, service) }
    if exchange.machine.attempts == 0 {
      unsafe service.pointee.budget.recordRequest(nowMilliseconds: nowMilliseconds)
    }
    if exchange.model != nil { rereadPrompt(exchange) }
    guard let chosen = unsafe pickBackend(service, tried: exchange.tried, exchange.model) else {
      return .nobody
    }
    exchange.tried.insert(chosen)
    return unsafe openAttempt(exchange, service, service.pointee.pools[chosen], mayReuse: true)
  }

  /// The same where backends are not simply chosen.
  @inline(never)
  private func openApart(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>
  ) -> Machine.Event {
    if unsafe service.pointee.breaks, let limit = unsafe enter(exchange, service) {
      return .overLimit(limit.told)
    }
    if let room = unsafe service.pointee.room { return unsafe openWithRoom(exchange, service, room) }
    if exchange.machine.attempts == 0 {
      unsafe service.pointee.budget.recordRequest(nowMilliseconds: nowMilliseconds)
    }
    if exchange.model != nil { rereadPrompt(exchange) }
    let kept = unsafe service.pointee.affinity.flatMap { unsafe keptPlace(exchange, service, $0) }
    guard let chosen = unsafe kept ?? choose(service, tried: exchange.tried, exchange.model) else {
      return .nobody
    }
    if unsafe service.pointee.breaks, let limit = unsafe enterConnection(exchange, service, chosen) {
      return .overLimit(limit.told)
    }
    exchange.tried.insert(chosen)
    return unsafe openAttempt(exchange, service, service.pointee.pools[chosen], mayReuse: true)
  }

  /// A backend, by groups where there are some.
  func choose(
    _ service: UnsafeMutablePointer<ServiceEntry>, tried: BackendSet, _ model: Ref<ModelRequest>?
  ) -> Int? {
    guard let groups = unsafe service.pointee.groups else {
      return unsafe pickBackend(service, tried: tried, model)
    }
    return unsafe pickInGroups(service, groups, tried: tried, model)
  }

  /// Ends the attempt and begins another one, of the same request.
  func repeatRequest(_ exchange: Ref<Exchange>, _ place: Action.Where) -> Machine.Event {
    guard let service = unsafe exchange.service, let pool = unsafe exchange.backend?.pool else {
      dropAttempt(exchange)
      return .nobody
    }
    // The pool outlives its last connection.
    _ = unsafe pool.retain()
    defer { unsafe pool.release() }
    dropAttempt(exchange)
    if let client = exchange.client { client.sent = client.start }
    exchange.collectedSent = 0
    exchange.machine.rewind()
    if place != .fresh { counters.add(.upstreamRetries) }
    guard place == .elsewhere else { return unsafe openAttempt(exchange, service, pool, mayReuse: false) }
    _ = unsafe service.pointee.budget.tryRetry(nowMilliseconds: nowMilliseconds)
    if unsafe service.pointee.breaks { _ = unsafe enterRetry(exchange, service) }
    return openElsewhere(exchange)
  }

  /// Gives up the attempt's connection, if there is one.
  func dropAttempt(_ exchange: Ref<Exchange>) {
    exchange.endsWithHead = false
    guard let backend = exchange.backend else { return }
    backend.exchange = nil
    exchange.backend = nil
    closeAttempt(backend)
  }

  func openAttempt(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>, _ pool: Unmanaged<BackendPool>,
    mayReuse: Bool
  ) -> Machine.Event {
    unsafe count(exchange, on: pool)
    if unsafe service.pointee.longestHost > 0 { unsafe writeHost(exchange, pool) }
    if unsafe service.pointee.isHTTP2 { return unsafe openRequestStream(exchange, service, pool) }
    // Over HTTP/1 a connection with work is a request under way, this one counted: idle ones of other workers, which cannot
    // be used here, keep nobody out.
    let maximum = unsafe service.pointee.maximumConnections
    if maximum > 0,
      unsafe pool._withUnsafeGuaranteedRef({ unsafe $0.status._withUnsafeGuaranteedRef { $0.inFlight } })
        > maximum
    {
      return .unopened
    }
    if mayReuse, let backend = unsafe pool._withUnsafeGuaranteedRef({ $0.takeIdle() }) {
      counters.add(.upstreamConnectionsReused)
      attach(backend, exchange)
      return .opened(.kept)
    }
    guard let backend = unsafe dial(pool, maximum: 0) else {
      return .unopened
    }
    attach(backend, exchange)
    return .opened(.connecting)
  }

  func attach(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>) {
    backend.exchange = exchange
    exchange.backend = backend
  }

  private func count(_ exchange: Ref<Exchange>, on pool: Unmanaged<BackendPool>) {
    if let model = exchange.model { giveBack(model, exchange, isRefused: true) }
    let status = unsafe pool._withUnsafeGuaranteedRef { unsafe $0.status }
    // The same one once more, or one that has kept room for it, counts it already.
    if unsafe exchange.counted?.toOpaque() != status.toOpaque() {
      unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.end() }
      unsafe status._withUnsafeGuaranteedRef { $0.begin() }
      unsafe exchange.counted = unsafe status
    }
    if let model = exchange.model {
      model.sentNanoseconds = nowNanoseconds
      if model.isRead, unsafe exchange.service?.pointee.readsPrompts == true {
        unsafe charge(model, exchange, status)
      }
    }
  }

  /// The one way in which a request begins on a connection, be it new, kept or a stream: what the buffer holds goes
  /// out, and what has waited behind a full buffer is read, for which there will be no event.
  func sendRequest(_ exchange: Ref<Exchange>) -> Step {
    let step = forward(exchange)
    if !exchange.machine.requestComplete, let client = exchange.client, clientHasUnread(client) {
      putOff(client)
    }
    return step
  }

  /// Sends what the buffer holds of the request.
  func forward(_ exchange: Ref<Exchange>) -> Step {
    guard let backend = exchange.backend, backend.state == .active, let client = exchange.client,
      let buffer = unsafe client.buffer, !exchange.machine.requestSent, !backend.wire.writeClosed
    else { return .rest }
    if exchange.collects, !exchange.collected.isEmpty,
      unsafe !forwardCollected(exchange, client, backend, buffer)
    {
      return .rest
    }
    if let problem = unsafe forwardBuffered(exchange, client, backend, buffer) { return .event(problem) }
    guard client.sent == client.requestEnd, !backend.wire.writeClosed else { return .rest }
    guard exchange.machine.requestComplete else {
      if exchange.machine.attempt.hasHead || client.isFull { makeRoom(client, exchange) }
      return .rest
    }
    exchange.machine.requestSent = true
    return .rest
  }

  /// Sends what the client's buffer holds up to a place.
  func forwardBytes(
    _ client: Ref<ClientConnection>, _ backend: Ref<BackendConnection>, _ buffer: UnsafeMutablePointer<UInt8>,
    to end: Int
  ) {
    backend.isHeldUp = false
    while client.sent < end {
      let n = unsafe backend.wire.sendSome(buffer + client.sent, end - client.sent, pipe)
      if n == Sys.wouldBlock {
        backend.isHeldUp = true
        return
      }
      guard n > 0 else { return uploadBroke(backend) }
      client.sent += n
    }
  }

  /// The backend takes no more of a request: it may have answered before it closed, and what it has said by now comes first
  /// (RFC 9112 §9.5). Without an answer the end of the connection is met right behind.
  func uploadBroke(_ backend: Ref<BackendConnection>) {
    backend.wire.writeClosed = true
    backend.wire.output.free()
    backend.wire.peerClosed = true
    backend.wire.readable = true
    putOff(backend)
  }

  /// Everything in the buffer has been sent and more is to come: use it from the front again. From here on the
  /// request cannot be repeated on another backend.
  func makeRoom(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) {
    guard client.sent == client.requestEnd, client.requestEnd == client.end else { return }
    if exchange.collects, !exchange.collected.isEmpty {
      guard exchange.collectedSent == exchange.collected.count else { return }
      forgetCollected(exchange)
    }
    exchange.machine.forgetsRequest()
    client.element.emptyBuffer()
  }
}
