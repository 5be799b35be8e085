internal import EventLoop
internal import Exchange
internal import HTTP
internal import TLS

// Clients that prove who they are: from the handshake to the backend and the log.
struct Identity: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let refusal = unsafe worker.refusalByIdentity(client, base, route) else { return false }
    unsafe worker.refuse(client, refusal, closing: false, isGRPC: worker.desk.request.isCall, route: route)
    return true
  }

  @inline(__always)
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ out: inout HeadWriter
  ) {
    guard unsafe client.identity != nil, let route = unsafe exchange.route else { return }
    unsafe worker.writeIdentity(&out, client, route)
  }
}

extension Worker {
  /// Remembers who the client is, after its handshake. False when it must not go on.
  func learnIdentity(_ client: Ref<ClientConnection>, _ session: Session) -> Bool {
    guard let check = listeners[Int(client.listener)].settings.clients, let peer = session.verifiedPeer
    else { return true }
    guard let identity = ClientIdentity(peer, forwardsNames: check.forwardsNames) else {
      shared.report(
        .handshakeFailed(
          peer: text(client.peer), reason: "the client's certificate is too large to be passed on"))
      return false
    }
    unsafe client.identity = unsafe Unmanaged.passRetained(identity)
    return true
  }

  /// Why a request must not be answered by a route, as far as it depends on who has proven what: a route that needs an
  /// identity gets none on a listener that does not ask, and where clients are asked, what they have proven they have
  /// proven to the server name that they asked for, which must be the request's host (RFC 9110 §7.4, §15.5.20).
  fileprivate func refusalByIdentity(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) -> OwnAnswer? {
    let isAsked = listeners[Int(client.listener)].asksClients
    if isAsked, unsafe !isForServerName(client, base) { return .misdirected }
    guard unsafe route.pointee.needsIdentity, unsafe client.identity == nil else { return nil }
    return isAsked ? .certificateNeeded : .misdirected
  }

  /// Whether the request's host is the server name of the handshake (RFC 6066 §3), where there was one.
  private func isForServerName(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> Bool {
    guard let session = client.wire.session else { return true }
    return unsafe session.withServerName { name, count in
      guard count > 0 else { return true }
      func withoutLastDot(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int {
        unsafe length > 0 && text[length - 1] == 0x2E ? length - 1 : length
      }
      let host = unsafe base + desk.request.hostStart
      let length = unsafe withoutLastDot(host, desk.request.hostLength)
      guard unsafe length == withoutLastDot(name, count) else { return false }
      for i in 0..<length where unsafe ASCII.lowered(host[i]) != ASCII.lowered(name[i]) { return false }
      return true
    }
  }

  /// Tells the backend who the client is (RFC 9440 §2). A route that sets or removes a field has its way.
  fileprivate func writeIdentity(
    _ out: inout HeadWriter, _ client: Ref<ClientConnection>,
    _ route: UnsafeMutablePointer<CompiledRoute>
  ) {
    guard let identity = unsafe client.identity else { return }
    unsafe identity._withUnsafeGuaranteedRef { identity in
      if unsafe route.pointee.request.drop.count == 0 {
        if let base = unsafe identity.lines.baseAddress { unsafe out.append(base, identity.lines.count) }
        return
      }
      for field in identity.fields {
        let name = Array(field.name.utf8)
        if unsafe name.withUnsafeBufferPointer({ buffer in
          unsafe buffer.baseAddress.map { unsafe route.pointee.request.drop.contains($0, buffer.count) }
            ?? false
        }) {
          continue
        }
        out.append(Array("\(field.name): \(field.value)\r\n".utf8))
      }
    }
  }

  /// Who the client is, for the log; empty when nobody knows.
  static func identityLabel(_ client: Ref<ClientConnection>) -> UnsafeRawBufferPointer {
    guard let identity = unsafe client.identity else {
      return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return unsafe identity._withUnsafeGuaranteedRef { unsafe $0.label }
  }
}
