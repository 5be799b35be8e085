/// What Google has at one moment of everything that a chain may touch.
public struct ChainState: Sendable, Equatable {
  /// Resources as answered, by `global/urlMaps/edge`.
  public var resources: [String: JSONValue] = [:]
  /// Endpoints of network endpoint groups, by the same.
  public var endpoints: [String: [JSONValue]] = [:]

  /// Nothing.
  public init() {}

  /// Reads it: one list for each kind, and the endpoints of the groups that are the chain's own.
  public static func read(_ session: Session, chain: String) async throws(GCPError) -> ChainState {
    var state = ChainState()
    let kinds = ChainKind.allCases.filter { $0 != .endpointGroup }
    let lists = await concurrently(kinds) { kind in
      // Of certificates, which are long, only whether they are there.
      let query = kind == .certificate ? ["fields": "items(name,selfLink,description),nextPageToken"] : [:]
      return await result { () throws(GCPError) in
        try await session.list(session.path(.global, kind.collection), query: query)
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

  private mutating func add(_ list: [JSONValue], _ session: Session) {
    for resource in list {
      guard let link = resource["selfLink"]?.string else { continue }
      resources[session.link(link).description] = resource
    }
  }
}
