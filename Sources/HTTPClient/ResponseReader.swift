internal import HTTP

/// Gathers one response from bytes as they come. Sans-I/O.
struct ResponseReader {
  enum Outcome {
    case more
    case complete(Response, keepsAlive: Bool)
    case failed(HTTPClientError.Kind, String)
  }

  /// The largest response head, in bytes.
  static let maximumHeadBytes = 64 * 1024

  /// The most interim heads (1xx) before a response.
  static let maximumInterimHeads = 16

  private let method: Method
  private let isConnect: Bool
  private let maximumBodyBytes: Int
  private var searched = 0
  private var head: ResponseHead?
  private var response = Response(status: 0)
  private var interims = 0
  private var left: UInt64 = 0
  private var chunks = ChunkedFraming()
  /// Takes the content as it comes.
  var content: (@Sendable ([UInt8]) -> Void)?

  init(method: String = "GET", maximumBodyBytes: Int = 0) {
    self.method = method == "HEAD" ? .head : .other
    isConnect = method == "CONNECT"
    self.maximumBodyBytes = maximumBodyBytes
  }

  /// Consumes what it can of `bytes`.
  mutating func read(_ bytes: inout [UInt8], _ fields: inout FieldSection) -> Outcome {
    while head == nil {
      if let outcome = readHead(&bytes, &fields) { return outcome }
    }
    let outcome = readBody(&bytes)
    guard let content, response.status == 200, !response.body.isEmpty else { return outcome }
    content(response.body)
    response.body.removeAll(keepingCapacity: true)
    if case .complete(var whole, let keepsAlive) = outcome {
      whole.body = []
      return .complete(whole, keepsAlive: keepsAlive)
    }
    return outcome
  }

  /// The connection has ended: the response, if that is how it ends properly.
  mutating func end(clean: Bool) -> Response? {
    guard let head, head.framing == .untilClose, clean else { return nil }
    return response
  }

  /// The content that has come since this was called last.
  mutating func takeContent() -> [UInt8] {
    defer { response.body.removeAll() }
    return response.body
  }

  private mutating func readHead(_ bytes: inout [UInt8], _ fields: inout FieldSection) -> Outcome? {
    var parsed = ResponseHead()
    let outcome: Outcome? = unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, buffer.count > 0 else { return .more }
      switch unsafe HeadEnd.find(base, count: buffer.count, from: searched) {
      case .bareLineFeed: return .failed(.malformed, "\(ParseError.bareLineFeed.reason)")
      case .incomplete(let resume):
        searched = resume
        return buffer.count > Self.maximumHeadBytes ? .failed(.tooLarge, "response head too large") : .more
      case .found(let length):
        let error = unsafe ResponseHead.parse(
          base, count: length, method: method, fields: &fields, into: &parsed)
        if let error { return .failed(.malformed, "\(error.reason)") }
        return unsafe take(parsed, base, fields)
      }
    }
    if let outcome { return outcome }
    bytes.removeFirst(parsed.length)
    searched = 0
    return nil
  }

  private mutating func take(
    _ parsed: ResponseHead, _ base: UnsafePointer<UInt8>, _ fields: borrowing FieldSection
  ) -> Outcome? {
    guard !parsed.isInterim else {
      interims += 1
      guard interims <= Self.maximumInterimHeads else {
        return .failed(.malformed, "more than \(Self.maximumInterimHeads) interim responses")
      }
      return nil
    }
    guard parsed.status != 101 else { return .failed(.malformed, "unexpected 101") }
    func text(_ start: UInt32, _ count: UInt32) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: base + Int(start), count: Int(count)), as: UTF8.self)
    }
    response = Response(status: parsed.status)
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      response.fields.add(text(line.nameStart, line.nameLength), text(line.valueStart, line.valueLength))
    }
    head = parsed
    // What a proxy says beside its status does not interest.
    if isConnect { head?.framing = .none }
    if case .length(let length) = parsed.framing, !isConnect {
      left = length
      if length > UInt64(maximumBodyBytes) { return .failed(.tooLarge, "content of \(length) bytes") }
    }
    return nil
  }

  private mutating func readBody(_ bytes: inout [UInt8]) -> Outcome {
    guard let head else { return .more }
    switch head.framing {
    case .none: return .complete(response, keepsAlive: head.keepsAlive)
    case .length:
      let n = Int(min(UInt64(bytes.count), left))
      response.body += bytes[..<n]
      bytes.removeFirst(n)
      left -= UInt64(n)
      return left == 0 ? .complete(response, keepsAlive: head.keepsAlive) : .more
    case .untilClose:
      response.body += bytes
      bytes.removeAll()
      return response.body.count > maximumBodyBytes ? .failed(.tooLarge, "content too large") : .more
    case .chunked: return readChunks(&bytes, head)
    }
  }

  private mutating func readChunks(_ bytes: inout [UInt8], _ head: ResponseHead) -> Outcome {
    var body: [UInt8] = []
    let outcome = unsafe bytes.withUnsafeBufferPointer { buffer -> ChunkedFraming.Outcome in
      guard let base = buffer.baseAddress else { return .more }
      return unsafe chunks.scan(base, buffer.count) { at, n in unsafe body += buffer[at..<at + n] }
    }
    response.body += body
    if response.body.count > maximumBodyBytes { return .failed(.tooLarge, "content too large") }
    switch outcome {
    case .more:
      bytes.removeAll()
      return .more
    case .end(let n):
      bytes.removeFirst(n)
      return .complete(response, keepsAlive: head.keepsAlive)
    case .failed(let error): return .failed(.malformed, "\(error.reason)")
    }
  }
}
