internal import EventLoop
internal import Exchange
internal import HTTP

/// From a plain listener to https.
struct Redirect: Stage {
  @inline(__always)
  func receive(_ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool {
    guard let port = worker.listeners[Int(client.listener)].redirectPort else { return false }
    unsafe worker.redirect(client, base, port)
    return true
  }
}

extension Worker {
  /// Everything on this listener lives on https (RFC 9110 §15.4.9: method and content stay).
  fileprivate func redirect(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>, _ port: UInt16) {
    guard desk.request.hostLength > 0 else { return refuseMalformed(client, .missingHost) }
    func text(_ start: Int, _ count: Int) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: base + start, count: count), as: UTF8.self)
    }
    let host = text(desk.request.hostStart, desk.request.hostLength)
    let target = text(desk.request.targetStart, desk.request.targetLength)
    let path = target.hasPrefix("/") ? target : target.hasPrefix("?") ? "/" + target : "/"
    let location = "https://\(host)\(port == 443 ? "" : ":\(port)")\(path)"
    unsafe respond(client, 308, "Location: \(location)\r\n", [])
  }
}
