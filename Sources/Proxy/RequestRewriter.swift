internal import EventLoop
internal import HTTP
internal import OS

// The head of a request as the backend gets it (RFC 9110 §7.6).
extension Worker {
  func writeRequestHead(
    _ out: inout HeadWriter, _ client: Ref<Downstream>, _ exchange: Ref<Exchange>,
    _ base: UnsafePointer<UInt8>
  ) {
    let head = requestHead
    unsafe out.append(base, head.methodLength)
    out.append(" ")
    if head.targetLength == 0 {
      out.append(head.method == .options ? "*" : "/")
    } else {
      if unsafe base[head.targetStart] == 0x3F { out.append("/") }
      unsafe out.append(base + head.targetStart, head.targetLength)
    }
    out.append(" HTTP/1.1\r\n")
    guard let route = unsafe exchange.route else { return }
    if unsafe !route.pointee.dropRequest.contains(Self.hostName.utf8Start, 4) {
      out.append("Host: ")
      unsafe out.append(base + head.authorityStart, head.authorityLength)
      out.append("\r\n")
    }
    let forwarding = snapshot.settings.forwarding
    unsafe copyFields(&out, client, route, base, forwarding)
    if head.framing == .chunked { out.append("Transfer-Encoding: chunked\r\n") }
    if exchange.wantsUpgrade { unsafe writeUpgrade(&out, base) }
    if exchange.isExtendedConnect, unsafe exchange.service?.pointee.isHTTP2 == false {
      writeWebSocketKey(&out, exchange)
    }
    if forwarding.xForwarded { unsafe writeXForwarded(&out, client, base) }
    if forwarding.forwarded { unsafe writeForwarded(&out, client, base) }
    if forwarding.via { unsafe writeVia(&out, base, isStream: client.stream != nil) }
    unsafe writeIdentity(&out, client, route)
    if client.isEarly { out.append("Early-Data: 1\r\n") }
    if unsafe route.pointee.setRequest.count > 0 {
      unsafe out.append(route.pointee.setRequest.start, route.pointee.setRequest.count)
    }
    out.append("\r\n")
  }

  private static let hostName: StaticString = "host"

  private func copyFields(
    _ out: inout HeadWriter, _ client: Ref<Downstream>,
    _ route: UnsafeMutablePointer<CompiledRoute>, _ base: UnsafePointer<UInt8>,
    _ forwarding: Settings.Forwarding
  ) {
    let nominates = requestHead.connection.namesFields
    let limitsForwards = requestHead.method == .options || requestHead.method == .trace
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      let name = unsafe base + Int(line.nameStart)
      let length = Int(line.nameLength)
      switch line.name {
      case .other, .date, .server, .proxyAuthenticate, .proxyAuthorization:
        if unsafe isForgedIdentity(name, length, client) || isReplacedByEarlyData(name, length, client) {
          continue
        }
        if line.name == .other, let claim = unsafe ClaimedField.read(name, length),
          claim == .framing || !client.isTrusted
        {
          continue
        }
        if nominates, unsafe isNominated(name, length, base) { continue }
        if limitsForwards, line.name == .other, unsafe MaxForwards.isName(name, length) {
          unsafe writeMaxForwards(&out, base)
          continue
        }
      case .contentLength, .expect: break
      // It speaks of what only such content can have behind it (RFC 9110 §6.6.2).
      case .trailer: if requestHead.framing != .chunked { continue }
      case .forwarded:
        if forwarding.forwarded || !client.isTrusted { continue }
      case .xForwardedFor:
        if forwarding.xForwarded || !client.isTrusted { continue }
      case .xForwardedProto, .xForwardedHost, .xForwardedPort:
        if !client.isTrusted { continue }
      case .via: if forwarding.via { continue }
      default: continue
      }
      if unsafe route.pointee.dropRequest.contains(name, length) { continue }
      unsafe out.append(line, of: base)
    }
  }

  private func writeMaxForwards(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    guard case .left(let count) = unsafe MaxForwards.read(fields, base) else { return }
    out.append("Max-Forwards: ")
    out.append(decimal: count)
    out.append("\r\n")
  }

  /// Whether the Connection field names this field as one for us alone (RFC 9110 §7.6.1).
  func isNominated(_ name: UnsafePointer<UInt8>, _ length: Int, _ base: UnsafePointer<UInt8>) -> Bool {
    var found = false
    for i in 0..<fields.count where unsafe fields.lines[i].name == .connection && !found {
      unsafe ListElements.forEach(base + Int(fields.lines[i].valueStart), Int(fields.lines[i].valueLength)) {
        p, n in
        guard n == length else { return true }
        for j in 0..<n where unsafe p[j] | 0x20 != name[j] | 0x20 { return true }
        found = true
        return false
      }
    }
    return found
  }

  private func writeUpgrade(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    out.append("Connection: upgrade\r\n")
    for i in 0..<fields.count where unsafe fields.lines[i].name == .upgrade {
      unsafe out.append(fields.lines[i], of: base)
    }
  }

  /// The handshake of HTTP/1.1 needs a nonce that extended CONNECT has not (RFC 6455 §4.1).
  private func writeWebSocketKey(_ out: inout HeadWriter, _ exchange: Ref<Exchange>) {
    let key = Array(WebSocketHandshake.freshKey().utf8)
    exchange.webSocket = WebSocketHandshake(key: key)
    out.append("Sec-WebSocket-Key: ")
    out.append(key)
    out.append("\r\n")
  }

  private func writeXForwarded(
    _ out: inout HeadWriter, _ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>
  ) {
    out.append("X-Forwarded-For: ")
    var hasProto = false
    var hasHost = false
    var hasPort = false
    if client.isTrusted {
      unsafe appendValues(of: .xForwardedFor, &out, base)
      for i in 0..<fields.count {
        if unsafe fields.lines[i].name == .xForwardedProto { hasProto = true }
        if unsafe fields.lines[i].name == .xForwardedHost { hasHost = true }
        if unsafe fields.lines[i].name == .xForwardedPort { hasPort = true }
      }
    }
    unsafe client.peer.withBytes { unsafe out.append($0, $1) }
    if !hasProto {
      out.append(!client.wire.isSecure ? "\r\nX-Forwarded-Proto: http" : "\r\nX-Forwarded-Proto: https")
    }
    if !hasHost, requestHead.authorityLength > 0 {
      out.append("\r\nX-Forwarded-Host: ")
      unsafe out.append(base + requestHead.authorityStart, requestHead.authorityLength)
    }
    if !hasPort {
      out.append("\r\nX-Forwarded-Port: ")
      out.append(decimal: UInt64(listeners[Int(client.listener)].port))
    }
    out.append("\r\n")
  }

  /// RFC 7239: an IPv6 address is quoted and in brackets; a host with a port is quoted.
  private func writeForwarded(
    _ out: inout HeadWriter, _ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>
  ) {
    out.append("Forwarded: ")
    if client.isTrusted { unsafe appendValues(of: .forwarded, &out, base) }
    out.append("for=")
    unsafe client.peer.withBytes { text, count in
      var isV6 = false
      for i in 0..<count where unsafe text[i] == 0x3A { isV6 = true }
      out.append(isV6 ? "\"[" : "")
      unsafe out.append(text, count)
      out.append(isV6 ? "]\"" : "")
    }
    out.append(!client.wire.isSecure ? ";proto=http" : ";proto=https")
    if requestHead.authorityLength > 0 {
      out.append(";host=\"")
      unsafe out.append(base + requestHead.authorityStart, requestHead.authorityLength)
      out.append("\"")
    }
    out.append("\r\n")
  }

  private func writeVia(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, isStream: Bool) {
    out.append("Via: ")
    unsafe appendValues(of: .via, &out, base)
    out.append(isStream ? "2.0 certd\r\n" : requestHead.minorVersion == 0 ? "1.0 certd\r\n" : "1.1 certd\r\n")
  }

  /// The values that came under a name, each followed by a comma.
  private func appendValues(of name: FieldName, _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>) {
    for i in 0..<fields.count where unsafe fields.lines[i].name == name && fields.lines[i].valueLength > 0 {
      unsafe out.append(base + Int(fields.lines[i].valueStart), Int(fields.lines[i].valueLength))
      out.append(", ")
    }
  }
}
