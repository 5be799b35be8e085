internal import JSON
internal import PKI

/// Brings certificates to load balancers.
///
/// A push may be cut off anywhere and run again: what it does follows from what it reads, so that a second
/// run goes on where the first stopped, and a run with nothing to do only reads.
public struct Pusher: Sendable {
  let session: Session
  let prefix: String
  let probe: (any HandshakeProbe)?

  /// The most rounds of reading and writing one proxy, when others write it too.
  static let maximumRounds = 6
  /// What the names of our resources begin with unless set otherwise.
  public static let defaultPrefix = "certd"

  /// A pusher. `prefix` MUST pass `ResourceName.isPrefix`.
  public init(session: Session, prefix: String = defaultPrefix, probe: (any HandshakeProbe)? = nil) {
    self.session = session
    self.prefix = prefix
    self.probe = probe
  }

  /// What is to be pushed where.
  public struct Request: Sendable {
    /// Every target of the configuration.
    public var targets: [Target]
    /// The certificates that there are, by name.
    public var deployments: [String: Deployment]
    /// Names without a certificate, and why.
    public var missing: [String: String]
    /// Names that are pushed; others stay as they are. Nil for all.
    public var only: Set<String>?

    /// A request.
    public init(
      targets: [Target], deployments: [Deployment], missing: [String: String] = [:], only: Set<String>? = nil
    ) {
      self.targets = targets
      self.deployments = Dictionary(deployments.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
      self.missing = missing
      self.only = only
    }
  }

  /// Uploads what is not there, switches every target, reads it back, and removes what was superseded. Never
  /// throws: each target tells what became of it.
  public func push(_ request: Request) async -> PushReport {
    var groups: [(route: Target.Route, scope: Scope)] = []
    for target in request.targets where !groups.contains(where: { $0 == (target.route, target.scope) }) {
      groups.append((target.route, target.scope))
    }
    let parts = await concurrently(groups) { group in
      let targets = request.targets.filter { $0.route == group.route && $0.scope == group.scope }
      switch group.route {
      case .classic: return await ClassicPush(self, request, group.scope, targets).run()
      case .certificateManager: return await ManagerPush(self, request, group.scope, targets).run()
      }
    }
    var report = PushReport()
    for target in request.targets {
      report.targets += parts.flatMap { $0.targets.filter { $0.target == target } }
    }
    report.removed = parts.flatMap(\.removed)
    report.warnings = parts.flatMap(\.warnings)
    report.hasLeftovers = parts.contains(where: \.hasLeftovers)
    return report
  }

  /// Reads target proxies of one scope: one that stands alone by itself, several as one list.
  func proxies(_ targets: [Target], in scope: Scope) async -> [Target: Result<ProxyState, GCPError>] {
    var found: [Target: Result<ProxyState, GCPError>] = [:]
    for kind in Target.Kind.allCases {
      let some = targets.filter { $0.kind == kind }
      guard let first = some.first else { continue }
      if some.count == 1 {
        found[first] = await result { () throws(GCPError) in try await proxy(first) }
        continue
      }
      let path = session.path(scope, first.collection)
      let list = await result { () throws(GCPError) in try await session.list(path) }
      for target in some {
        found[target] = list.flatMap { items in
          items.first { $0["name"]?.string == target.name }
            .map { .success(ProxyState($0, project: session.project)) } ?? .failure(Self.notThere(target))
        }
      }
    }
    return found
  }

  /// Reads one proxy.
  func proxy(_ target: Target) async throws(GCPError) -> ProxyState {
    guard let json = try await session.find(path(of: target)) else { throw Self.notThere(target) }
    return ProxyState(json, project: session.project)
  }

  func path(of target: Target) -> Path { session.path(target.scope, target.collection, target.name) }

  static func notThere(_ target: Target) -> GCPError {
    GCPError(
      "reading \(target)", .refusedHere("there is no such proxy"),
      remedy: "check kind, name and region under gcp.targets; 'certd gcp apply' makes the proxy of "
        + "gcp.load_balancer")
  }

  /// Gives a proxy its list of certificates: by a patch that names the fingerprint read, where there is
  /// one, so that nobody's change is lost.
  func setCertificates(
    _ target: Target, _ links: [ResourceLink], _ state: ProxyState
  ) async throws(GCPError) {
    let references = JSONValue(links.map(\.reference))
    switch target.kind {
    case .httpsProxy:
      var members: JSONValue = ["sslCertificates": references]
      if let fingerprint = state.fingerprint { members["fingerprint"] = .string(fingerprint) }
      try await session.patch(path(of: target), members)
    case .sslProxy:
      try await session.post(
        path(of: target).appending("setSslCertificates"), ["sslCertificates": references])
    }
  }

  /// What a proxy has after it was written and read back.
  struct Settlement: Sendable {
    /// What was read last.
    var state: ProxyState
    /// What should be known: that somebody else wrote at the same moment, say.
    var warnings: [String] = []
  }

  /// Writes and reads back until the proxy has the list that `list` makes of what it has. Google gives a target SSL
  /// proxy no fingerprint: it is read again right before it is written, and a list that somebody else put there
  /// meanwhile is told.
  func settle(
    _ target: Target, _ state: ProxyState, list: (ProxyState) -> [ResourceLink]
  ) async throws(GCPError) -> Settlement {
    var state = state
    var isOverwritten = false
    for _ in 0..<Self.maximumRounds {
      if target.kind == .sslProxy, list(state) != state.certificates { state = try await proxy(target) }
      let wanted = list(state)
      if wanted == state.certificates {
        return Settlement(state: state, warnings: isOverwritten ? [Self.overwritten] : [])
      }
      do throws(GCPError) { try await setCertificates(target, wanted, state) } catch {
        guard error.problem?.kind == .stale else { throw error }
      }
      state = try await proxy(target)
      if target.kind == .sslProxy, state.certificates != wanted { isOverwritten = true }
    }
    throw GCPError(
      "setting the certificates of \(target)",
      .unusable(
        "somebody else changed them \(Self.maximumRounds) times meanwhile"
          + (target.kind == .sslProxy ? "; \(Self.overwritten)" : "")))
  }

  private static let overwritten =
    "somebody else set its certificates at the same moment, and Google keeps the last writer's list of a target SSL "
    + "proxy: an update was lost and ours made again; see that theirs is there"

  /// What the target's configured address presents for a certificate.
  func handshake(_ target: Target, _ deployment: Deployment) async -> PushReport.Served? {
    guard let address = target.address else { return nil }
    return await handshake(at: address, deployment)
  }

  /// What an address presents for the first name of a certificate; nil when nobody can look, or it has no
  /// name.
  func handshake(at address: String, _ deployment: Deployment) async -> PushReport.Served? {
    guard let probe, let name = Self.serverName(deployment) else { return nil }
    do throws(ProbeFailure) {
      let leaf = try await probe.leaf(at: address, serverName: name)
      if leaf == deployment.chain.leaf.der { return .pushed }
      return .other(sha256: (try? Certificate(der: leaf)).map { hex($0.sha256) } ?? "")
    } catch { return .unreachable(error.description) }
  }

  /// The first name of a certificate, as a client would ask for it.
  static func serverName(_ deployment: Deployment) -> String? {
    guard let name = deployment.chain.leaf.identifiers.first?.description else { return nil }
    return name.hasPrefix("*.") ? "certd-check" + name.dropFirst() : name
  }
}

/// The outcome of a call as a value.
func result<Value>(
  _ body: () async throws(GCPError) -> Value
) async -> Result<Value, GCPError> {
  do throws(GCPError) { return .success(try await body()) } catch { return .failure(error) }
}
