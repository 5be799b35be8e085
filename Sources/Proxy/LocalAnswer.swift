internal import HTTP2
internal import EventLoop
internal import HTTP
internal import Telemetry
internal import OS

/// What the proxy answers by itself when a request cannot be forwarded.
enum LocalAnswer {
  case badRequest, headTooLarge, requestTimeout, noRoute, noBackend, badGateway, backendTimeout
  case noTunnel, overloaded, misdirected, certificateNeeded
  case refused(ParseError)

  var status: Int {
    switch self {
    case .badRequest: 400
    case .headTooLarge: 431
    case .requestTimeout: 408
    case .noRoute: 404
    case .misdirected: 421
    case .certificateNeeded: 403
    case .noBackend, .overloaded: 503
    case .badGateway: 502
    case .backendTimeout: 504
    case .noTunnel: 501
    case .refused(let error): error.status
    }
  }

  /// OpenAI's `error.type`.
  var type: String {
    switch self {
    case .badRequest, .headTooLarge, .requestTimeout, .noRoute, .misdirected, .refused:
      "invalid_request_error"
    case .certificateNeeded: "permission_error"
    case .noBackend, .badGateway, .backendTimeout, .noTunnel, .overloaded: "server_error"
    }
  }

  /// OpenAI's `error.code`.
  var code: String {
    switch self {
    case .badRequest, .refused: "bad_request"
    case .headTooLarge: "head_too_large"
    case .requestTimeout: "request_timeout"
    case .noRoute: "no_route"
    case .misdirected: "misdirected_request"
    case .certificateNeeded: "client_certificate_required"
    case .noBackend: "no_backend"
    case .overloaded: "overloaded"
    case .badGateway: "bad_gateway"
    case .backendTimeout: "backend_timeout"
    case .noTunnel: "upgrade_not_supported"
    }
  }

  func message(_ detail: String) -> String {
    let service = detail.isEmpty ? "" : " of service '\(detail)'"
    switch self {
    case .badRequest: return "malformed request content"
    case .headTooLarge: return "header section too large"
    case .requestTimeout: return "the request did not arrive within the time limit"
    case .noRoute: return "no route for this host and path"
    case .misdirected:
      return "this connection's handshake was not for this host, or did not ask for a client certificate"
    case .certificateNeeded: return "a client certificate is required"
    case .overloaded: return "too much is under way; try again in a moment"
    case .noBackend: return "no backend\(service) is available"
    case .badGateway: return "the backend\(service) broke off or answered with something that is not HTTP"
    case .backendTimeout: return "the backend\(service) did not answer within the time limit"
    case .noTunnel: return "the backend\(service) takes no WebSocket over HTTP/2 (RFC 8441)"
    case .refused(let error): return "\(error.reason)"
    }
  }

  /// Whether the next request on the same connection can still be told from the rest of this one.
  var keepsConnection: Bool {
    switch self {
    case .noRoute, .noBackend, .badGateway, .backendTimeout, .noTunnel, .misdirected, .certificateNeeded: true
    case .badRequest, .headTooLarge, .requestTimeout, .refused, .overloaded: false
    }
  }

  /// gRPC's status code for it.
  var callStatus: UInt64 {
    switch self {
    case .badRequest, .headTooLarge, .refused: 13
    case .noRoute, .noTunnel, .misdirected: 12
    case .certificateNeeded: 16
    case .noBackend, .badGateway, .overloaded: 14
    case .requestTimeout: 1
    case .backendTimeout: 4
    }
  }

  static func reason(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Error"
    }
  }
}

extension Worker {
  /// Refuses a malformed request and closes (RFC 9112 §2.2 and §11.2).
  func refuse(_ client: Ref<Downstream>, _ error: ParseError) {
    counters.add(.requestsRejected)
    shared.report(.requestRefused(peer: text(client.peer), reason: "\(error.reason)"))
    requestHead.method = .other
    unsafe answer(client, .refused(error), closing: true)
  }

  /// Sends an answer of ours. Unless `closing`, the request's head is consumed and the connection goes on.
  func answer(
    _ client: Ref<Downstream>, _ problem: LocalAnswer, closing: Bool, detail: String = "",
    isLogged: Bool = false, isGRPC: Bool = false, route: UnsafeMutablePointer<CompiledRoute>? = nil
  ) {
    if case .requestTimeout = problem { counters.add(.requestTimeouts) }
    if isGRPC, let stream = client.stream { return unsafe answerCall(client, stream, problem, detail, route) }
    let body =
      #"{"error":{"message":"\#(problem.message(detail))","type":"\#(problem.type)","#
      + #""param":null,"code":"\#(problem.code)"}}"# + "\n"
    unsafe respond(
      client, problem.status, "Content-Type: application/json\r\n", Array(body.utf8), closing: closing,
      isLogged: isLogged, route: route)
  }

  /// Sends a whole response of ours and goes on with the next request, or closes.
  func respond(
    _ client: Ref<Downstream>, _ status: Int, _ extra: String, _ body: [UInt8], closing: Bool,
    isLogged: Bool = false, route: UnsafeMutablePointer<CompiledRoute>? = nil
  ) {
    counters.add(.responses(status: status))
    let hasContent = requestHead.framing != .none
    let closes = closing || isDraining || (!isLogged && (!requestHead.keepsAlive || hasContent))
    var writer = unsafe HeadWriter(scratch, capacity: Self.scratchSize)
    writer.append("HTTP/1.1 ")
    writer.append(decimal: UInt64(status))
    writer.append(" ")
    writer.append(LocalAnswer.reason(status))
    writer.append("\r\n")
    writer.append(Array(extra.utf8))
    unsafe writeEdits(&writer, route)
    writer.append("Content-Length: ")
    writer.append(decimal: UInt64(body.count))
    let old = requestHead.minorVersion == 0
    writer.append(
      closes
        ? "\r\nConnection: close\r\n\r\n" : old ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\n\r\n")
    let headCount = writer.count
    if requestHead.method != .head { writer.append(body) }
    if !isLogged { logLocal(client, status, body.count) }
    if let stream = client.stream {
      let bodyCount = writer.count - headCount
      unsafe sendHead(stream, .response, writer.start, headCount, isLast: bodyCount == 0)
      if bodyCount > 0 {
        _ = unsafe sendContent(client, stream, writer.start + headCount, bodyCount, isLast: true)
      }
      return endResponse(client, stream, trailers: ParkedOutput())
    }
    guard unsafe send(client, writer.start, writer.count) else { return close(client) }
    if closes { return beginClose(client) }
    if !isLogged {
      client.requestEnd = client.start + requestHead.length
      readNext(client)
    }
  }

  /// The fields that a route adds stand on our answers too: without those of CORS a browser shows its page no error.
  private func writeEdits(_ out: inout HeadWriter, _ route: UnsafeMutablePointer<CompiledRoute>?) {
    guard let route = unsafe route, unsafe route.pointee.setOwn.count > 0 else { return }
    unsafe out.append(route.pointee.setOwn.start, route.pointee.setOwn.count)
  }

  /// Tells a gRPC client what it understands: a response of trailers alone (gRPC over HTTP/2, "Responses").
  private func answerCall(
    _ client: Ref<Downstream>, _ stream: Ref<MuxStream>, _ problem: LocalAnswer, _ detail: String,
    _ route: UnsafeMutablePointer<CompiledRoute>?
  ) {
    counters.add(.responses(status: problem.status))
    var writer = unsafe HeadWriter(scratch, capacity: Self.scratchSize)
    writer.append("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: ")
    writer.append(decimal: problem.callStatus)
    writer.append("\r\ngrpc-message: ")
    writer.append(Array(problem.message(detail).utf8))
    writer.append("\r\n")
    unsafe writeEdits(&writer, route)
    writer.append("\r\n")
    unsafe sendHead(stream, .response, writer.start, writer.count, isLast: true)
    endResponse(client, stream, trailers: ParkedOutput())
  }

  /// Everything on this listener lives on https (RFC 9110 §15.4.9: method and content stay).
  func redirect(_ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>, _ port: UInt16) {
    guard requestHead.hostLength > 0 else { return refuse(client, .missingHost) }
    func text(_ start: Int, _ count: Int) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: base + start, count: count), as: UTF8.self)
    }
    let host = text(requestHead.hostStart, requestHead.hostLength)
    let target = text(requestHead.targetStart, requestHead.targetLength)
    let path = target.hasPrefix("/") ? target : target.hasPrefix("?") ? "/" + target : "/"
    let location = "https://\(host)\(port == 443 ? "" : ":\(port)")\(path)"
    unsafe respond(client, 308, "Location: \(location)\r\n", [], closing: false)
  }

  /// RFC 8555 §8.3: the key authorization, as it is, at the well-known path. False when this is something else.
  func answerChallenge(_ client: Ref<Downstream>, _ base: UnsafePointer<UInt8>) -> Bool {
    let prefix = Self.challengePrefix
    let count = prefix.utf8CodeUnitCount
    guard requestHead.targetLength > count, requestHead.method == .get || requestHead.method == .head else {
      return false
    }
    let target = unsafe base + requestHead.targetStart
    for i in 0..<count where unsafe target[i] != prefix.utf8Start[i] { return false }
    let token = unsafe UnsafeBufferPointer(start: target + count, count: requestHead.targetLength - count)
    guard let content = unsafe shared.challenge(String(decoding: token, as: UTF8.self)) else { return false }
    unsafe respond(client, 200, "Content-Type: application/octet-stream\r\n", content, closing: false)
    return true
  }

  private static let challengePrefix: StaticString = "/.well-known/acme-challenge/"
}
