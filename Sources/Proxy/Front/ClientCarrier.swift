internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS

// What carries a request and its response on the client's side, be it a connection of HTTP/1 or a stream of HTTP/2: content
// in, a head out, content out, the end.
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

  /// The client's time for taking what waits begins with the first that does.
  @inline(__always)
  func timeOutput(_ client: Ref<ClientConnection>, unless wasParked: Bool) {
    if !wasParked, !client.wire.output.isEmpty { setWait(ofClient: client, .clientReads, again: true) }
  }

  func takeBuffer(_ client: Ref<ClientConnection>) {
    guard unsafe client.buffer == nil else { return }
    let isNew = client.exchange == nil && client.mux == nil
    unsafe client.buffer = unsafe buffers.acquire(isNew ? .beginning : .goingOn)
    guard unsafe client.buffer != nil else { return }
    client.element.emptyBuffer()
    client.searched = 0
    client.headTimed = false
  }

  func dropBuffer(_ client: Ref<ClientConnection>) {
    guard let buffer = unsafe client.buffer else { return }
    unsafe buffers.release(buffer)
    unsafe client.buffer = nil
    client.start = 0
    client.end = 0
    client.searched = 0
  }
}
