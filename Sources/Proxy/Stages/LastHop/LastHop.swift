internal import EventLoop
internal import Exchange
internal import HTTP

/// OPTIONS and TRACE that may go no further (RFC 9110 §7.6.2).
struct LastHop: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    unsafe worker.answerAsLastHop(client, base)
  }
}

extension Worker {
  /// Answers a request that may be forwarded no further, as its last recipient. False when it is to be forwarded.
  fileprivate func answerAsLastHop(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool {
    guard desk.request.method == .options || desk.request.method == .trace,
      unsafe MaxForwards.read(desk.fields, base) == .exhausted
    else { return false }
    guard desk.request.method == .trace else {
      unsafe respond(
        client, 200, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n", [])
      return true
    }
    var content: [UInt8] = []
    func add(_ start: Int, _ count: Int) {
      unsafe content.append(contentsOf: UnsafeBufferPointer(start: base + start, count: count))
    }
    add(0, desk.request.targetStart + desk.request.targetLength)
    content.append(contentsOf: Array(" HTTP/1.1\r\n".utf8))
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      guard unsafe MaxForwards.isReflected(base + Int(line.nameStart), Int(line.nameLength)) else { continue }
      add(Int(line.nameStart), Int(line.nameLength))
      content.append(contentsOf: Array(": ".utf8))
      add(Int(line.valueStart), Int(line.valueLength))
      content.append(contentsOf: Array("\r\n".utf8))
    }
    content.append(contentsOf: Array("\r\n".utf8))
    unsafe respond(client, 200, "Content-Type: message/http\r\n", content)
    return true
  }
}
