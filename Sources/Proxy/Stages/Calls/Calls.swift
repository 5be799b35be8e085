internal import Exchange
internal import EventLoop
internal import HTTP

// What gRPC says in its own words (gRPC over HTTP/2).
struct Calls: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    exchange.isGRPC = worker.desk.request.isCall
  }
}

extension Worker {
  private static let statusName: StaticString = "grpc-status"

  /// Whether a head says UNAVAILABLE.
  func isUnavailable(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      guard line.nameLength == 11, line.valueLength == 2,
        unsafe FieldName.matches(base + Int(line.nameStart), Self.statusName)
      else { continue }
      let value = unsafe base + Int(line.valueStart)
      return unsafe value[0] == 0x31 && value[1] == 0x34
    }
    return false
  }
}
