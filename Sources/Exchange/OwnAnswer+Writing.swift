public import HTTP
public import ModelAPI

// Answers of ours.
extension OwnAnswer {
  /// Its field lines: 401 has to say how one authenticates (RFC 9110 §11.6.1), 429 when to come again (RFC 6585 §4).
  public var fields: String {
    let type = "Content-Type: application/json\r\n"
    switch self {
    case .keyNeeded, .keyExpired: return "WWW-Authenticate: Bearer\r\n" + type
    case .limited(let hit): return "Retry-After: \(hit.seconds)\r\n" + type
    default: return type
    }
  }

  /// The content, in the shape that OpenAI's clients read, or in another; `detail` is the service's name, if there is one.
  public func content(_ detail: String, _ shape: ErrorShape = .openAI) -> [UInt8] {
    guard shape == .openAI else { return content(detail, in: shape) }
    let body =
      #"{"error":{"message":"\#(message(detail))","type":"\#(type)","param":null,"code":"\#(code)"}}"# + "\n"
    return Array(body.utf8)
  }

  private func content(_ detail: String, in shape: ErrorShape) -> [UInt8] {
    let message = Array(message(detail).utf8)
    return unsafe [UInt8](unsafeUninitializedCapacity: ErrorShape.frameBytes + message.count * 6) {
      room, count in
      unsafe count = message.withUnsafeBytes { unsafe shape.write(modelError, $0, into: room) }
    }
  }

  /// The same in the words of all interfaces.
  private var modelError: ModelError {
    switch status {
    case 401: .authentication
    case 403: .permission
    case 404: .modelNotFound
    case 429: .rateLimit
    case 503: .overloaded
    case 504: .timeout
    case 500...: .server
    default: .invalidRequest
    }
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
