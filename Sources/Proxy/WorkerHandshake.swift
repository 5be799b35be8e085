internal import EventLoop
internal import OS
internal import Telemetry
internal import TLS

extension Worker {
  /// First handshake steps of one turn: traffic waits for one of them at most.
  private static let budgetBesideTraffic = 1
  private static let budgetWhenQuiet = 8
  /// While each turn brings traffic, a handshake waits for a turn that brings none, but no longer than this after
  /// the one before it, in nanoseconds: so that a loop that is never idle still lets clients in.
  private static let patienceNanoseconds: UInt64 = 3_000_000
  /// With so many in the queue they wait half as long, so that a crowd is let in before its time limit.
  private static let crowd: UInt64 = 128

  /// The private key is used in the first step: those wait in a queue behind established traffic.
  func queueHandshake(_ client: Ref<Downstream>) {
    if client.helloDone { return stepHandshake(client) }
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
      guard let client = downstreams.find(index: token.index, generation: token.generation) else { continue }
      client.isQueued = false
      stepHandshake(client)
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

  func stepHandshake(_ client: Ref<Downstream>) {
    guard client.state == .handshaking, let session = client.wire.session else { return }
    while true {
      let wasParked = !client.wire.output.isEmpty
      let step = client.wire.handshake(pipe, listensFirst: true) { handshakeStep(client, $0) }
      armStall(client, unless: wasParked)
      if step.hasSpoken { client.helloDone = true }
      if step.isOver { return close(client) }
      switch step.outcome {
      case nil: return
      case .complete:
        if session.applicationProtocol == .acmeValidation { return closeValidation(client) }
        counters.add(session.wasResumed ? .handshakesResumed : .handshakesFull)
        if snapshot.verifiesClients, !learnIdentity(client, session) { return close(client) }
        if beginPassage(client) { return }
        if session.applicationProtocol == .http2 {
          beginMux(client)
          // Early data has come before.
          if client.end > client.start { takeFrames(client) }
        } else {
          client.state = .reading
          arm(client, snapshot.settings.limits.keepAliveMilliseconds)
        }
        return pump(client)
      case .wantRead where client.wire.readable || client.wire.hasUnreadRecords: continue
      case .wantRead, .wantWrite:
        serveEarly(client)
        return
      case .closed, .failed:
        counters.add(.handshakesFailed)
        let reason = client.wire.failure
        shared.report(.handshakeFailed(peer: text(client.peer), reason: reason))
        return close(client)
      }
    }
  }

  /// A CA has seen what it wanted to see; nothing else may follow (RFC 8737 §3).
  private func closeValidation(_ client: Ref<Downstream>) {
    counters.add(.validations)
    _ = client.wire.sayGoodbye(pipe)
    close(client)
  }

  func text(_ peer: PeerText) -> String {
    unsafe peer.withBytes {
      unsafe String(decoding: UnsafeBufferPointer(start: $0, count: $1), as: UTF8.self)
    }
  }
}
