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
    let kinds = ChainKind.allCases.filter { $0 != .endpointGroup && $0 != .certificate }
    let lists = await parallel(kinds) { kind -> Result<[JSONValue], GCPError> in
      do throws(GCPError) {
        return .success(try await session.list(session.path(.global, kind.collection)))
      } catch { return .failure(error) }
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

/// Does something with each element at once; the answers in the order of the elements.
func parallel<Element: Sendable, Answer: Sendable>(
  _ elements: [Element], _ body: @escaping @Sendable (Element) async -> Answer
) async -> [Answer] {
  await withTaskGroup(of: (Int, Answer).self) { group in
    for (index, element) in elements.enumerated() {
      group.addTask { (index, await body(element)) }
    }
    var answers: [(Int, Answer)] = []
    for await answer in group { answers.append(answer) }
    return answers.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
