internal import EventLoop
internal import HTTP
internal import HTTP2
internal import Telemetry
internal import OS
internal import Upstream

// From received bytes to a routed request.
extension Worker {
  /// Handles one request head if it is complete. True when something was done; false when more bytes are needed.
  func handleRequest(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    guard let buffer = d.pointee.buffer else { return false }
    if listeners[Int(d.pointee.listener)].settings.h2c, beginsHTTP2(d, buffer) { return d.pointee.mux != nil }
    skipEmptyLine(d, buffer)
    let base = UnsafePointer(buffer + d.pointee.start)
    let count = d.pointee.end - d.pointee.start
    guard count > 0 else { return false }
    let limit = snapshot.settings.limits.headBytes
    switch HeadEnd.find(base, count: count, from: d.pointee.searched) {
    case .bareLineFeed:
      requestHead = RequestHead()
      refuse(d, .bareLineFeed)
      return true
    case .incomplete(let resume):
      if !d.pointee.headTimed { arm(d, snapshot.settings.limits.headMilliseconds) }
      d.pointee.headTimed = true
      d.pointee.searched = resume
      guard count < limit else {
        requestHead = RequestHead()
        refuse(d, resume == 0 ? .targetTooLong : .headTooLarge)
        return true
      }
      compact(d, buffer)
      return false
    case .found(let length):
      d.pointee.searched = 0
      guard length <= limit else {
        requestHead = RequestHead()
        refuse(d, .headTooLarge)
        return true
      }
      let error = RequestHead.parse(base, count: length, fields: &fields, into: &requestHead)
      counters.add(.requests)
      if let error { refuse(d, error) } else { route(d, base) }
      return true
    }
  }

  /// Empty lines before a request are overlooked (RFC 9112 §2.2).
  private func skipEmptyLine(_ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>) {
    guard d.pointee.searched == 0 else { return }
    while d.pointee.end - d.pointee.start >= 2, buffer[d.pointee.start] == 0x0D,
      buffer[d.pointee.start + 1] == 0x0A
    { d.pointee.start += 2 }
    guard d.pointee.start == d.pointee.end else { return }
    d.pointee.start = Downstream.headroom
    d.pointee.end = Downstream.headroom
  }

  /// Moves a head that began far back in the buffer to its front, so that it has all the room.
  private func compact(_ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>) {
    guard d.pointee.start > Downstream.headroom else { return }
    let count = d.pointee.end - d.pointee.start
    (buffer + Downstream.headroom).update(from: buffer + d.pointee.start, count: count)
    d.pointee.start = Downstream.headroom
    d.pointee.end = Downstream.headroom + count
  }

  /// Whether a client without TLS begins with HTTP/2's preface, or may be about to (RFC 9113 §3.3).
  private func beginsHTTP2(
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    let count = d.pointee.end - d.pointee.start
    guard d.pointee.session == nil, d.pointee.stream == nil, d.pointee.searched == 0,
      let matching = HTTP2.Connection.matchesPreface(buffer + d.pointee.start, count)
    else { return false }
    guard matching == HTTP2.Connection.prefaceLength else {
      if !d.pointee.headTimed { arm(d, snapshot.settings.limits.headMilliseconds) }
      d.pointee.headTimed = true
      return true
    }
    beginMux(d)
    takeFrames(d)
    return true
  }

  func route(_ d: UnsafeMutablePointer<Downstream>, _ base: UnsafePointer<UInt8>) {
    if requestHead.targetLength > snapshot.settings.limits.targetBytes { return refuse(d, .targetTooLong) }
    let listener = listeners[Int(d.pointee.listener)].settings
    if listener.profile == nil, answerChallenge(d, base) { return }
    if let port = listener.redirectPort { return redirect(d, base, port) }
    let pathLength = pathOnlyLength(base)
    // An absolute URL without a path, and `*`, belong to the root.
    let hasPath = pathLength > 0 && base[requestHead.targetStart] == 0x2F
    let index = snapshot.routes.find(
      host: base + requestHead.hostStart, requestHead.hostLength,
      path: hasPath ? base + requestHead.targetStart : Self.slash.utf8Start, hasPath ? pathLength : 1)
    guard index >= 0 else { return answer(d, .noRoute, closing: false, isGRPC: isCall(base)) }
    let compiled = snapshot.compiledRoutes + index
    if let refusal = refusalByIdentity(d, base, compiled) {
      return answer(d, refusal, closing: false, isGRPC: isCall(base), route: compiled)
    }
    if answerAsLastHop(d, base) { return }
    let x = begin(d, base, compiled)
    if let s = d.pointee.stream { describe(x, d, s) }
    // HTTP/2 has no other upgrade than this one (RFC 8441).
    if x.pointee.wantsUpgrade, x.pointee.service?.pointee.isHTTP2 == true, !x.pointee.isExtendedConnect {
      x.pointee.wantsUpgrade = x.pointee.webSocket.hasKey
    }
    if let problem = placeHead(d, x, base) { return failExchange(x, problem) }
    d.pointee.state = .exchange
    startUpstream(x)
    guard d.pointee.slot.isLive, d.pointee.state == .exchange else { return }
    // One that has closed behind its request does not wait for the answer.
    if d.pointee.peerClosed { clientGone(d) } else { armForState(d) }
  }

  /// Whether the request that has been parsed is a gRPC call.
  private func isCall(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count {
      let line = fields.lines[i]
      guard line.name == .other, line.nameLength == 12, line.valueLength >= 16 else { continue }
      if FieldName.isGRPCContent(name: base + Int(line.nameStart), value: base + Int(line.valueStart)) {
        return true
      }
    }
    return false
  }

  private static let slash: StaticString = "/"

  /// The target's length without its query.
  func pathOnlyLength(_ base: UnsafePointer<UInt8>) -> Int {
    let target = base + requestHead.targetStart
    for i in 0..<requestHead.targetLength where target[i] == 0x3F { return i }
    return requestHead.targetLength
  }

  private func begin(
    _ d: UnsafeMutablePointer<Downstream>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> UnsafeMutablePointer<Exchange> {
    let x = exchanges.acquire()
    x.pointee.downstream = d
    x.pointee.snapshot = Unmanaged.passRetained(snapshot)
    x.pointee.route = route
    x.pointee.service = route.pointee.service
    x.pointee.method = requestHead.method
    x.pointee.minorVersion = requestHead.minorVersion
    x.pointee.keepsAlive = requestHead.keepsAlive && !isDraining
    x.pointee.wantsUpgrade = requestHead.upgrade && !offersH2C(base)
    x.pointee.requestFraming = requestHead.framing
    if case .length(let length) = requestHead.framing { x.pointee.requestLeft = length }
    if route.pointee.service.pointee.compression != nil { x.pointee.wantsGzip = wantsGzip(base) }
    x.pointee.startedNanoseconds = nowNanoseconds
    x.pointee.unwrapsRequest =
      route.pointee.service.pointee.isHTTP2 && d.pointee.stream == nil && requestHead.framing == .chunked
    noteFields(x, base)
    if accessLog != nil { remember(x, base) }
    d.pointee.exchange = x
    return x
  }

  /// What the fields say that matters to other versions and to gRPC.
  private func noteFields(_ x: UnsafeMutablePointer<Exchange>, _ base: UnsafePointer<UInt8>) {
    for i in 0..<fields.count {
      let line = fields.lines[i]
      if x.pointee.wantsUpgrade { x.pointee.webSocket.note(line, of: base) }
      if line.name == .te {
        x.pointee.acceptsTrailers = HTTP.FieldName.containsTrailers(
          base + Int(line.valueStart), Int(line.valueLength))
      } else if line.name == .other, line.nameLength == 12, line.valueLength >= 16 {
        let isGRPC = FieldName.isGRPCContent(
          name: base + Int(line.nameStart), value: base + Int(line.valueStart))
        if isGRPC { x.pointee.isGRPC = true }
      }
    }
  }

  /// `Upgrade: h2c` would let a client speak past us: such an upgrade is never passed on (RFC 9113 removed it).
  private func offersH2C(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count where fields.lines[i].name == .upgrade {
      var found = false
      ListElements.forEach(base + Int(fields.lines[i].valueStart), Int(fields.lines[i].valueLength)) { p, n in
        if n >= 2, p[0] | 0x20 == 0x68, p[1] == 0x32 { found = true }
        return !found
      }
      if found { return true }
    }
    return false
  }

  /// Puts the rewritten head right before the content, so that both leave in one write; or tells why not.
  private func placeHead(
    _ d: UnsafeMutablePointer<Downstream>, _ x: UnsafeMutablePointer<Exchange>, _ base: UnsafePointer<UInt8>
  ) -> LocalAnswer? {
    guard let buffer = d.pointee.buffer else { return .badRequest }
    var writer = HeadWriter(scratch, capacity: Self.scratchSize)
    writeRequestHead(&writer, d, x, base)
    var bodyStart = d.pointee.start + requestHead.length
    guard !writer.overflowed else { return .headTooLarge }
    if writer.count > bodyStart {
      // Fields that the configuration adds need more than the headroom: move the content up.
      let shift = writer.count - bodyStart
      guard d.pointee.end + shift <= Downstream.headroom + Downstream.bodyRoom else { return .headTooLarge }
      (buffer + bodyStart + shift).update(from: buffer + bodyStart, count: d.pointee.end - bodyStart)
      bodyStart += shift
      d.pointee.end += shift
    }
    d.pointee.start = bodyStart - writer.count
    (buffer + d.pointee.start).update(from: writer.start, count: writer.count)
    d.pointee.sent = d.pointee.start
    d.pointee.requestEnd = bodyStart
    x.pointee.requestHeadLength = writer.count
    if d.pointee.stream != nil { return nil }
    return acceptContent(d, x) ? nil : .badRequest
  }

  /// Takes the bytes behind `requestEnd` as content, as far as the request goes. False when they are malformed.
  func acceptContent(_ d: UnsafeMutablePointer<Downstream>, _ x: UnsafeMutablePointer<Exchange>) -> Bool {
    guard let buffer = d.pointee.buffer, !x.pointee.requestComplete else { return true }
    let available = d.pointee.end - d.pointee.requestEnd
    switch x.pointee.requestFraming {
    case .none, .untilClose: x.pointee.requestComplete = true
    case .length:
      let n = Int(min(UInt64(available), x.pointee.requestLeft))
      x.pointee.requestLeft -= UInt64(n)
      d.pointee.requestEnd += n
      x.pointee.bytesIn += UInt64(n)
      x.pointee.requestComplete = x.pointee.requestLeft == 0
    case .chunked:
      guard available > 0 else { return true }
      if x.pointee.unwrapsRequest { return unwrapContent(d, x, buffer + d.pointee.requestEnd, available) }
      switch x.pointee.requestChunks.scan(buffer + d.pointee.requestEnd, available) {
      case .more: d.pointee.requestEnd = d.pointee.end
      case .end(let n):
        d.pointee.requestEnd += n
        x.pointee.requestComplete = true
      case .failed: return false
      }
      x.pointee.bytesIn += UInt64(available)
    }
    return true
  }

  /// Content in chunks for a backend that knows none: the payload moves together, and what stands behind it with it.
  private func unwrapContent(
    _ d: UnsafeMutablePointer<Downstream>, _ x: UnsafeMutablePointer<Exchange>,
    _ p: UnsafeMutablePointer<UInt8>, _ available: Int
  ) -> Bool {
    var kept = 0
    var used = available
    let outcome = x.pointee.requestChunks.scan(
      p, available,
      data: { at, n in
        (p + kept).update(from: p + at, count: n)
        kept += n
      },
      trailer: { byte in
        withUnsafePointer(to: byte) { x.pointee.requestTrailers.append($0, 1) }
      })
    switch outcome {
    case .failed: return false
    case .more: break
    case .end(let n):
      used = n
      x.pointee.requestComplete = true
    }
    (p + kept).update(from: p + used, count: available - used)
    d.pointee.requestEnd += kept
    d.pointee.end -= used - kept
    x.pointee.bytesIn += UInt64(kept)
    return true
  }

  /// What is peculiar to a request that came by HTTP/2.
  private func describe(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>, _ s: StreamPointer
  ) {
    x.pointee.isExtendedConnect = s.pointee.state.isTunnel
    // Trailers may follow even without content, for backends that know such.
    let mayFollow = x.pointee.service?.pointee.isHTTP2 == true && !x.pointee.isExtendedConnect
    x.pointee.requestComplete = s.pointee.hasNoContent || (x.pointee.requestFraming == .none && !mayFollow)
  }

  /// More of the request's content has arrived.
  func takeRequestContent(_ d: UnsafeMutablePointer<Downstream>) {
    guard let x = d.pointee.exchange else { return }
    guard d.pointee.stream != nil || acceptContent(d, x) else {
      shared.report(.requestRefused(peer: text(d.pointee.peer), reason: "malformed chunked content"))
      return failExchange(x, .badRequest)
    }
    armForState(d)
    if let u = x.pointee.upstream, u.pointee.state == .active { forwardRequest(x, u) }
  }

  /// Everything in the buffer has been sent and more is to come: use it from the front again. From here on the
  /// request cannot be repeated on another backend.
  func makeRoom(_ d: UnsafeMutablePointer<Downstream>, _ x: UnsafeMutablePointer<Exchange>) {
    guard d.pointee.sent == d.pointee.requestEnd, d.pointee.requestEnd == d.pointee.end else { return }
    x.pointee.replayable = false
    d.pointee.start = Downstream.headroom
    d.pointee.sent = Downstream.headroom
    d.pointee.requestEnd = Downstream.headroom
    d.pointee.end = Downstream.headroom
  }
}
