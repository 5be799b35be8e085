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
  func queueHandshake(_ d: UnsafeMutablePointer<Downstream>) {
    if d.pointee.helloDone { return stepHandshake(d) }
    guard !d.pointee.isQueued else { return }
    d.pointee.isQueued = true
    handshakes.append(token(d))
  }

  func runHandshakes() {
    guard !handshakes.isEmpty else { return }
    if turnHadTraffic, nowNanoseconds &- handshakeAt < patience { return }
    handshakeAt = nowNanoseconds
    var budget = exchanges.count > 0 ? Self.budgetBesideTraffic : Self.budgetWhenQuiet
    while budget > 0, handshakesTaken < handshakes.count {
      let token = handshakes[handshakesTaken]
      handshakesTaken += 1
      guard let d = downstreams.find(index: token.index, generation: token.generation) else { continue }
      d.pointee.isQueued = false
      stepHandshake(d)
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

  func stepHandshake(_ d: UnsafeMutablePointer<Downstream>) {
    guard d.pointee.state == .handshaking, let session = d.pointee.session else { return }
    while true {
      guard feed(d) else { return }
      let step = handshakeStep(d, session)
      d.pointee.parkedInput.keep(pipe.unreadInput)
      pipe.setInput(nil, 0)
      if !pipe.output.isEmpty {
        d.pointee.helloDone = true
        guard flushPipe(d) else { return close(d) }
      }
      switch step {
      case .complete:
        if session.applicationProtocol == .acmeValidation { return closeValidation(d) }
        counters.add(session.wasResumed ? .handshakesResumed : .handshakesFull)
        if snapshot.verifiesClients, !learnIdentity(d, session) { return close(d) }
        if beginPassage(d) { return }
        if session.applicationProtocol == .http2 {
          beginMux(d)
          // Early data has come before.
          if d.pointee.end > d.pointee.start { takeFrames(d) }
        } else {
          d.pointee.state = .reading
          arm(d, snapshot.settings.limits.keepAliveMilliseconds)
        }
        return pump(d)
      case .wantRead where d.pointee.readable || !d.pointee.parkedInput.isEmpty: continue
      case .wantRead, .wantWrite:
        serveEarly(d)
        return
      case .closed, .failed:
        counters.add(.handshakesFailed)
        let reason = Failure.take(session)
        shared.report(.handshakeFailed(peer: text(d.pointee.peer), reason: reason))
        return close(d)
      }
    }
  }

  /// A CA has seen what it wanted to see; nothing else may follow (RFC 8737 §3).
  private func closeValidation(_ d: UnsafeMutablePointer<Downstream>) {
    counters.add(.validations)
    d.pointee.session?.shutdown()
    _ = flushPipe(d)
    close(d)
  }

  /// Puts received records into the pipe for a handshake step; false when there is nothing, or no client any more.
  private func feed(_ d: UnsafeMutablePointer<Downstream>) -> Bool {
    if !d.pointee.parkedInput.isEmpty {
      let bytes = d.pointee.parkedInput.bytes
      pipe.setInput(bytes.baseAddress, bytes.count)
      return true
    }
    guard d.pointee.readable else { return false }
    let n = Sys.recv(d.pointee.fd, pipe.receiveBuffer, RecordPipe.inputCapacity)
    // After the peer's close there is no further edge: read on to the end.
    if n < RecordPipe.inputCapacity { d.pointee.readable = n > 0 && d.pointee.peerClosed }
    if n > 0 {
      pipe.setInput(pipe.receiveBuffer, n)
      return true
    }
    if n != Sys.wouldBlock { close(d) }
    return false
  }

  func text(_ peer: PeerText) -> String {
    peer.withBytes { String(decoding: UnsafeBufferPointer(start: $0, count: $1), as: UTF8.self) }
  }
}
