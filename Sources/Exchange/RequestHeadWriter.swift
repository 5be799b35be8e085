public import HTTP

/// Which fields tell backends about the client.
public struct ForwardedFields: Sendable, Equatable, BitwiseCopyable {
  /// X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port.
  public var xForwarded = true
  /// Forwarded (RFC 7239).
  public var forwarded = false
  /// Via (RFC 9110 §7.6.3).
  public var via = true
  /// X-Request-Id: that of a trusted client, or a new one.
  public var requestID = false
  /// The default set.
  public init() {}
}

/// Where a request comes from, as far as its head is told.
@safe public struct RequestOrigin {
  /// The client's address as text.
  public var peer: UnsafeBufferPointer<UInt8>
  /// The port that it connected to.
  public var port: UInt16
  /// It may say itself where a request comes from.
  public var isTrusted = false
  /// It spoke TLS.
  public var isSecure = false
  /// Content whose length nobody told is waited for, and its length told at the end of the head.
  public var tellsLength = false
  /// The request came before the handshake was over.
  public var isEarly = false
  /// Some listener verifies clients: nobody else may say who they are.
  public var verifiesClients = false
  /// It gets a name of ours in place of what came as X-Request-Id.
  public var isNamed = false
  /// It is part of a trace, as which we pass it on.
  public var isTraced = false

  /// A client's address and the port that it connected to.
  public init(peer: UnsafeBufferPointer<UInt8>, port: UInt16) {
    unsafe self.peer = unsafe peer
    self.port = port
  }
}

// The head of a request as the backend gets it (RFC 9110 §7.6).
extension Desk {
  /// Writes the request's head that was read last, from `base`. `path` edits its path. `more` adds what the stages of its route have to say; an
  /// upgrade is passed on where `upgrades`.
  public func writeRequestHead(
    _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, from origin: RequestOrigin, _ edits: HeadEdits,
    _ forwarding: ForwardedFields, path: PathEdit, upgrades: Bool, more: (inout HeadWriter) -> Void
  ) {
    unsafe out.append(base, request.methodLength)
    out.append(" ")
    if request.targetLength == 0, request.method == .options {
      out.append("*")
    } else if unsafe path.isEmpty && request.targetLength > 0 && base[request.targetStart] != 0x3F {
      unsafe out.append(base + request.targetStart, request.targetLength)
    } else {
      unsafe writePath(&out, base, path)
    }
    out.append(" HTTP/1.1\r\n")
    if unsafe !edits.drop.contains(Self.hostName.utf8Start, 4) {
      out.append("Host: ")
      unsafe out.append(base + request.authorityStart, request.authorityLength)
      out.append("\r\n")
    }
    unsafe copyFields(&out, base, origin, edits, forwarding)
    if request.framing == .chunked, !origin.tellsLength { out.append("Transfer-Encoding: chunked\r\n") }
    if upgrades { unsafe writeUpgrade(&out, base) }
    if forwarding.xForwarded { unsafe writeXForwarded(&out, base, origin) }
    if forwarding.forwarded { unsafe writeForwarded(&out, base, origin) }
    if forwarding.via { unsafe writeVia(&out, base) }
    more(&out)
    if origin.isEarly { out.append("Early-Data: 1\r\n") }
    if edits.set.count > 0 { unsafe out.append(edits.set.start, edits.set.count) }
    out.append("\r\n")
  }

  private static let hostName: StaticString = "host"

  private func copyFields(
    _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ origin: RequestOrigin, _ edits: HeadEdits,
    _ forwarding: ForwardedFields
  ) {
    let nominates = request.connection.namesFields
    let limitsForwards = request.method == .options || request.method == .trace
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      let name = unsafe base + Int(line.nameStart)
      let length = Int(line.nameLength)
      switch line.name {
      case .other, .date, .server, .proxyAuthenticate, .proxyAuthorization:
        if unsafe isOurs(name, length, origin) { continue }
        if line.name == .other, let claim = unsafe ClaimedField.read(name, length),
          claim == .framing || !origin.isTrusted
        {
          continue
        }
        if nominates, unsafe isNominated(name, length, base) { continue }
        if limitsForwards, line.name == .other, unsafe MaxForwards.isName(name, length) {
          unsafe writeMaxForwards(&out, base)
          continue
        }
      case .contentLength: if origin.tellsLength { continue }
      case .expect: if origin.tellsLength { continue }
      // It speaks of what only such content can have behind it (RFC 9110 §6.6.2).
      case .trailer: if request.framing != .chunked || origin.tellsLength { continue }
      case .forwarded:
        if forwarding.forwarded || !origin.isTrusted { continue }
      case .xForwardedFor:
        if forwarding.xForwarded || !origin.isTrusted { continue }
      case .xForwardedProto, .xForwardedHost, .xForwardedPort:
        if !origin.isTrusted { continue }
      case .via: if forwarding.via { continue }
      default: continue
      }
      if unsafe edits.drop.contains(name, length) { continue }
      unsafe out.append(line, of: base)
    }
  }

  /// Whether a field claims what only we may say: who the client has proven to be (RFC 9440 §2.4), unless somebody trusted
  /// may have verified it before us and nobody does here; and that a request came early (RFC 8470 §5.1), where it has:
  /// otherwise somebody before us says so, and asks for nothing but care.
  @inline(__always)
  private func isOurs(_ name: UnsafePointer<UInt8>, _ length: Int, _ origin: RequestOrigin) -> Bool {
    switch length {
    case 10:
      if origin.isTraced, !origin.isTrusted, unsafe ASCII.same(name, length, "tracestate") { return true }
      return unsafe origin.isEarly && ASCII.same(name, length, Self.earlyData)
    case 12: return unsafe origin.isNamed && ASCII.same(name, length, "x-request-id")
    case 11, 17, 21:
      if origin.isTraced, unsafe ASCII.same(name, length, "traceparent") { return true }
      return unsafe IdentityFields.contains(name, length) && (origin.verifiesClients || !origin.isTrusted)
    default: return false
    }
  }

  private static let earlyData: StaticString = "early-data"

  private func writeMaxForwards(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    guard case .left(let count) = unsafe MaxForwards.read(fields, base) else { return }
    out.append("Max-Forwards: ")
    out.append(decimal: count)
    out.append("\r\n")
  }

  private func writeUpgrade(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    out.append("Connection: upgrade\r\n")
    for i in 0..<fields.count where unsafe fields.lines[i].name == .upgrade {
      unsafe out.append(fields.lines[i], of: base)
    }
  }

  private func writeXForwarded(
    _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ origin: RequestOrigin
  ) {
    out.append("X-Forwarded-For: ")
    var hasProto = false
    var hasHost = false
    var hasPort = false
    if origin.isTrusted {
      unsafe appendValues(of: .xForwardedFor, &out, base)
      for i in 0..<fields.count {
        if unsafe fields.lines[i].name == .xForwardedProto { hasProto = true }
        if unsafe fields.lines[i].name == .xForwardedHost { hasHost = true }
        if unsafe fields.lines[i].name == .xForwardedPort { hasPort = true }
      }
    }
    if let text = unsafe origin.peer.baseAddress { unsafe out.append(text, origin.peer.count) }
    if !hasProto {
      out.append(!origin.isSecure ? "\r\nX-Forwarded-Proto: http" : "\r\nX-Forwarded-Proto: https")
    }
    if !hasHost, request.authorityLength > 0 {
      out.append("\r\nX-Forwarded-Host: ")
      unsafe out.append(base + request.authorityStart, request.authorityLength)
    }
    if !hasPort {
      out.append("\r\nX-Forwarded-Port: ")
      out.append(decimal: UInt64(origin.port))
    }
    out.append("\r\n")
  }

  /// RFC 7239: an IPv6 address is quoted and in brackets; a host with a port is quoted.
  private func writeForwarded(
    _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ origin: RequestOrigin
  ) {
    out.append("Forwarded: ")
    if origin.isTrusted { unsafe appendValues(of: .forwarded, &out, base) }
    out.append("for=")
    let isV6 = unsafe origin.peer.contains(0x3A)
    out.append(isV6 ? "\"[" : "")
    if let text = unsafe origin.peer.baseAddress { unsafe out.append(text, origin.peer.count) }
    out.append(isV6 ? "]\"" : "")
    out.append(!origin.isSecure ? ";proto=http" : ";proto=https")
    if request.authorityLength > 0 {
      out.append(";host=\"")
      unsafe out.append(base + request.authorityStart, request.authorityLength)
      out.append("\"")
    }
    out.append("\r\n")
  }

  private func writeVia(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    out.append("Via: ")
    unsafe appendValues(of: .via, &out, base)
    switch request.version {
    case .http10: out.append("1.0 certd\r\n")
    case .http11: out.append("1.1 certd\r\n")
    case .http2: out.append("2.0 certd\r\n")
    }
  }

  /// The values that came under a name, each followed by a comma.
  private func appendValues(of name: FieldName, _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    for i in 0..<fields.count where unsafe fields.lines[i].name == name && fields.lines[i].valueLength > 0 {
      unsafe out.append(base + Int(fields.lines[i].valueStart), Int(fields.lines[i].valueLength))
      out.append(", ")
    }
  }
}
