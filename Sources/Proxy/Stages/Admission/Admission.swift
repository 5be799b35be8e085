internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS

/// Routes whose requests somebody outside has to let in: the request waits, whole as it came, until that has been said, and then
/// takes its way from the beginning.
struct Admission: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let actions = unsafe route.pointee.actions, let gate = unsafe actions.pointee.gate else {
      return false
    }
    return unsafe worker.stopsAtGate(client, base, route, gate.takeUnretainedValue())
  }

  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let actions = unsafe exchange.route?.pointee.actions, let gate = unsafe actions.pointee.gate,
      unsafe !gate._withUnsafeGuaranteedRef({ $0.owned.isEmpty })
    else { return }
    // Backends that merge trailers into the head would take the client's word for the gate's.
    exchange.requestContent.forbidTrailers()
  }

  @inline(__always)
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ out: inout HeadWriter
  ) {
    guard let actions = unsafe exchange.route?.pointee.actions, unsafe actions.pointee.gate != nil else {
      return
    }
    out.append(worker.admittedLines)
  }
}

/// What a gate has said of a request that waits.
struct GateAnswer: Sendable {
  let gate: RouteGate
  let client: Token
  let verdict: RouteGate.Verdict
}

extension Worker {
  /// The most requests of one worker that wait at gates; further ones are answered 503.
  static let maximumAtGates = 10_000

  /// Whether the request on the desk does not go on at present, or at all. What it is to go on with stands in
  /// `admittedLines` then.
  @inline(never)
  fileprivate func stopsAtGate(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: UnsafeMutablePointer<CompiledRoute>, _ gate: RouteGate
  ) -> Bool {
    admittedLines = []
    var verdict: RouteGate.Verdict?
    // Settings that came meanwhile have gates of their own.
    if let gateAnswer, gateAnswer.gate === gate { verdict = gateAnswer.verdict }
    let question = unsafe self.question(client, base)
    switch verdict ?? gate.verdict(on: question) {
    case .pass(let fields)?:
      admittedLines = Self.lines(fields)
      return false
    case .refuse(let status, let fields, let content)?:
      let lines = String(decoding: Self.lines(fields), as: UTF8.self)
      unsafe respond(
        client, status, lines, Array(content.prefix(Settings.DirectAnswer.maximumBytes)), route: route)
      return true
    case nil: break
    }
    guard waitingAtGates < Self.maximumAtGates else {
      unsafe refuse(client, .overloaded, base, route)
      return true
    }
    waitingAtGates += 1
    client.state = .gated
    timeClient(client, again: true)
    let (mailbox, token) = (mailbox, token(client))
    gate.ask(question) { verdict in
      _ = mailbox.post(.admit(GateAnswer(gate: gate, client: token, verdict: verdict)))
    }
    return true
  }

  /// A request that waits takes its way again, with what has been said of it.
  @inline(never)
  func admit(_ answer: GateAnswer) {
    waitingAtGates -= 1
    guard let client = clients.find(index: answer.client.index, generation: answer.client.generation),
      client.state == .gated, let buffer = unsafe client.buffer
    else { return }
    client.state = isConnection(client) ? .reading : .requested
    let base = unsafe UnsafePointer(buffer + client.start)
    var length = client.end - client.start
    if isConnection(client) {
      guard case .found(let count) = unsafe HeadEnd.find(base, count: length, from: 0) else {
        return closeClient(client)
      }
      length = count
    }
    if let error = unsafe desk.readRequest(base, length, unpacked: !isConnection(client)) {
      return refuseMalformed(client, error)
    }
    gateAnswer = answer
    let outcome = unsafe route(client, base)
    gateAnswer = nil
    guard outcome != .over else { return }
    // What came meanwhile has had no event.
    if client.wire.peerClosed { return leave(client) }
    if clientHasUnread(client) { putOff(client) }
  }

  private func question(_ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>) -> RouteGate.Question {
    func text(_ start: Int, _ count: Int) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: base + start, count: count), as: UTF8.self)
    }
    var fields = Fields()
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      fields.add(
        text(Int(line.nameStart), Int(line.nameLength)), text(Int(line.valueStart), Int(line.valueLength)))
    }
    let target = text(desk.request.targetStart, desk.request.targetLength)
    return RouteGate.Question(
      method: text(0, desk.request.methodLength), isSecure: client.wire.isSecure,
      host: text(desk.request.authorityStart, desk.request.authorityLength),
      target: target.hasPrefix("/") ? target : "/" + target, client: self.text(client.peer), fields: fields)
  }

  /// Field lines; what would end a line early is left out.
  private static func lines(_ fields: [Fields.Field]) -> [UInt8] {
    fields.flatMap { field in
      let value = field.value.utf8.filter { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
      return Array(field.name.utf8) + Array(": ".utf8) + value + Array("\r\n".utf8)
    }
  }
}
