internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import Synchronization
internal import TLS
internal import Telemetry

/// What a worker is told from outside.
enum Order: Sendable {
  /// Serve by this plan from now on; sockets for listeners that are new come with it, and the access log if it is another
  /// one. Answered when it is in force.
  case adopt(WorkerPlan, newSockets: [NewSocket], accessLog: NewAccessLog?, Answer)
  /// Accept nothing more, let exchanges finish, stop at the deadline (milliseconds from now).
  case drain(milliseconds: UInt64, gently: Bool)
  /// A request of this worker's that waits is called to a backend, or turned away.
  case call(WaitingCall)
  /// A gate has said whether a request of this worker's may go on.
  case admit(GateAnswer)
  /// Say that it is alive.
  case answer(Answer)
  /// Open the access log's file again.
  case reopenLogs
  /// Say where a request would go.
  case explain(RouteReading, @Sendable (RouteExplanation) -> Void)

  /// A bound socket and the listener it is for.
  struct NewSocket: Sendable {
    let fd: Int32
    let listener: Settings.Listener
  }

  /// Called once when done.
  typealias Answer = @Sendable () -> Void
}

/// Carries a worker's access log to its thread; nobody else keeps a reference.
struct NewAccessLog: @unchecked Sendable {
  /// Nil when nothing is to be logged.
  let log: AccessLog?
}

extension Worker {
  func obey(_ order: Order) {
    switch order {
    case .adopt(let plan, let sockets, let log, let answer):
      if let log {
        accessLog?.flush()
        accessLog = log.log
      }
      adopt(plan, sockets)
      answer()
    case .drain(let milliseconds, let gently): drain(milliseconds, gently)
    case .call(let call): answer(call)
    case .admit(let answer): admit(answer)
    case .answer(let answer): answer()
    case .reopenLogs: reopenLogs()
    case .explain(let reading, let answer): answer(explain(reading))
    }
  }

  /// Nothing of it can fail: what could was made with the plan.
  func adopt(_ plan: WorkerPlan, _ sockets: [Order.NewSocket]) {
    var states: [ListenerState] = []
    for (listener, context) in zip(plan.settings.listeners, plan.contexts) {
      let name = listener.address.description
      let known = listeners.filter { $0.isOpen && $0.settings.address.description == name }.map(\.fd)
      let fresh = sockets.filter { $0.listener.address.description == name }.map(\.fd)
      for fd in known + fresh {
        let port = (try? ListeningSocket.address(of: fd))?.port ?? listener.address.port
        states.append(ListenerState(fd: fd, settings: listener, port: port, context: context))
      }
    }
    change(to: Snapshot(plan, previous: snapshot), states)
  }

  private func change(to next: Snapshot, _ states: [ListenerState]) {
    let kept = Set(states.map(\.fd))
    for i in listeners.indices where listeners[i].isOpen && !kept.contains(listeners[i].fd) {
      // What the kernel has accepted for us already would be reset by closing the socket.
      accept(i)
      closeListener(i)
    }
    let before = Set(listeners.filter(\.isOpen).map(\.fd))
    for state in states {
      if let i = listeners.firstIndex(where: { $0.isOpen && $0.fd == state.fd }) {
        listeners[i] = state
      } else {
        // Connections remember their listener's place, which therefore is never given to another one.
        listeners.append(state)
        if !before.contains(state.fd), !acceptPaused {
          _ = poller.addLevel(
            state.fd,
            Token(kind: Kind.listener, index: UInt32(listeners.count - 1), generation: 0))
        }
      }
    }
    for (key, pool) in snapshot.pools where next.pools[key] !== pool { closeIdle(of: pool) }
    if next.settings.limits.requestHeadFields != snapshot.settings.limits.requestHeadFields {
      desk.limit(requestFields: next.settings.limits.requestHeadFields)
    }
    buffers.maximum = next.settings.limits.buffers(workers: shared.workers)
    snapshot = next
    tokenCache.forgetAll()
    keptCatalog = nil
    unread.contains = next.passesUnread
  }

  private func drain(_ milliseconds: UInt64, _ gently: Bool) {
    let deadline = nowMilliseconds &+ milliseconds
    if deadline < shared.drainDeadline.load(ordering: .relaxed) {
      shared.drainDeadline.store(deadline, ordering: .relaxed)
    }
    closesIdle = closesIdle || !gently
    defer { if closesIdle { closeIdleClients() } }
    guard !isDraining else { return }
    isDraining = true
    // What the kernel has accepted for us already would be reset by closing the socket.
    for i in listeners.indices where listeners[i].isOpen {
      accept(i)
      closeListener(i)
    }
    announceAt = nowMilliseconds &+ min(Self.announcePatienceMilliseconds, milliseconds / 4)
    announceEnds()
  }

  private func closeIdleClients() {
    for client in clients.live
    where client.state == .reading && client.end == client.start {
      beginClose(client)
    }
  }

  func finishDrain() {
    if nowMilliseconds >= announceAt, announceAt > 0 {
      announceEnds()
      announceAt = 0
    }
    if nowMilliseconds >= shared.drainDeadline.load(ordering: .relaxed) {
      for client in clients.live where isConnection(client) { leave(client) }
    }
    if clients.count == 0 { isStopped = true }
  }

  private func closeListener(_ i: Int) {
    // Copies of it may stay open, which would go on to be told of.
    poller.remove(listeners[i].fd)
    Sys.close(listeners[i].fd)
    listeners[i].isOpen = false
    listeners[i].context = nil
  }
}
