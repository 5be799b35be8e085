internal import OS
internal import TLS
internal import Telemetry
internal import Upstream

/// What one worker serves by, made outside of it. Every part that can fail, and every part that takes long, is here
/// already: adopting it cannot fail, and costs the connections that are being served nothing.
struct WorkerPlan: Sendable {
  let settings: Settings
  /// What each listener presents, in the order of the settings; nil for plain HTTP.
  let contexts: [ServerContext?]
  let routes: RouteTable
  /// Where server names lead, to HTTP or not; nil when no service is spoken to in TCP.
  let serverNames: RouteTable?
  /// How TLS is spoken with backends.
  let clientContexts: [BackendTLS: ClientContext]
  /// Where keys fall in each service; nil where they do not matter.
  let keyTables: [KeyTable?]
  /// What the worker measures of each service.
  let times: [ServiceTimes]
}

extension KeyTable {
  /// The tables of all services that go by keys; those of before are kept where nothing has changed.
  static func tables(_ services: [Settings.Service], _ before: [KeyTable?]) -> [KeyTable?] {
    services.map { service in
      guard service.rules.policy.goesByKey else { return nil }
      let form: Form = service.rules.policy == .maglev ? .maglev : .ring
      let members = service.backends.map { Member(name: Rendezvous.hash($0.key.utf8), weight: $0.weight) }
      let known = before.lazy.compactMap(\.self).first { $0.form == form && $0.members == members }
      return known ?? KeyTable(form, members)
    }
  }
}

/// What connections to backends have in common when they share a context.
struct BackendTLS: Hashable, Sendable {
  let trust: ClientContext.Trust
  let serverName: String?
  let protocols: [String]
  let identity: Credential?

  /// Nil for a backend that is spoken to without TLS.
  init?(_ backend: Settings.Backend) {
    guard backend.tlsHost != nil else { return nil }
    trust = backend.trust
    serverName = backend.tlsServerName
    protocols = backend.isOpaque ? [] : [backend.http2 ? "h2" : "http/1.1"]
    identity = backend.tlsIdentity
  }
}

/// Makes the plans of one worker, each from the one before: what has not changed is taken from there.
struct PlanCompiler {
  private let tickets: TicketKeys
  /// Of the worker, over all plans.
  private let times: ServiceTimesTable
  private let validation: @Sendable (String) -> Credential?
  /// Goes with all contexts of the worker.
  let unread = UnreadNames()
  private var contexts: [String: ServerContext] = [:]
  private var clientContexts: [BackendTLS: ClientContext] = [:]

  init(
    tickets: TicketKeys, times: ServiceTimesTable, validation: @escaping @Sendable (String) -> Credential?
  ) {
    self.tickets = tickets
    self.times = times
    self.validation = validation
  }

  /// A plan; one that cannot be made changes nothing.
  mutating func plan(
    _ settings: Settings, _ credentials: [Credential], _ keyTables: [KeyTable?]
  ) throws(ContextError) -> WorkerPlan {
    var next: [String: ServerContext] = [:]
    var listed: [ServerContext?] = []
    for listener in settings.listeners {
      let key = listener.address.description
      let context = try context(listener, credentials, previous: contexts[key])
      next[key] = context
      listed.append(context)
    }
    var clients: [BackendTLS: ClientContext] = [:]
    for backend in settings.services.lazy.flatMap(\.backends) {
      guard let key = BackendTLS(backend), clients[key] == nil else { continue }
      if let kept = clientContexts[key] { clients[key] = kept } else { clients[key] = try context(key) }
    }
    let isPassage = settings.services.map(\.isPassage)
    let plan = WorkerPlan(
      settings: settings, contexts: listed,
      routes: RouteTable(settings.routes) { !isPassage[$0.service] },
      serverNames: isPassage.contains(true)
        ? RouteTable(settings.routes.map(\.forEveryPath)) { _ in true } : nil,
      clientContexts: clients, keyTables: keyTables,
      times: settings.services.map { times.times(of: $0.name) })
    (contexts, clientContexts) = (next, clients)
    return plan
  }

  /// What new handshakes of a listener need; nil for plain HTTP.
  private func context(
    _ listener: Settings.Listener, _ credentials: [Credential], previous: ServerContext?
  ) throws(ContextError) -> ServerContext? {
    guard let profile = listener.profile else { return nil }
    return try ServerContext(
      credentials: credentials, profile: profile, tickets: tickets, clients: listener.clients?.verification,
      passesUnread: unread, earlyData: listener.acceptsEarlyData, validation: validation, reusing: previous)
  }

  private func context(_ key: BackendTLS) throws(ContextError) -> ClientContext {
    try ClientContext(
      trust: key.trust, serverName: key.serverName, applicationProtocols: key.protocols,
      identity: key.identity)
  }
}
