internal import JSON
internal import PKI

/// A push of SslCertificate resources in one scope.
struct ClassicPush: Sendable {
  /// How often a certificate is looked for that exists already, but whose operation is not done.
  private static let maximumLooks = 30
  /// Between two looks, in seconds.
  private static let lookSeconds = 2.0

  private let pusher: Pusher
  private let request: Pusher.Request
  private let scope: Scope
  private let targets: [Target]

  private var session: Session { pusher.session }
  private var certificates: Path { session.path(scope, "sslCertificates") }

  init(_ pusher: Pusher, _ request: Pusher.Request, _ scope: Scope, _ targets: [Target]) {
    self.pusher = pusher
    self.request = request
    self.scope = scope
    self.targets = targets.filter { target in
      target.certificates.contains { request.only?.contains($0) ?? true }
    }
  }

  func run() async -> PushReport {
    var report = PushReport()
    guard !targets.isEmpty else { return report }
    async let listing = result { () throws(GCPError) in try await Inventory.classicRecords(session, scope) }
    async let reading = pusher.proxies(targets, in: scope)
    let proxies = await reading
    let records: [CertificateRecord]
    switch await listing {
    case .failure(let error):
      report.targets = targets.map { .init($0, .failed(error)) }
      return report
    case .success(let found): records = found
    }
    var states: [Target: ProxyState] = [:]
    for (target, outcome) in proxies {
      switch outcome {
      case .success(let state): states[target] = state
      case .failure(let error): report.targets.append(.init(target, .failed(error)))
      }
    }
    let plan = ClassicPlan(
      .init(
        scope: scope, project: session.project, prefix: pusher.prefix, targets: targets,
        deployments: request.deployments, missing: request.missing, only: request.only, records: records,
        proxies: states, now: session.environment.now(), installation: session.installation))
    for (target, why) in plan.refused {
      report.targets.append(.init(target, .failed(GCPError("pushing to \(target)", .refusedHere(why)))))
    }
    let failures = await upload(plan)
    let settled = await concurrently(plan.works) { await settle($0, failures) }
    report.targets += settled.map(\.entry)
    var inUse = Set(settled.flatMap(\.holds))
    for target in plan.refused.map(\.target) { inUse.formUnion(states[target]?.certificates ?? []) }
    let changed =
      !plan.uploads.isEmpty
      || settled.contains { if case .changed = $0.entry.outcome { true } else { false } }
    await remove(plan.superseded.filter { !inUse.contains($0) }, checking: !changed, &report)
    return report
  }

  // MARK: Uploading

  /// Uploads what is not there; answers what failed.
  private func upload(_ plan: ClassicPlan) async -> [ResourceLink: GCPError] {
    let uploads = plan.uploads.sorted { $0.key < $1.key }.map { Upload(link: $0.key, deployment: $0.value) }
    let failures = await concurrently(uploads) { one in
      await result { () throws(GCPError) in try await insert(one) }
    }
    var failed: [ResourceLink: GCPError] = [:]
    for (one, outcome) in zip(uploads, failures) {
      if case .failure(let error) = outcome { failed[one.link] = error }
    }
    return failed
  }

  /// A certificate and where it goes.
  struct Upload: Sendable {
    let link: ResourceLink
    let deployment: Deployment
  }

  /// Uploads one certificate; one that is there with the same content is a success.
  func insert(_ upload: Upload) async throws(GCPError) {
    let deployment = upload.deployment
    let owner = Ownership(
      name: deployment.name, project: session.project, sha256: deployment.sha256,
      installation: session.installation)
    let step = "uploading \(deployment.name) as \(upload.link)"
    let resource: JSONValue = [
      "name": .string(upload.link.name), "description": .string(owner.text),
      "certificate": .string(text(deployment.chain.pem)),
      "privateKey": .string(try keyText(deployment, step)),
    ]
    do throws(GCPError) {
      try await session.change("POST", certificates, body: resource, step: step)
    } catch {
      // An earlier run of ours that was cut off, or somebody else.
      guard error.problem?.kind == .alreadyExists else { throw error }
      try await compare(upload, error)
    }
  }

  private func compare(_ upload: Upload, _ error: GCPError) async throws(GCPError) {
    let path = Path(.compute, upload.link.path)
    for look in 0..<Self.maximumLooks {
      if look > 0 { try await session.pause(Self.lookSeconds, error.step) }
      guard let json = try await session.find(path) else { continue }
      let record = CertificateRecord(classic: json, at: path, project: session.project)
      if record.holds(upload.deployment) { return }
      throw GCPError(
        error.step, error.cause,
        remedy: "it holds another certificate: remove it, or set gcp.name_prefix")
    }
    throw error
  }

  // MARK: Switching

  private struct Settled: Sendable {
    var entry: PushReport.Entry
    /// What the proxy has, or may have.
    var holds: [ResourceLink]
  }

  private func settle(_ work: ClassicPlan.Work, _ failures: [ResourceLink: GCPError]) async -> Settled {
    var entry = PushReport.Entry(work.target)
    entry.warnings = work.warnings
    for one in work.list.wanted { entry.certificates[one.name] = one.link }
    if let failure = work.list.wanted.lazy.compactMap({ failures[$0.link] }).first {
      entry.outcome = .failed(failure)
      return Settled(entry: entry, holds: work.state.certificates)
    }
    let outcome = await result { () throws(GCPError) in
      try await pusher.settle(work.target, work.state) { work.list.list(replacing: $0.certificates) }
    }
    switch outcome {
    case .failure(let error):
      entry.outcome = .failed(error)
      return Settled(entry: entry, holds: work.state.certificates + work.result)
    case .success(let settled):
      let state = settled.state
      entry.warnings += settled.warnings
      if state != work.state {
        entry.outcome = .changed
        if let first = work.list.wanted.first.flatMap({ request.deployments[$0.name] }) {
          entry.served = await pusher.handshake(work.target, first)
        }
      }
      if let shortfall = work.shortfall {
        entry.outcome = .failed(GCPError("pushing to \(work.target)", .refusedHere(shortfall)))
      }
      return Settled(entry: entry, holds: state.certificates)
    }
  }

  // MARK: Removing

  /// Removes superseded certificates of ours. With `checking`, those that another proxy uses are found by
  /// reading: a run that changes nothing is not to try the same deletion again and again.
  private func remove(_ links: [ResourceLink], checking: Bool, _ report: inout PushReport) async {
    var links = links
    guard !links.isEmpty else { return }
    if checking, case .success(let used) = await usedCertificates() {
      for link in links where used.contains(link) {
        report.warnings.append("\(link.name) is superseded, but another proxy uses it")
      }
      links.removeAll(where: used.contains)
    }
    let outcomes = await concurrently(links) { link in
      await result { () throws(GCPError) in try await session.delete(Path(.compute, link.path)) }
    }
    for (link, outcome) in zip(links, outcomes) {
      switch outcome {
      case .success: report.removed.append(link)
      case .failure(let error):
        report.warnings.append("\(link.name) is superseded and stays: \(error)")
        if error.isRetryable { report.hasLeftovers = true }
      }
    }
  }

  private func usedCertificates() async -> Result<Set<ResourceLink>, GCPError> {
    await result { () throws(GCPError) in try await Inventory.usedCertificates(session, scope) }
  }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
