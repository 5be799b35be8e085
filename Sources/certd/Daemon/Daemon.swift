import Bytes
import CertStore
import Configuration
import DNS
import Fleet
import OS
import PKI
import Proxy
import Renewal
import Synchronization
import TLS
import Telemetry
import Upstream

/// `certd run`: the proxy, the renewal and the health checks in one process, driven by one queue of events.
actor Daemon {
  /// The signals that the daemon takes as events.
  static let signals = [
    Signals.terminate, Signals.interrupt, Signals.hangup, Signals.reopen, Signals.upgrade,
  ]
  /// How often files and the store are looked at for changes by others, in seconds.
  static let watchSeconds = 2.0
  /// How often files of keys are looked at, in seconds.
  static let keySeconds = 0.5
  /// When the start is over and its code is not needed any more, in seconds.
  static let startSeconds = 0.5
  /// How often certificates from files are judged again, in seconds.
  static let judgeSeconds: Int64 = 86400
  /// How often it is seen which backends' names are to be looked up, in seconds.
  static let namesSeconds = 0.25

  enum Event: Sendable {
    case reload
    case reopenLogs
    case upgrade
    case watch
    case watchKeys
    case namesMoved
    case judge
    case issuersFetched
    case recognized(service: String, ServiceKind)
    case discovered(service: String, DiscoveryOutcome)
    case wake
    case decided(Report.Entry)
    case renewed(Report)
    case fleet(FleetNode.News)
    /// What somebody has asked for by the admin API, in its turn.
    case asked(@Sendable (isolated Daemon) async -> Void)
  }

  let source: ConfigurationSource
  let log: Log
  let world: World
  let store: CertStore
  let backends: BackendRegistry
  let keys: KeyStore
  let usage: UsageFile
  let tickets: TicketKeys
  let messages: ProxyMessages
  /// Other nodes; nil where there are none.
  let fleet: FleetNode?
  /// Files of keys as the fleet has them, by group.
  var keysTaken: [String: [UInt8]] = [:]
  /// What the files of keys were when this node and its fleet agreed last.
  lazy var keyMarks = SharedKeyMarks(store.root)
  /// The configuration file before one that was pushed took its place.
  var fileBefore: [UInt8]?
  /// What signals have asked for; the thread that takes them writes it.
  let signals = Mutex(SignalIntake())
  let events: AsyncStream<Event>
  let post: AsyncStream<Event>.Continuation

  var plan: Blueprint
  var proxy: EdgeProxy
  var health: HealthChecks
  var discovery = Discovery()
  /// Why sources of backends cannot be asked, by service.
  var discoveryFailures: [String: String] = [:]
  /// What backends have been recognised as, by service.
  var recognized: [String: ServiceKind] = [:]
  var presented: [Credential] = []
  /// The store's certificates as they were last read.
  var stored: [Credential] = []
  /// Whether all of them could be read the last time.
  var isStoreRead: Bool
  var fingerprint: StoreFingerprint
  var files: FileWatch
  var refusedFiles: FileWatch?
  var trust: FileWatch
  var filePush: Task<Void, Never>?
  /// Handshakes with our own listeners, one after another.
  var proofs: Task<Void, Never>?
  var issuerFetch: Task<Void, Never>?
  var refusedTrust: FileWatch?
  var keyFiles: FileWatch
  var isRenewing = false
  var renewAgain = false
  var wake: Task<Void, Never>?
  var watches = 0
  var ticketsRotatedAt: UnixTime
  /// When certificates from files were judged.
  var judgedAt: UnixTime
  /// What is presented, as it was judged.
  var standings: [Standing] = []
  /// Certificates that could not be obtained at the last attempt.
  var failing: Set<String> = []
  /// What gives out files, by directory.
  var fileServers: [String: FileServer] = [:]
  /// What the store says of renewals to come, as it was read last.
  var outlook: Outlook?
  /// What came of the last attempt at each certificate, when, and not before when there is another one.
  var attempts: [String: (result: String, at: UnixTime, next: UnixTime?)] = [:]
  /// Why the last attempt at a certificate has failed, and what to do about it, by name.
  var failures: [String: String] = [:]
  /// How the last SIGHUP ended.
  var reloaded: (isSuccess: Bool, at: UnixTime)
  /// Why the last one was refused; nil where it was not.
  var refusal: String?
  /// Since when it runs.
  let startedAt: UnixTime
  /// What has started the process, and is told of it.
  let manager: ServiceManager
  /// The process whose place this one takes.
  let predecessor: Predecessor?
  /// Listening sockets that came with it.
  let inherited: InheritedSockets
  /// The program as it was started, by its path.
  let program: String?
  /// The process that has taken this one's place.
  var successor: Int32?
  /// Ends it.
  var stopper: AsyncStream<Stop>.Continuation?
  /// What is listened at for the admin API, by place.
  var admin: [AdminPlace: AdminListener] = [:]
  /// The files of the tokens that are taken there.
  var adminFiles: [String] = []
  /// What has been counted of late, a second each.
  var traffic = TrafficRing()
  /// Sends traces.
  let exporter: TraceExporter
  /// The parts of the status page as they were last made, and when, in monotonic milliseconds.
  var pageParts: (at: UInt64, parts: [StatusPage.Part])?
  /// An operator wants no new clients: whoever asks whether it is ready is told that it is not.
  var isLeaving = false
  /// When another certificate may be the best for a name.
  var presentationChange: UnixTime?

  /// Binds everything and presents what the store and the files hold. Throws before anything is served.
  init(
    source: ConfigurationSource, reading: Configuration.Reading, launch: Launch, log: Log
  ) async throws(SetupError) {
    self.source = source
    (predecessor, manager, program) = (launch.predecessor, launch.manager, launch.program)
    inherited = launch.sockets
    let handover = Handover(reading: launch.predecessor?.knowledge ?? [])
    self.log = log
    world = try World()
    exporter = TraceExporter(world.client, log)
    let messages = ProxyMessages(log: log)
    self.messages = messages
    store = try StoreLocation.open(reading.configuration.store) { problem in
      log.warn("store: damage found", ["what": .describing(problem)])
    }
    let lifetime = NameLifetime(
      NameServers.Environment(
        random: { UInt16.random(in: .min ... .max) }, sleep: { try await World.sleep(seconds: $0) }))
    backends = BackendRegistry(
      adminDirectory: store.root,
      affinitySecret: AffinitySecret.load(store.root) { log.warn("affinity", ["reason": .text($0)]) },
      lifetime: { await lifetime.seconds($0, $1) }
    ) {
      log.warn("backend name", ["reason": .text($0)])
    }
    keys = KeyStore()
    usage = UsageFile(directory: store.root, keys.usages) { log.warn("use of keys", ["reason": .text($0)]) }
    if !reading.configuration.keyGroups.isEmpty { usage.restore(now: Self.wallMilliseconds) }
    tickets = TicketKeys(random: { Random.bytes($0) })
    await backends.inherit(handover.backends)
    await backends.follow(drained: handover.drained, weights: handover.weights)
    isLeaving = handover.isLeaving
    (events, post) = AsyncStream.makeStream(of: Event.self)
    health = HealthChecks { [post] in post.yield(.recognized(service: $0, $1)) }
    fleet = try FleetMember.node(reading.configuration, store) { [post] in post.yield(.fleet($0)) }
    var plan = try await Blueprint(
      await Self.filled(reading, backends), world: world, store: store, backends: backends, keys: keys,
      fleet: fleet,
      log: log, post: post)
    if launch.predecessor == nil { await Self.waitForCommands(plan, store, log, inherited.addresses) }
    Self.leaveUnwantedPort(&plan.settings, plan.configuration, ours: inherited.addresses, log)
    Self.openFiles(plan.configuration, store, log, &fileServers)
    self.plan = plan
    fingerprint = store.fingerprint()
    (files, refusedFiles) = plan.watch
    (trust, refusedTrust) = plan.trustWatch
    keyFiles = plan.keyWatch
    let gathered = try await Self.gather(plan, store, known: [])
    (stored, isStoreRead) = (gathered.stored, gathered.isWhole)
    (presented, presentationChange) = (gathered.presentation.credentials, gathered.presentation.nextChange)
    let now = World.now()
    ticketsRotatedAt = tickets.adopt(handover.ticketKeys) ? handover.ticketsRotatedAt ?? now : now
    judgedAt = now
    startedAt = now
    reloaded = (true, now)
    let memory = store.challengeMemory()
    do throws(ProxyError) {
      proxy = try EdgeProxy(
        workers: plan.configuration.workers ?? Processors.count, settings: plan.settings,
        credentials: presented, tickets: tickets, inherited: inherited,
        challenge: { memory.answer(token: $0) },
        validation: { memory.validationCredential(serverName: $0) },
        report: { messages.write($0) })
    } catch { throw Self.failure(error) }
  }

  /// Why nothing can be served, with what to do about it.
  private static func failure(_ error: ProxyError) -> SetupError {
    guard case .system(let reason) = error else { return .other("\(error)") }
    if reason.isAddressInUse { return .other(reason.descriptionWithRemedy) }
    guard reason.isPermission else { return .other("\(error)") }
    return .other("\(error); ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE")
  }

  /// A `certd renew` may have a port for its own orders: it is waited for, and nobody else is.
  private static func waitForCommands(
    _ plan: Blueprint, _ store: CertStore, _ log: Log, _ ours: [String]
  ) async {
    for listener in plan.settings.listeners
    where listener.address.port != 0 && !ours.contains(listener.address.description) {
      do throws(SystemError) { _ = try ListeningSocket.open(listener.address, sharesPort: false) } catch {
        guard error.isAddressInUse else { continue }
        log.info(
          "a port is held; waiting for a certd that may have it", ["address": .describing(listener.address)])
        _ = await RenewalJob.takeTurn(store)
        return
      }
    }
  }

  /// The listener that only a default asks for, for the redirect and HTTP-01: where its port is not to be had, the
  /// others are served without it. Nobody else can have a port that is `ours` already.
  static func leaveUnwantedPort(
    _ settings: inout Proxy.Settings, _ configuration: Configuration, ours: [String], _ log: Log?
  ) {
    guard configuration.hasDefaultPlainListener,
      let index = settings.listeners.firstIndex(where: { $0.profile == nil })
    else { return }
    let address = settings.listeners[index].address
    guard !ours.contains(address.description) else { return }
    do throws(SystemError) { _ = try ListeningSocket.open(address, sharesPort: false) } catch {
      settings.listeners.remove(at: index)
      log?.warn(
        "no redirect to https, and HTTP-01 only if what has the port answers from this store",
        [
          "address": .describing(address), "reason": .describing(error),
          "remedy": "name another with --http-address, or 'off'; in a file, list the listeners",
        ])
    }
  }

  /// Serves until a signal ends it. Events are dealt with one by one; a stop goes before all that wait, and before
  /// whatever is under way has ended.
  func run() async {
    let post = post
    let (stops, stop) = AsyncStream.makeStream(of: Stop.self)
    stopper = stop
    let watcher = try? Signals.watch(Self.signals) { number in
      self.take(number, stop)
      return true
    }
    if watcher == nil { log.error("signals cannot be watched") }
    let ticker = Task {
      while !Task.isCancelled {
        try? await World.sleep(seconds: Self.watchSeconds)
        post.yield(.watch)
      }
    }
    Task {
      try? await World.sleep(seconds: Self.startSeconds)
      ProcessMemory.dropUnusedCode()
    }
    let (keyTicker, flushing, sampling) = (tickForKeys(), keepUsage(), sampleTraffic())
    let exporting = exportTraces()
    let fetching = keepTokenKeys()
    openAdmin()
    announce()
    warnOfTrust(ListenerSecurity(configuration: plan.configuration))
    health.start(
      plan.configuration, plan.settings, await backends.candidates(plan.configuration), backends, world, log)
    followSources()
    let names = watchNames()
    await queueGoogleCloud()
    pushFiles()
    fetchIssuers()
    post.yield(.judge)
    renew()
    tellOfServing()
    await fleet?.start()
    let work = Task { for await event in events { await handle(event) } }
    var draining: Task<Void, Never>?
    for await wish in stops {
      switch wish {
      case .begin(let number) where draining == nil:
        for task in [work, ticker, keyTicker, fetching, names] { task.cancel() }
        wake?.cancel()
        filePush?.cancel()
        issuerFetch?.cancel()
        draining = Task {
          await drain(number)
          stop.finish()
        }
      case .begin where successor != nil:
        // It has handed over and waits for its last exchanges: no longer than any other that is stopped.
        let limit = plan.configuration.limits.drainTimeout.count
        Task { await proxy.drain(milliseconds: limit) }
      case .begin: break
      case .now: Task { await proxy.drain(milliseconds: 0) }
      }
    }
    for task in [flushing, sampling, exporting] { task.cancel() }
    stopLooking()
    closeFiles()
    closeAdmin()
    await fleet?.stop()
    if let place = plan.configuration.traces { await exporter.export(to: place) }
    // Whoever has taken over counts on.
    if successor == nil { await flushUsage() }
  }

  private func watchNames() -> Task<Void, Never> {
    let (post, backends) = (post, backends)
    return Task {
      while !Task.isCancelled {
        // Without names there is nothing to see until a reload brings some.
        let pause = await backends.hasNames ? Self.namesSeconds : Self.watchSeconds
        try? await World.sleep(seconds: pause)
        await backends.lookUpDue { post.yield(.namesMoved) }
      }
    }
  }

  /// What a signal wants of the end.
  enum Stop { case begin(Int32), now }

  /// Called by the thread that waits for signals.
  private nonisolated func take(_ number: Int32, _ stop: AsyncStream<Stop>.Continuation) {
    let kind: SignalIntake.Kind =
      switch number {
      case Signals.hangup: .hangup
      case Signals.reopen: .reopen
      case Signals.upgrade: .upgrade
      default: .stop
      }
    switch signals.withLock({ $0.take(kind) }) {
    case .nothing: break
    case .reload: post.yield(.reload)
    case .reopen: post.yield(.reopenLogs)
    case .upgrade: post.yield(.upgrade)
    case .stop: stop.yield(.begin(number))
    case .stopNow: stop.yield(.now)
    }
  }

  private func announce() {
    let wanted = plan.configuration.limits.connections
    if wanted > DescriptorBudget.clients {
      unsafe log.warn(
        "fewer connections than limits.connections: descriptors are kept for backends",
        [
          "connections": .number(DescriptorBudget.clients), "wanted": .number(wanted),
          "descriptors": .number(DescriptorBudget.count),
          "remedy": "raise the hard limit: ulimit -Hn, or LimitNOFILE of the unit",
        ])
    }
    for (listener, address) in zip(plan.settings.listeners, proxy.addresses) {
      let speaks =
        listener.profile != nil ? "https" : listener.redirectPort != nil ? "http, redirected" : "http"
      log.info("listening", ["address": .describing(address), "protocol": .text(speaks)])
    }
  }

  private func handle(_ event: Event) async {
    guard !Task.isCancelled else { return }
    switch event {
    case .reload:
      signals.withLock { $0.begins(.hangup) }
      manager.reloading()
      await reload()
      manager.ready()
    case .reopenLogs:
      signals.withLock { $0.begins(.reopen) }
      proxy.reopenLogs()
    case .upgrade:
      signals.withLock { $0.begins(.upgrade) }
      await upgrade()
    case .watch:
      messages.tellRepeated()
      await watch()
    case .watchKeys: await watchKeys()
    case .namesMoved: await namesMoved()
    case .judge: await judge()
    case .issuersFetched: await issuersFetched()
    case .recognized(let service, let kind): await recognize(service, kind)
    case .discovered(let service, let outcome): await discovered(service, outcome)
    case .wake: renew()
    case .decided(let entry): await decided(entry)
    case .renewed(let report): await finished(report)
    case .fleet(let news): await heard(news)
    case .asked(let job): await job(self)
    }
  }

  private func drain(_ number: Int32) async {
    let limit =
      successor == nil ? plan.configuration.limits.drainTimeout.count : Self.upgradeDrainMilliseconds
    if successor == nil { manager.stopping() }
    log.info(
      "stopping", ["signal": .number(number), "deadline_milliseconds": .number(Int64(clamping: limit))])
    await proxy.drain(milliseconds: limit, gently: successor != nil)
    log.info("stopped")
  }

  /// Everything to be presented: files first, as they stand in the configuration, then the store's.
  /// What the store cannot be read of at present is presented as it was (`known`).
  static func gather(
    _ plan: Blueprint, _ store: CertStore, known: [Credential]
  ) async throws(SetupError) -> Gathered {
    let (wanted, files) = (Set(plan.managed.map(\.name.description)), plan.fileCredentials)
    return try await apart { () throws(SetupError) in
      let now = World.now()
      let inventory = store.inventory(now: now)
      let kept = known.filter { inventory.isUnread($0.label) }
      let fresh = inventory.certificates.compactMap(Credentials.credential)
      // In the store's own order, whatever could be read: the first one answers clients without a server name.
      let stored = (kept + fresh.filter { one in !kept.contains { $0.label == one.label } })
        .sorted { $0.label < $1.label }
      // Those that the configuration names come first: the first one answers clients without a server name.
      let presentation = Presentation(
        files + stored.filter { wanted.contains($0.label) },
        others: stored.filter { !wanted.contains($0.label) },
        now: now)
      return Gathered(
        presentation: presentation, stored: stored,
        isWhole: !inventory.isUnread && inventory.unread.isEmpty)
    }
  }

  /// What is to be presented, and what of it is the store's.
  struct Gathered: Sendable {
    let presentation: Presentation
    let stored: [Credential]
    /// Whether all of the store could be read.
    let isWhole: Bool
  }
}
