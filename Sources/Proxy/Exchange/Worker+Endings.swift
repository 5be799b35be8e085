internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import ModelAPI
internal import OS
internal import Telemetry
internal import Upstream

// How an exchange ends: each of these frees it, and is the last that happens to it.
extension Worker {
  /// The response is complete.
  func finishResponse(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, keepsBackend: Bool, keepsClient: Bool
  ) {
    if let backend = exchange.backend { stages.complete(self, exchange, backend) }
    let trailers = exchange.trailers
    let isFramed = exchange.version == .http2
    // A client of HTTP/1.1 has had them in its last chunk.
    if isFramed { exchange.trailers = ParkedOutput() }
    endExchange(exchange, keepsBackend: keepsBackend)
    endAnswer(client, keeps: keepsClient && !closesIdle, trailers: isFramed ? trailers : ParkedOutput())
  }

  /// The backend has done with it: where it may have so many requests only, the next one must find room as soon as the client
  /// has seen the end of this one, whichever worker it comes to.
  @inline(__always)
  func leaveLimitedRoom(_ exchange: Ref<Exchange>) {
    guard let service = unsafe exchange.service, unsafe service.pointee.maximumConnections > 0,
      unsafe service.pointee.room == nil
    else { return }
    leaveRoom(exchange)
  }

  private func leaveRoom(_ exchange: Ref<Exchange>) {
    guard !exchange.hasLeftRoom else { return }
    exchange.hasLeftRoom = true
    unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.end() }
  }

  /// Nothing has been sent yet: the client gets an answer of ours.
  func answerExchange(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ answer: OwnAnswer) {
    if case .noBackend = answer { counters.add(.requestsWithoutBackend) }
    if case .requestTimeout = answer { counters.add(.requestTimeouts) }
    let keeps = exchange.machine.requestComplete && exchange.machine.keepsClient && answer.keepsConnection
    exchange.status = answer.status
    desk.clearRequest()
    desk.request.method = exchange.method
    desk.request.version = exchange.version
    var words = words(answer, exchange)
    let (route, isGRPC) = unsafe (exchange.route, exchange.isGRPC)
    if case .limited = answer, let key = unsafe exchange.model?.key { words.more = unsafe limitFields(key) }
    let held = unsafe exchange.snapshot?.retain()
    defer { unsafe held?.release() }
    endExchange(exchange, keepsBackend: false)
    client.state = isConnection(client) ? .reading : .requested
    if keeps { client.start = client.requestEnd }
    unsafe sayAnswer(client, answer, closing: !keeps, words, isGRPC: isGRPC, route: route)
  }

  func serviceName(_ exchange: Ref<Exchange>, _ index: Int) -> String {
    guard let held = unsafe exchange.ofService else { return "" }
    return unsafe held._withUnsafeGuaranteedRef { $0.settings.services[index].name }
  }

  /// Nobody waits for the response: the backend's work ends at once.
  func abandon(_ exchange: Ref<Exchange>) {
    if exchange.status == 0 { exchange.status = 499 }
    counters.add(.requestsAborted)
    endExchange(exchange, keepsBackend: false)
  }

  /// Takes the exchange apart. The client's connection stays as it is.
  func endExchange(_ exchange: Ref<Exchange>, keepsBackend: Bool) {
    if let backend = exchange.backend {
      backend.exchange = nil
      exchange.backend = nil
      if keepsBackend, backend.state == .active {
        keepIdle(backend)
      } else {
        closeAttempt(backend)
      }
    }
    counters.add(.bytesReceived, exchange.bytesIn)
    counters.add(.bytesSent, exchange.bytesOut)
    if let model = exchange.model {
      if unsafe model.room != nil { leaveRoom(model) }
      if model.earlier != nil { endEarlier(exchange, .hedgesAbandoned) }
      if unsafe model.breaker != nil { letGo(model, .all) }
    }
    stages.end(self, exchange)
    if unsafe exchange.service?.pointee.room != nil {
      uncount(exchange)
    } else {
      leaveRoom(exchange)
    }
    exchange.client?.exchange = nil
    exchange.requestTrailers.free()
    forgetCollected(exchange)
    exchange.trailers.free()
    unsafe exchange.laterSnapshot?.release()
    unsafe exchange.laterSnapshot = nil
    unsafe exchange.snapshot?.release()
    unsafe exchange.snapshot = nil
    exchanges.release(exchange)
  }
}
