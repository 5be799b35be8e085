internal import HTTP
internal import HTTP2

/// One request and its response over HTTP/2 (RFC 9113), for health checks of servers that speak nothing else. The
/// connection carries no other exchange.
@safe final class HTTP2Exchange {
  private var connection: HTTP2.Connection
  private let stream: UnsafeMutablePointer<StreamState>
  private let head: UnsafeMutablePointer<UInt8>
  private let frames: UnsafeMutablePointer<UInt8>
  private var response = Response(status: 0)
  private let maximumBodyBytes: Int
  private let method: Method
  private var unsent: [UInt8] = []

  /// Room for one header section as text, in bytes.
  private static let headCapacity = 64 * 1024
  /// Room for frames that are being received, in bytes.
  private static let frameCapacity = 64 * 1024

  init(maximumBodyBytes: Int, isHead: Bool) {
    self.maximumBodyBytes = maximumBodyBytes
    method = isHead ? .head : .other
    connection = HTTP2.Connection(
      isServer: false, limits: ConnectionLimits(), headCapacity: Self.headCapacity)
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: StreamState())
    unsafe stream.pointee.expectsNoContent = isHead
    unsafe head = .allocate(capacity: Self.headCapacity)
    unsafe frames = .allocate(capacity: Self.frameCapacity)
    unsafe connection.headBuffer = unsafe head
    unsafe connection.output.lend(frames, capacity: Self.frameCapacity)
  }

  deinit {
    connection.free()
    unsafe stream.deallocate()
    unsafe head.deallocate()
    unsafe frames.deallocate()
  }

  /// The first bytes: preface, settings and request. Nil when the request's head is too large.
  func begin(_ request: Request) -> [UInt8]? {
    connection.start()
    unsafe connection.open(stream)
    var text = "\(request.method) \(request.url.target) HTTP/1.1\r\nHost: \(request.url.authority)\r\n"
    for field in request.fields.all where field.name.lowercased() != "te" {
      text += "\(field.name): \(field.value)\r\n"
    }
    if !request.body.isEmpty { text += "Content-Length: \(request.body.count)\r\n" }
    text += "\r\n"
    let wantsTrailers = request.fields["TE"] != nil
    let bytes = Array(text.utf8)
    let fits = unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return false }
      return unsafe connection.writeHead(
        stream, .request(isSecure: request.url.scheme == .https, acceptsTrailers: wantsTrailers), base,
        buffer.count, isLast: request.body.isEmpty)
    }
    guard fits else { return nil }
    unsent = request.body
    sendContent()
    return takeOutput()
  }

  private func sendContent() {
    guard !unsent.isEmpty else { return }
    let n = unsafe unsent.withUnsafeBufferPointer { buffer in
      unsafe buffer.baseAddress.map { unsafe connection.writeData(stream, $0, buffer.count, isLast: true) }
        ?? 0
    }
    unsent.removeFirst(n)
  }

  /// What has to be sent now.
  func takeOutput() -> [UInt8] {
    defer { connection.output.clear() }
    return unsafe Array(UnsafeBufferPointer(start: connection.output.base, count: connection.output.count))
  }

  /// Consumes whole frames of `bytes`.
  func read(_ bytes: inout [UInt8], _ fields: inout FieldSection, now: UInt64) -> ResponseReader.Outcome {
    var consumed = 0
    let outcome = unsafe bytes.withUnsafeBufferPointer { buffer -> ResponseReader.Outcome in
      guard let base = buffer.baseAddress else { return .more }
      while true {
        switch unsafe connection.next(base, buffer.count, consumed: &consumed, now: now) {
        case .needMore: return .more
        case .outputFull: return .failed(.malformed, "too many HTTP/2 frames at once")
        case .head(let section):
          if let failure = take(section, &fields) { return failure }
          if section.isLast { return .complete(response, keepsAlive: false) }
        case .data(_, let content, let count, let isLast):
          guard response.body.count + count <= maximumBodyBytes else {
            return .failed(.tooLarge, "response content too large")
          }
          unsafe response.body += UnsafeBufferPointer(start: content, count: count)
          unsafe connection.take(stream, count)
          if isLast { return .complete(response, keepsAlive: false) }
        case .reset(_, let code, _): return .failed(.dropped, "the server reset the stream: \(code)")
        case .failed(let code, _): return .failed(.malformed, "not HTTP/2: \(code)")
        case .goAway(let last, let code) where last < 1:
          return .failed(.dropped, "the server is going away: \(code)")
        case .writable, .settings: sendContent()
        case .goAway, .refused, .pingAnswered: break
        }
      }
    }
    bytes.removeFirst(consumed)
    return outcome
  }

  /// Interim responses are overlooked; trailers join the fields.
  private func take(_ section: DecodedHead, _ fields: inout FieldSection) -> ResponseReader.Outcome? {
    if section.isTooLarge { return .failed(.tooLarge, "response head too large") }
    let text = unsafe UnsafePointer(head)
    var parsed = ResponseHead()
    if section.isTrailers {
      guard unsafe fields.parseTrailers(text, count: section.count) == nil else {
        return .failed(.malformed, "malformed trailers")
      }
    } else {
      let error = unsafe ResponseHead.parse(
        text, count: section.count, method: method, fields: &fields, into: &parsed)
      if let error { return .failed(.malformed, "\(error.reason)") }
      if parsed.isInterim { return nil }
      response.status = parsed.status
    }
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      func string(_ start: UInt32, _ length: UInt32) -> String {
        unsafe String(
          decoding: UnsafeBufferPointer(start: text + Int(start), count: Int(length)), as: UTF8.self)
      }
      response.fields.add(
        string(line.nameStart, line.nameLength), string(line.valueStart, line.valueLength))
    }
    return nil
  }
}
