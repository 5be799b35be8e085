internal import Exchange
internal import EventLoop
internal import HTTP

// What gRPC says in its own words (gRPC over HTTP/2).
extension Worker {
  /// Whether the request on the desk is a call.
  func isCall(_ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      guard line.name == .other, line.nameLength == 12, line.valueLength >= 16 else { continue }
      if unsafe FieldName.isGRPCContent(name: base + Int(line.nameStart), value: base + Int(line.valueStart))
      {
        return true
      }
    }
    return false
  }

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
