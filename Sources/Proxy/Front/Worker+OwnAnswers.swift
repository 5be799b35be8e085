internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import ModelAPI
internal import OS
internal import Telemetry

// What the proxy answers by itself. Each of these is the last that happens to a request: the connection goes on with the
// next one, or ends.
extension Worker {
  /// Refuses a malformed request and closes (RFC 9112 §2.2 and §11.2).
  func refuseMalformed(_ client: Ref<ClientConnection>, _ error: ParseError) {
    counters.add(.requestsRejected)
    shared.report(.requestRefused(peer: text(client.peer), reason: "\(error.reason)"))
    desk.request.method = .other
    unsafe refuse(client, OwnAnswer.refused(error), closing: true)
  }

  /// Answers a request that belongs to no exchange. Unless `closing`, its head is consumed and the connection goes on.
  func refuse(
    _ client: Ref<ClientConnection>, _ answer: OwnAnswer, closing: Bool, isGRPC: Bool = false,
    route: UnsafeMutablePointer<CompiledRoute>? = nil, _ words: OwnAnswer.Words = OwnAnswer.Words()
  ) {
    if case .requestTimeout = answer { counters.add(.requestTimeouts) }
    logLocal(client, answer.status, answer.content(words).count)
    let closes = closing || closesAfterOwn
    if !closes { client.requestEnd = client.start + desk.request.length }
    unsafe sayAnswer(client, answer, closing: closes, words, isGRPC: isGRPC, route: route)
  }

  /// Answers a request with something of ours that is no refusal.
  func respond(
    _ client: Ref<ClientConnection>, _ status: Int, _ fields: String, _ body: [UInt8],
    route: UnsafeMutablePointer<CompiledRoute>? = nil
  ) {
    logLocal(client, status, body.count)
    let closes = closesAfterOwn
    if !closes { client.requestEnd = client.start + desk.request.length }
    unsafe say(client, status, fields, body, closing: closes, route: route)
  }

  /// What follows a request with content, which is not read, cannot be told from it.
  private var closesAfterOwn: Bool { !desk.request.keepsAlive || desk.request.framing != .none }

  /// Sends an answer of ours and goes on behind the request, or closes.
  func sayAnswer(
    _ client: Ref<ClientConnection>, _ answer: OwnAnswer, closing: Bool, _ words: OwnAnswer.Words,
    isGRPC: Bool,
    route: UnsafeMutablePointer<CompiledRoute>?
  ) {
    counters.add(answer.counted)
    if isGRPC, desk.request.version == .http2 { return unsafe sayCall(client, answer, words, route) }
    if let page = unsafe route?.pointee.actions?.pointee.page(answer.status) {
      return unsafe sayPage(client, answer, page, closing: closing, words, route)
    }
    unsafe say(
      client, answer.status, answer.fields(words), answer.content(words), closing: closing,
      route: route)
  }

  /// The same in the words of the route.
  @inline(never)
  private func sayPage(
    _ client: Ref<ClientConnection>, _ answer: OwnAnswer, _ page: CompiledPage, closing: Bool,
    _ words: OwnAnswer.Words, _ route: UnsafeMutablePointer<CompiledRoute>?
  ) {
    func bytes(_ raw: RawBytes) -> UnsafeBufferPointer<UInt8> {
      unsafe UnsafeBufferPointer(start: raw.start, count: raw.count)
    }
    let type = unsafe String(decoding: bytes(page.type), as: UTF8.self)
    let fields = answer.fields(words).replacing(
      "Content-Type: application/json", with: "Content-Type: \(type)")
    unsafe say(client, answer.status, fields, Array(bytes(page.body)), closing: closing, route: route)
  }

  private func say(
    _ client: Ref<ClientConnection>, _ status: Int, _ fields: String, _ body: [UInt8], closing: Bool,
    route: UnsafeMutablePointer<CompiledRoute>?
  ) {
    counters.add(.responses(status: status))
    let closes = closing || isDraining
    var writer = desk.writer()
    unsafe writer.appendOwn(
      status, fields: fields, own: route?.pointee.setOwn, contentLength: body.count, closes: closes,
      version: desk.request.version)
    let content = desk.request.method == .head ? [] : body
    guard sendWhole(client, &writer, content) else { return closeClient(client) }
    endAnswer(client, keeps: !closes)
  }

  private func sayCall(
    _ client: Ref<ClientConnection>, _ answer: OwnAnswer, _ words: OwnAnswer.Words,
    _ route: UnsafeMutablePointer<CompiledRoute>?
  ) {
    counters.add(.responses(status: answer.status))
    var writer = desk.writer()
    unsafe writer.appendCall(answer, words, own: route?.pointee.setOwn)
    guard sendHeadToClient(client, writer, isLast: true) else { return closeClient(client) }
    endAnswer(client, keeps: true)
  }
}

extension OwnAnswer {
  /// As what it is counted.
  fileprivate var counted: RequestError {
    switch self {
    case .badRequest: .malformedContent
    case .refused: .malformedHead
    case .headTooLarge: .headTooLarge
    case .contentTooLarge, .contentBeyondLimit: .contentTooLarge
    case .replaced: .badGateway
    case .requestTimeout: .requestTimeout
    case .noRoute: .noRoute
    case .misdirected: .misdirected
    case .pathNotNormal: .pathNotNormal
    case .certificateNeeded: .certificateNeeded
    case .keyNeeded: .keyNeeded
    case .keyExpired: .keyExpired
    case .keyElsewhere: .keyElsewhere
    case .modelUnknown: .modelUnknown
    case .modelMissing, .modelUnread: .modelMissing
    case .modelUntold: .modelUntold
    case .limited(let hit):
      switch hit.what {
      case .requests, .rate: .requestLimit
      case .tokens: .tokenLimit
      case .quota: .quota
      case .concurrent: .concurrency
      case .size: .requestSize
      }
    case .noBackend: .noBackend
    case .badGateway: .badGateway
    case .backendTimeout: .backendTimeout
    case .noTunnel: .noTunnel
    case .queueFull: .queueFull
    case .queueTimeout: .queueTimeout
    case .overloaded: .overloaded
    case .overLimit: .overLimit
    }
  }
}
