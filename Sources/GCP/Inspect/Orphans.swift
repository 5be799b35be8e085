internal import JSON

/// Something that we made and that nobody uses any more.
public struct Orphan: Sendable, Hashable {
  /// Where it is.
  public let link: ResourceLink
  /// The name that it was made under.
  public let name: String
  /// What goes with it: a certificate map's entries.
  public let parts: [ResourceLink]

  /// `global/sslCertificates/certd-llm-example-com-…`
  public var description: String { "\(link) (of \(name))" }
}

/// Finds and removes what we made and nobody uses: by ownership in the description, never by name.
public struct Pruner: Sendable {
  private let pusher: Pusher
  var session: Session { pusher.session }

  /// A pruner of what a pusher leaves.
  public init(_ pusher: Pusher) { self.pusher = pusher }

  /// Orphans in the scopes of the targets and in the global one, and of chains everywhere. What the next push would upload is none.
  public func orphans(_ request: Pusher.Request) async throws(GCPError) -> [Orphan] {
    let scopes = Set(request.targets.map(\.scope)).union([.global]).sorted()
    var found: [Orphan] = []
    for scope in scopes { found += try await classic(request, scope) }
    let managed = request.targets.filter { $0.route == .certificateManager }
    for scope in Set(managed.map(\.scope)).sorted() { found += try await manager(request, scope) }
    return found + (try await chainOrphans())
  }

  /// What a push made in Certificate Manager for a proxy that is not there any more, and no other needs.
  public func remains(
    of target: Target, beside others: [Target]
  ) async throws(GCPError) -> [Orphan] {
    guard target.route == .certificateManager else { return [] }
    let map = ResourceName.map(prefix: pusher.prefix, target)
    let request = Pusher.Request(
      targets: others.filter { $0 != target && $0.scope == target.scope }, deployments: [])
    return try await manager(request, target.scope).filter { orphan in
      orphan.link.collection == "certificateMaps"
        ? orphan.link.name == map : target.certificates.contains(orphan.name)
    }
  }

  /// Removes orphans, those that refer to others first; answers what became of each.
  public func remove(_ orphans: [Orphan]) async -> [(orphan: Orphan, failure: GCPError?)] {
    var outcomes: [(Orphan, GCPError?)] = []
    for stage in Set(orphans.map(\.stage)).sorted(by: >) {
      let group = orphans.filter { $0.stage == stage }
      let failures = await concurrently(group) { orphan in
        await result { () throws(GCPError) in
          for link in orphan.parts + [orphan.link] { try await session.delete(path(link)) }
        }
      }
      for (orphan, outcome) in zip(group, failures) {
        if case .failure(let error) = outcome {
          outcomes.append((orphan, error))
        } else {
          outcomes.append((orphan, nil))
        }
      }
    }
    return outcomes
  }

  private func path(_ link: ResourceLink) -> Path {
    Path(link.isCertificateManager ? .certificateManager : .compute, link.path)
  }

  private func classic(_ request: Pusher.Request, _ scope: Scope) async throws(GCPError) -> [Orphan] {
    let records = try await Inventory.classicRecords(session, scope).filter {
      $0.ownership?.isRemovable(by: session.installation) ?? false
    }
    guard !records.isEmpty else { return [] }
    let used = try await Inventory.usedCertificates(session, scope)
    let wanted = request.targets.filter { $0.scope == scope && $0.route == .classic }.flatMap(\.certificates)
    return records.compactMap { record in
      guard let owner = record.ownership, !used.contains(record.link) else { return nil }
      let isNext =
        wanted.contains(owner.name) && request.deployments[owner.name].map(record.holds) ?? false
      return isNext ? nil : Orphan(link: record.link, name: owner.name, parts: [])
    }
  }

  private func manager(_ request: Pusher.Request, _ scope: Scope) async throws(GCPError) -> [Orphan] {
    let targets = request.targets.filter { $0.scope == scope && $0.route == .certificateManager }
    var orphans: [Orphan] = []
    var freed: Set<ResourceLink> = []
    if scope == .global {
      let maps = session.path(location: scope.location, "certificateMaps")
      for json in try await session.list(maps) {
        let link = session.link(json["name"]?.string ?? "")
        guard let owner = Ownership(description: json["description"]?.string),
          owner.project == session.project, owner.isRemovable(by: session.installation),
          json["gclbTargets"]?.elements.isEmpty ?? true,
          !targets.contains(where: { ResourceName.map(prefix: pusher.prefix, $0) == link.name }),
          !(try await isOnAProxy(link))
        else { continue }
        let entries = try await session.list(
          Path(.certificateManager, link.path).appending("certificateMapEntries"))
        let parts = entries.map { MapPlan.Found($0, project: session.project) }
        freed.formUnion(parts.flatMap(\.entry.certificates))
        orphans.append(Orphan(link: link, name: owner.name, parts: parts.map { ResourceLink($0.path) }))
      }
    }
    let wanted = Set(targets.flatMap(\.certificates))
    let certificates = session.path(location: scope.location, "certificates")
    for json in try await session.list(certificates) {
      let record = CertificateRecord(manager: json, project: session.project)
      guard let owner = record.ownership, owner.isRemovable(by: session.installation),
        !wanted.contains(owner.name)
      else { continue }
      let isUsed = !(json["usedBy"]?.elements.isEmpty ?? true)
      if !isUsed || freed.contains(record.link) {
        orphans.append(Orphan(link: record.link, name: owner.name, parts: []))
      }
    }
    return orphans
  }

  /// A map tells the forwarding rules that lead to it, but not a proxy without one.
  private func isOnAProxy(_ map: ResourceLink) async throws(GCPError) -> Bool {
    for collection in ["targetHttpsProxies", "targetSslProxies"] {
      for json in try await session.list(session.path(.global, collection))
      where ProxyState(json, project: session.project).certificateMap == map { return true }
    }
    return false
  }
}
