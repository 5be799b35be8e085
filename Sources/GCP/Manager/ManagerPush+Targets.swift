internal import JSON
internal import PKI

extension ManagerPush {
  /// Brings one target to present its certificates.
  func settle(
    _ target: Target, _ state: ProxyState, _ around: Surroundings, _ kept: [ResourceLink: Kept]
  ) async -> PushReport.Entry {
    var entry = PushReport.Entry(target)
    let deployments = chosen(target)
    var links: [(link: ResourceLink, names: [Identifier])] = []
    for deployment in deployments {
      let link = link(deployment)
      entry.certificates[deployment.name] = link
      switch kept[link] ?? .unchanged {
      case .unchanged: break
      case .changed: entry.outcome = .changed
      case .failed(let error):
        entry.outcome = .failed(error)
        return entry
      }
      links.append((link, deployment.chain.leaf.identifiers))
    }
    let chosenLinks = links
    let outcome = await result { () throws(GCPError) in
      scope == .global
        ? try await map(target, state, chosenLinks, around)
        : try await list(target, state, chosenLinks.map(\.link))
    }
    switch outcome {
    case .failure(let error): entry.outcome = .failed(error)
    case .success(let hasChanged):
      if hasChanged { entry.outcome = .changed }
      if case .changed = entry.outcome, let first = deployments.first {
        entry.served = await pusher.handshake(target, first)
      }
      let shortfalls = target.certificates.filter { request.deployments[$0] == nil }
      if !shortfalls.isEmpty {
        let why = shortfalls.map { "\($0): \(request.missing[$0] ?? "there is no such certificate")" }
        entry.outcome = .failed(
          GCPError("pushing to \(target)", .refusedHere(why.joined(separator: "; "))))
      }
    }
    return entry
  }

  // MARK: Regional: a list

  /// A regional proxy names the certificates itself; ours take the place of classic ones, which cannot stand
  /// beside them.
  private func list(
    _ target: Target, _ state: ProxyState, _ links: [ResourceLink]
  ) async throws(GCPError) -> Bool {
    let settled = try await pusher.settle(target, state) { current in
      let others = current.certificates.filter(\.isCertificateManager)
      return others + links.filter { !others.contains($0) }
    }
    return settled.state != state
  }

  // MARK: Before there is a proxy

  /// Makes everything that the proxy will be given, and waits until it can be given.
  func prepare(_ target: Target) async throws(GCPError) {
    let around = try await read()
    let none = ProxyState(certificates: [])
    if let why = refusal(target, none, around) {
      throw GCPError("preparing \(target)", .refusedHere(why))
    }
    for case .failed(let error) in await keepCertificates([target], around).values { throw error }
    guard scope == .global else { return }
    let links = chosen(target).map { (link: link($0), names: $0.chain.leaf.identifiers) }
    // As if the proxy had the map: everything but giving it is done.
    _ = try await map(
      target, ProxyState(certificates: [], certificateMap: mapLink(target)), links, around)
    let path = Path(.certificateManager, mapLink(target).path).appending("certificateMapEntries")
    try await waitForActive(path, target)
  }

  // MARK: Global: a map

  /// Makes the map what it shall be, and gives it to the proxy once every entry is active. Answers whether
  /// anything was written.
  private func map(
    _ target: Target, _ state: ProxyState, _ links: [(link: ResourceLink, names: [Identifier])],
    _ around: Surroundings
  ) async throws(GCPError) -> Bool {
    let map = mapLink(target)
    let path = Path(.certificateManager, map.path)
    let entries = path.appending("certificateMapEntries")
    var found: [MapPlan.Found] = []
    var hasChanged = false
    if around.maps[map] == nil {
      let owner = Ownership(
        name: target.name, project: session.project, sha256: nil, installation: session.installation)
      try await create(
        session.path(location: location, "certificateMaps"), ["certificateMapId": map.name],
        ["description": .string(owner.text), "labels": ["managed-by": "certd"]],
        step: "making the map of \(target)")
      hasChanged = true
    } else {
      found = try await self.entries(entries)
    }
    let keepsOthers = request.only != nil || links.count < target.certificates.count
    let steps = MapPlan(links).steps(from: found, keepsOthers: keepsOthers)
    for step in steps {
      switch step {
      case .create(let entry): try await make(entry, in: entries)
      case .change(let path, let entry):
        try await session.patch(
          path, ["certificates": JSONValue(entry.certificates.map(\.path))],
          query: ["updateMask": "certificates"])
      case .remove: continue
      }
      hasChanged = true
    }
    if state.certificateMap != map {
      try await waitForActive(entries, target)
      try await session.post(
        self.pusher.path(of: target).appending("setCertificateMap"),
        ["certificateMap": .string(map.reference)])
      guard try await pusher.proxy(target).certificateMap == map else {
        throw GCPError("giving \(target) its map", .unusable("somebody else changed it meanwhile"))
      }
      hasChanged = true
    }
    for case .remove(let path) in steps {
      try await session.delete(path)
      hasChanged = true
    }
    return hasChanged
  }

  private func entries(_ path: Path) async throws(GCPError) -> [MapPlan.Found] {
    try await session.list(path).map { MapPlan.Found($0, project: session.project) }
  }

  private func make(_ entry: MapPlan.Entry, in entries: Path) async throws(GCPError) {
    let isPrimary = entry.matches == MapPlan.primary
    let name =
      isPrimary
      ? "\(pusher.prefix)-primary" : ResourceName.stable(prefix: pusher.prefix, name: entry.matches)
    try await create(
      entries, ["certificateMapEntryId": name],
      [
        "certificates": JSONValue(entry.certificates.map(\.path)),
        isPrimary ? "matcher" : "hostname": .string(entry.matches), "labels": ["managed-by": "certd"],
      ], step: "making the entry for \(entry.matches) in \(entries)")
  }

  /// A map whose entries are not active yet would leave names without a certificate.
  private func waitForActive(_ path: Path, _ target: Target) async throws(GCPError) {
    let step = "waiting for the map of \(target)"
    for look in 0..<Self.maximumLooks {
      if look > 0 { try await session.pause(Self.lookSeconds, step) }
      if try await entries(path).allSatisfy(\.isActive) { return }
    }
    throw GCPError(
      step,
      .unfinished(
        operation: path.description, status: "PENDING",
        afterSeconds: Int(Double(Self.maximumLooks) * Self.lookSeconds)))
  }
}
