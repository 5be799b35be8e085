public import HTTP
public import ModelAPI

// Answers of ours.
extension OwnAnswer {
  /// What an answer says besides what it is.
  public struct Words: Sendable {
    /// The service's name, if there is one.
    public var service = ""
    /// After how many seconds it is worth asking again; 0 where nobody can tell.
    public var retryAfterSeconds: UInt64 = 0
    /// How the interface that was asked tells errors.
    public var shape = ErrorShape.openAI
    /// Further field lines, each with its end.
    public var more = ""
    /// Nothing.
    public init() {}
  }

  /// Its field lines: 401 has to say how one authenticates (RFC 9110 §11.6.1), and who is turned away by us and no backend
  /// is told why (RFC 9209) and when to come again (RFC 9110 §10.2.3).
  public func fields(_ words: Words) -> String {
    var lines = self == .keyNeeded || self == .keyExpired ? "WWW-Authenticate: Bearer\r\n" : ""
    if let error = proxyError {
      lines += "Proxy-Status: certd; error=\(error); details=\"\(code)\"\r\n"
    }
    var seconds = words.retryAfterSeconds
    if case .limited(let hit) = self { seconds = UInt64(hit.seconds) }
    if seconds > 0 { lines += "Retry-After: \(seconds)\r\n" }
    return lines + words.more + "Content-Type: application/json\r\n"
  }

  /// RFC 9209's name for it (§2.3), where the client should know that no backend has been asked.
  var proxyError: String? {
    switch self {
    case .noBackend: "destination_unavailable"
    case .queueFull, .queueTimeout, .overLimit: "connection_limit_reached"
    default: nil
    }
  }

  /// The error in the words of all interfaces, for those that are not OpenAI's.
  private var modelError: ModelError {
    switch status {
    case 401: .authentication
    case 403: .permission
    case 429: .rateLimit
    case 503: .overloaded
    case 504: .timeout
    case 404 where self == .modelUnknown: .modelNotFound
    case 500...: .server
    default: .invalidRequest
    }
  }

  /// The content, in the shape that clients of the interface read.
  public func content(_ words: Words) -> [UInt8] {
    guard words.shape == .openAI else { return content(words.service, words.shape) }
    return content(words.service)
  }

  private func content(_ service: String, _ shape: ErrorShape) -> [UInt8] {
    let message = Array(message(service).utf8)
    let room = ErrorShape.frameBytes + 6 * message.count
    return unsafe [UInt8](unsafeUninitializedCapacity: room) { bytes, count in
      count = unsafe message.withUnsafeBytes { unsafe shape.write(modelError, $0, into: bytes) }
    }
  }

  private func content(_ detail: String) -> [UInt8] {
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
  public mutating func appendCall(_ answer: OwnAnswer, _ words: OwnAnswer.Words, own: RawBytes?) {
    append("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: ")
    append(decimal: answer.callStatus)
    append("\r\ngrpc-message: ")
    append(Array(answer.message(words.service).utf8))
    append("\r\n")
    var seconds = words.retryAfterSeconds
    if case .limited(let hit) = answer { seconds = UInt64(max(0, hit.seconds)) }
    if seconds > 0 {
      // gRPC's own word for it (gRPC proposal A6).
      append("grpc-retry-pushback-ms: ")
      append(decimal: seconds * 1000)
      append("\r\n")
    }
    append(own)
    append("\r\n")
  }

  private mutating func append(_ own: RawBytes?) {
    guard let own, own.count > 0 else { return }
    unsafe append(own.start, own.count)
  }
}
