internal import EventLoop
internal import Exchange
internal import HTTP
internal import TLS

// Values of a request in fields that a route sets.
extension Worker {
  private static let cookieName: StaticString = "cookie"

  /// Writes field lines with the values of the request on the desk.
  @inline(never)
  func write(
    _ lines: ValueLines, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    for place in 0..<lines.count {
      let part = unsafe lines.parts[place]
      switch part.kind {
      case .text: unsafe out.append(part.text.start, part.text.count)
      case .clientIP: unsafe client.peer.withBytes { unsafe out.append($0, $1) }
      case .host: unsafe out.append(base + desk.request.hostStart, desk.request.hostLength)
      case .method: unsafe out.append(base, desk.request.methodLength)
      case .path, .query: unsafe writeTarget(part.kind, base, &out)
      case .serverName:
        unsafe client.wire.session?.withServerName { unsafe Self.writeClean($0, $1, &out) }
      case .tlsVersion:
        switch client.wire.session?.version {
        case .tls13: out.append("TLSv1.3")
        case .tls12: out.append("TLSv1.2")
        case .unknown, nil: break
        }
      case .clientName:
        let name = unsafe Self.identityLabel(client)
        if let start = name.baseAddress {
          unsafe Self.writeClean(start.assumingMemoryBound(to: UInt8.self), name.count, &out)
        }
      case .requestID:
        if let name = unsafe exchange.followed?.pointee.requestIDText, let start = name.baseAddress {
          unsafe out.append(start.assumingMemoryBound(to: UInt8.self), name.count)
        }
      case .header: unsafe writeField(part.text, base, &out)
      case .cookie: unsafe writeCookie(part.text, base, &out)
      case .segment: unsafe desk.writeSegment(&out, base, part.segment)
      }
    }
  }

  private func writeTarget(_ kind: ValueLines.Kind, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter) {
    let target = unsafe base + desk.request.targetStart
    let length = unsafe desk.request.pathLength(base)
    if kind == .path {
      guard length > 0 else { return out.append("/") }
      return unsafe out.append(target, length)
    }
    guard desk.request.targetLength > length + 1 else { return }
    unsafe out.append(target + length + 1, desk.request.targetLength - length - 1)
  }

  /// What a client chose freely has no control characters in a field.
  private static func writeClean(_ text: UnsafePointer<UInt8>, _ count: Int, _ out: inout HeadWriter) {
    for place in 0..<count {
      var byte = unsafe text[place]
      if byte < 0x20 || byte == 0x7F { byte = 0x3F }
      unsafe out.append(&byte, 1)
    }
  }

  private func writeField(_ name: RawBytes, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter) {
    for i in 0..<desk.fields.count where unsafe Int(desk.fields.lines[i].nameLength) == name.count {
      let line = unsafe desk.fields.lines[i]
      var isSame = true
      for j in 0..<name.count {
        if unsafe ASCII.lowered(base[Int(line.nameStart) + j]) != name.start[j] { isSame = false }
      }
      if isSame { return unsafe out.append(base + Int(line.valueStart), Int(line.valueLength)) }
    }
  }

  private func writeCookie(_ name: RawBytes, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter) {
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      guard unsafe ASCII.same(base + Int(line.nameStart), Int(line.nameLength), Self.cookieName) else {
        continue
      }
      let (text, count) = unsafe (base + Int(line.valueStart), Int(line.valueLength))
      if let place = unsafe Self.place(ofCookie: name, text, count) {
        return unsafe out.append(text + place.lowerBound, place.count)
      }
    }
  }
}
