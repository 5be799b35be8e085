internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import Telemetry

// From a backend's bytes to a response: every read is sent on at once.
extension Worker {
  /// Reads of one connection in one turn: 256 KiB, then others have theirs.
  private static let readsPerTurn = 4
  /// What is read of a response although its client has no room for it, in bytes.
  private static let leastRead = 4096

  func pumpBackend(_ backend: Ref<BackendConnection>) {
    guard backend.state == .active else { return }
    if let mux = backend.mux { pumpMux(backend, mux) } else { pumpResponse(backend) }
  }

  /// Reads of a response what there is, and what is wanted at present.
  func pumpResponse(_ backend: Ref<BackendConnection>) {
    guard let exchange = backend.exchange, let client = exchange.client else { return closeBackend(backend) }
    if exchange.backend != backend { return pumpEarlier(backend, exchange, client) }
    for _ in 0..<Self.readsPerTurn {
      if client.wire.writeClosed {
        conclude(tunnelBackendStirred(backend, client), exchange)
        return
      }
      guard client.wire.output.isEmpty else {
        backend.readPaused = true
        return time(exchange)
      }
      switch readResponse(backend, exchange, client) {
      case .more: break
      case .rest: return
      case .event(let event):
        guard drive(exchange, event) == .goesOn, backendHasUnread(backend) else { return }
      case .act(let action):
        guard perform(exchange, action) == .goesOn, backendHasUnread(backend) else { return }
      }
      // Compressing takes its time: others have theirs sooner.
      if exchange.coding.gzip != nil { break }
    }
    putOff(backend)
  }

  /// The client takes more: so does this side.
  func resumeReading(_ exchange: Ref<Exchange>) {
    guard let backend = exchange.backend, backend.readPaused else { return }
    backend.readPaused = false
    time(exchange)
    putOff(backend)
  }

  /// One receive, and what it leads to.
  private func readResponse(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>
  ) -> Step {
    if unsafe backend.buffer == nil {
      unsafe backend.buffer = unsafe buffers.acquire(.goingOn)
      backend.start = Layout.headroom
      backend.end = Layout.headroom
      backend.searched = 0
    }
    guard let buffer = unsafe backend.buffer else { return noBuffer() }
    let room = min(Layout.full - backend.end, mayRead(exchange, client))
    let n = unsafe fillBackend(backend, buffer + backend.end, room)
    if n == Sys.wouldBlock {
      guard flushCompressed(exchange, client, ending: .flush) else { return .event(.clientLeft) }
      if backend.end == backend.start { dropBuffer(backend) }
      return .rest
    }
    guard n > 0 else { return backendEnded(backend, exchange, client, isClean: n == 0) }
    backend.end += n
    let step = unsafe takeResponse(backend, exchange, client, buffer)
    guard case .more = step else { return step }
    return backendHasUnread(backend) ? .more : .rest
  }

  /// How much is read at once: a response that begins where its client has no room for it at all is left where it is,
  /// but for the head and a little more.
  private func mayRead(_ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>) -> Int {
    exchange.machine.attempt.hasHead || hasWindow(client) ? Layout.room : Self.leastRead
  }

  /// Deals with what stands in the backend's buffer.
  func takeResponse(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Step {
    switch exchange.machine.phase {
    case .tunnel: unsafe tunnelDown(backend, exchange, client, buffer)
    case .relaying: unsafe relay(backend, exchange, client, buffer, from: backend.start, head: 0)
    case .head, .attempting, .waiting, .over: unsafe readHead(backend, exchange, client, buffer)
    }
  }

  /// Reads heads until the final one has come.
  func readHead(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Step {
    while true {
      let base = unsafe UnsafePointer(buffer + backend.start)
      switch unsafe HeadEnd.find(base, count: backend.end - backend.start, from: backend.searched) {
      case .bareLineFeed: return malformedHead(backend, ParseError.bareLineFeed)
      case .incomplete(let resume): return unsafe keepPartialHead(backend, buffer, resume)
      case .found(let length):
        backend.searched = 0
        if let error = unsafe desk.readResponse(base, length, exchange.method) {
          return malformedHead(backend, error)
        }
        guard desk.response.isInterim else {
          if isHeld(backend, exchange, client, length) { return .more }
          return unsafe judge(backend, exchange, base)
        }
        let action = exchange.machine.on(.interim(bytes: UInt32(clamping: length)))
        guard case .pass = action else {
          reportBroken(backend, "malformed response: too many interim responses")
          return .act(action)
        }
        counters.add(.responses1xx)
        guard unsafe passInterim(exchange, client, base) else { return .event(.clientLeft) }
        backend.start += length
      }
    }
  }

  private func keepPartialHead(
    _ backend: Ref<BackendConnection>, _ buffer: UnsafeMutablePointer<UInt8>, _ resume: Int
  ) -> Step {
    let count = backend.end - backend.start
    if backend.start > Layout.headroom {
      unsafe (buffer + Layout.headroom).update(from: buffer + backend.start, count: count)
      backend.start = Layout.headroom
      backend.end = Layout.headroom + count
    }
    backend.searched = resume
    if count >= Layout.room { return malformedHead(backend, ParseError.headTooLarge) }
    if count == 0 { dropBuffer(backend) }
    return .more
  }

  /// Whether a head that has come by itself waits for its content: until a byte of that has gone to the client, another
  /// backend can still have the request.
  private func isHeld(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ length: Int
  ) -> Bool {
    guard backend.end == backend.start + length, let service = unsafe exchange.service,
      unsafe service.pointee.retryRule.repeatsAll, desk.response.status < 400, desk.response.status != 101,
      !exchange.endsWithHead, !exchange.wantsUpgrade
    else { return false }
    switch desk.response.framing {
    case .none, .length(0): return false
    case .length, .chunked, .untilClose: break
    }
    guard !hasEnded(backend, byLength: false) else { return false }
    let canGo = unsafe hasAnother(exchange, service)
    guard exchange.machine.holdsHead(canGoElsewhere: canGo) else { return false }
    backend.endsByClosing = desk.response.framing == .untilClose
    time(exchange)
    return true
  }

  /// A backend's answer that is not HTTP as we understand it.
  func malformedHead(_ backend: Ref<BackendConnection>, _ error: ParseError) -> Step {
    malformed(backend, error.reason.description)
  }

  func malformed(_ backend: Ref<BackendConnection>, _ reason: String) -> Step {
    reportBroken(backend, "malformed response: \(reason)")
    return .event(.malformed)
  }

  /// What a final head means for the exchange.
  private func judge(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) -> Step {
    if let problem = unsafe problemOfSwitch(exchange, base) { return malformed(backend, problem) }
    unsafe stages.judge(self, exchange, backend, base)
    let status = desk.response.status
    let isTunnel = status == 101 || isAgreedTunnel(backend, exchange)
    // To an extended CONNECT any 2xx says that the tunnel stands (RFC 8441 §5), but this backend has not agreed.
    if exchange.isExtendedConnect, !isTunnel, 200..<300 ~= status {
      return malformedHead(backend, ParseError.malformedStatusLine)
    }
    if exchange.endsWithHead || isTunnel { desk.response.framing = .none }
    let isUnavailable = unsafe exchange.endsWithHead && exchange.isGRPC && self.isUnavailable(base)
    let head = ResponseFacts(
      status: status, keepsAlive: desk.response.keepsAlive, isUnavailable: isUnavailable)
    return .event(isTunnel ? .switched(head) : .head(head))
  }

  /// Why a switch of protocols cannot be believed; nil when it can, or the head is another one.
  private func problemOfSwitch(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) -> String? {
    guard desk.response.status == 101 else { return nil }
    guard exchange.wantsUpgrade, exchange.machine.requestSent else {
      return "a switch of protocols that nobody asked for"
    }
    // What this client cannot check for itself.
    guard unsafe !exchange.isExtendedConnect || exchange.webSocket.isAccepted(desk.fields, base) else {
      return "a WebSocket handshake without the right Sec-WebSocket-Accept"
    }
    return nil
  }

  /// The backend's stream has ended, properly or not.
  func backendEnded(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    isClean: Bool
  ) -> Step {
    switch exchange.machine.phase {
    case .tunnel: return tunnelBackendEnded(backend, exchange, client, isClean: isClean)
    case .relaying:
      guard isClean, endIsWhole(backend, byClosing: exchange.responseContent.framing == .untilClose) else {
        break
      }
      if let model = exchange.model, !model.heldEvent.isEmpty, !sendHeld(model, exchange, client) {
        return .event(.clientLeft)
      }
      guard flushCompressed(exchange, client, ending: .finish) else { return .event(.clientLeft) }
      if exchange.responseContent.relay == .addChunks, !sendLastChunk(exchange, client) {
        return .event(.clientLeft)
      }
      return .event(.ended(isClean: false))
    case .attempting where exchange.machine.attempt.isHeld && isClean:
      // All that there is of the response is its head, and its end.
      guard endIsWhole(backend, byClosing: backend.endsByClosing), let buffer = unsafe backend.buffer else {
        break
      }
      exchange.machine.releaseHead()
      backend.wire.sawEnd = true
      return unsafe readHead(backend, exchange, client, buffer)
    case .head, .attempting, .waiting, .over: break
    }
    return broken(backend, exchange, "the backend closed the connection before its response was complete")
  }

  /// The backend's connection, or its stream, is no longer usable. `isUntouched` when the backend has said that it did
  /// nothing with the request.
  func broken(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ reason: String, isUntouched: Bool = false,
    isStream: Bool = false
  ) -> Step {
    if exchange.backend != backend {
      loseEarlier(backend, exchange, reason)
      return .rest
    }
    let action = decide(exchange, .broken(end(backend, exchange, isUntouched, isStream)))
    if action.tellsOfFault { reportBroken(backend, reason) }
    return .act(action)
  }

  private func end(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ isUntouched: Bool, _ isStream: Bool
  ) -> Machine.Event.Break {
    let isUnsent = exchange.client.map { $0.sent == $0.start } ?? false
    let isSilent = unsafe backend.buffer == nil || backend.end == backend.start
    return Machine.Event.Break(isUntouched: isUnsent || isUntouched, isSilent: isSilent, isStream: isStream)
  }

  /// There is no buffer for what has to be done next.
  func noBuffer() -> Step {
    counters.add(.requestsWithoutBuffer)
    shared.report(.outOfBuffers)
    return .event(.refused(.overloaded))
  }
}
