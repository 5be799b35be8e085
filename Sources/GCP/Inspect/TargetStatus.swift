public import Bytes
internal import JSON
public import PKI

/// What one target presents, as far as Google's answers and its address tell.
public struct TargetStatus: Sendable {
  /// A certificate that is attached.
  public struct Attached: Sendable {
    /// Where it is.
    public let link: ResourceLink
    /// The name that it was pushed under, when it is ours.
    public let name: String?
    /// The names that it speaks for.
    public let names: [Identifier]
    /// The last moment of its validity.
    public let notAfter: UnixTime?
    /// The leaf's SHA-256 in hexadecimal.
    public let sha256: String?
    /// The state of one that Google manages; nil for others.
    public let managedState: String?
    /// The state of each domain of a managed one.
    public let domainStates: [String: String]
    /// Whether it is the generation that is to be served; nil when it is not ours.
    public let isCurrent: Bool?
  }

  /// What an address presented.
  public struct Handshake: Sendable {
    /// `host:port`
    public let address: String
    /// The name that was asked for.
    public let serverName: String
    /// What came of it.
    public let served: PushReport.Served
  }

  /// Which target.
  public let target: Target
  /// Why it could not be read.
  public var failure: GCPError?
  /// The name of its certificate map: with one, the list of the proxy is ignored.
  public var certificateMap: String?
  /// What it presents, the primary one first.
  public var attached: [Attached] = []
  /// Addresses of its forwarding rules with their ports, and the configured one.
  public var addresses: [String] = []
  /// One for each address and pushed certificate.
  public var handshakes: [Handshake] = []
  /// What could not be found out.
  public var warnings: [String] = []

  /// Whether everything configured is attached and current, nothing has expired, and no address presents
  /// something else.
  public var isWell: Bool {
    let current = Set(attached.filter { $0.isCurrent == true }.compactMap(\.name))
    return failure == nil && target.certificates.allSatisfy(current.contains)
      && handshakes.allSatisfy { if case .other = $0.served { false } else { true } }
  }
}

/// Looks at targets without changing anything.
public struct Inspector: Sendable {
  private let pusher: Pusher
  private var session: Session { pusher.session }

  /// An inspector of what a pusher changes.
  public init(_ pusher: Pusher) { self.pusher = pusher }

  /// Reads every target: one list of each kind of resource and scope.
  public func status(_ request: Pusher.Request) async -> [TargetStatus] {
    var scopes: [Scope] = []
    for target in request.targets where !scopes.contains(target.scope) { scopes.append(target.scope) }
    let parts = await concurrently(scopes) { scope in
      await status(request, scope, request.targets.filter { $0.scope == scope })
    }
    return request.targets.flatMap { target in parts.joined().filter { $0.target == target } }
  }

  private func status(
    _ request: Pusher.Request, _ scope: Scope, _ targets: [Target]
  ) async -> [TargetStatus] {
    async let reading = pusher.proxies(targets, in: scope)
    async let rules = result { () throws(GCPError) in
      try await session.list(session.path(scope, "forwardingRules"))
    }
    let proxies = await reading
    let usesManager = proxies.values.contains { outcome in
      guard case .success(let state) = outcome else { return false }
      return state.certificateMap != nil || state.certificates.contains(where: \.isCertificateManager)
    }
    let known = await result { () throws(GCPError) in try await records(scope, manager: usesManager) }
    let ruleList = await rules
    return await concurrently(targets) { target in
      var status = TargetStatus(target: target)
      let outcome = await result { () throws(GCPError) in
        guard let state = try proxies[target]?.get() else { throw Pusher.notThere(target) }
        try await fill(&status, request, state, try known.get())
      }
      if case .failure(let error) = outcome { status.failure = error }
      switch ruleList {
      case .success(let rules): status.addresses = addresses(target, rules)
      case .failure(let error): status.warnings.append("its address is not known: \(error)")
      }
      if let address = target.address, !status.addresses.contains(address) {
        status.addresses.append(address)
      }
      await shakeHands(&status, request)
      return status
    }
  }

  /// The certificates of a scope, and of Certificate Manager's location where something refers to it.
  private func records(
    _ scope: Scope, manager: Bool
  ) async throws(GCPError) -> [ResourceLink: CertificateRecord] {
    var records = try await Inventory.classicRecords(session, scope)
    if manager { records += try await Inventory.managerRecords(session, scope.location) }
    return Dictionary(records.map { ($0.link, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private func fill(
    _ status: inout TargetStatus, _ request: Pusher.Request, _ state: ProxyState,
    _ records: [ResourceLink: CertificateRecord]
  ) async throws(GCPError) {
    var links = state.certificates
    if let map = state.certificateMap {
      status.certificateMap = map.name
      let entries = Path(.certificateManager, map.path).appending("certificateMapEntries")
      links = []
      for json in try await session.list(entries) {
        for link in MapPlan.Found(json, project: session.project).entry.certificates
        where !links.contains(link) { links.append(link) }
      }
    }
    status.attached = links.map { link in
      let record = records[link]
      let name = record?.ownership?.name
      let isCurrent = name.map { name in
        request.deployments[name].map { record?.holds($0) ?? false } ?? false
      }
      return TargetStatus.Attached(
        link: link, name: name, names: record?.names ?? [], notAfter: record?.notAfter,
        sha256: record?.leaf.map { hex($0.sha256) }, managedState: record?.managedState,
        domainStates: record?.domainStates ?? [:], isCurrent: isCurrent)
    }
  }

  /// The addresses whose forwarding rules lead to a target.
  private func addresses(_ target: Target, _ rules: [JSONValue]) -> [String] {
    let link = ResourceLink(pusher.path(of: target))
    return rules.compactMap { rule in
      guard let to = rule["target"]?.string, session.link(to) == link,
        let address = rule["IPAddress"]?.string
      else { return nil }
      let port = rule["portRange"]?.string?.split(separator: "-").first.map(String.init) ?? "443"
      return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
  }

  private func shakeHands(_ status: inout TargetStatus, _ request: Pusher.Request) async {
    for address in status.addresses {
      for name in status.target.certificates {
        guard let deployment = request.deployments[name],
          let served = await pusher.handshake(at: address, deployment)
        else { continue }
        let serverName = Pusher.serverName(deployment) ?? name
        status.handshakes.append(.init(address: address, serverName: serverName, served: served))
      }
    }
  }
}
