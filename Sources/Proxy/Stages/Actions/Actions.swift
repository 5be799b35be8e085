internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

// What a route does with requests besides choosing a service.

/// How much clients may use: before anybody looks at their keys.
struct RouteLimiting: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let actions = unsafe route.pointee.actions else { return false }
    return unsafe worker.refuseBeyondRouteLimits(client, base, route, actions)
  }
}

/// Redirects, answers of ours, and fields with values of the request.
struct Actions: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let actions = unsafe route.pointee.actions else { return false }
    return unsafe worker.answerByRoute(client, base, route, actions)
  }

  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let actions = unsafe exchange.route?.pointee.actions else { return }
    unsafe worker.keepResponseLines(exchange, base, actions)
  }

  @inline(__always)
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ out: inout HeadWriter
  ) {
    guard let actions = unsafe exchange.route?.pointee.actions else { return }
    unsafe worker.writeRequestLines(exchange, client, actions, &out)
  }

  @inline(__always)
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    guard !exchange.responseLines.isEmpty else { return }
    let lines = unsafe exchange.responseLines.bytes
    if let start = lines.baseAddress { unsafe out.append(start, lines.count) }
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    if !exchange.responseLines.isEmpty { exchange.responseLines.free() }
  }
}

extension Worker {
  /// Answers a request that is too large, or too early.
  @inline(never)
  fileprivate func refuseBeyondRouteLimits(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>, _ actions: UnsafeMutablePointer<CompiledActions>
  ) -> Bool {
    if case .length(let count) = desk.request.framing, unsafe count > actions.pointee.bodyLimit {
      unsafe refuse(client, .contentBeyondLimit, base, route)
      return true
    }
    // Who has waited at a gate has been counted.
    guard let rates = unsafe actions.pointee.rates, gateAnswer == nil else { return false }
    var hash = unsafe keyHash(KeySource(.header, name: actions.pointee.rateHeader), base)
    if hash == 0 { hash = addressHash(client) }
    // What the hash function leaves in its lower bits decides the place, the upper ones the name.
    hash = Rendezvous.rank(hash, 0x4A7E)
    let wait = unsafe rates._withUnsafeGuaranteedRef { $0.take(hash, nowMicroseconds: nowNanoseconds / 1000) }
    guard let wait else { return false }
    unsafe refuse(client, .limited(LimitHit(.rate, milliseconds: wait)), base, route)
    return true
  }

  /// Answers a request that is sent elsewhere, or that no backend is asked for.
  @inline(never)
  fileprivate func answerByRoute(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>, _ actions: UnsafeMutablePointer<CompiledActions>
  ) -> Bool {
    guard unsafe actions.pointee.redirects || actions.pointee.responds else { return false }
    let rules = unsafe snapshot.settings.routes[route.pointee.index].rules
    if let redirect = rules.redirect {
      let isSecure = client.wire.isSecure
      let location = unsafe desk.location(base, redirect, route.pointee.path, isSecure: isSecure)
      unsafe respond(client, redirect.status, "Location: \(location)\r\n", [], route: route)
    } else if let answer = rules.respond {
      var lines = answer.page.body.isEmpty ? "" : "Content-Type: \(answer.page.contentType)\r\n"
      if let after = answer.retryAfter { lines += "Retry-After: \((after.count + 999) / 1000)\r\n" }
      unsafe respond(client, answer.status, lines, answer.page.body, route: route)
    }
    return true
  }

  @inline(never)
  fileprivate func writeRequestLines(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ actions: UnsafeMutablePointer<CompiledActions>, _ out: inout HeadWriter
  ) {
    guard unsafe actions.pointee.requestLines.count > 0, let buffer = unsafe client.buffer else { return }
    let base = unsafe UnsafePointer(buffer + client.start)
    unsafe write(actions.pointee.requestLines, exchange, client, base, &out)
  }

  /// What the request says is gone when the response comes.
  @inline(never)
  fileprivate func keepResponseLines(
    _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ actions: UnsafeMutablePointer<CompiledActions>
  ) {
    guard unsafe actions.pointee.responseLines.count > 0, let client = exchange.client else { return }
    var writer = desk.writer()
    unsafe write(actions.pointee.responseLines, exchange, client, base, &writer)
    if !writer.overflowed { unsafe exchange.responseLines.append(writer.start, writer.count) }
  }

  /// Whether more content has come than the route takes.
  @inline(never)
  func isBeyondBodyLimit(_ exchange: Ref<Exchange>) -> Bool {
    guard let actions = unsafe exchange.route?.pointee.actions else { return false }
    return unsafe exchange.bytesIn > actions.pointee.bodyLimit
  }
}

extension Desk {
  /// Where a request is sent instead.
  func location(
    _ base: UnsafePointer<UInt8>, _ redirect: Settings.Redirect, _ edit: PathEdit,
    isSecure: Bool
  ) -> String {
    func text(_ start: Int, _ count: Int) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: base + start, count: count), as: UTF8.self)
    }
    let scheme = redirect.scheme?.rawValue ?? (isSecure ? "https" : "http")
    // Another scheme has another port.
    let isSame = redirect.host == nil && redirect.port == nil && redirect.scheme == nil
    var host =
      isSame
      ? text(request.authorityStart, request.authorityLength)
      : redirect.host ?? text(request.hostStart, request.hostLength)
    if let own = redirect.host, own.contains(":") { host = "[\(own)]" }
    if let port = redirect.port, port != (scheme == "https" ? 443 : 80) { host += ":\(port)" }
    var out = writer()
    unsafe writePath(&out, base, edit)
    let path = unsafe String(decoding: UnsafeBufferPointer(start: out.start, count: out.count), as: UTF8.self)
    let shown = redirect.stripQuery ? String(path.prefix { $0 != "?" }) : path
    return "\(scheme)://\(host)\(shown)"
  }
}
