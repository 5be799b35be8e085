internal import PKI

/// What became of a migration.
public struct MigrationReport: Sendable {
  /// The push that came first.
  public var push: PushReport
  /// Managed certificates that were taken off the proxy; they still exist.
  public var detached: [ResourceLink] = []
  /// Managed certificates that stay, and why.
  public var kept: [(link: ResourceLink, why: String)] = []
  /// Why the managed ones could not be taken off.
  public var failure: GCPError?

  /// Whether something failed.
  public var hasFailed: Bool { push.hasFailed || failure != nil }
}

extension Pusher {
  /// Moves one target from certificates that Google manages to ours, without a moment uncovered: ours are
  /// attached beside them and read back first; only then the managed ones go whose every domain ours cover.
  /// A proxy is never without a valid certificate for a name, since each state that the load balancer passes
  /// through has one.
  public func migrate(_ target: Target, _ deployments: [Deployment], missing: [String: String] = [:]) async
    -> MigrationReport
  {
    var report = MigrationReport(
      push: await push(.init(targets: [target], deployments: deployments, missing: missing)))
    guard !report.push.hasFailed else { return report }
    let outcome = await result { () throws(GCPError) in try await detach(target, deployments, &report) }
    if case .failure(let error) = outcome { report.failure = error }
    return report
  }

  private func detach(
    _ target: Target, _ deployments: [Deployment], _ report: inout MigrationReport
  ) async throws(GCPError) {
    let state = try await proxy(target)
    // With a map the list is ignored: the push has already made sure that the map covers it.
    guard state.certificateMap == nil else { return }
    let records = try await Inventory.classicRecords(session, target.scope)
    let pushed = deployments.filter { target.certificates.contains($0.name) }
    var going: Set<ResourceLink> = []
    for record in records where record.managedState != nil && state.certificates.contains(record.link) {
      let open = record.names.filter { name in !pushed.contains { $0.chain.leaf.covers(name) } }
      if record.names.isEmpty {
        report.kept.append((record.link, "its domains are not known"))
      } else if open.isEmpty {
        going.insert(record.link)
      } else {
        let names = open.map(\.description).joined(separator: ", ")
        report.kept.append((record.link, "ours do not cover \(names)"))
      }
    }
    guard !going.isEmpty else { return }
    let settled = try await settle(target, state) { current in
      current.certificates.filter { !going.contains($0) }
    }
    report.detached = state.certificates.filter {
      going.contains($0) && !settled.state.certificates.contains($0)
    }
  }
}
