public import JSON

/// What Google has at one moment of everything that a chain may touch.
public struct ChainState: Sendable, Equatable {
  /// Resources as answered, by `global/urlMaps/edge`.
  public var resources: [String: JSONValue] = [:]
  /// Endpoints of network endpoint groups, by the same.
  public var endpoints: [String: [JSONValue]] = [:]
  /// What a configuration names and others look after, and is not there.
  public var missing: Set<String> = []

  /// Nothing.
  public init() {}

  /// Reads what settings name, and which of the things that others look after are not there.
  public static func read(_ session: Session, _ settings: ChainSettings) async throws(GCPError) -> ChainState
  {
    var state = try await read(session, chain: settings.name, scope: settings.scope)
    for link in settings.externals where state.resources[link.description] == nil {
      // Whoever may not read it finds out from Google when it is used.
      let found = await result { () throws(GCPError) in
        try await session.find(session.unscopedPath(link.description))
      }
      if link.project == session.project, case .success(nil) = found {
        state.missing.insert(link.description)
      }
    }
    return state
  }

  /// Reads it: one list for each kind and scope, and the endpoints of the groups that are the chain's own. What is
  /// global is read beside a region: a chain may have moved.
  public static func read(
    _ session: Session, chain: String, scope: Scope
  ) async throws(GCPError) -> ChainState {
    var state = ChainState()
    let scopes = scope == .global ? [.global] : [.global, scope]
    let kinds = ChainKind.allCases.filter { $0 != .endpointGroup }
    let wanted = scopes.flatMap { scope in
      kinds.filter { $0.exists(in: scope) }.map { (kind: $0, scope: scope) }
    }
    let lists = await concurrently(wanted) { one in
      // Of certificates, which are long, only whether they are there.
      let query =
        one.kind == .certificate ? ["fields": "items(name,selfLink,description),nextPageToken"] : [:]
      return await result { () throws(GCPError) in
        try await session.list(session.path(one.scope, one.kind.collection), query: query)
      }
    }
    for list in lists { state.add(try list.get(), session) }
    state.add(try await session.aggregated(ChainKind.endpointGroup.collection), session)
    let groups = state.resources.filter { label, resource in
      label.contains("/networkEndpointGroups/") && ChainMark.isOurs(resource, chain: chain)
    }.keys.sorted()
    for label in groups {
      state.endpoints[label] = try await endpoints(session, label)
    }
    return state
  }

  /// The endpoints of a group by its label.
  static func endpoints(_ session: Session, _ label: String) async throws(GCPError) -> [JSONValue] {
    let answer = try await session.ask(session.unscopedPath(label).appending("listNetworkEndpoints"))
    return (answer["items"]?.elements ?? []).compactMap { $0["networkEndpoint"] }
  }

  mutating func add(_ list: [JSONValue], _ session: Session) {
    for resource in list {
      guard let link = resource["selfLink"]?.string else { continue }
      resources[session.link(link).description] = resource
    }
  }

  /// Whether one is a chain's own: by its mark, or, where that cannot be changed, by what stands behind it.
  func isOurs(
    _ kind: ChainKind, _ scope: Scope, _ actual: JSONValue, chain: String, project: String
  ) -> Bool {
    if ChainMark.isOurs(actual, chain: chain) { return true }
    let isProxy = kind == .sslProxy || kind == .httpProxy
    guard isProxy, !kind.canMark(in: scope), let behind = actual["service"] ?? actual["urlMap"] else {
      return false
    }
    let label = ResourceLink(behind.string ?? "", project: project).description
    return resources[label].map { ChainMark.isOurs($0, chain: chain) } ?? false
  }
}

extension ChainSettings {
  /// What the chain uses and others look after.
  var externals: [ResourceLink] {
    var links: [ResourceLink] = [sslPolicy].compactMap(\.self)
    let used = Set(routes.map(\.service))
    for service in services where used.contains(service.name) {
      for group in service.groups {
        if case .existing(let link) = group.place { links.append(link) }
      }
    }
    return links
  }
}
