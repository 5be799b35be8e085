internal import HTTP

// What gRPC says in its own words (gRPC over HTTP/2).
extension Worker {
  /// A backend that answers a call with UNAVAILABLE and nothing else has not begun with it: another one may have the
  /// call, as long as all of it is still here. True when it has.
  func repeatCall(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ base: UnsafePointer<UInt8>
  ) -> Bool {
    guard x.pointee.replayable, !x.pointee.responseStarted, !x.pointee.gotInterim, isUnavailable(base),
      mayRetryElsewhere(x)
    else { return false }
    reportBroken(u, "grpc-status 14 (UNAVAILABLE)")
    x.pointee.upstream = nil
    u.pointee.exchange = nil
    x.pointee.endsWithHead = false
    closeUpstream(u)
    repeatElsewhere(x)
    return true
  }

  private static let statusName: StaticString = "grpc-status"

  func isUnavailable(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count {
      let line = fields.lines[i]
      guard line.nameLength == 11, line.valueLength == 2,
        FieldName.matches(base + Int(line.nameStart), Self.statusName)
      else { continue }
      let value = base + Int(line.valueStart)
      return value[0] == 0x31 && value[1] == 0x34
    }
    return false
  }
}
