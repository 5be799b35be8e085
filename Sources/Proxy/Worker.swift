internal import Bytes
internal import EventLoop
internal import HTTP
internal import HTTP2
internal import OS
internal import Synchronization
internal import TLS
internal import Telemetry

/// One worker: a thread with its own epoll set, listening sockets, TLS contexts, upstream connections and buffers.
/// Nothing here is touched by another thread; orders come by mailbox.
@safe final class Worker {
  /// What tokens name.
  enum Kind {
    static let mailbox: UInt8 = 0
    static let listener: UInt8 = 1
    static let downstream: UInt8 = 2
    static let upstream: UInt8 = 3
  }

  let index: Int
  let mailbox: Mailbox<Order>
  let shared: SharedState
  let counters: CounterBlock
  let poller: Poller
  var wheel: TimerWheel
  var downstreams = Slab<Downstream>()
  var upstreams = Slab<UpstreamConnection>()
  var exchanges = Slab<Exchange>()
  var muxes = Slab<Mux>()
  var streams = Slab<MuxStream>()
  /// Streams that the present read has opened.
  var opened: [Token] = []
  /// Connections whose frames leave at the end of the turn.
  var dirty: [Ref<Mux>] = []
  var buffers = BufferPool(bufferSize: Downstream.bufferSize, maximumIdle: 64)
  let gzips = GzipPool()
  let pipe = RecordPipe()
  var fields: FieldSection
  var requestHead = RequestHead()
  var responseHead = ResponseHead()
  /// Where heads are rewritten before they are put in front of their content.
  let scratch: UnsafeMutablePointer<UInt8>
  static let scratchSize = Downstream.bufferSize + 8192

  var snapshot: Snapshot
  var listeners: [ListenerState] = []
  /// The server names that TLS learns of with each snapshot.
  let unread: UnreadNames

  /// First handshake steps that wait for their turn.
  var handshakes: [Token] = []
  var handshakesTaken = 0
  /// When the last of them ran.
  var handshakeAt: UInt64 = 0
  /// Whether this turn served anything but listeners and handshakes.
  var turnHadTraffic = false
  /// Connections that had their share of a turn and have more to do.
  var deferred: [Token] = []
  /// Where the search for idle clients stands.
  var idleCursor: UInt32 = 0
  var due: [UnsafeMutablePointer<TimerNode>] = unsafe []

  var nowNanoseconds: UInt64 = 0
  var nowMilliseconds: UInt64 = 0
  var accessLog: AccessLog?
  var accessFlushAt: UInt64 = 0
  var isDraining = false
  var isStopped = false
  var acceptPaused = false
  var acceptResumeAt: UInt64 = .max

  init(
    index: Int, mailbox: Mailbox<Order>, shared: SharedState, counters: CounterBlock, snapshot: Snapshot,
    unread: UnreadNames
  ) throws(SystemError) {
    self.index = index
    self.mailbox = mailbox
    self.shared = shared
    self.counters = counters
    self.snapshot = snapshot
    self.unread = unread
    poller = try Poller()
    nowNanoseconds = Clock.monotonicNanoseconds()
    nowMilliseconds = nowNanoseconds / 1_000_000
    wheel = TimerWheel(nowMilliseconds: nowMilliseconds)
    fields = FieldSection(for: snapshot.settings.limits)
    unsafe scratch = .allocate(capacity: Self.scratchSize)
    _ = poller.addLevel(mailbox.descriptor, Token(kind: Kind.mailbox, index: 0, generation: 0))
  }

  deinit { unsafe scratch.deallocate() }

  /// Serves until stopped.
  func run() {
    while !isStopped {
      turn()
    }
    // Whoever still waits for an order to be in force must not wait for ever.
    for case .adopt(_, let sockets, _, let answer) in mailbox.close() {
      for socket in sockets { Sys.close(socket.fd) }
      answer()
    }
    // Nobody is left to be served: backends must see the end at once.
    for backend in upstreams.live { closeUpstream(backend) }
    flushDirty()
    accessLog?.flush()
  }

  /// One turn: events, then work put off, then handshakes within their budget, then timeouts.
  private func turn() {
    let count = poller.wait(milliseconds: waitMilliseconds())
    nowNanoseconds = Clock.monotonicNanoseconds()
    nowMilliseconds = nowNanoseconds / 1_000_000
    turnHadTraffic = !deferred.isEmpty
    for i in 0..<count {
      let event = poller.event(i)
      dispatch(event.token, event.readiness)
    }
    runDeferred()
    flushDirty()
    runHandshakes()
    runTimers()
    flushDirty()
    muxes.recycle()
    streams.recycle()
    downstreams.recycle()
    upstreams.recycle()
    exchanges.recycle()
    if isDraining { finishDrain() }
  }

  private func waitMilliseconds() -> Int32 {
    if !deferred.isEmpty || handshakesTaken < handshakes.count { return 0 }
    var wait: UInt64 = .max
    if let next = wheel.nextWakeMilliseconds(now: nowMilliseconds) { wait = next }
    if acceptPaused {
      wait = min(wait, acceptResumeAt > nowMilliseconds ? acceptResumeAt - nowMilliseconds : 0)
    }
    if isDraining {
      let deadline = shared.drainDeadline.load(ordering: .relaxed)
      wait = min(wait, deadline > nowMilliseconds ? deadline - nowMilliseconds : 0)
    }
    if accessLog != nil { wait = min(wait, Self.flushMilliseconds) }
    return wait == .max ? -1 : Int32(truncatingIfNeeded: min(wait, 60_000))
  }

  private func dispatch(_ token: Token, _ readiness: Readiness) {
    switch token.kind {
    case Kind.upstream:
      guard let backend = upstreams.find(index: token.index, generation: token.generation) else { return }
      turnHadTraffic = true
      upstreamEvent(backend, readiness)
    case Kind.downstream:
      guard let client = downstreams.find(index: token.index, generation: token.generation) else { return }
      if client.state != .handshaking { turnHadTraffic = true }
      downstreamEvent(client, readiness)
    case Kind.listener: accept(Int(token.index))
    default: for order in mailbox.take() { obey(order) }
    }
  }

  /// Puts the rest of a connection's work off to the next turn, so that one fast peer does not starve others.
  func putOff(_ client: Ref<Downstream>) {
    guard !client.isDeferred else { return }
    client.isDeferred = true
    deferred.append(token(client))
  }

  func putOff(_ backend: Ref<UpstreamConnection>) {
    guard !backend.isDeferred else { return }
    backend.isDeferred = true
    deferred.append(token(backend))
  }

  private func runDeferred() {
    guard !deferred.isEmpty else { return }
    let batch = deferred
    deferred.removeAll(keepingCapacity: true)
    for token in batch {
      if token.kind == Kind.upstream {
        guard let backend = upstreams.find(index: token.index, generation: token.generation) else { continue }
        backend.isDeferred = false
        pumpUpstream(backend)
      } else {
        guard let client = downstreams.find(index: token.index, generation: token.generation) else {
          continue
        }
        client.isDeferred = false
        pump(client)
      }
    }
  }

  private func runTimers() {
    unsafe wheel.advance(nowMilliseconds: nowMilliseconds, &due)
    if unsafe !due.isEmpty {
      for index in unsafe due.indices where unsafe due[index].pointee.deadline == .max {
        let token = unsafe due[index].pointee.owner
        if token.kind == Kind.upstream {
          if let backend = upstreams.find(index: token.index, generation: token.generation) {
            upstreamTimeout(backend)
          }
        } else if let client = downstreams.find(index: token.index, generation: token.generation) {
          downstreamTimeout(client)
        }
      }
      unsafe due.removeAll(keepingCapacity: true)
    }
    if acceptPaused, nowMilliseconds >= acceptResumeAt { resumeAccepting() }
    tick()
  }

  func token(_ client: Ref<Downstream>) -> Token {
    Token(kind: Kind.downstream, index: client.slot.index, generation: client.slot.generation)
  }

  func token(_ backend: Ref<UpstreamConnection>) -> Token {
    Token(kind: Kind.upstream, index: backend.slot.index, generation: backend.slot.generation)
  }

  // The timers stand inside their connections, whose memory never moves.
  private static let downstreamTimerOffset = MemoryLayout<Downstream>.offset(of: \.wire.timer) ?? 0
  private static let upstreamTimerOffset = MemoryLayout<UpstreamConnection>.offset(of: \.wire.timer) ?? 0

  func timer(_ client: Ref<Downstream>) -> UnsafeMutablePointer<TimerNode> {
    unsafe client.address(atOffset: Self.downstreamTimerOffset, as: TimerNode.self)
  }

  func timer(_ backend: Ref<UpstreamConnection>) -> UnsafeMutablePointer<TimerNode> {
    unsafe backend.address(atOffset: Self.upstreamTimerOffset, as: TimerNode.self)
  }

  func arm(_ client: Ref<Downstream>, _ milliseconds: UInt64) {
    unsafe wheel.set(timer(client), deadline: nowMilliseconds &+ milliseconds)
  }

  func arm(_ backend: Ref<UpstreamConnection>, _ milliseconds: UInt64) {
    unsafe wheel.set(timer(backend), deadline: nowMilliseconds &+ milliseconds)
  }

  func disarm(_ client: Ref<Downstream>) { unsafe wheel.disarm(timer(client)) }
  func disarm(_ backend: Ref<UpstreamConnection>) { unsafe wheel.disarm(timer(backend)) }
}

/// One listening socket of one worker.
struct ListenerState {
  let fd: Int32
  let settings: Settings.Listener
  /// The port that clients connect to, also where the settings say 0.
  let port: UInt16
  var context: ServerContext?
  var isOpen = true
}
