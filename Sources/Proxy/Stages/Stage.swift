internal import EventLoop
internal import Exchange
internal import HTTP

/// A feature of the request path, one folder each: what it does at the points where it may act. It says only those that it
/// needs; all are called directly, so that a point that nobody uses costs nothing.
protocol Stage {
  /// A stage keeps nothing: what it needs stands in routes, services and exchanges.
  init()
  /// A request's head is on the desk and no route has been looked for. True when the stage has answered it.
  func receive(_ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool
  /// The request's route has been found; another form of it may be put in its place. True when the stage has answered.
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool
  /// The request will be forwarded: what its head says can be kept.
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>)
  /// The request's head is being written for the backend: whole field lines can be added.
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ out: inout HeadWriter)
  /// The final response's head is on the desk.
  func judge(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>,
    _ base: UnsafePointer<UInt8>)
  /// The response is to be passed on: how its content passes can be changed.
  func choose(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>)
  /// Its head is being written for the client: whole field lines can be added.
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter)
  /// The response has come to its end.
  func complete(_ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>)
  /// The exchange is over, however it ended: what the stage holds for it goes back.
  func end(_ worker: Worker, _ exchange: Ref<Exchange>)
}

extension Stage {
  @inline(__always)
  func receive(_: Worker, _: Ref<ClientConnection>, _: UnsafePointer<UInt8>) -> Bool { false }
  @inline(__always)
  func admit(
    _: Worker, _: Ref<ClientConnection>, _: UnsafePointer<UInt8>, _: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool { false }
  @inline(__always)
  func begin(_: Worker, _: Ref<Exchange>, _: UnsafePointer<UInt8>) {}
  @inline(__always)
  func writeRequest(
    _: Worker, _: Ref<Exchange>, _: Ref<ClientConnection>, _: inout HeadWriter
  ) {}
  @inline(__always)
  func judge(
    _: Worker, _: Ref<Exchange>, _: Ref<BackendConnection>, _: UnsafePointer<UInt8>
  ) {}
  @inline(__always)
  func choose(_: Worker, _: Ref<Exchange>, _: UnsafePointer<UInt8>) {}
  @inline(__always)
  func writeResponse(_: Worker, _: Ref<Exchange>, _: UnsafePointer<UInt8>, _: inout HeadWriter) {}
  @inline(__always)
  func complete(_: Worker, _: Ref<Exchange>, _: Ref<BackendConnection>) {}
  @inline(__always)
  func end(_: Worker, _: Ref<Exchange>) {}
}
