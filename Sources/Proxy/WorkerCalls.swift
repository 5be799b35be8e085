internal import EventLoop
internal import HTTP

// What gRPC says in its own words (gRPC over HTTP/2).
extension Worker {
  /// A backend that answers a call with UNAVAILABLE and nothing else has not begun with it: another one may have the
  /// call, as long as all of it is still here. True when it has.
  func repeatCall(
    _ backend: Ref<UpstreamConnection>, _ exchange: Ref<Exchange>,
    _ base: UnsafePointer<UInt8>
  ) -> Bool {
    guard exchange.replayable, !exchange.responseStarted, !exchange.gotInterim, unsafe isUnavailable(base),
      mayRetryElsewhere(exchange)
    else { return false }
    reportBroken(backend, "grpc-status 14 (UNAVAILABLE)")
    exchange.upstream = nil
    backend.exchange = nil
    exchange.endsWithHead = false
    closeUpstream(backend)
    repeatElsewhere(exchange)
    return true
  }

  private static let statusName: StaticString = "grpc-status"

  func isUnavailable(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard line.nameLength == 11, line.valueLength == 2,
        unsafe FieldName.matches(base + Int(line.nameStart), Self.statusName)
      else { continue }
      let value = unsafe base + Int(line.valueStart)
      return unsafe value[0] == 0x31 && value[1] == 0x34
    }
    return false
  }
}
