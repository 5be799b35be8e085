internal import HTTP

/// Fields that servers take for what only a proxy may say, or for what frames the message, although their names are not those:
/// servers that make variables of names take `_` for `-` (RFC 3875 §4.1.18), and there are more names in use for who the
/// client is than the standard ones.
enum ClaimedField {
  /// It would be taken for the message's framing, or for what belongs to the connection: never passed on.
  case framing
  /// It says who the client is, or how it came: passed on from trusted peers only.
  case client

  /// The longest name that may be one, in bytes.
  private static let maximumLength = 24

  /// What a field that is none of the known ones claims to be; nil for nothing.
  @inline(__always)
  static func read(_ name: UnsafePointer<UInt8>, _ length: Int) -> ClaimedField? {
    guard length >= 5, length <= maximumLength else { return nil }
    switch unsafe name[0] | 0x20 {
    // x-…, proxy
    case 0x78, 0x70: return unsafe compare(name, length)
    // forwarded, content-length, transfer-encoding, connection, te, host, upgrade, keep-alive
    case 0x66, 0x63, 0x74, 0x68, 0x75, 0x6B:
      for i in 1..<length where unsafe name[i] == 0x5F { return unsafe compare(name, length) }
      return nil
    default: return nil
    }
  }

  private static func compare(_ name: UnsafePointer<UInt8>, _ length: Int) -> ClaimedField? {
    var folded = InlineArray<24, UInt8>(repeating: 0)
    var hasUnderscore = false
    for i in 0..<length {
      let c = unsafe ASCII.lowered(name[i])
      if c == 0x5F { hasUnderscore = true }
      folded[i] = c == 0x5F ? 0x2D : c
    }
    return unsafe withUnsafeBytes(of: &folded) { raw in
      guard let p = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
      if length == 5, unsafe ASCII.same(p, 5, "proxy") { return .client }
      if length == 9, unsafe ASCII.same(p, 9, "x-real-ip") { return .client }
      if length > 12, unsafe ASCII.same(p, 12, "x-forwarded-") { return .client }
      guard hasUnderscore else { return nil }
      switch unsafe FieldName.identify(p, length) {
      case .other, .date, .server, .trailer, .expect: return nil
      case .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .via:
        return .client
      default: return .framing
      }
    }
  }
}
