internal import EventLoop
internal import Exchange
internal import HTTP

/// Answers to HTTP-01 validations (RFC 8555 §8.3), on listeners without TLS.
struct Challenges: Stage {
  @inline(__always)
  func receive(_ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool {
    unsafe worker.listeners[Int(client.listener)].isPlain && worker.answerChallenge(client, base)
  }
}

extension Worker {
  /// RFC 8555 §8.3: the key authorization, as it is, at the well-known path. False when this is something else.
  fileprivate func answerChallenge(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool {
    let prefix = Self.challengePrefix
    let count = prefix.utf8CodeUnitCount
    guard desk.request.targetLength > count, desk.request.method == .get || desk.request.method == .head
    else {
      return false
    }
    let target = unsafe base + desk.request.targetStart
    for i in 0..<count where unsafe target[i] != prefix.utf8Start[i] { return false }
    let token = unsafe UnsafeBufferPointer(start: target + count, count: desk.request.targetLength - count)
    guard let content = unsafe shared.challenge(String(decoding: token, as: UTF8.self)) else { return false }
    unsafe respond(client, 200, "Content-Type: application/octet-stream\r\n", content)
    return true
  }

  private static let challengePrefix: StaticString = "/.well-known/acme-challenge/"
}
