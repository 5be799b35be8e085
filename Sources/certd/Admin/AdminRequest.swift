import Bytes
import HTTP
import JSON

/// What a request to the admin listener asks for. Its head is read by the data plane's own parser.
struct AdminRequest: Equatable {
  /// The method as it came.
  var method: String
  /// The target without its query.
  var path: String
  /// What stands behind `Bearer` in Authorization, or the password behind `Basic`.
  var token: [UInt8]?
  /// The token came as a browser sends it by itself, whoever has made it ask: it is good for reading alone.
  var isBasic = false
  /// It has an Origin field: a page in a browser asks.
  var hasOrigin = false
  /// The first Accept field, in lower case; empty without one.
  var accept = ""
  /// The content.
  var content: [UInt8] = []

  /// The largest head, in bytes.
  static let maximumHeadBytes = 8192
  /// The most field lines in a head.
  static let maximumFields = 64
  /// The most content, in bytes: a prompt as long as the longest that counts fits, escaped.
  static let maximumContentBytes = 8 << 20

  /// How the bytes of a connection are taken.
  enum Reading: Equatable {
    /// The head goes on.
    case incomplete
    case request(AdminRequest)
    /// Not HTTP/1, or too long.
    case refused
    /// Content whose length is not told (411), or more than there may be (413).
    case unfit(status: Int)
    /// The head alone has come so far: it asks whether its content may follow.
    case expects
  }

  /// Reads what has come so far.
  static func read(_ bytes: [UInt8]) -> Reading {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return .incomplete }
      switch unsafe HeadEnd.find(base, count: buffer.count, from: 0) {
      case .incomplete: return bytes.count < maximumHeadBytes ? .incomplete : .refused
      case .bareLineFeed: return .refused
      case .found(let count):
        guard count <= maximumHeadBytes else { return .refused }
        return unsafe parse(base, count, bytes)
      }
    }
  }

  /// How many bytes the request of a whole head has; nil where that cannot be told, or is not to be waited for.
  static func length(of bytes: [UInt8]) -> Int? {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress,
        case .found(let count) = unsafe HeadEnd.find(
          base, count: min(buffer.count, maximumHeadBytes), from: 0)
      else { return nil }
      var head = RequestHead()
      var fields = FieldSection(capacity: maximumFields)
      guard unsafe RequestHead.parse(base, count: count, fields: &fields, into: &head) == nil,
        case .length(let length) = head.framing, length <= UInt64(maximumContentBytes)
      else { return nil }
      return count + Int(length)
    }
  }

  private static func parse(_ base: UnsafePointer<UInt8>, _ count: Int, _ all: [UInt8]) -> Reading {
    var head = RequestHead()
    var fields = FieldSection(capacity: maximumFields)
    guard unsafe RequestHead.parse(base, count: count, fields: &fields, into: &head) == nil else {
      return .refused
    }
    func bytes(_ start: Int, _ length: Int) -> [UInt8] {
      unsafe Array(UnsafeBufferPointer(start: base + start, count: length))
    }
    var request = AdminRequest(
      method: String(decoding: bytes(0, head.methodLength), as: UTF8.self),
      path: unsafe String(decoding: bytes(head.targetStart, head.pathLength(base)), as: UTF8.self))
    for index in 0..<fields.count {
      let line = unsafe fields.lines[index]
      let name = String(decoding: bytes(Int(line.nameStart), Int(line.nameLength)), as: UTF8.self)
      let value = bytes(Int(line.valueStart), Int(line.valueLength))
      if name.lowercased() == "accept", request.accept.isEmpty {
        request.accept = String(decoding: value, as: UTF8.self).lowercased()
      }
      if name.lowercased() == "origin" { request.hasOrigin = true }
      guard name.lowercased() == "authorization" else { continue }
      // Of two nobody can tell which one counts.
      guard request.token == nil, request.takeToken(value) else { return .refused }
    }
    switch head.framing {
    case .none: break
    case .length(let length):
      guard length <= UInt64(maximumContentBytes) else { return .unfit(status: 413) }
      guard all.count - count >= Int(length) else {
        return all.count == count && head.expectsContinue ? .expects : .incomplete
      }
      request.content = Array(all[count..<count + Int(length)])
    default: return .unfit(status: 411)
    }
    return .request(request)
  }
}

extension AdminRequest {
  /// Takes what Authorization says; false where it is of no kind that is known here.
  fileprivate mutating func takeToken(_ value: [UInt8]) -> Bool {
    let scheme = String(decoding: value.prefix { $0 != 0x20 }, as: UTF8.self).lowercased()
    let rest = Array(value.dropFirst(scheme.utf8.count).drop { $0 == 0x20 })
    if scheme == "bearer", value.count > scheme.utf8.count {
      token = rest
      return true
    }
    guard scheme == "basic", let pair = Base64.decode(String(decoding: rest, as: UTF8.self)),
      let colon = pair.firstIndex(of: UInt8(ascii: ":"))
    else { return false }
    (token, isBasic) = (Array(pair[(colon + 1)...]), true)
    return true
  }
}

/// An answer of the admin listener.
struct AdminAnswer: Sendable {
  var status: Int
  var contentType = "text/plain; charset=utf-8"
  var extra: [(name: String, value: String)] = []
  var body: String
  /// Makes one piece of an answer without an end after another; nil ends it.
  var pieces: (@Sendable () async -> String?)?

  private static let reasons = [
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 411: "Length Required", 413: "Content Too Large",
    503: "Service Unavailable",
  ]

  /// An error as JSON: what went wrong, by a word for programs and in words for people.
  static func error(_ status: Int, _ code: String, _ message: String) -> AdminAnswer {
    json(["error": ["code": .string(code), "message": .string(message)]], status: status)
  }

  /// A value as JSON.
  static func json(_ value: JSONValue, status: Int = 200) -> AdminAnswer {
    AdminAnswer(status: status, contentType: "application/json", body: value.indentedText + "\n")
  }

  /// As it goes over the wire; nothing follows it on its connection.
  func bytes(isHead: Bool) -> [UInt8] {
    let body = Array(body.utf8)
    var text = "HTTP/1.1 \(status) \(Self.reasons[status] ?? "")\r\nContent-Type: \(contentType)\r\n"
    if pieces == nil { text += "Content-Length: \(body.count)\r\n" }
    text += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    for field in extra { text += "\(field.name): \(field.value)\r\n" }
    return Array("\(text)Connection: close\r\n\r\n".utf8) + (isHead ? [] : body)
  }
}
