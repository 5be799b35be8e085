internal import Bytes
internal import JSON
internal import PKI

/// A push by way of Certificate Manager in one location: certificates change in place, and a certificate map
/// leads each name to its certificate.
struct ManagerPush: Sendable {
  /// How often something is looked for that is being made, or not active yet.
  static let maximumLooks = 60
  /// Between two looks, in seconds.
  static let lookSeconds = 2.0

  let pusher: Pusher
  let request: Pusher.Request
  let scope: Scope
  let targets: [Target]

  var session: Session { pusher.session }
  var location: String { scope.location }

  init(_ pusher: Pusher, _ request: Pusher.Request, _ scope: Scope, _ targets: [Target]) {
    self.pusher = pusher
    self.request = request
    self.scope = scope
    self.targets = targets.filter { target in
      target.certificates.contains { request.only?.contains($0) ?? true }
    }
  }

  /// What was read before anything is written.
  struct Surroundings: Sendable {
    var records: [ResourceLink: CertificateRecord]
    /// Maps by link, with their owner if ours.
    var maps: [ResourceLink: Ownership?]
    var proxies: [Target: Result<ProxyState, GCPError>]
    /// What the location holds of classic certificates; read only when a proxy has some.
    var classic: [ResourceLink: CertificateRecord]
  }

  /// What became of one certificate.
  enum Kept: Sendable {
    case unchanged, changed
    case failed(GCPError)
  }

  func run() async -> PushReport {
    var report = PushReport()
    guard !targets.isEmpty else { return report }
    let around: Surroundings
    switch await result({ () throws(GCPError) in try await read() }) {
    case .failure(let error):
      report.targets = targets.map { .init($0, .failed(error)) }
      return report
    case .success(let found): around = found
    }
    var ready: [(target: Target, state: ProxyState)] = []
    for target in targets {
      switch around.proxies[target] ?? .failure(Pusher.notThere(target)) {
      case .failure(let error): report.targets.append(.init(target, .failed(error)))
      case .success(let state):
        if let why = refusal(target, state, around) {
          report.targets.append(
            .init(target, .failed(GCPError("pushing to \(target)", .refusedHere(why)))))
        } else {
          ready.append((target, state))
        }
      }
    }
    let kept = await keepCertificates(ready.map(\.target), around)
    report.targets += await concurrently(ready) { target, state in
      await settle(target, state, around, kept)
    }
    return report
  }

  // MARK: Reading

  func read() async throws(GCPError) -> Surroundings {
    let mapsPath = session.path(location: location, "certificateMaps")
    async let certificates = result { () throws(GCPError) in
      try await Inventory.managerRecords(session, location)
    }
    async let maps = result { () throws(GCPError) in
      scope == .global ? try await session.list(mapsPath) : []
    }
    let proxies = await pusher.proxies(targets, in: scope)
    var around = Surroundings(records: [:], maps: [:], proxies: proxies, classic: [:])
    for record in try await certificates.get() { around.records[record.link] = record }
    for json in try await maps.get() {
      let link = session.link(json["name"]?.string ?? "")
      around.maps[link] = .some(Ownership(description: json["description"]?.string))
    }
    let needsClassic = proxies.values.contains { outcome in
      guard case .success(let state) = outcome, state.certificateMap == nil else { return false }
      return state.certificates.contains { !$0.isCertificateManager }
    }
    if needsClassic {
      for record in try await Inventory.classicRecords(session, scope) {
        around.classic[record.link] = record
      }
    }
    return around
  }

  // MARK: Deciding

  func chosen(_ target: Target) -> [Deployment] {
    target.certificates.compactMap { request.deployments[$0] }
  }

  func link(_ deployment: Deployment) -> ResourceLink {
    ResourceLink(
      session.path(
        location: location, "certificates", ResourceName.stable(prefix: pusher.prefix, name: deployment.name))
    )
  }

  func mapLink(_ target: Target) -> ResourceLink {
    ResourceLink(
      session.path(
        location: location, "certificateMaps", ResourceName.map(prefix: pusher.prefix, target)))
  }

  /// Why nothing may be written for a target; nil when it may.
  func refusal(_ target: Target, _ state: ProxyState, _ around: Surroundings) -> String? {
    let now = session.environment.now()
    let deployments = chosen(target)
    guard !deployments.isEmpty else {
      return target.certificates.map { "\($0): \(request.missing[$0] ?? "there is no such certificate")" }
        .joined(separator: "; ")
    }
    for deployment in deployments {
      if let why = deployment.refusal(for: target, now: now) { return "\(deployment.name): \(why)" }
      if let record = around.records[link(deployment)], record.ownership?.name != deployment.name {
        return "\(record.link) exists and is not ours: remove it, or set gcp.name_prefix"
      }
    }
    if scope == .global {
      let map = mapLink(target)
      if let owner = around.maps[map], owner?.name != target.name {
        return "\(map) exists and is not ours: remove it, or set gcp.name_prefix"
      }
      if let other = state.certificateMap {
        return other == map
          ? nil : "it has the certificate map \(other.name), which is not ours: clear it first"
      }
    }
    let others = state.certificates.filter { $0.isCertificateManager }
    let all = Set(others).union(scope == .global ? [] : deployments.map(link))
    guard all.count <= Target.maximumManagerCertificates else {
      return
        "\(all.count) certificates are more than the \(Target.maximumManagerCertificates) that a proxy takes"
    }
    return uncovered(state, deployments, around, now: now)
  }

  /// Names of classic certificates that would no longer be answered for.
  private func uncovered(
    _ state: ProxyState, _ deployments: [Deployment], _ around: Surroundings, now: UnixTime
  ) -> String? {
    for link in state.certificates where !link.isCertificateManager {
      guard let record = around.classic[link] else { return "its certificate \(link.name) cannot be read" }
      if let end = record.notAfter, end < now { continue }
      // One that Google has not issued yet serves nobody.
      if record.managedState != nil, record.leaf == nil, record.managedState != "ACTIVE" { continue }
      let names = record.names.filter { name in
        !deployments.contains { $0.chain.leaf.covers(name) }
      }
      if !names.isEmpty {
        let list = names.map(\.description).joined(separator: ", ")
        return
          "its certificate \(link.name) speaks for \(list), which ours do not, and would be ignored: add "
          + "the names, or take it off the proxy"
      }
    }
    return nil
  }

  // MARK: Certificates

  /// Makes or changes the certificates that the targets need, each once.
  func keepCertificates(
    _ targets: [Target], _ around: Surroundings
  ) async -> [ResourceLink: Kept] {
    var needed: [(ResourceLink, Deployment)] = []
    for deployment in targets.flatMap(chosen) {
      let link = link(deployment)
      guard request.only?.contains(deployment.name) ?? true || around.records[link] == nil,
        !needed.contains(where: { $0.0 == link })
      else { continue }
      needed.append((link, deployment))
    }
    let outcomes = await concurrently(needed) { link, deployment in
      await keep(deployment, link, around.records[link])
    }
    var kept: [ResourceLink: Kept] = [:]
    for ((link, _), outcome) in zip(needed, outcomes) { kept[link] = outcome }
    return kept
  }

  private func keep(
    _ deployment: Deployment, _ link: ResourceLink, _ record: CertificateRecord?
  ) async -> Kept {
    if let record, record.holds(deployment) { return .unchanged }
    let step = "bringing \(deployment.name) to \(link)"
    let outcome = await result { () throws(GCPError) in
      let pair: JSONValue = [
        "pemCertificate": .string(text(deployment.chain.pem)),
        "pemPrivateKey": .string(try keyText(deployment, step)),
      ]
      let path = Path(.certificateManager, link.path)
      if record == nil {
        let owner = Ownership(
          name: deployment.name, project: session.project, sha256: nil, installation: session.installation)
        try await create(
          session.path(location: location, "certificates"), ["certificateId": link.name],
          [
            "description": .string(owner.text), "labels": ["managed-by": "certd"], "selfManaged": pair,
          ], step: step)
      } else {
        try await session.change(
          "PATCH", path, query: ["updateMask": "selfManaged"], body: ["selfManaged": pair], step: step)
      }
      // An answer that was lost may have been that of an earlier generation's upload.
      let now = CertificateRecord(manager: try await session.get(path), project: session.project)
      guard now.holds(deployment) else {
        throw GCPError(step, .unusable("what is read back is another certificate"))
      }
    }
    switch outcome {
    case .success: return .changed
    case .failure(let error): return .failed(error)
    }
  }

  /// Makes something; that it is there already is a success, since its content is looked at afterwards.
  func create(
    _ collection: Path, _ query: [String: String], _ body: JSONValue, step: String
  ) async throws(GCPError) {
    do throws(GCPError) {
      try await session.change("POST", collection, query: query, body: body, step: step)
    } catch {
      guard error.problem?.kind == .alreadyExists, let name = query.values.first else { throw error }
      for look in 0..<Self.maximumLooks {
        if look > 0 { try await session.pause(Self.lookSeconds, step) }
        if try await session.find(collection.appending(name)) != nil { return }
      }
      throw error
    }
  }
}
