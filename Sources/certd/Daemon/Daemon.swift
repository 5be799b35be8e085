import Bytes
import CertStore
import Configuration
import OS
import PKI
import Proxy
import Renewal
import TLS
import Telemetry

/// `certd run`: the proxy, the renewal and the health checks in one process, driven by one queue of events.
actor Daemon {
  /// The signals that the daemon takes as events.
  static let signals = [Signals.terminate, Signals.interrupt, Signals.hangup, Signals.reopen]
  /// How often files and the store are looked at for changes by others, in seconds.
  static let watchSeconds = 2.0
  /// When the start is over and its code is not needed any more, in seconds.
  static let startSeconds = 0.5
  /// How often backends' names are resolved anew, in watches.
  static let resolveEveryWatches = 15

  enum Event: Sendable {
    case signal(Int32)
    case watch
    case wake
    case decided(Report.Entry)
    case renewed(Report)
  }

  let source: ConfigurationSource
  let log: Log
  let world: World
  let store: CertStore
  let backends: BackendRegistry
  let tickets: TicketKeys
  let events: AsyncStream<Event>
  let post: AsyncStream<Event>.Continuation

  var plan: Blueprint
  var proxy: EdgeProxy
  var health = HealthChecks()
  var presented: [Credential] = []
  var fingerprint: StoreFingerprint
  var files: FileWatch
  var refusedFiles: FileWatch?
  var trust: FileWatch
  var refusedTrust: FileWatch?
  var isRenewing = false
  var renewAgain = false
  var wake: Task<Void, Never>?
  var watches = 0
  var ticketsRotatedAt: UnixTime

  /// Binds everything and presents what the store and the files hold. Throws before anything is served.
  init(source: ConfigurationSource, reading: Configuration.Reading, log: Log) async throws(SetupError) {
    self.source = source
    self.log = log
    world = try World()
    store = try StoreLocation.open(reading.configuration.store) { problem in
      log.warn("store: damage found", ["what": .describing(problem)])
    }
    backends = BackendRegistry { log.warn("backend name", ["reason": .text($0)]) }
    tickets = TicketKeys(random: { Random.bytes($0) })
    (events, post) = AsyncStream.makeStream(of: Event.self)
    let plan = try await Blueprint(
      reading, world: world, store: store, backends: backends, log: log, post: post)
    self.plan = plan
    fingerprint = store.fingerprint()
    files = FileWatch(plan.files)
    trust = FileWatch(paths: ListenerSecurity(configuration: plan.configuration).files())
    presented = Self.gather(plan, store)
    ticketsRotatedAt = World.now()
    let store = store
    do throws(ProxyError) {
      proxy = try EdgeProxy(
        workers: plan.configuration.workers ?? Processors.count, settings: plan.settings,
        credentials: presented, tickets: tickets, accessLog: plan.accessLog,
        challenge: { store.challenges.answer(token: $0) },
        validation: { store.challenges.validationCredential(serverName: $0) },
        report: { ProxyMessages.write($0, to: log) })
    } catch {
      if case .system(let reason) = error, reason.isPermission {
        throw .other("\(error); ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE")
      }
      throw .other("\(error)")
    }
  }

  /// Serves until a signal ends it.
  func run() async {
    let post = post
    let watcher = try? Signals.watch(Self.signals) { number in
      post.yield(.signal(number))
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
    announce()
    warnOfTrust(ListenerSecurity(configuration: plan.configuration))
    health.start(plan.configuration, backends, world, log)
    queueGoogleCloud()
    renew()
    for await event in events {
      guard await handle(event) else { break }
    }
    ticker.cancel()
    wake?.cancel()
    health.stop()
  }

  private func announce() {
    for (listener, address) in zip(plan.settings.listeners, proxy.addresses) {
      let speaks =
        listener.profile != nil ? "https" : listener.redirectPort != nil ? "http, redirected" : "http"
      log.info("listening", ["address": .describing(address), "protocol": .text(speaks)])
    }
  }

  /// False when the daemon has ended.
  private func handle(_ event: Event) async -> Bool {
    switch event {
    case .signal(Signals.hangup): await reload()
    case .signal(Signals.reopen): proxy.reopenLogs()
    case .signal(let number):
      await drain(number)
      return false
    case .watch: await watch()
    case .wake: renew()
    case .decided(let entry): await decided(entry)
    case .renewed(let report): await finished(report)
    }
    return true
  }

  private func drain(_ number: Int32) async {
    let limit = plan.configuration.limits.drainTimeout
    log.info(
      "stopping", ["signal": .number(number), "deadline_milliseconds": .number(limit.wholeMilliseconds)])
    wake?.cancel()
    await proxy.drain(milliseconds: UInt64(clamping: limit.wholeMilliseconds))
    log.info("stopped")
  }

  /// Everything to be presented: files first, as they stand in the configuration, then the store's.
  static func gather(_ plan: Blueprint, _ store: CertStore) -> [Credential] {
    let wanted = Set(plan.managed.map(\.name))
    let stored = store.inventory(now: World.now()).certificates
    // Those that the configuration names come first: the first one answers clients without a server name.
    let ordered = stored.filter { wanted.contains($0.name) } + stored.filter { !wanted.contains($0.name) }
    return plan.fileCredentials + ordered.compactMap { Credentials.credential($0) }
  }
}
