/// The field names that the proxy acts on; all others pass through untouched.
public enum FieldName: UInt8, Sendable, BitwiseCopyable {
  case other, host, connection, contentLength, transferEncoding, expect, upgrade, te, trailer, keepAlive
  case proxyConnection, via, forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort
  case http2Settings, proxyAuthenticate, proxyAuthorization, server, date

  /// Recognises a name by its length and whole words of it. The bytes must be token characters already.
  @inline(__always)
  public static func identify(_ p: UnsafePointer<UInt8>, _ length: Int) -> FieldName {
    switch length {
    case 2: return unsafe matches(p, "te") ? .te : .other
    case 3: return unsafe matches(p, "via") ? .via : .other
    case 4: return unsafe matches(p, "host") ? .host : matches(p, "date") ? .date : .other
    case 6: return unsafe matches(p, "expect") ? .expect : matches(p, "server") ? .server : .other
    case 7: return unsafe matches(p, "upgrade") ? .upgrade : matches(p, "trailer") ? .trailer : .other
    case 9: return unsafe matches(p, "forwarded") ? .forwarded : .other
    case 10:
      return unsafe matches(p, "connection") ? .connection : matches(p, "keep-alive") ? .keepAlive : .other
    case 14:
      return unsafe matches(p, "content-length")
        ? .contentLength : matches(p, "http2-settings") ? .http2Settings : .other
    case 15: return unsafe matches(p, "x-forwarded-for") ? .xForwardedFor : .other
    case 16:
      return unsafe matches(p, "x-forwarded-host")
        ? .xForwardedHost
        : matches(p, "x-forwarded-port")
          ? .xForwardedPort : matches(p, "proxy-connection") ? .proxyConnection : .other
    case 17:
      return unsafe matches(p, "transfer-encoding")
        ? .transferEncoding : matches(p, "x-forwarded-proto") ? .xForwardedProto : .other
    case 18: return unsafe matches(p, "proxy-authenticate") ? .proxyAuthenticate : .other
    case 19: return unsafe matches(p, "proxy-authorization") ? .proxyAuthorization : .other
    default: return .other
    }
  }

  /// Whether the field speaks of one connection only and never passes a proxy (RFC 9110 §7.6.1).
  public var isHopByHop: Bool {
    switch self {
    case .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade,
      .http2Settings:
      return true
    default: return false
    }
  }

  /// Whether a TE field's value asks for trailers (RFC 9110 §10.1.4).
  public static func containsTrailers(_ value: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    var found = false
    unsafe ListElements.forEach(value, length) { p, n in
      if n == 8, unsafe matches(p, "trailers") { found = true }
      return !found
    }
    return found
  }

  /// Whether a field with a name of 12 bytes and a value of at least 16 is `content-type: application/grpc`, of
  /// whatever encoding.
  @inline(__always)
  public static func isGRPCContent(name: UnsafePointer<UInt8>, value: UnsafePointer<UInt8>) -> Bool {
    unsafe matches(name, "content-type") && matches(value, "application/grpc")
  }

  /// Compares with a lower-case literal of the same length, letter case folded.
  @inline(__always)
  package static func matches(_ p: UnsafePointer<UInt8>, _ literal: StaticString) -> Bool {
    let count = literal.utf8CodeUnitCount
    let text = unsafe UnsafeRawPointer(literal.utf8Start)
    let raw = unsafe UnsafeRawPointer(p)
    if count >= 8 {
      let fold: UInt64 = 0x2020_2020_2020_2020
      var i = 0
      while i + 8 <= count {
        if unsafe raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) | fold
          != text.loadUnaligned(fromByteOffset: i, as: UInt64.self) | fold
        {
          return false
        }
        i += 8
      }
      // The last word overlaps the one before, so that nothing beyond the name is read.
      return unsafe raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self) | fold
        == text.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self) | fold
    }
    if count >= 4 {
      let fold: UInt32 = 0x2020_2020
      return unsafe raw.loadUnaligned(as: UInt32.self) | fold == text.loadUnaligned(as: UInt32.self) | fold
        && raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self) | fold
          == text.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self) | fold
    }
    for i in 0..<count where unsafe p[i] | 0x20 != literal.utf8Start[i] { return false }
    return true
  }
}
