public import HTTP

// Answers of ours.
extension OwnAnswer {
  /// Its field lines: 401 has to say how one authenticates (RFC 9110 §11.6.1).
  public var fields: String {
    let type = "Content-Type: application/json\r\n"
    return self == .keyNeeded ? "WWW-Authenticate: Bearer\r\n" + type : type
  }

  /// The content, in the shape that OpenAI's clients read; `detail` is the service's name, if there is one.
  public func content(_ detail: String) -> [UInt8] {
    let body =
      #"{"error":{"message":"\#(message(detail))","type":"\#(type)","param":null,"code":"\#(code)"}}"# + "\n"
    return Array(body.utf8)
  }
}

extension HeadWriter {
  /// A response's head of ours: `fields` are whole lines, `own` those that the route adds.
  public mutating func appendOwn(
    _ status: Int, fields: String, own: RawBytes?, contentLength: Int, closes: Bool, version: Version
  ) {
    append("HTTP/1.1 ")
    append(decimal: UInt64(status))
    append(" ")
    append(OwnAnswer.reason(status))
    append("\r\n")
    append(Array(fields.utf8))
    append(own)
    // RFC 9110 section 8.6: not in a 204.
    if status != 204 {
      append("Content-Length: ")
      append(decimal: UInt64(contentLength))
      append("\r\n")
    }
    append(
      closes
        ? "Connection: close\r\n\r\n" : version == .http10 ? "Connection: keep-alive\r\n\r\n" : "\r\n")
  }

  /// A response of trailers alone, which a gRPC client understands (gRPC over HTTP/2, "Responses").
  public mutating func appendCall(_ answer: OwnAnswer, _ detail: String, own: RawBytes?) {
    append("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: ")
    append(decimal: answer.callStatus)
    append("\r\ngrpc-message: ")
    append(Array(answer.message(detail).utf8))
    append("\r\n")
    append(own)
    append("\r\n")
  }

  private mutating func append(_ own: RawBytes?) {
    guard let own, own.count > 0 else { return }
    unsafe append(own.start, own.count)
  }
}
