internal import JSON

// What is left of chains that lead nowhere: made by an apply that was interrupted, or by a configuration that is gone.
extension Pruner {
  /// Resources of chains of ours, in any region, that no forwarding rule leads to and nobody else's resource needs.
  /// Addresses are never among them: DNS may point there.
  func chainOrphans() async throws(GCPError) -> [Orphan] {
    var state = ChainState()
    let kinds = ChainKind.allCases.filter { $0 != .address && $0 != .certificate }
    let lists = await concurrently(kinds) { kind in
      await result { () throws(GCPError) in
        // Target SSL proxies are only global.
        kind == .sslProxy
          ? try await session.list(session.path(.global, kind.collection))
          : try await session.aggregated(kind.collection)
      }
    }
    for list in lists { state.add(try list.get(), session) }
    return Self.unneeded(state, project: session.project, installation: session.installation)
  }

  /// What of a state leads nowhere. Pure.
  static func unneeded(
    _ state: ChainState, project: String, installation: String?
  ) -> [Orphan] {
    var needed: Set<String> = []
    var open = state.resources.filter { label, resource in
      label.contains("/\(ChainKind.forwardingRule.collection)/")
        || owner(label, resource, state, project) == nil
    }.map(\.key)
    while let label = open.popLast() {
      guard needed.insert(label).inserted, let resource = state.resources[label] else { continue }
      open += ChainLinks.all(in: resource).map { ResourceLink($0, project: project).description }
    }
    return state.resources.keys.sorted().compactMap { label in
      guard !needed.contains(label), let resource = state.resources[label],
        let (chain, marked) = owner(label, resource, state, project),
        ChainMark.isRemovable(marked, by: installation)
      else { return nil }
      return Orphan(link: ResourceLink(label, project: project), name: "load balancer \(chain)", parts: [])
    }
  }

  /// The chain that has a resource, and what says so: one that cannot be marked belongs to what stands behind it.
  private static func owner(
    _ label: String, _ resource: JSONValue, _ state: ChainState, _ project: String
  ) -> (chain: String, marked: JSONValue)? {
    if let chain = ChainMark.chain(of: resource) { return (chain, resource) }
    let link = ResourceLink(label, project: project)
    guard let kind = ChainKind(rawValue: link.collection), kind == .sslProxy || kind == .httpProxy,
      !kind.canMark(in: link.scope), let behind = (resource["service"] ?? resource["urlMap"])?.string
    else { return nil }
    return state.resources[ResourceLink(behind, project: project).description].flatMap { found in
      ChainMark.chain(of: found).map { ($0, found) }
    }
  }
}

extension Orphan {
  /// Those of a higher stage refer to others and go before them.
  var stage: Int {
    if link.collection == "certificateMaps" { return ChainKind.lastStage + 1 }
    return ChainKind(rawValue: link.collection)?.stage ?? 0
  }
}
