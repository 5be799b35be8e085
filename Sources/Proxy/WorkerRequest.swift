internal import EventLoop
internal import HTTP
internal import HTTP2
internal import Telemetry
internal import OS
internal import Upstream

// From received bytes to a routed request.
extension Worker {
  /// Handles one request head if it is complete. True when something was done; false when more bytes are needed.
  func handleRequest(_ client: Ref<Downstream>) -> Bool {
    guard let buffer = unsafe client.buffer else { return false }
    if listeners[Int(client.listener)].settings.h2c, unsafe beginsHTTP2(client, buffer) {
      return client.mux != nil
    }
    unsafe skipEmptyLine(client, buffer)
    let base = unsafe UnsafePointer(buffer + client.start)
    let count = client.end - client.start
    guard count > 0 else { return false }
    let limit = snapshot.settings.limits.headBytes
    switch unsafe HeadEnd.find(base, count: count, from: client.searched) {
    case .bareLineFeed:
      requestHead = RequestHead()
      refuse(client, .bareLineFeed)
      return true
    case .incomplete(let resume):
      if !client.headTimed { arm(client, snapshot.settings.limits.headMilliseconds) }
      client.headTimed = true
      client.searched = resume
      guard count < limit else {
        requestHead = RequestHead()
        refuse(client, resume == 0 ? .targetTooLong : .headTooLarge)
        return true
      }
      unsafe compact(client, buffer)
      return false
    case .found(let length):
      client.searched = 0
      guard length <= limit else {
        requestHead = RequestHead()
        refuse(client, .headTooLarge)
        return true
      }
      let error = unsafe RequestHead.parse(base, count: length, fields: &fields, into: &requestHead)
      counters.add(.requests)
      if let error { refuse(client, error) } else { unsafe route(client, base) }
      return true
    }
  }

  /// Empty lines before a request are overlooked (RFC 9112 §2.2).
  private func skipEmptyLine(_ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>) {
    guard client.searched == 0 else { return }
    while client.end - client.start >= 2, unsafe buffer[client.start] == 0x0D,
      unsafe buffer[client.start + 1] == 0x0A
    { client.start += 2 }
    guard client.start == client.end else { return }
    client.start = Downstream.headroom
    client.end = Downstream.headroom
  }

  /// Moves a head that began far back in the buffer to its front, so that it has all the room.
  private func compact(_ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>) {
    guard client.start > Downstream.headroom else { return }
    let count = client.end - client.start
    unsafe (buffer + Downstream.headroom).update(from: buffer + client.start, count: count)
    client.start = Downstream.headroom
    client.end = Downstream.headroom + count
  }

  /// Whether a client without TLS begins with HTTP/2's preface, or may be about to (RFC 9113 §3.3).
  private func beginsHTTP2(
    _ client: Ref<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    let count = client.end - client.start
    guard !client.wire.isSecure, client.stream == nil, client.searched == 0,
      let matching = unsafe HTTP2.Connection.matchesPreface(buffer + client.start, count)
    else { return false }
    guard matching == HTTP2.Connection.prefaceLength else {
      if !client.headTimed { arm(client, snapshot.settings.limits.headMilliseconds) }
      client.headTimed = true
      return true
    }
    beginMux(client)
    takeFrames(client)
    return true
  }

  func route(_ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>) {
    if requestHead.targetLength > snapshot.settings.limits.targetBytes {
      return refuse(client, .targetTooLong)
    }
    let listener = listeners[Int(client.listener)].settings
    if listener.profile == nil, unsafe answerChallenge(client, base) { return }
    if let port = listener.redirectPort { return unsafe redirect(client, base, port) }
    let pathLength = unsafe pathOnlyLength(base)
    // An absolute URL without a path, and `*`, belong to the root.
    let hasPath = unsafe pathLength > 0 && base[requestHead.targetStart] == 0x2F
    let index = unsafe snapshot.routes.find(
      host: base + requestHead.hostStart, requestHead.hostLength,
      path: hasPath ? base + requestHead.targetStart : Self.slash.utf8Start, hasPath ? pathLength : 1)
    guard index >= 0 else { return unsafe answer(client, .noRoute, closing: false, isGRPC: isCall(base)) }
    let compiled = unsafe snapshot.compiledRoutes + index
    if let refusal = unsafe refusalByIdentity(client, base, compiled) {
      return unsafe answer(client, refusal, closing: false, isGRPC: isCall(base), route: compiled)
    }
    if unsafe answerAsLastHop(client, base) { return }
    let exchange = unsafe begin(client, base, compiled)
    if let stream = client.stream { describe(exchange, client, stream) }
    // HTTP/2 has no other upgrade than this one (RFC 8441).
    if exchange.wantsUpgrade, unsafe exchange.service?.pointee.isHTTP2 == true, !exchange.isExtendedConnect {
      exchange.wantsUpgrade = exchange.webSocket.hasKey
    }
    if let problem = unsafe placeHead(client, exchange, base) { return failExchange(exchange, problem) }
    client.state = .exchange
    startUpstream(exchange)
    guard client.slot.isLive, client.state == .exchange else { return }
    // One that has closed behind its request does not wait for the answer.
    if client.wire.peerClosed { clientGone(client) } else { armForState(client) }
  }

  /// Whether the request that has been parsed is a gRPC call.
  private func isCall(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard line.name == .other, line.nameLength == 12, line.valueLength >= 16 else { continue }
      if unsafe FieldName.isGRPCContent(name: base + Int(line.nameStart), value: base + Int(line.valueStart))
      {
        return true
      }
    }
    return false
  }

  private static let slash: StaticString = "/"

  /// The target's length without its query.
  func pathOnlyLength(_ base: UnsafePointer<UInt8>) -> Int {
    let target = unsafe base + requestHead.targetStart
    for i in 0..<requestHead.targetLength where unsafe target[i] == 0x3F { return i }
    return requestHead.targetLength
  }

  private func begin(
    _ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> Ref<Exchange> {
    let exchange = exchanges.acquire()
    exchange.downstream = client
    unsafe exchange.snapshot = unsafe Unmanaged.passRetained(snapshot)
    unsafe exchange.route = unsafe route
    unsafe exchange.service = unsafe route.pointee.service
    exchange.method = requestHead.method
    exchange.minorVersion = requestHead.minorVersion
    exchange.keepsAlive = requestHead.keepsAlive && !isDraining
    exchange.wantsUpgrade = unsafe requestHead.upgrade && !offersH2C(base)
    exchange.requestFraming = requestHead.framing
    if case .length(let length) = requestHead.framing { exchange.requestLeft = length }
    if unsafe route.pointee.service.pointee.compression != nil { exchange.wantsGzip = unsafe wantsGzip(base) }
    exchange.startedNanoseconds = nowNanoseconds
    exchange.unwrapsRequest =
      unsafe route.pointee.service.pointee.isHTTP2 && client.stream == nil && requestHead.framing == .chunked
    unsafe noteFields(exchange, base)
    if accessLog != nil { unsafe remember(exchange, base) }
    client.exchange = exchange
    return exchange
  }

  /// What the fields say that matters to other versions and to gRPC.
  private func noteFields(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      if exchange.wantsUpgrade { unsafe exchange.webSocket.note(line, of: base) }
      if line.name == .te {
        exchange.acceptsTrailers = unsafe HTTP.FieldName.containsTrailers(
          base + Int(line.valueStart), Int(line.valueLength))
      } else if line.name == .other, line.nameLength == 12, line.valueLength >= 16 {
        let isGRPC = unsafe FieldName.isGRPCContent(
          name: base + Int(line.nameStart), value: base + Int(line.valueStart))
        if isGRPC { exchange.isGRPC = true }
      }
    }
  }

  /// `Upgrade: h2c` would let a client speak past us: such an upgrade is never passed on (RFC 9113 removed it).
  private func offersH2C(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count where unsafe fields.lines[i].name == .upgrade {
      var found = false
      unsafe ListElements.forEach(base + Int(fields.lines[i].valueStart), Int(fields.lines[i].valueLength)) {
        p, n in
        if n >= 2, unsafe p[0] | 0x20 == 0x68, unsafe p[1] == 0x32 { found = true }
        return !found
      }
      if found { return true }
    }
    return false
  }

  /// Puts the rewritten head right before the content, so that both leave in one write; or tells why not.
  private func placeHead(
    _ client: Ref<Downstream>, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) -> LocalAnswer? {
    guard let buffer = unsafe client.buffer else { return .badRequest }
    var writer = unsafe HeadWriter(scratch, capacity: Self.scratchSize)
    unsafe writeRequestHead(&writer, client, exchange, base)
    var bodyStart = client.start + requestHead.length
    guard !writer.overflowed else { return .headTooLarge }
    if writer.count > bodyStart {
      // Fields that the configuration adds need more than the headroom: move the content up.
      let shift = writer.count - bodyStart
      guard client.end + shift <= Downstream.headroom + Downstream.bodyRoom else { return .headTooLarge }
      unsafe (buffer + bodyStart + shift).update(from: buffer + bodyStart, count: client.end - bodyStart)
      bodyStart += shift
      client.end += shift
    }
    client.start = bodyStart - writer.count
    unsafe (buffer + client.start).update(from: writer.start, count: writer.count)
    client.sent = client.start
    client.requestEnd = bodyStart
    exchange.requestHeadLength = writer.count
    if client.stream != nil { return nil }
    return acceptContent(client, exchange) ? nil : .badRequest
  }

  /// Takes the bytes behind `requestEnd` as content, as far as the request goes. False when they are malformed.
  func acceptContent(_ client: Ref<Downstream>, _ exchange: Ref<Exchange>) -> Bool {
    guard let buffer = unsafe client.buffer, !exchange.requestComplete else { return true }
    let available = client.end - client.requestEnd
    switch exchange.requestFraming {
    case .none, .untilClose: exchange.requestComplete = true
    case .length:
      let n = Int(min(UInt64(available), exchange.requestLeft))
      exchange.requestLeft -= UInt64(n)
      client.requestEnd += n
      exchange.bytesIn += UInt64(n)
      exchange.requestComplete = exchange.requestLeft == 0
    case .chunked:
      guard available > 0 else { return true }
      if exchange.unwrapsRequest {
        return unsafe unwrapContent(client, exchange, buffer + client.requestEnd, available)
      }
      switch unsafe exchange.requestChunks.scan(buffer + client.requestEnd, available) {
      case .more: client.requestEnd = client.end
      case .end(let n):
        client.requestEnd += n
        exchange.requestComplete = true
      case .failed: return false
      }
      exchange.bytesIn += UInt64(available)
    }
    return true
  }

  /// Content in chunks for a backend that knows none: the payload moves together, and what stands behind it with it.
  private func unwrapContent(
    _ client: Ref<Downstream>, _ exchange: Ref<Exchange>,
    _ p: UnsafeMutablePointer<UInt8>, _ available: Int
  ) -> Bool {
    var kept = 0
    var used = available
    let outcome = unsafe exchange.requestChunks.scan(
      p, available,
      data: { at, n in
        unsafe (p + kept).update(from: p + at, count: n)
        kept += n
      },
      trailer: { byte in
        unsafe withUnsafePointer(to: byte) { unsafe exchange.requestTrailers.append($0, 1) }
      })
    switch outcome {
    case .failed: return false
    case .more: break
    case .end(let n):
      used = n
      exchange.requestComplete = true
    }
    unsafe (p + kept).update(from: p + used, count: available - used)
    client.requestEnd += kept
    client.end -= used - kept
    exchange.bytesIn += UInt64(kept)
    return true
  }

  /// What is peculiar to a request that came by HTTP/2.
  private func describe(
    _ exchange: Ref<Exchange>, _ client: Ref<Downstream>, _ stream: Ref<MuxStream>
  ) {
    exchange.isExtendedConnect = stream.state.isTunnel
    // Trailers may follow even without content, for backends that know such.
    let mayFollow = unsafe exchange.service?.pointee.isHTTP2 == true && !exchange.isExtendedConnect
    exchange.requestComplete = stream.hasNoContent || (exchange.requestFraming == .none && !mayFollow)
  }

  /// More of the request's content has arrived.
  func takeRequestContent(_ client: Ref<Downstream>) {
    guard let exchange = client.exchange else { return }
    guard client.stream != nil || acceptContent(client, exchange) else {
      shared.report(.requestRefused(peer: text(client.peer), reason: "malformed chunked content"))
      return failExchange(exchange, .badRequest)
    }
    armForState(client)
    if let backend = exchange.upstream, backend.state == .active { forwardRequest(exchange, backend) }
  }

  /// Everything in the buffer has been sent and more is to come: use it from the front again. From here on the
  /// request cannot be repeated on another backend.
  func makeRoom(_ client: Ref<Downstream>, _ exchange: Ref<Exchange>) {
    guard client.sent == client.requestEnd, client.requestEnd == client.end else { return }
    exchange.replayable = false
    client.start = Downstream.headroom
    client.sent = Downstream.headroom
    client.requestEnd = Downstream.headroom
    client.end = Downstream.headroom
  }
}
