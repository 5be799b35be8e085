internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import TLS
internal import Upstream

/// A connection to a backend, or one HTTP/2 stream of it, which has a `stream` and no descriptor. A plain struct in a slab, like `ClientConnection`.
@safe struct BackendConnection: Slotted {
  enum State: UInt8, BitwiseCopyable {
    case connecting, handshaking, active, idle
  }

  var slot = Slot()
  var wire = Transport()
  var state = State.connecting
  /// What it is being waited for.
  var wait = Wait.none
  /// When it has begun to be made.
  var dialedNanoseconds: UInt64 = 0
  /// It takes no more of a request at present.
  var isHeldUp = false
  /// The response whose head is held back ends by the connection's end.
  var endsByClosing = false
  /// Not read from because the client does not take what we have.
  var readPaused = false
  var isDeferred = false
  var exchange: Ref<Exchange>?
  /// HTTP/2 on this connection.
  var mux: Ref<Mux>?
  /// The stream that this is. Nobody else may ask: what differs is an operation of the carrier.
  fileprivate var stream: Ref<MuxStream>?
  /// Retained while the connection is open.
  var pool: Unmanaged<BackendPool>?
  /// What has been received and not been dealt with, from `start` to `end`.
  var buffer: UnsafeMutablePointer<UInt8>?
  var start = 0
  var end = 0
  /// How far the search for the head's end has come, from `start`.
  var searched = 0
  /// Its place in its pool's list of idle connections; written by the pool.
  var idle = IdlePlace()

  init() {}

  /// Carries one stream of a connection from here on.
  mutating func carry(_ stream: Ref<MuxStream>) { self.stream = stream }
}

// What carries a request and its response on the backend's side, be it a connection of HTTP/1 or a stream of HTTP/2. All that
// differs between the two stands here.
extension Worker {
  /// Sends what a backend takes: how many bytes, or a negative error.
  func sendToBackend(
    _ backend: Ref<BackendConnection>, _ bytes: UnsafePointer<UInt8>, _ count: Int
  ) -> Int {
    guard let stream = backend.stream else { return unsafe backend.wire.sendSome(bytes, count, pipe) }
    let n = unsafe sendFrames(stream, bytes, count, isLast: false)
    if n < count { block(stream) }
    return n > 0 ? n : Sys.wouldBlock
  }

  /// Says that no more will come.
  func closeBackendWrite(_ backend: Ref<BackendConnection>) {
    if let stream = backend.stream { return sendEnd(stream, trailers: ParkedOutput()) }
    _ = backend.wire.closeWrite(pipe)
  }

  /// Sends of a request what the client's buffer holds; what has come about when it cannot be sent at all.
  func forwardBuffered(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ backend: Ref<BackendConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Machine.Event? {
    if let stream = backend.stream {
      return unsafe forwardFrames(exchange, client, backend, stream, buffer)
    }
    unsafe forwardBytes(client, backend, buffer, to: client.requestEnd)
    return nil
  }

  /// Sends the head of a request whose content has been kept. False when the backend takes no more at present, or at all.
  func forwardHeadOfKept(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ backend: Ref<BackendConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    let end = client.start + exchange.requestHeadLength
    guard let stream = backend.stream else {
      if client.sent < end { unsafe forwardBytes(client, backend, buffer, to: end) }
      return client.sent >= end && !backend.wire.writeClosed
    }
    if !stream.headSent { unsafe forwardHead(exchange, client, stream, UnsafePointer(buffer)) }
    return true
  }

  /// Receives at most `capacity` bytes: how many, 0 at the end, or a negative error.
  func fillBackend(
    _ backend: Ref<BackendConnection>, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int
  ) -> Int {
    if let stream = backend.stream { return unsafe receiveStream(stream, buffer, capacity) }
    return unsafe backend.wire.receive(buffer, capacity, pipe)
  }

  /// Whether something has come that has not been looked at: there will be no event for it.
  func backendHasUnread(_ backend: Ref<BackendConnection>) -> Bool {
    if let stream = backend.stream { return stream.waiting > 0 || stream.state.remoteClosed }
    return backend.wire.hasUnread || backend.wire.sawEnd
  }

  /// Whether all of a response has come: HTTP/2 says itself where content ends, and trailers may follow all of a declared
  /// length; else `byLength` counts.
  func hasEnded(_ backend: Ref<BackendConnection>, byLength: Bool) -> Bool {
    backend.stream?.isDrained ?? byLength
  }

  /// Whether a proper end is that of the response, and no sign that some of it is missing; `byClosing` where its head says so.
  func endIsWhole(_ backend: Ref<BackendConnection>, byClosing: Bool) -> Bool {
    backend.stream != nil || byClosing
  }

  /// Success of an extended CONNECT (RFC 8441 §5).
  func isAgreedTunnel(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>) -> Bool {
    guard let stream = backend.stream, stream.state.isTunnel else { return false }
    return 200..<300 ~= desk.response.status && !exchange.endsWithHead
  }

  /// An HTTP/2 backend whose SETTINGS are waited for is not yet one that takes requests.
  func waitsForSettings(_ backend: Ref<BackendConnection>) -> Bool { backend.stream?.headSent == false }

  /// There was no answer in time: a connection that carries other requests too gets no further ones until it is heard.
  func suspect(_ backend: Ref<BackendConnection>) { backend.stream?.mux?.isSilent = true }

  /// Whether a connection that has said all has gone altogether.
  func hasBroken(_ backend: Ref<BackendConnection>) -> Bool {
    guard backend.stream == nil else { return false }
    backend.wire.readable = false
    return Sys.socketError(backend.wire.fd) != 0
  }

  /// A stream ends; a connection closes.
  func release(_ backend: Ref<BackendConnection>) {
    if let stream = backend.stream {
      backend.stream = nil
      return releaseStream(stream)
    }
    backend.wire.close()
    unsafe backend.pool?._withUnsafeGuaranteedRef {
      unsafe $0.status._withUnsafeGuaranteedRef { $0.closeConnection() }
    }
  }
}
