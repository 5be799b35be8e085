internal import EventLoop
internal import HTTP

/// Max-Forwards of OPTIONS and TRACE (RFC 9110 §7.6.2): how many proxies they may still pass.
enum MaxForwards: Equatable {
  /// There is none, or one that is not a number: it says nothing.
  case absent
  /// The last hop is us.
  case exhausted
  /// What the next hop is told.
  case left(UInt64)

  private static let name: StaticString = "max-forwards"
  /// What fields TRACE reflects: none that a client would keep secret (RFC 9110 §9.3.8).
  private static let reflected: [StaticString] = ["host", "max-forwards", "user-agent", "via"]

  static func isName(_ p: UnsafePointer<UInt8>, _ length: Int) -> Bool { unsafe ASCII.same(p, length, name) }

  /// What a request's fields say.
  static func read(_ fields: borrowing FieldSection, _ base: UnsafePointer<UInt8>) -> MaxForwards {
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard line.name == .other, unsafe isName(base + Int(line.nameStart), Int(line.nameLength)) else {
        continue
      }
      var value: UInt64 = 0
      let digits = unsafe base + Int(line.valueStart)
      guard line.valueLength > 0 else { return .absent }
      for j in 0..<Int(line.valueLength) {
        guard unsafe digits[j] &- 0x30 < 10 else { return .absent }
        // More than any chain of proxies has.
        value = unsafe min(value * 10 + UInt64(digits[j] &- 0x30), UInt64(UInt32.max))
      }
      return value == 0 ? .exhausted : .left(value - 1)
    }
    return .absent
  }

  /// Whether TRACE's answer shows a field.
  static func isReflected(_ p: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    reflected.contains { unsafe ASCII.same(p, length, $0) }
  }
}

extension Worker {
  /// Answers a request that may be forwarded no further, as its last recipient. False when it is to be forwarded.
  func answerAsLastHop(_ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>) -> Bool {
    guard requestHead.method == .options || requestHead.method == .trace,
      unsafe MaxForwards.read(fields, base) == .exhausted
    else { return false }
    guard requestHead.method == .trace else {
      unsafe respond(
        client, 200, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n", [], closing: false)
      return true
    }
    var content: [UInt8] = []
    func add(_ start: Int, _ count: Int) {
      unsafe content.append(contentsOf: UnsafeBufferPointer(start: base + start, count: count))
    }
    add(0, requestHead.targetStart + requestHead.targetLength)
    content.append(contentsOf: Array(" HTTP/1.1\r\n".utf8))
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard unsafe MaxForwards.isReflected(base + Int(line.nameStart), Int(line.nameLength)) else { continue }
      add(Int(line.nameStart), Int(line.nameLength))
      content.append(contentsOf: Array(": ".utf8))
      add(Int(line.valueStart), Int(line.valueLength))
      content.append(contentsOf: Array("\r\n".utf8))
    }
    content.append(contentsOf: Array("\r\n".utf8))
    unsafe respond(client, 200, "Content-Type: message/http\r\n", content, closing: false)
    return true
  }
}
