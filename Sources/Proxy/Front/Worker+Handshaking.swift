internal import EventLoop
internal import OS
internal import Telemetry
internal import TLS

extension Worker {
  /// First handshake steps of one turn: traffic waits for one of them at most.
  private static let budgetBesideTraffic = 1
  /// The same while none is.
  private static let budgetWhenQuiet = 8
  /// While each turn brings traffic, a handshake waits for a turn that brings none, but no longer than this after
  /// the one before it, in nanoseconds: so that a loop that is never idle still lets clients in.
  private static let patienceNanoseconds: UInt64 = 3_000_000
  /// With so many in the queue they wait half as long, so that a crowd is let in before its time limit.
  private static let crowd: UInt64 = 128

  /// The private key is used in the first step: those wait in a queue behind established traffic.
  func queueHandshake(_ client: Ref<ClientConnection>) {
    if client.helloDone { return advanceHandshake(client) }
    guard !client.isQueued else { return }
    client.isQueued = true
    handshakes.append(token(client))
  }

  func runHandshakes() {
    guard !handshakes.isEmpty else { return }
    if turnHadTraffic, nowNanoseconds &- handshakeAt < patience { return }
    handshakeAt = nowNanoseconds
    var budget = exchanges.count > 0 ? Self.budgetBesideTraffic : Self.budgetWhenQuiet
    while budget > 0, handshakesTaken < handshakes.count {
      let token = handshakes[handshakesTaken]
      handshakesTaken += 1
      guard let client = clients.find(index: token.index, generation: token.generation) else { continue }
      client.isQueued = false
      advanceHandshake(client)
      budget -= 1
    }
    if handshakesTaken == handshakes.count {
      handshakes.removeAll(keepingCapacity: true)
      handshakesTaken = 0
    } else if handshakesTaken > 1024 {
      handshakes.removeFirst(handshakesTaken)
      handshakesTaken = 0
    }
  }

  /// How long a handshake waits for a turn without traffic.
  private var patience: UInt64 {
    let waiting = UInt64(max(0, handshakes.count - handshakesTaken))
    return Self.patienceNanoseconds * Self.crowd / (Self.crowd + waiting)
  }

  private func advanceHandshake(_ client: Ref<ClientConnection>) {
    if stepHandshake(client) { pumpClient(client) }
  }

  /// Goes on with the handshake. Whether it is over and the client may have said more: when it is not, the client has to be
  /// waited for, is served already, or has gone.
  func stepHandshake(_ client: Ref<ClientConnection>) -> Bool {
    guard client.state == .handshaking, let session = client.wire.session else { return false }
    while true {
      let wasParked = !client.wire.output.isEmpty
      let step = client.wire.handshake(pipe, listensFirst: true) { handshakeStep(client, $0) }
      timeOutput(client, unless: wasParked)
      if step.hasSpoken { client.helloDone = true }
      if step.isOver {
        closeClient(client)
        return false
      }
      switch step.outcome {
      case nil: return false
      case .complete: return finishHandshake(client, session)
      case .wantRead where client.wire.readable || client.wire.hasUnreadRecords: continue
      case .wantRead, .wantWrite: return serveEarly(client)
      case .closed, .failed:
        counters.add(.handshakesFailed)
        let reason = client.wire.failure
        shared.report(.handshakeFailed(peer: text(client.peer), reason: reason))
        closeClient(client)
        return false
      }
    }
  }

  /// The handshake is over: what was agreed on begins.
  private func finishHandshake(_ client: Ref<ClientConnection>, _ session: Session) -> Bool {
    if session.applicationProtocol == .acmeValidation {
      closeValidation(client)
      return false
    }
    counters.add(session.wasResumed ? .handshakesResumed : .handshakesFull)
    counters.add(session.version == .tls12 ? .handshakesTLS12 : .handshakesTLS13)
    if snapshot.verifiesClients, !learnIdentity(client, session) {
      closeClient(client)
      return false
    }
    if beginPassage(client) { return false }
    if session.applicationProtocol == .http2 {
      beginMux(client)
    } else {
      client.state = .reading
      timeClient(client, again: true)
    }
    return true
  }

  /// A CA has seen what it wanted to see; nothing else may follow (RFC 8737 §3).
  private func closeValidation(_ client: Ref<ClientConnection>) {
    counters.add(.validations)
    _ = client.wire.sayGoodbye(pipe)
    closeClient(client)
  }

  func text(_ peer: PeerText) -> String {
    unsafe peer.withBytes {
      unsafe String(decoding: UnsafeBufferPointer(start: $0, count: $1), as: UTF8.self)
    }
  }
}
