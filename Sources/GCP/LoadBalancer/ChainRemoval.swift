internal import JSON

extension ChainPlan {
  /// The way back: everything that the chain has of its own goes, what refers to others first. Pure.
  ///
  /// Addresses stay unless `addresses`: DNS may still point at them, and they never come back. Certificates that this
  /// installation has uploaded under `names` go where no other proxy has them. What somebody else's resource still
  /// needs is an obstacle.
  public init(
    removing chain: String, from state: ChainState, project: String, installation: String?,
    certificates names: Set<String>, addresses: Bool
  ) {
    let removal = Removal(project: project)
    var going: [String: ChainResource] = [:]
    for (label, actual) in state.resources {
      let link = ResourceLink(label, project: project)
      guard let kind = ChainKind(rawValue: link.collection), kind != .certificate,
        addresses || kind != .address,
        state.isOurs(kind, link.scope, actual, chain: chain, project: project)
      else { continue }
      going[label] = ChainResource(kind, link.scope, link.name, body: .object([:]))
    }
    let staying = state.resources.filter { going[$0.key] == nil }
    let needed = removal.needs(staying)
    for (label, actual) in state.resources where needed[label] == nil {
      let link = ResourceLink(label, project: project)
      guard link.collection == ChainKind.certificate.rawValue,
        let owner = Ownership(description: actual["description"]?.string), owner.project == project,
        names.contains(owner.name), owner.isRemovable(by: installation)
      else { continue }
      going[label] = ChainResource(.certificate, link.scope, link.name, body: .object([:]))
    }
    obstacles = going.keys.sorted().compactMap { label in
      needed[label].map {
        ChainObstacle(
          label: label, description: "\(label) is used by \($0), which is not this chain's; remove that first"
        )
      }
    }
    changes = going.values.map { ChainChange($0, .delete) }.sorted {
      ($1.resource.kind.stage, $0.resource.label) < ($0.resource.kind.stage, $1.resource.label)
    }
  }
}

/// Who needs what.
private struct Removal {
  let project: String

  /// Who needs what, by labels; one of those who do is named.
  func needs(_ resources: [String: JSONValue]) -> [String: String] {
    var needs: [String: String] = [:]
    for (label, actual) in resources.sorted(by: { $0.key < $1.key }) {
      for text in ChainLinks.all(in: actual) {
        let needed = ResourceLink(text, project: project).description
        if needs[needed] == nil { needs[needed] = label }
      }
    }
    return needs
  }
}
