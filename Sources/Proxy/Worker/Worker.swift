internal import APIKeys
internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import HTTP2
internal import OS
internal import PKI
internal import Synchronization
internal import TLS
internal import Telemetry
internal import Upstream

/// One worker: a thread with its own epoll set, listening sockets, TLS contexts, upstream connections and buffers.
/// Nothing here is touched by another thread; orders come by mailbox.
@safe final class Worker {
  /// What tokens name.
  enum Kind {
    static let mailbox: UInt8 = 0
    static let listener: UInt8 = 1
    static let client: UInt8 = 2
    static let backend: UInt8 = 3
  }

  let index: Int
  let mailbox: Mailbox<Order>
  let shared: SharedState
  let counters: CounterBlock
  /// What is measured of model traffic.
  let genAI: GenAITable
  let poller: Poller
  var wheel: TimerWheel
  // What is linked or pointed to stands inside its connection, whose memory never moves.
  let clientTimerOffset = MemoryLayout<ClientConnection>.offset(of: \.wire.timer) ?? 0
  let backendTimerOffset = MemoryLayout<BackendConnection>.offset(of: \.wire.timer) ?? 0
  let peerOffset = MemoryLayout<ClientConnection>.offset(of: \.peer) ?? 0
  var clients = Slab<ClientConnection>()
  var backends = Slab<BackendConnection>()
  var exchanges = Slab<Exchange>()
  var models = Slab<ModelRequest>()
  var muxes = Slab<Mux>()
  var streams = Slab<MuxStream>()
  /// Streams that the present read has opened.
  var opened: [Token] = []
  /// Connections whose frames leave at the end of the turn.
  var dirty: [Token] = []
  var buffers = BufferPool(bufferSize: Layout.size, maximumIdle: 64)
  let gzips = GzipPool()
  let pipe = RecordPipe()
  /// Where heads are read and written.
  var desk: Desk

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
  /// The key of the request on the desk, from where it is found to where its exchange begins.
  var asking: UnsafeMutablePointer<KeyRing.Entry>?
  /// What it stands in, where a token stands for it.
  var askingOwner: KeyRing?
  /// What a gate has said of the request that takes its way again.
  var gateAnswer: GateAnswer?
  /// Field lines of a gate for the request on the desk.
  var admittedLines: [UInt8] = []
  /// Requests that wait at gates.
  var waitingAtGates = 0
  let keyHash = RepeatedHash()
  /// Tokens that have been found right.
  var tokenCache = TokenCache()
  /// The blocks of the prompt that was read last.
  var prompts = PromptBlocks()
  var tokenRatios = TokenRatios()
  /// Made when content comes compressed that has to be read.
  lazy var inflater = Inflater()
  /// What the head of the request at hand says of its model, on a route by models.
  var asked: AskedModel?
  /// The models that were told of last.
  var keptCatalog: KeptCatalog?
  /// Content that is kept of all requests, in bytes.
  var collectedBytes = 0
  /// Requests that wait for room, those among them that do no more included, and when they are looked after.
  var waiting: [Token] = []
  var lookAt: UInt64 = .max
  /// Whether there are any, or calls.
  var tendsWaiting = false
  /// What is to be told to requests of our own that wait.
  var calls: [WaitingCall] = []
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
  /// When clients of HTTP/2 are told to go, whatever goes on; 0 when they have been.
  var announceAt: UInt64 = 0
  /// Connections that nobody asks on are not waited for at the end.
  var closesIdle = false
  var isStopped = false
  var acceptPaused = false
  var acceptResumeAt: UInt64 = .max

  init(
    index: Int, mailbox: Mailbox<Order>, shared: SharedState, counters: CounterBlock, genAI: GenAITable,
    snapshot: Snapshot, unread: UnreadNames
  ) throws(SystemError) {
    self.index = index
    self.mailbox = mailbox
    self.shared = shared
    self.counters = counters
    self.genAI = genAI
    self.snapshot = snapshot
    self.unread = unread
    poller = try Poller()
    nowNanoseconds = Clock.monotonicNanoseconds()
    nowMilliseconds = nowNanoseconds / 1_000_000
    wheel = TimerWheel(nowMilliseconds: nowMilliseconds)
    desk = Desk(requestFields: snapshot.settings.limits.requestHeadFields, scratchSize: Layout.size + 8192)
    _ = poller.addLevel(mailbox.descriptor, Token(kind: Kind.mailbox, index: 0, generation: 0))
  }

  /// Serves until stopped.
  func serve() {
    while !isStopped {
      turn()
    }
    // Whoever still waits for an order to be in force must not wait for ever.
    for order in mailbox.close() {
      switch order {
      case .adopt(_, let sockets, _, let answer):
        for socket in sockets { Sys.close(socket.fd) }
        answer()
      case .call(let call): answer(call)
      case .answer(let answer): answer()
      case .explain(let reading, let answer): answer(explain(reading))
      case .drain, .reopenLogs, .admit: break
      }
    }
    // Nobody is left to be served: backends must see the end at once.
    for backend in backends.live { closeBackend(backend) }
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
      handle(event.token, event.readiness)
    }
    // Most turns have nothing of these.
    if !deferred.isEmpty { runDeferred() }
    if tendsWaiting { answerCalls() }
    if !dirty.isEmpty { flushDirty() }
    if !handshakes.isEmpty { runHandshakes() }
    runTimers()
    if tendsWaiting { tendWaiting() }
    if !dirty.isEmpty { flushDirty() }
    muxes.recycle()
    streams.recycle()
    clients.recycle()
    backends.recycle()
    exchanges.recycle()
    models.recycle()
    if isDraining { finishDrain() }
  }

  private func waitMilliseconds() -> Int32 {
    if !deferred.isEmpty || handshakesTaken < handshakes.count { return 0 }
    var wait: UInt64 = .max
    if let next = wheel.nextWakeMilliseconds(now: nowMilliseconds) { wait = next }
    if tendsWaiting {
      let due = lookAt > nowMilliseconds ? lookAt - nowMilliseconds : 0
      wait = min(wait, calls.isEmpty ? due : 0)
    }
    if acceptPaused {
      wait = min(wait, acceptResumeAt > nowMilliseconds ? acceptResumeAt - nowMilliseconds : 0)
    }
    if isDraining {
      let deadline = shared.drainDeadline.load(ordering: .relaxed)
      wait = min(wait, deadline > nowMilliseconds ? deadline - nowMilliseconds : 0)
      if announceAt > 0 { wait = min(wait, announceAt > nowMilliseconds ? announceAt - nowMilliseconds : 0) }
    }
    if accessLog != nil { wait = min(wait, Self.flushMilliseconds) }
    return wait == .max ? -1 : Int32(truncatingIfNeeded: min(wait, 60_000))
  }

  private func handle(_ token: Token, _ readiness: Readiness) {
    switch token.kind {
    case Kind.backend:
      guard let backend = backends.find(index: token.index, generation: token.generation) else { return }
      turnHadTraffic = true
      backendEvent(backend, readiness)
    case Kind.client:
      guard let client = clients.find(index: token.index, generation: token.generation) else { return }
      if client.state != .handshaking { turnHadTraffic = true }
      clientEvent(client, readiness)
    case Kind.listener: accept(Int(token.index))
    default: for order in mailbox.take() { obey(order) }
    }
  }

  /// Puts the rest of a connection's work off until the events at hand have been dealt with, so that one fast peer does not
  /// starve others, and nothing is begun on top of something else.
  func putOff(_ client: Ref<ClientConnection>) {
    guard !client.isDeferred else { return }
    client.isDeferred = true
    deferred.append(token(client))
  }

  func putOff(_ backend: Ref<BackendConnection>) {
    guard !backend.isDeferred else { return }
    backend.isDeferred = true
    deferred.append(token(backend))
  }

  private func runDeferred() {
    guard !deferred.isEmpty else { return }
    let batch = deferred
    deferred.removeAll(keepingCapacity: true)
    for token in batch {
      if token.kind == Kind.backend {
        guard let backend = backends.find(index: token.index, generation: token.generation) else { continue }
        backend.isDeferred = false
        pumpBackend(backend)
      } else {
        guard let client = clients.find(index: token.index, generation: token.generation) else { continue }
        client.isDeferred = false
        pumpClient(client)
      }
    }
  }

  private func runTimers() {
    unsafe wheel.advance(nowMilliseconds: nowMilliseconds, &due)
    if unsafe !due.isEmpty {
      for index in unsafe due.indices where unsafe due[index].pointee.deadline == .max {
        let token = unsafe due[index].pointee.owner
        if token.kind == Kind.backend {
          if let backend = backends.find(index: token.index, generation: token.generation) {
            backendTimedOut(backend)
          }
        } else if let client = clients.find(index: token.index, generation: token.generation) {
          clientTimedOut(client)
        }
      }
      unsafe due.removeAll(keepingCapacity: true)
    }
    if acceptPaused, nowMilliseconds >= acceptResumeAt { resumeAccepting() }
    flushAccessLog()
  }

  func token(_ client: Ref<ClientConnection>) -> Token {
    Token(kind: Kind.client, index: client.slot.index, generation: client.slot.generation)
  }

  func token(_ backend: Ref<BackendConnection>) -> Token {
    Token(kind: Kind.backend, index: backend.slot.index, generation: backend.slot.generation)
  }
}

/// One listening socket of one worker.
struct ListenerState {
  let fd: Int32
  let settings: Settings.Listener
  /// The port that clients connect to, also where the settings say 0.
  let port: UInt16
  var context: ServerContext?
  var isOpen = true
  /// No TLS is spoken on it.
  let isPlain: Bool
  /// HTTP/2 is taken on it by prior knowledge.
  let takesH2C: Bool
  /// Clients are asked for certificates on it.
  let asksClients: Bool
  /// Where everything is redirected to.
  let redirectPort: UInt16?

  init(fd: Int32, settings: Settings.Listener, port: UInt16, context: ServerContext?) {
    self.fd = fd
    self.settings = settings
    self.port = port
    self.context = context
    isPlain = settings.profile == nil
    takesH2C = settings.h2c
    asksClients = settings.clients != nil
    redirectPort = settings.redirectPort
  }
}
