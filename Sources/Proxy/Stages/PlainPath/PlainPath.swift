internal import EventLoop
internal import Exchange
internal import HTTP

/// Routes that take no path that could be said more plainly (RFC 3986 §6.2.2): backends may take it for another.
struct PlainPath: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard unsafe route.pointee.rejectsOddPaths, unsafe !worker.hasPlainPath(base) else { return false }
    unsafe worker.refuse(
      client, .pathNotNormal, closing: false, isGRPC: worker.desk.request.isCall, route: route)
    return true
  }
}

extension Worker {
  fileprivate func hasPlainPath(_ base: UnsafePointer<UInt8>) -> Bool {
    let path = unsafe base + desk.request.targetStart
    let (count, isPlain) = unsafe MatchedPath.scan(path, desk.request.targetLength)
    return unsafe isPlain || MatchedPath.isNormal(path, count, scratch: desk.scratch)
  }
}
