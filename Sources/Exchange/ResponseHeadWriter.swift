public import HTTP

/// To whom a response's head is written, and what has become of its content.
public struct ResponsePlan: BitwiseCopyable {
  /// What the client speaks.
  public var version = Version.http11
  /// It was a HEAD.
  public var isHead = false
  /// The backend's HTTP/2 head was its last word.
  public var endsWithHead = false
  /// The content is compressed on the way.
  public var isCoded = false
  /// The client's connection ends behind the response.
  public var closes = false
  /// A plan for a client of HTTP/1.1.
  public init() {}
}

// The head of a response as the client gets it.
extension Desk {
  /// Writes the response's head that was read last, from `base`. `more` adds what the stages of its route have to say of
  /// a final one.
  public func writeResponseHead(
    _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ plan: ResponsePlan, _ edits: HeadEdits,
    more: (inout HeadWriter) -> Void
  ) {
    out.append("HTTP/1.1 ")
    unsafe out.append(base + response.statusStart, response.statusLength)
    // The space before an empty reason is not optional (RFC 9112 §4).
    out.append(response.statusLength == 3 ? " \r\n" : "\r\n")
    unsafe copyFields(&out, base, plan, edits)
    if response.repeatsLength, response.status >= 200, response.status != 204, !plan.isCoded,
      let length = response.declaredLength
    {
      out.append("Content-Length: ")
      out.append(decimal: length)
      out.append("\r\n")
    }
    if response.status == 101 {
      out.append("Connection: upgrade\r\n")
      for i in 0..<fields.count where unsafe fields.lines[i].name == .upgrade {
        unsafe out.append(fields.lines[i], of: base)
      }
    } else if response.status >= 200 {
      more(&out)
      writeFraming(&out, plan)
    }
    if edits.set.count > 0, response.status >= 200 || response.status == 101 {
      unsafe out.append(edits.set.start, edits.set.count)
    }
    out.append("\r\n")
  }

  private func copyFields(
    _ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ plan: ResponsePlan, _ edits: HeadEdits
  ) {
    let nominates = response.connection.namesFields
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      if line.name.isHopByHop { continue }
      if line.name == .trailer, response.framing != .chunked, response.framing != .untilClose { continue }
      // No content, no length (RFC 9110 §8.6).
      if line.name == .contentLength,
        response.repeatsLength || response.status < 200 || response.status == 204
      {
        continue
      }
      let name = unsafe base + Int(line.nameStart)
      let length = Int(line.nameLength)
      // What says where the content ends is not Connection's to drop.
      if nominates, line.name != .contentLength, unsafe isNominated(name, length, base) { continue }
      if unsafe edits.drop.contains(name, length) { continue }
      if plan.isCoded, unsafe line.speaksOfContent(base) { continue }
      unsafe out.append(line, of: base)
    }
  }

  private func writeFraming(_ out: inout HeadWriter, _ plan: ResponsePlan) {
    if plan.endsWithHead, plan.version != .http2, !plan.isHead, response.declaredLength == nil,
      response.status != 204,
      response.status != 304
    {
      out.append("Content-Length: 0\r\n")
    }
    if plan.version == .http11,
      plan.isCoded || response.framing == .chunked || response.framing == .untilClose
    {
      out.append("Transfer-Encoding: chunked\r\n")
    }
    if plan.closes {
      out.append("Connection: close\r\n")
    } else if plan.version == .http10 {
      out.append("Connection: keep-alive\r\n")
    }
  }
}
