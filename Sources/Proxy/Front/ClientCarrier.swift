internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import TLS
internal import Telemetry

/// A client's connection, or one HTTP/2 stream of it, which has a `stream` and no descriptor. A plain struct in a slab:
/// it is found by its token and touched by its worker only.
///
/// While idle it holds no buffer; a request's bytes stand in `buffer` like this:
///
///     |headroom ... | request head and content | next, pipelined request | free |
///                    start    sent     requestEnd                        end
@safe struct ClientConnection: Slotted {
  enum State: UInt8, BitwiseCopyable {
    /// The PROXY header of a trusted peer has not come whole.
    case proxyHeader
    /// The TLS handshake is under way.
    case handshaking
    /// Waiting for a request, or in the middle of its head.
    case reading
    /// A stream whose request waits for the end of the read that brought it.
    case requested
    /// A request waits, whole as it came, until a gate has let it in.
    case gated
    /// A request is being forwarded and answered.
    case exchange
    /// Bytes pass both ways unread after an upgrade.
    case tunnel
    /// An HTTP/2 connection: what is said on it belongs to its streams.
    case multiplexed
    /// All is said; the rest of the output has to leave.
    case closing
    /// Our side is closed; what the client still sends is thrown away for a moment.
    case lingering
  }

  var slot = Slot()
  var wire = Transport()
  var state = State.handshaking
  /// What it is being waited for.
  var wait = Wait.none
  var listener: UInt16 = 0
  /// The time limit of the head that is being received has begun.
  var headTimed = false
  /// Waits in the queue of first handshake steps.
  var isQueued = false
  /// The first handshake step has been made.
  var helloDone = false
  /// The request came in early data, before the handshake was over.
  var isEarly = false
  /// The peer may set X-Forwarded-*.
  var isTrusted = false
  /// Waits in the queue of those that had their share of a turn.
  var isDeferred = false
  /// Retained: who the client has proven to be.
  var identity: Unmanaged<ClientIdentity>?
  var exchange: Ref<Exchange>?
  /// HTTP/2 on this connection.
  var mux: Ref<Mux>?
  /// The stream that this is. Nobody else may ask: what differs is an operation of the carrier.
  fileprivate var stream: Ref<MuxStream>?
  var buffer: UnsafeMutablePointer<UInt8>?
  var start = 0
  var sent = 0
  var requestEnd = 0
  var end = 0
  /// How far the search for the head's end has come, from `start`.
  var searched = 0
  var peer = PeerText()
  /// The connection's ends as a PROXY header told them; owned.
  var announced: UnsafeMutablePointer<ProxyProtocol.Ends>?

  init() {}

  /// All that has been received stands in front of nothing else.
  mutating func emptyBuffer() {
    start = Layout.headroom
    sent = Layout.headroom
    requestEnd = Layout.headroom
    end = Layout.headroom
  }

  /// The buffer takes no more.
  var isFull: Bool { end >= Layout.full }

  /// Carries one stream of a connection from here on.
  mutating func carry(_ stream: Ref<MuxStream>) { self.stream = stream }
}

// What carries a request and its response on the client's side, be it a connection of HTTP/1 or a stream of HTTP/2: content
// in, a head out, content out, the end. All that differs between the two stands here.
extension Worker {
  enum Fill { case some, wait, closed, noBuffer }

  /// Appends what has come to the buffer.
  func fillClient(_ client: Ref<ClientConnection>) -> Fill {
    if let stream = client.stream { return fillStream(client, stream) }
    if unsafe client.buffer == nil {
      guard client.element.wire.hasUnread else { return client.element.wire.sawEnd ? .closed : .wait }
      takeBuffer(client)
    }
    guard let buffer = unsafe client.buffer else { return .noBuffer }
    let wasParked = !client.element.wire.output.isEmpty
    let n = unsafe client.element.wire.receive(buffer + client.end, Layout.full - client.end, pipe)
    timeOutput(client, unless: wasParked)
    if n > 0 {
      client.end += n
      return .some
    }
    // However it ended: who is left waiting for more decides what that means.
    if n != Transport.nothing { client.element.wire.sawEnd = true }
    if client.state == .reading || client.state == .multiplexed, client.end == client.start {
      dropBuffer(client)
    }
    return client.element.wire.sawEnd ? .closed : .wait
  }

  /// Takes what stands behind `requestEnd` as content, as far as the request goes. False when it is malformed. A stream's
  /// content is told apart as it comes.
  func acceptContent(_ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>) -> Bool {
    client.stream != nil || followContent(client, exchange)
  }

  /// What is peculiar to a request by its carrier, for a backend that takes trailers even behind no content or does not.
  func describe(_ exchange: Ref<Exchange>, of client: Ref<ClientConnection>, takesTrailers: Bool) {
    guard let stream = client.stream else { return }
    exchange.isExtendedConnect = stream.state.isTunnel
    let mayFollow = takesTrailers && !exchange.isExtendedConnect
    exchange.machine.requestComplete =
      stream.hasNoContent || (desk.request.framing == .none && !mayFollow)
  }

  /// Whether the client would take content at once, as far as is known.
  func hasWindow(_ client: Ref<ClientConnection>) -> Bool {
    guard let stream = client.stream, let mux = stream.mux else { return true }
    return unsafe mux.connection.sendable(&stream.state) != 0
  }

  /// Sends a response's head. False when the client is gone.
  func sendHeadToClient(_ client: Ref<ClientConnection>, _ head: HeadWriter, isLast: Bool) -> Bool {
    guard let stream = client.stream else {
      return unsafe sendToClient(client, head.start, head.count, isLast: isLast)
    }
    unsafe sendHeadFrames(stream, .response, head.start, head.count, isLast: isLast)
    return true
  }

  /// Sends bytes to the client, encrypted if need be; what it does not take at once is parked. A stream ends behind them
  /// with `isLast`. False when the client is gone.
  func sendToClient(
    _ client: Ref<ClientConnection>, _ bytes: UnsafePointer<UInt8>, _ count: Int, isLast: Bool
  ) -> Bool {
    if let stream = client.stream { return unsafe sendToStream(client, stream, bytes, count, isLast: isLast) }
    let wasParked = !client.wire.output.isEmpty
    defer { timeOutput(client, unless: wasParked) }
    return unsafe client.wire.send(bytes, count, pipe)
  }

  /// Sends an answer of ours, whose head has been written. False when the client is gone.
  func sendWhole(_ client: Ref<ClientConnection>, _ writer: inout HeadWriter, _ content: [UInt8]) -> Bool {
    guard client.stream != nil else {
      writer.append(content)
      return unsafe sendToClient(client, writer.start, writer.count, isLast: false)
    }
    guard sendHeadToClient(client, writer, isLast: content.isEmpty), !content.isEmpty else { return true }
    return unsafe content.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return true }
      return unsafe sendToClient(client, base, bytes.count, isLast: true)
    }
  }

  /// The response is complete: a stream ends behind it, with `trailers`; a connection goes on with its next request where
  /// it `keeps`, or ends.
  func endAnswer(_ client: Ref<ClientConnection>, keeps: Bool, trailers: ParkedOutput = ParkedOutput()) {
    if let stream = client.stream { return endResponse(client, stream, trailers: trailers) }
    if keeps { readNext(client) } else { beginClose(client) }
  }

  /// Says that no more will come. False when the client is gone.
  func closeClientWrite(_ client: Ref<ClientConnection>) -> Bool {
    if let stream = client.stream {
      if client.wire.output.isEmpty { sendEnd(stream, trailers: ParkedOutput()) }
      return true
    }
    let wasParked = !client.wire.output.isEmpty
    defer { timeOutput(client, unless: wasParked) }
    return client.wire.closeWrite(pipe)
  }

  /// Ends our half, what had been parked before that having been sent.
  func endsWrite(_ client: Ref<ClientConnection>) {
    if let stream = client.stream { return sendEnd(stream, trailers: ParkedOutput()) }
    Sys.shutdownWrite(client.wire.fd)
  }

  /// Whether something has come that has not been looked at: there will be no event for it.
  func clientHasUnread(_ client: Ref<ClientConnection>) -> Bool {
    if let stream = client.stream { return stream.waiting > 0 || stream.state.remoteClosed }
    return client.wire.hasUnread || client.wire.sawEnd
  }

  /// Both sides of a tunnel have said all, and all of it has been sent.
  func endTunnel(_ client: Ref<ClientConnection>) {
    if let stream = client.stream { return endResponse(client, stream, trailers: ParkedOutput()) }
    client.state = .closing
    finishClose(client)
  }

  /// Whether the client's end, once it has come, was said as it should: otherwise what it has said may not be all
  /// (RFC 8446 §6.1).
  func hasEndedProperly(_ client: Ref<ClientConnection>) -> Bool {
    client.stream != nil || client.wire.hasEndedProperly
  }

  /// The response has broken off: a reset tells the client that what it has is not all.
  func reset(_ client: Ref<ClientConnection>) {
    client.wire.output.free()
    if let stream = client.stream {
      // The code that the backend gave, or one that says that this was not the client's doing; a tunnel's end by
      // reset has a code of its own (RFC 8441 §5).
      if stream.resetCode == .cancel, client.state != .tunnel { stream.resetCode = .internalError }
    } else {
      Sys.setResetOnClose(client.wire.fd)
    }
    closeClient(client)
  }

  /// What a reset of the stream will say, should it come to one.
  func noteReset(_ client: Ref<ClientConnection>?, _ code: ErrorCode) {
    if let stream = client?.stream, code != .noError { stream.resetCode = code }
  }

  /// The client does not take what it is sent.
  func countStall(_ client: Ref<ClientConnection>) {
    if client.stream != nil { counters.add(.h2ZeroWindowStalls) }
  }

  /// Throws away what a client still sends that has had its answer.
  func linger(_ client: Ref<ClientConnection>) {
    guard let stream = client.stream else { return discard(client) }
    if stream.state.remoteClosed { closeClient(client) }
  }

  /// Frees everything that belongs to a connection, or to a stream of one.
  func closeClient(_ client: Ref<ClientConnection>) {
    if let stream = client.stream { closeStream(client, stream) } else { closeConnection(client) }
  }

  /// Frees a stream of a client; the connection that carries it goes on.
  func closeStream(_ client: Ref<ClientConnection>, _ stream: Ref<MuxStream>) {
    if let exchange = client.exchange { abandon(exchange) }
    client.stream = nil
    client.wire.forget()
    unsafe client.identity = nil
    dropBuffer(client)
    unsafe wheel.remove(timer(client))
    releaseStream(stream)
    clients.release(client)
  }

  /// The connection whose ends the client's are.
  func connection(of client: Ref<ClientConnection>) -> Ref<ClientConnection> {
    client.stream?.mux?.client ?? client
  }

  /// Whether it is a connection, which has a descriptor of its own.
  func isConnection(_ client: Ref<ClientConnection>) -> Bool { client.stream == nil }

  /// The client's time for taking what waits begins with the first that does.
  @inline(__always)
  func timeOutput(_ client: Ref<ClientConnection>, unless wasParked: Bool) {
    if !wasParked, !client.wire.output.isEmpty { setWait(ofClient: client, .clientReads, again: true) }
  }
}
