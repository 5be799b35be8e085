// Proxy: the data plane: worker threads with a loop each, TLS towards clients, HTTP towards backends.
//
// It does not read files, resolve names, check health or log: settings and certificates come as values, events go out by a
// closure. It promises that new settings and certificates end no exchange; that a change that cannot be made changes nothing.

internal import EventLoop
public import OS
internal import Synchronization
public import TLS
public import Telemetry
internal import Upstream

/// The proxy as its owner sees it: it is given settings and certificates as values, and told to drain.
///
/// It knows no configuration file, no ACME and no store, and reads no clock but the monotonic one. What it promises:
/// new settings or certificates are in force on every worker when a call returns; a call that throws has
/// changed nothing; no established connection is touched by either.
public final class EdgeProxy: Sendable {
  private struct State {
    var settings: Settings
    var bound: [String: SocketAddress] = [:]
    /// Copies of all listening sockets, for whoever comes after.
    var kept: [String: KeptSockets] = [:]
    var threads: [Thread] = []
    /// Those that wait for the end of all workers.
    var drainers: [CheckedContinuation<Void, Never>] = []
    var hasEnded = false
  }

  let mailboxes: [Mailbox<Order>]
  private let shared: SharedState
  private let blocks: [CounterBlock]
  private let genAI: [GenAITable]
  private let inherited: InheritedSockets
  private let times: [ServiceTimesTable]
  private let state: Mutex<State>
  /// What the workers are to serve by. Held while a change is made and until it is in force: changes come one by one.
  private let desired: Mutex<Desired>

  private struct Desired {
    var settings: Settings
    var credentials: [Credential]
    var compilers: [PlanCompiler]
    /// Shared by all workers.
    var keyTables: [KeyTable?] = []

    /// A plan for each worker.
    mutating func plans() throws(ProxyError) -> [WorkerPlan] {
      var plans: [WorkerPlan] = []
      keyTables = KeyTable.tables(settings.services, keyTables)
      for worker in compilers.indices {
        do throws(ContextError) {
          plans.append(try compilers[worker].plan(settings, credentials, keyTables))
        } catch { throw .tls(error) }
      }
      return plans
    }
  }

  /// Binds every listener and starts the workers. Throws `ProxyError` when an address cannot be bound or a
  /// certificate cannot be used; nothing is left open then. `challenge` answers HTTP-01 by token, `validation` TLS-ALPN-01
  /// by server name, for CAs that validate names here. Listeners take those of the `inherited` sockets that are theirs.
  public init(
    workers: Int, settings: Settings, credentials: [Credential], tickets: TicketKeys,
    inherited: InheritedSockets = .none,
    challenge: @escaping @Sendable (String) -> [UInt8]?,
    validation: @escaping @Sendable (String) -> Credential? = { _ in nil },
    random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) },
    report: @escaping @Sendable (ProxyEvent) -> Void
  ) throws(ProxyError) {
    let count = max(1, min(workers, Self.maximumWorkers))
    blocks = (0..<count).map { _ in CounterBlock() }
    genAI = (0..<count).map { _ in GenAITable() }
    times = (0..<count).map { _ in ServiceTimesTable() }
    state = Mutex(State(settings: settings))
    var mailboxes: [Mailbox<Order>] = []
    do throws(SystemError) {
      for _ in 0..<count { mailboxes.append(try Mailbox()) }
    } catch { throw .system(error) }
    self.mailboxes = mailboxes
    self.inherited = inherited
    shared = SharedState(mailboxes: mailboxes, challenge: challenge, random: random, report: report)
    var desired = Desired(
      settings: settings, credentials: credentials,
      compilers: times.map { PlanCompiler(tickets: tickets, times: $0, validation: validation) })
    let plans = try desired.plans()
    let unread = desired.compilers.map(\.unread)
    self.desired = Mutex(desired)
    let logs = try openLogs(settings.accessLog)
    let sockets = try bind(settings.listeners)
    for i in 0..<count { try launch(i, plans[i], unread[i], sockets[i], logs[i]) }
  }

  /// The most worker threads.
  public static let maximumWorkers = 256

  private func launch(
    _ index: Int, _ plan: WorkerPlan, _ unread: UnreadNames, _ sockets: [Order.NewSocket],
    _ accessLog: NewAccessLog
  ) throws(ProxyError) {
    // An empty snapshot first: everything real is adopted as at any later reload.
    var empty = Settings()
    empty.limits = plan.settings.limits
    let nothing = WorkerPlan(
      settings: empty, contexts: [], routes: RouteTable([]) { _ in true }, serverNames: nil,
      clientContexts: [:], keyTables: [], times: [])
    let worker: Worker
    do throws(SystemError) {
      worker = try Worker(
        index: index, mailbox: mailboxes[index], shared: shared, counters: blocks[index],
        genAI: genAI[index],
        snapshot: Snapshot(nothing, previous: nil), unread: unread)
    } catch { throw .system(error) }
    worker.accessLog = accessLog.log
    worker.adopt(plan, sockets)
    let box = WorkerBox(worker: worker)
    do throws(SystemError) {
      let thread = try Thread.start("certd-worker-\(index)") { box.worker.serve() }
      state.withLock { $0.threads.append(thread) }
    } catch { throw .system(error) }
  }

  /// Where the listeners really are, in the order of the settings: this tells the port behind port 0.
  public var addresses: [SocketAddress] {
    state.withLock { state in
      state.settings.listeners.compactMap { state.bound[$0.address.description] }
    }
  }

  /// Copies of all listening sockets, by listener: whoever gets them accepts what this process does not.
  public var listening: [KeptSockets] { state.withLock { Array($0.kept.values) } }

  /// What all workers have counted so far.
  public var counters: [Counter: UInt64] {
    var sums: [Counter: UInt64] = [:]
    for counter in Counter.allCases {
      sums[counter] = blocks.reduce(0) { $0 &+ $1.value(of: counter) }
    }
    return sums
  }

  /// What all workers have counted and measured of their traffic so far.
  public var traffic: TrafficFigures { TrafficFigures(blocks, times, genAI) }

  /// The same as Prometheus reads it.
  public var exposition: String {
    var model = MetricsText()
    model.services(times)
    model.genAI(genAI)
    return Exposition.text(blocks) + model.text
  }

  /// Serves by new settings. Connections and exchanges under way go on by those that they began with.
  public func apply(_ settings: Settings) async throws(ProxyError) {
    try await change { $0.settings = settings }
  }

  /// Presents new certificates in every handshake from now on.
  public func install(_ credentials: [Credential]) async throws(ProxyError) {
    try await change { $0.credentials = credentials }
  }

  /// Makes a change on a thread of its own: loading certificates takes its time, and workers are only told what is
  /// ready. One that cannot be made changes nothing on any worker.
  private func change(_ edit: @escaping @Sendable (inout Desired) -> Void) async throws(ProxyError) {
    let result: Result<Void, ProxyError>
    do throws(SystemError) {
      result = try await OwnThread.run {
        self.desired.withLock { desired in
          var next = desired
          edit(&next)
          do throws(ProxyError) { try self.adopt(&next) } catch { return .failure(error) }
          desired = next
          return .success(())
        }
      }
    } catch { throw .system(error) }
    try result.get()
  }

  private func adopt(_ next: inout Desired) throws(ProxyError) {
    let plans = try next.plans()
    let pending: Pending
    do throws(SystemError) { pending = try Pending(count: mailboxes.count) } catch { throw .system(error) }
    let settings = next.settings
    let isLogNew = state.withLock { $0.settings.accessLog != settings.accessLog }
    let logs = isLogNew ? try openLogs(settings.accessLog) : nil
    let known = state.withLock { Set($0.bound.keys) }
    let sockets = try bind(settings.listeners.filter { !known.contains($0.address.description) })
    for (index, mailbox) in mailboxes.enumerated() {
      if !mailbox.post(
        .adopt(plans[index], newSockets: sockets[index], accessLog: logs?[index], { pending.answer() }))
      {
        for socket in sockets[index] { Sys.close(socket.fd) }
        pending.answer()
      }
    }
    pending.wait()
    state.withLock { state in
      state.settings = settings
      let wanted = Set(settings.listeners.map(\.address.description))
      state.bound = state.bound.filter { wanted.contains($0.key) }
      state.kept = state.kept.filter { wanted.contains($0.key) }
    }
  }

  /// Whether every worker has answered: one that stands still never does.
  public func answers() async throws(SystemError) -> Bool {
    let pending = try Pending(count: mailboxes.count)
    for mailbox in mailboxes where !mailbox.post(.answer { pending.answer() }) { pending.answer() }
    return try await OwnThread.run {
      pending.wait()
      return true
    }
  }

  /// Writes out what is buffered of the access log and opens its file again, after a rotation.
  public func reopenLogs() {
    for mailbox in mailboxes { mailbox.post(.reopenLogs) }
  }

  /// Accepts nothing more, lets exchanges finish for so many milliseconds, and returns when all workers have ended.
  /// Called once more, it can only bring the end nearer. `gently`: connections that are idle, and those that have asked
  /// nothing yet, are not closed but get one more answer, which says that it is the last: a request that is on its way meets
  /// no closed connection.
  public func drain(milliseconds: UInt64, gently: Bool = false) async {
    // First, or the kernel would go on to take connections that nobody accepts.
    state.withLock { $0.kept = [:] }
    for mailbox in mailboxes { mailbox.post(.drain(milliseconds: milliseconds, gently: gently)) }
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let threads = state.withLock { state -> [Thread] in
        defer { state.threads = [] }
        state.drainers.append(done)
        return state.threads
      }
      guard !threads.isEmpty else { return endDrain(unlessUnderWay: true) }
      // Joining blocks: it gets a thread of its own, outside the cooperative pool.
      let waiter = try? Thread.start("drain") {
        for thread in threads { thread.join() }
        self.endDrain(unlessUnderWay: false)
      }
      guard let waiter else { return endDrain(unlessUnderWay: false) }
      waiter.detach()
    }
  }

  private func endDrain(unlessUnderWay: Bool) {
    let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      if unlessUnderWay, !state.hasEnded { return [] }
      state.hasEnded = true
      defer { state.drainers = [] }
      return state.drainers
    }
    for drainer in waiting { drainer.resume() }
  }

  /// The access log of each worker; all or none.
  private func openLogs(_ settings: AccessSettings?) throws(ProxyError) -> [NewAccessLog] {
    guard let settings else { return mailboxes.map { _ in NewAccessLog(log: nil) } }
    var logs: [NewAccessLog] = []
    do throws(SystemError) {
      for _ in mailboxes {
        logs.append(NewAccessLog(log: try AccessLog(settings, seed: shared.random())))
      }
    } catch { throw .system(error) }
    return logs
  }

  /// A socket for every worker and listener; all or none.
  private func bind(_ listeners: [Settings.Listener]) throws(ProxyError) -> [[Order.NewSocket]] {
    var sockets: [[Order.NewSocket]] = Array(repeating: [], count: mailboxes.count)
    do throws(SystemError) {
      for listener in listeners {
        if takeOver(listener, &sockets) { continue }
        var address = listener.address
        // Sharing a port is for our own workers: another process that holds it must be noticed. Where we hold it
        // ourselves, by another address that this one may include, there is nothing to notice.
        let isOurs = state.withLock { $0.bound.values.contains { $0.port == address.port } }
        if address.port != 0, !isOurs { _ = try ListeningSocket.open(address, sharesPort: false) }
        for worker in mailboxes.indices {
          let socket = try ListeningSocket.open(address)
          // The first one finds the port behind port 0; the others share it.
          address = try ListeningSocket.address(of: socket.number)
          sockets[worker].append(Order.NewSocket(fd: socket.release(), listener: listener))
        }
        let name = listener.address.description
        let copies = KeptSockets(name: name, of: sockets.compactMap(\.last?.fd))
        state.withLock { ($0.bound[name], $0.kept[name]) = (address, copies) }
      }
    } catch {
      for socket in sockets.joined() { Sys.close(socket.fd) }
      state.withLock { state in
        for listener in listeners {
          state.bound[listener.address.description] = nil
          state.kept[listener.address.description] = nil
        }
      }
      throw .system(error)
    }
    return sockets
  }

  /// Has the workers accept at sockets that came with the process; false where there is none for a listener.
  private func takeOver(_ listener: Settings.Listener, _ sockets: inout [[Order.NewSocket]]) -> Bool {
    guard let shares = inherited.take(listener.address, workers: mailboxes.count),
      let first = shares.joined().first, let address = try? ListeningSocket.address(of: first)
    else { return false }
    for (worker, share) in shares.enumerated() {
      sockets[worker] += share.map { Order.NewSocket(fd: $0, listener: listener) }
    }
    let name = listener.address.description
    let copies = KeptSockets(name: name, of: Array(shares.joined()))
    state.withLock { ($0.bound[name], $0.kept[name]) = (address, copies) }
    return true
  }
}

/// Why the proxy could not do what it was told.
public enum ProxyError: Error, CustomStringConvertible, Sendable {
  /// A system call failed, usually bind.
  case system(SystemError)
  /// A certificate or TLS setting cannot be used.
  case tls(ContextError)

  /// The reason in one line.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .tls(let error): error.description
    }
  }
}

/// Waits for the answers of all workers.
private final class Pending: Sendable {
  private let left: Atomic<Int>
  private let gate: Gate

  init(count: Int) throws(SystemError) {
    left = Atomic(count)
    gate = try Gate()
  }

  func answer() {
    if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { gate.open() }
  }

  func wait() { gate.wait() }
}

/// Carries a worker to its thread; nobody else keeps a reference.
private struct WorkerBox: @unchecked Sendable {
  let worker: Worker
}
