internal import HTTP2
internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS
internal import TLS
internal import Upstream

// How an exchange ends.
extension Worker {
  /// The response is complete.
  func finishResponse(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<Downstream>, reusable: Bool
  ) {
    if exchange.isGRPC { recordTrailers(backend, exchange) }
    if let stream = client.stream {
      let trailers = exchange.trailers
      exchange.trailers = ParkedOutput()
      endExchange(exchange, reusable: reusable && exchange.requestSent && exchange.upstreamKeepsAlive)
      return endResponse(client, stream, trailers: trailers)
    }
    let keeps = exchange.keepsAlive && exchange.requestComplete
    endExchange(exchange, reusable: reusable && exchange.requestSent && exchange.upstreamKeepsAlive)
    guard keeps, !isDraining else { return beginClose(client) }
    readNext(client)
    // Pipelined requests, and bytes whose edge has been used up, are taken now.
    if hasMore(client) { pump(client) }
  }

  /// Makes the connection ready for the next request, keeping what has come of it.
  func readNext(_ client: Ref<Downstream>) {
    client.state = .reading
    client.start = client.requestEnd
    client.searched = 0
    client.headTimed = false
    if client.start >= client.end {
      dropBuffer(client)
    } else if let buffer = unsafe client.buffer {
      // Room for the next head and its content, as with a fresh buffer.
      let count = client.end - client.start
      unsafe (buffer + Downstream.headroom).update(from: buffer + client.start, count: count)
      client.start = Downstream.headroom
      client.end = Downstream.headroom + count
    }
    armForState(client)
    if client.isEarly { leaveEarly(client) }
  }

  /// The backend's stream has ended, properly or not.
  func upstreamEnded(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>, clean: Bool
  ) {
    guard let client = exchange.downstream else { return closeUpstream(backend) }
    if client.state == .tunnel { return tunnelBackendEnded(backend, exchange, client, clean: clean) }
    if exchange.headDone, exchange.responseFraming == .untilClose || backend.stream != nil, clean {
      guard flushCompressed(exchange, client, ending: .finish) else { return clientGone(client) }
      if exchange.relay == .addChunks, !sendLastChunk(exchange, client) { return clientGone(client) }
      return finishResponse(backend, exchange, client, reusable: false)
    }
    upstreamBroke(backend, "the backend closed the connection before its response was complete")
  }

  /// The last chunk, with the trailers that a backend's HTTP/2 had (RFC 9112 §7.1.2).
  func sendLastChunk(_ exchange: Ref<Exchange>, _ client: Ref<Downstream>)
    -> Bool
  {
    var writer = unsafe HeadWriter(scratch, capacity: Self.scratchSize)
    writer.append("0\r\n")
    let trailers = unsafe exchange.trailers.bytes
    if let base = trailers.baseAddress, exchange.acceptsTrailers {
      unsafe writer.append(base, trailers.count)
    }
    writer.append("\r\n")
    return unsafe send(client, writer.start, writer.count)
  }

  /// The backend's connection is no longer usable.
  /// `untouched` when the backend has said that it did nothing with the request.
  func upstreamBroke(
    _ backend: Ref<UpstreamConnection>, _ reason: String, untouched: Bool = false
  ) {
    guard let exchange = backend.exchange else { return closeUpstream(backend) }
    let pool = unsafe backend.pool
    let nothingCame =
      unsafe !exchange.headDone && (backend.buffer == nil || backend.end == Downstream.headroom)
    // A kept connection that ends before a byte of the response was most likely closed while idle.
    let sentNothing = exchange.downstream.map { $0.sent == $0.start } ?? false
    let rule = unsafe exchange.service?.pointee.retryRule ?? RetryRule()
    let mayRepeat =
      nothingCame && !exchange.gotInterim && exchange.replayable
      && rule.mayRepeat(
        after: .reset(untouched: sentNothing || untouched), isIdempotent: exchange.method.isIdempotent)
    if mayRepeat, backend.isReused, let pool = unsafe pool {
      _ = unsafe pool.retain()
      exchange.upstream = nil
      backend.exchange = nil
      closeUpstream(backend)
      unsafe retryFresh(exchange, pool)
      unsafe pool.release()
      return
    }
    reportBroken(backend, reason)
    if mayRepeat, let pool = unsafe pool {
      _ = unsafe pool.retain()
      defer { unsafe pool.release() }
      exchange.upstream = nil
      backend.exchange = nil
      closeUpstream(backend)
      if mayRetryElsewhere(exchange) { return repeatElsewhere(exchange) }
      // Only this backend is left, and it has but closed one connection, or taken enough on it (RFC 9113 §8.7).
      if untouched, exchange.refusals < Exchange.maximumRefusals {
        exchange.refusals += 1
        counters.add(.upstreamRetries)
        return unsafe retryFresh(exchange, pool)
      }
    }
    if exchange.responseStarted { breakOff(exchange) } else { failExchange(exchange, .badGateway) }
  }

  /// A backend's answer that is not HTTP as we understand it.
  func badGateway(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>, _ error: ParseError
  ) {
    badGateway(backend, exchange, error.reason.description)
  }

  func badGateway(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>, _ reason: String
  ) {
    reportBroken(backend, "malformed response: \(reason)")
    if exchange.responseStarted { breakOff(exchange) } else { failExchange(exchange, .badGateway) }
  }

  /// The response cannot be completed: the client must not take what it has for the whole.
  func breakOff(_ exchange: Ref<Exchange>) {
    guard let client = exchange.downstream else { return }
    endExchange(exchange, reusable: false)
    reset(client)
  }

  /// Nothing has been sent yet: the client gets an answer of ours.
  func failExchange(_ exchange: Ref<Exchange>, _ problem: LocalAnswer) {
    guard let client = exchange.downstream else { return }
    if exchange.responseStarted { return breakOff(exchange) }
    if exchange.isPassage { return refusePassage(exchange, client, status: problem.status) }
    if case .noBackend = problem { counters.add(.requestsWithoutBackend) }
    let complete = exchange.requestComplete
    let isGRPC = exchange.isGRPC
    let keeps = complete && exchange.keepsAlive && problem.keepsConnection
    exchange.status = problem.status
    requestHead = RequestHead()
    requestHead.method = exchange.method
    requestHead.minorVersion = exchange.minorVersion
    let service = unsafe exchange.service.map { unsafe snapshotName(exchange, $0.pointee.index) } ?? ""
    let route = unsafe exchange.route
    let held = unsafe exchange.snapshot?.retain()
    defer { unsafe held?.release() }
    endExchange(exchange, reusable: false)
    client.state = .reading
    if client.stream != nil {
      return unsafe answer(
        client, problem, closing: true, detail: service, isLogged: true, isGRPC: isGRPC, route: route)
    }
    if keeps { client.start = client.requestEnd }
    unsafe answer(client, problem, closing: !keeps, detail: service, isLogged: true, route: route)
    guard keeps, client.slot.isLive, client.state == .reading else { return }
    readNext(client)
    if hasMore(client) { putOff(client) }
  }

  private func snapshotName(_ exchange: Ref<Exchange>, _ index: Int) -> String {
    guard let held = unsafe exchange.snapshot else { return "" }
    return unsafe held._withUnsafeGuaranteedRef { $0.settings.services[index].name }
  }

  /// Takes the exchange apart. The client's connection stays as it is.
  func endExchange(_ exchange: Ref<Exchange>, reusable: Bool) {
    guard exchange.slot.isLive else { return }
    if let backend = exchange.upstream {
      backend.exchange = nil
      exchange.upstream = nil
      // A stream ends with its exchange; what carries it is kept by itself.
      if reusable, backend.state == .active, backend.stream == nil {
        keepIdle(backend)
      } else {
        closeUpstream(backend)
      }
    }
    releaseCompressor(exchange)
    counters.add(.bytesReceived, exchange.bytesIn)
    counters.add(.bytesSent, exchange.bytesOut)
    logAccess(exchange)
    unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.end() }
    exchange.downstream?.exchange = nil
    exchange.requestTrailers.free()
    exchange.trailers.free()
    unsafe exchange.logged?.deallocate()
    unsafe exchange.logged = nil
    unsafe exchange.snapshot?.release()
    unsafe exchange.snapshot = nil
    exchanges.release(exchange)
  }
}
