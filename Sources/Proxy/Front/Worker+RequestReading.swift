internal import APIKeys
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import Telemetry
internal import Upstream

// From received bytes to a routed request.
extension Worker {
  /// What has become of the bytes that a client's buffer begins with.
  enum HeadReading {
    /// More are needed.
    case incomplete
    /// They have been dealt with; the connection goes on by itself, or has ended.
    case handled
  }

  /// Handles one request head if it is complete.
  func readRequest(_ client: Ref<ClientConnection>) -> HeadReading {
    guard let buffer = unsafe client.buffer else { return .incomplete }
    if listeners[Int(client.listener)].takesH2C, let reading = unsafe readPreface(client, buffer) {
      return reading
    }
    unsafe skipEmptyLine(client, buffer)
    let base = unsafe UnsafePointer(buffer + client.start)
    let count = client.end - client.start
    guard count > 0 else { return .incomplete }
    let limit = snapshot.settings.limits.headBytes
    switch unsafe HeadEnd.find(base, count: count, from: client.searched) {
    case .bareLineFeed: return refuseHead(client, .bareLineFeed)
    case .incomplete(let resume):
      timeHead(client)
      client.searched = resume
      guard count < limit else { return refuseHead(client, resume == 0 ? .targetTooLong : .headTooLarge) }
      unsafe compact(client, buffer)
      return .incomplete
    case .found(let length):
      client.searched = 0
      guard length <= limit else { return refuseHead(client, .headTooLarge) }
      let error = unsafe desk.readRequest(base, length)
      counters.add(.requests)
      if let error {
        refuseMalformed(client, error)
      } else if unsafe route(client, base) != .over {
        continueRequest(client)
      }
      return .handled
    }
  }

  /// A request is under way: what has come behind its head is content.
  private func continueRequest(_ client: Ref<ClientConnection>) {
    // One that has closed behind its request does not wait for the answer.
    if client.wire.peerClosed { return leave(client) }
    if client.exchange?.machine.requestComplete == false, client.wire.hasUnread { putOff(client) }
  }

  private func refuseHead(_ client: Ref<ClientConnection>, _ error: ParseError) -> HeadReading {
    desk.clearRequest()
    refuseMalformed(client, error)
    return .handled
  }

  private func timeHead(_ client: Ref<ClientConnection>) {
    guard !client.headTimed else { return }
    client.headTimed = true
    timeClient(client, again: true)
  }

  /// Empty lines before a request are overlooked (RFC 9112 §2.2).
  private func skipEmptyLine(_ client: Ref<ClientConnection>, _ buffer: UnsafeMutablePointer<UInt8>) {
    guard client.searched == 0 else { return }
    while client.end - client.start >= 2, unsafe buffer[client.start] == 0x0D,
      unsafe buffer[client.start + 1] == 0x0A
    { client.start += 2 }
    guard client.start == client.end else { return }
    client.start = Layout.headroom
    client.end = Layout.headroom
  }

  /// Moves a head that began far back in the buffer to its front, so that it has all the room.
  private func compact(_ client: Ref<ClientConnection>, _ buffer: UnsafeMutablePointer<UInt8>) {
    guard client.start > Layout.headroom else { return }
    let count = client.end - client.start
    unsafe (buffer + Layout.headroom).update(from: buffer + client.start, count: count)
    client.start = Layout.headroom
    client.end = Layout.headroom + count
  }

  /// Whether a client without TLS begins with HTTP/2's preface, or may be about to (RFC 9113 §3.3); nil when it does not.
  private func readPreface(
    _ client: Ref<ClientConnection>, _ buffer: UnsafeMutablePointer<UInt8>
  ) -> HeadReading? {
    let count = client.end - client.start
    guard !client.wire.isSecure, client.searched == 0,
      let matching = unsafe HTTP2.Connection.matchesPreface(buffer + client.start, count)
    else { return nil }
    guard matching == HTTP2.Connection.prefaceLength else {
      timeHead(client)
      return .incomplete
    }
    beginMux(client)
    putOff(client)
    return .handled
  }

  /// Finds the route of the request on the desk, and begins what it asks for.
  func route(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Outcome {
    if desk.request.targetLength > snapshot.settings.limits.targetBytes {
      refuseMalformed(client, ParseError.targetTooLong)
      return .over
    }
    if unsafe stages.receive(self, client, base) { return .over }
    let index = unsafe findRoute(client, base)
    guard index >= 0 else {
      let answer = index == RouteTable.ambiguous ? OwnAnswer.pathNotNormal : .noRoute
      unsafe refuse(client, answer, closing: false, isGRPC: desk.request.isCall)
      return .over
    }
    var compiled = unsafe snapshot.compiledRoutes + index
    if unsafe stages.admit(self, client, base, &compiled) { return .over }
    let exchange = unsafe beginExchange(client, base, compiled)
    let problem = unsafe placeHead(client, exchange, base)
    if problem == nil, exchange.collects { return beginCollecting(client, exchange) }
    return drive(exchange, problem.map { .refused($0) } ?? .admitted)
  }

  /// The place of the route that takes the request on the desk; -1 for none.
  func findRoute(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Int {
    unsafe snapshot.routes.find(desk.request, base, scratch: desk.scratch) {
      unsafe desk.holds($0, base, asker(client))
    }
  }

  @inline(never)
  private func asker(_ client: Ref<ClientConnection>) -> Asker {
    unsafe Asker(
      address: AddressBlock.number(of: text(client.peer)), port: listeners[Int(client.listener)].port,
      name: Self.identityLabel(client))
  }

  private func beginExchange(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> Ref<Exchange> {
    let exchange = exchanges.acquire()
    exchange.client = client
    unsafe exchange.snapshot = unsafe Unmanaged.passRetained(snapshot)
    unsafe exchange.route = unsafe route
    unsafe exchange.service = unsafe route.pointee.service
    if unsafe route.pointee.models != nil, let asked { beginAsked(exchange, asked) }
    let service = unsafe exchange.service ?? route.pointee.service
    unsafe exchange.machine.begin(
      maximumAttempts: service.pointee.attempts, keepsClient: desk.request.keepsAlive && !isDraining)
    exchange.method = desk.request.method
    exchange.version = desk.request.version
    exchange.wantsUpgrade = unsafe desk.request.upgrade && !offersH2C(base)
    let isHTTP2 = unsafe service.pointee.isHTTP2
    describe(exchange, of: client, takesTrailers: isHTTP2)
    exchange.collects = unsafe collects(exchange, route, service, base)
    // What is chosen by content is a request like any other: an Upgrade may be ignored (RFC 9110 §7.8).
    if exchange.collects { exchange.wantsUpgrade = false }
    exchange.requestContent = RequestContent(
      desk.request.framing, unwraps: (isHTTP2 || exchange.collects) && exchange.version != .http2)
    exchange.startedNanoseconds = nowNanoseconds
    exchange.acceptsTrailers = desk.request.acceptsTrailers
    unsafe stages.begin(self, exchange, base)
    client.exchange = exchange
    client.state = .exchange
    return exchange
  }

  /// `Upgrade: h2c` would let a client speak past us: such an upgrade is never passed on (RFC 9113 removed it).
  private func offersH2C(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .upgrade {
      let line = unsafe desk.fields.lines[i]
      var found = false
      unsafe ListElements.forEach(base + Int(line.valueStart), Int(line.valueLength)) { p, n in
        if n >= 2, unsafe p[0] | 0x20 == 0x68, unsafe p[1] == 0x32 { found = true }
        return !found
      }
      if found { return true }
    }
    return false
  }

  /// Puts the rewritten head right before the content, so that both leave in one write; or tells why not.
  private func placeHead(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) -> OwnAnswer? {
    guard let buffer = unsafe client.buffer, let route = unsafe exchange.route else { return .badRequest }
    let writer = unsafe writeRequestHead(client, exchange, base, route)
    var bodyStart = client.start + desk.request.length
    guard !writer.overflowed else { return .headTooLarge }
    // A backend's own Host may be longer than the client's.
    let others = unsafe route.pointee.models?.pointee.longestHost ?? 0
    let needed = unsafe writer.count + max(route.pointee.service.pointee.longestHost, others)
    if needed > bodyStart {
      // Fields that the configuration adds need more than the headroom: move the content up.
      let shift = needed - bodyStart
      guard client.end + shift <= Layout.full else { return .headTooLarge }
      unsafe (buffer + bodyStart + shift).update(from: buffer + bodyStart, count: client.end - bodyStart)
      bodyStart += shift
      client.end += shift
    }
    client.start = bodyStart - writer.count
    unsafe (buffer + client.start).update(from: writer.start, count: writer.count)
    client.sent = client.start
    client.requestEnd = bodyStart
    exchange.requestHeadLength = writer.count
    guard acceptContent(client, exchange) else { return .badRequest }
    return exchange.bytesIn > 0 && isBeyondBodyLimit(exchange) ? .contentBeyondLimit : nil
  }

  private func writeRequestHead(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> HeadWriter {
    var writer = desk.writer()
    var origin = unsafe RequestOrigin(
      peer: client.address(atOffset: peerOffset, as: PeerText.self).pointee.bytes,
      port: listeners[Int(client.listener)].port)
    origin.isTrusted = client.isTrusted
    origin.isSecure = client.wire.isSecure
    origin.isEarly = client.isEarly
    origin.tellsLength = exchange.collects
    origin.verifiesClients = snapshot.verifiesClients
    if let followed = unsafe exchange.followed {
      origin.isNamed = unsafe followed.pointee.idCount > 0
      origin.isTraced = unsafe followed.pointee.trace != nil
    }
    unsafe desk.writeRequestHead(
      &writer, base, from: origin, route.pointee.request, snapshot.settings.forwarding,
      path: route.pointee.path, upgrades: exchange.wantsUpgrade
    ) { out in
      stages.writeRequest(self, exchange, client, &out)
    }
    return writer
  }
}
