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
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, reusable: Bool
  ) {
    if x.pointee.isGRPC { recordTrailers(u, x) }
    if let s = d.pointee.stream {
      let trailers = x.pointee.trailers
      x.pointee.trailers = ParkedOutput()
      endExchange(x, reusable: reusable && x.pointee.requestSent && x.pointee.upstreamKeepsAlive)
      return endResponse(d, s, trailers: trailers)
    }
    let keeps = x.pointee.keepsAlive && x.pointee.requestComplete
    endExchange(x, reusable: reusable && x.pointee.requestSent && x.pointee.upstreamKeepsAlive)
    guard keeps, !isDraining else { return beginClose(d) }
    readNext(d)
    // Pipelined requests, and bytes whose edge has been used up, are taken now.
    if hasMore(d) { pump(d) }
  }

  /// Makes the connection ready for the next request, keeping what has come of it.
  func readNext(_ d: UnsafeMutablePointer<Downstream>) {
    d.pointee.state = .reading
    d.pointee.start = d.pointee.requestEnd
    d.pointee.searched = 0
    d.pointee.headTimed = false
    if d.pointee.start >= d.pointee.end {
      dropBuffer(d)
    } else if let buffer = d.pointee.buffer {
      // Room for the next head and its content, as with a fresh buffer.
      let count = d.pointee.end - d.pointee.start
      (buffer + Downstream.headroom).update(from: buffer + d.pointee.start, count: count)
      d.pointee.start = Downstream.headroom
      d.pointee.end = Downstream.headroom + count
    }
    armForState(d)
    if d.pointee.isEarly { leaveEarly(d) }
  }

  /// The backend's stream has ended, properly or not.
  func upstreamEnded(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>, clean: Bool
  ) {
    guard let d = x.pointee.downstream else { return closeUpstream(u) }
    if d.pointee.state == .tunnel { return tunnelBackendEnded(u, x, d, clean: clean) }
    if x.pointee.headDone, x.pointee.responseFraming == .untilClose || u.pointee.stream != nil, clean {
      guard flushCompressed(x, d, ending: .finish) else { return clientGone(d) }
      if x.pointee.relay == .addChunks, !sendLastChunk(x, d) { return clientGone(d) }
      return finishResponse(u, x, d, reusable: false)
    }
    upstreamBroke(u, "the backend closed the connection before its response was complete")
  }

  /// The last chunk, with the trailers that a backend's HTTP/2 had (RFC 9112 §7.1.2).
  func sendLastChunk(_ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>)
    -> Bool
  {
    var writer = HeadWriter(scratch, capacity: Self.scratchSize)
    writer.append("0\r\n")
    let trailers = x.pointee.trailers.bytes
    if let base = trailers.baseAddress, x.pointee.acceptsTrailers { writer.append(base, trailers.count) }
    writer.append("\r\n")
    return send(d, writer.start, writer.count)
  }

  /// The backend's connection is no longer usable.
  /// `untouched` when the backend has said that it did nothing with the request.
  func upstreamBroke(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ reason: String, untouched: Bool = false
  ) {
    guard let x = u.pointee.exchange else { return closeUpstream(u) }
    let pool = u.pointee.pool
    let nothingCame = !x.pointee.headDone && (u.pointee.buffer == nil || u.pointee.end == Downstream.headroom)
    // A kept connection that ends before a byte of the response was most likely closed while idle.
    let sentNothing = x.pointee.downstream.map { $0.pointee.sent == $0.pointee.start } ?? false
    let rule = x.pointee.service?.pointee.retryRule ?? RetryRule()
    let mayRepeat =
      nothingCame && !x.pointee.gotInterim && x.pointee.replayable
      && rule.mayRepeat(
        after: .reset(untouched: sentNothing || untouched), isIdempotent: x.pointee.method.isIdempotent)
    if mayRepeat, u.pointee.isReused, let pool {
      _ = pool.retain()
      x.pointee.upstream = nil
      u.pointee.exchange = nil
      closeUpstream(u)
      retryFresh(x, pool)
      pool.release()
      return
    }
    reportBroken(u, reason)
    if mayRepeat, let pool {
      _ = pool.retain()
      defer { pool.release() }
      x.pointee.upstream = nil
      u.pointee.exchange = nil
      closeUpstream(u)
      if mayRetryElsewhere(x) { return repeatElsewhere(x) }
      // Only this backend is left, and it has but closed one connection, or taken enough on it (RFC 9113 §8.7).
      if untouched, x.pointee.refusals < Exchange.maximumRefusals {
        x.pointee.refusals += 1
        counters.add(.upstreamRetries)
        return retryFresh(x, pool)
      }
    }
    if x.pointee.responseStarted { breakOff(x) } else { failExchange(x, .badGateway) }
  }

  /// A backend's answer that is not HTTP as we understand it.
  func badGateway(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>, _ error: ParseError
  ) {
    badGateway(u, x, error.reason.description)
  }

  func badGateway(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>, _ reason: String
  ) {
    reportBroken(u, "malformed response: \(reason)")
    if x.pointee.responseStarted { breakOff(x) } else { failExchange(x, .badGateway) }
  }

  /// The response cannot be completed: the client must not take what it has for the whole.
  func breakOff(_ x: UnsafeMutablePointer<Exchange>) {
    guard let d = x.pointee.downstream else { return }
    endExchange(x, reusable: false)
    reset(d)
  }

  /// Nothing has been sent yet: the client gets an answer of ours.
  func failExchange(_ x: UnsafeMutablePointer<Exchange>, _ problem: LocalAnswer) {
    guard let d = x.pointee.downstream else { return }
    if x.pointee.responseStarted { return breakOff(x) }
    if x.pointee.isPassage { return refusePassage(x, d, status: problem.status) }
    if case .noBackend = problem { counters.add(.requestsWithoutBackend) }
    let complete = x.pointee.requestComplete
    let isGRPC = x.pointee.isGRPC
    let keeps = complete && x.pointee.keepsAlive && problem.keepsConnection
    x.pointee.status = problem.status
    requestHead = RequestHead()
    requestHead.method = x.pointee.method
    requestHead.minorVersion = x.pointee.minorVersion
    let service = x.pointee.service.map { snapshotName(x, $0.pointee.index) } ?? ""
    let route = x.pointee.route
    let held = x.pointee.snapshot?.retain()
    defer { held?.release() }
    endExchange(x, reusable: false)
    d.pointee.state = .reading
    if d.pointee.stream != nil {
      return answer(d, problem, closing: true, detail: service, isLogged: true, isGRPC: isGRPC, route: route)
    }
    if keeps { d.pointee.start = d.pointee.requestEnd }
    answer(d, problem, closing: !keeps, detail: service, isLogged: true, route: route)
    guard keeps, d.pointee.slot.isLive, d.pointee.state == .reading else { return }
    readNext(d)
    if hasMore(d) { putOff(d) }
  }

  private func snapshotName(_ x: UnsafeMutablePointer<Exchange>, _ index: Int) -> String {
    guard let held = x.pointee.snapshot else { return "" }
    return held._withUnsafeGuaranteedRef { $0.settings.services[index].name }
  }

  /// Takes the exchange apart. The client's connection stays as it is.
  func endExchange(_ x: UnsafeMutablePointer<Exchange>, reusable: Bool) {
    guard x.pointee.slot.isLive else { return }
    if let u = x.pointee.upstream {
      u.pointee.exchange = nil
      x.pointee.upstream = nil
      // A stream ends with its exchange; what carries it is kept by itself.
      if reusable, u.pointee.state == .active, u.pointee.stream == nil {
        keepIdle(u)
      } else {
        closeUpstream(u)
      }
    }
    releaseCompressor(x)
    counters.add(.bytesReceived, x.pointee.bytesIn)
    counters.add(.bytesSent, x.pointee.bytesOut)
    logAccess(x)
    x.pointee.counted?._withUnsafeGuaranteedRef { $0.end() }
    x.pointee.downstream?.pointee.exchange = nil
    x.pointee.requestTrailers.free()
    x.pointee.trailers.free()
    x.pointee.logged?.deallocate()
    x.pointee.logged = nil
    x.pointee.snapshot?.release()
    x.pointee.snapshot = nil
    exchanges.release(x)
  }
}
