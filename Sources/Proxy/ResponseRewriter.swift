internal import EventLoop
internal import HTTP

// The head of a response as the client gets it.
extension Worker {
  func writeResponseHead(
    _ out: inout HeadWriter, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, closing: Bool
  ) {
    guard let route = unsafe exchange.route else { return }
    out.append("HTTP/1.1 ")
    unsafe out.append(base + responseHead.statusStart, responseHead.statusLength)
    // The space before an empty reason is not optional (RFC 9112 §4).
    out.append(responseHead.statusLength == 3 ? " \r\n" : "\r\n")
    let nominates = responseHead.connection.namesFields
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      if line.name.isHopByHop { continue }
      if line.name == .trailer, responseHead.framing != .chunked, responseHead.framing != .untilClose {
        continue
      }
      // No content, no length (RFC 9110 §8.6).
      if line.name == .contentLength,
        responseHead.repeatsLength || responseHead.status < 200 || responseHead.status == 204
      {
        continue
      }
      let name = unsafe base + Int(line.nameStart)
      let length = Int(line.nameLength)
      // What says where the content ends is not Connection's to drop.
      if nominates, line.name != .contentLength, unsafe isNominated(name, length, base) { continue }
      if unsafe route.pointee.dropResponse.contains(name, length) { continue }
      if exchange.isCoded, unsafe isReplaced(line, base) { continue }
      unsafe out.append(line, of: base)
    }
    if responseHead.repeatsLength, responseHead.status >= 200, responseHead.status != 204, !exchange.isCoded,
      let length = responseHead.declaredLength
    {
      out.append("Content-Length: ")
      out.append(decimal: length)
      out.append("\r\n")
    }
    if responseHead.status == 101 {
      out.append("Connection: upgrade\r\n")
      for i in 0..<fields.count where unsafe fields.lines[i].name == .upgrade {
        unsafe out.append(fields.lines[i], of: base)
      }
    } else if responseHead.status >= 200 {
      unsafe writeCoding(&out, exchange, base)
      writeFraming(&out, exchange, closing)
    }
    if unsafe route.pointee.setResponse.count > 0, responseHead.status >= 200 || responseHead.status == 101 {
      unsafe out.append(route.pointee.setResponse.start, route.pointee.setResponse.count)
    }
    out.append("\r\n")
  }

  private func writeFraming(_ out: inout HeadWriter, _ exchange: Ref<Exchange>, _ closing: Bool) {
    let isStream = exchange.downstream?.stream != nil
    if exchange.endsWithHead, !isStream, responseHead.declaredLength == nil, responseHead.status != 204,
      responseHead.status != 304, exchange.method != .head
    {
      out.append("Content-Length: 0\r\n")
    }
    switch responseHead.framing {
    case _ where exchange.isCoded && exchange.minorVersion == 1,
      .chunked where exchange.minorVersion == 1, .untilClose where exchange.minorVersion == 1:
      out.append("Transfer-Encoding: chunked\r\n")
    default: break
    }
    if closing {
      out.append("Connection: close\r\n")
    } else if exchange.minorVersion == 0 {
      out.append("Connection: keep-alive\r\n")
    }
  }
}
