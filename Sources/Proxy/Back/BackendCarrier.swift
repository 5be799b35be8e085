internal import EventLoop
internal import Exchange
internal import OS

// What carries a request and its response on the backend's side, be it a connection of HTTP/1 or a stream of HTTP/2.
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
}
