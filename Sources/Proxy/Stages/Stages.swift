internal import EventLoop
internal import Exchange
internal import HTTP

/// Every stage, in the order in which they act: a new one is its folder and one line here.
@inline(__always)
@StageBuilder
var stages: some Stage {
  Challenges()
  Redirect()
  CrossOrigin()
  RouteLimiting()
  PlainPath()
  Identity()
  Keys()
  Admission()
  Actions()
  Splitting()
  Models()
  LastHop()
  WebSocket()
  Calls()
  Affinity()
  Compression()
  Answers()
  AccessLogging()
  Following()
  Quotas()
  Hedging()
  Outliers()
  Durations()
  Events()
}

/// Makes one type of all stages, so that every call is known when the program is compiled.
@resultBuilder
enum StageBuilder {
  @inline(__always)
  static func buildPartialBlock<First: Stage>(first: First) -> First { first }
  @inline(__always)
  static func buildPartialBlock<First: Stage, Next: Stage>(
    accumulated: First, next: Next
  ) -> Then<First, Next> { Then() }
}

/// One stage, or several, and another one behind.
struct Then<First: Stage, Next: Stage>: Stage {
  @inline(__always)
  func receive(_ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool {
    unsafe First().receive(worker, client, base) || Next().receive(worker, client, base)
  }

  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    unsafe First().admit(worker, client, base, &route) || Next().admit(worker, client, base, &route)
  }

  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    unsafe First().begin(worker, exchange, base)
    unsafe Next().begin(worker, exchange, base)
  }

  @inline(__always)
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ out: inout HeadWriter
  ) {
    First().writeRequest(worker, exchange, client, &out)
    Next().writeRequest(worker, exchange, client, &out)
  }

  @inline(__always)
  func judge(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>,
    _ base: UnsafePointer<UInt8>
  ) {
    unsafe First().judge(worker, exchange, backend, base)
    unsafe Next().judge(worker, exchange, backend, base)
  }

  @inline(__always)
  func choose(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    unsafe First().choose(worker, exchange, base)
    unsafe Next().choose(worker, exchange, base)
  }

  @inline(__always)
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    unsafe First().writeResponse(worker, exchange, base, &out)
    unsafe Next().writeResponse(worker, exchange, base, &out)
  }

  @inline(__always)
  func complete(_ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) {
    First().complete(worker, exchange, backend)
    Next().complete(worker, exchange, backend)
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    First().end(worker, exchange)
    Next().end(worker, exchange)
  }
}
