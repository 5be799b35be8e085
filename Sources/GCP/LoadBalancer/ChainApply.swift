internal import JSON

/// Brings a plan about.
public struct ChainApplier: Sendable {
  /// Something that has happened, for the one who waits.
  public enum Progress: Sendable, Equatable {
    /// A change begins: `creating global/urlMaps/edge-map`.
    case begins(String)
    /// It is done.
    case done(String)
  }

  private let session: Session
  private let settings: ChainSettings
  private let upload: Upload
  /// Whether certificates of proxies that are there are left to a push after this.
  private let leavesCertificates: Bool
  private let progress: @Sendable (Progress) -> Void
  /// Makes what a proxy that is not there yet will be given and that is not Compute Engine's.
  private let prepare: Preparation

  /// Makes ready what a new proxy refers to.
  public typealias Preparation = @Sendable () async throws(GCPError) -> Void
  /// Uploads the certificate of a link.
  public typealias Upload = @Sendable (ResourceLink) async throws(GCPError) -> Void

  /// How often a change is begun again because somebody else changed the resource meanwhile.
  static let maximumStaleTries = 4
  /// How often one that Google says exists is looked for: another run's operation may be making it.
  static let maximumLooks = 60
  /// How long between two such looks, in seconds.
  static let lookSeconds = 1.0

  /// An applier. `upload` is asked for every certificate of the settings that is not there; with
  /// `leavesCertificates` a proxy that exists keeps the list that it has, for a push to change.
  public init(
    _ session: Session, _ settings: ChainSettings, upload: @escaping Upload = Self.noUpload,
    leavesCertificates: Bool = false, prepare: @escaping Preparation = { () throws(GCPError) in },
    progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) {
    self.session = session
    self.settings = settings
    self.upload = upload
    self.leavesCertificates = leavesCertificates
    self.prepare = prepare
    self.progress = progress
  }

  /// Refuses: for those who have uploaded all certificates before.
  public static let noUpload: Upload = { link throws(GCPError) in
    throw GCPError("reading \(link)", .refusedHere("there is no such certificate"))
  }

  /// What the chain is known by when it stands.
  public struct Outcome: Sendable, Equatable {
    /// The rule's address.
    public let address: String
    /// The IPv6 rule's; nil when there is none.
    public let ipv6Address: String?
    /// Links of the certificates, the target proxy and the rule.
    public let certificates: [ResourceLink]
    /// The target proxy.
    public let proxy: ResourceLink
    /// The rule on port 443.
    public let rule: ResourceLink
  }

  /// Reads what there is and plans.
  public func plan(adopts: Bool) async throws(GCPError) -> ChainPlan {
    let state = try await ChainState.read(session, settings)
    return ChainPlan(settings: settings, state: state, project: session.project, adopts: adopts)
  }

  /// Makes all changes, what others refer to first and at once where nothing speaks against it; removals last.
  /// Each change is safe to make again: an interrupted run is followed by
  /// another one.
  public func apply(_ plan: ChainPlan, adopts: Bool) async throws(GCPError) {
    if let obstacle = plan.obstacles.first {
      throw GCPError("applying the plan", .refusedHere(obstacle.description))
    }
    for stage in 0...ChainKind.lastStage {
      let changes = plan.changes.filter { $0.resource.kind.stage == stage && $0.action != .delete }
      if changes.contains(where: { $0.action == .create && $0.resource.kind.holdsCertificates }) {
        try await prepare()
      }
      try await all(changes, adopts)
    }
    for stage in (0...ChainKind.lastStage).reversed() {
      try await all(
        plan.changes.filter { $0.resource.kind.stage == stage && $0.action == .delete }, adopts)
    }
  }

  /// Reads what the chain is known by.
  public func outcome() async throws(GCPError) -> Outcome {
    let all = settings.desired(project: session.project)
    let rule = all.first { $0.kind == .forwardingRule }
    let proxy = all.first { $0.kind == .httpsProxy || $0.kind == .sslProxy }
    let found = try await session.get(session.unscopedPath(rule?.label ?? ""))
    let second = all.first {
      $0.kind == .forwardingRule
        && $0.name == settings.name(of: .forwardingRule, ChainName.make(settings.name, "https-ipv6"))
    }
    var ipv6: String?
    if let second { ipv6 = try await session.get(session.unscopedPath(second.label))["IPAddress"]?.string }
    return Outcome(
      address: found["IPAddress"]?.string ?? "", ipv6Address: ipv6, certificates: settings.certificates,
      proxy: session.link(proxy?.label ?? ""), rule: session.link(rule?.label ?? ""))
  }

  private func all(_ changes: [ChainChange], _ adopts: Bool) async throws(GCPError) {
    let results = await concurrently(changes) { change in
      await result { () throws(GCPError) in try await make(change, adopts) }
    }
    for one in results { try one.get() }
  }

  private func make(_ change: ChainChange, _ adopts: Bool) async throws(GCPError) {
    let resource = change.resource
    let path = session.unscopedPath(resource.label)
    let words: String
    switch change.action {
    case .keep: return
    case .create: words = "creating \(resource.label)"
    case .update: words = "changing \(resource.label)"
    case .replace: words = "replacing \(resource.label)"
    case .delete: words = "removing \(resource.label)"
    }
    progress(.begins(words))
    switch change.action {
    case .keep: break
    case .create: try await create(resource, adopts)
    case .update(let fields): try await update(change, fields, adopts)
    case .replace:
      try await session.delete(path)
      try await create(resource, adopts)
    case .delete: try await session.delete(path)
    }
    progress(.done(words))
  }

  private func create(_ resource: ChainResource, _ adopts: Bool) async throws(GCPError) {
    if resource.kind == .certificate { return try await upload(session.link(resource.label)) }
    var body = resource.body.withoutNulls
    body["name"] = .string(resource.name)
    let collection = session.path(resource.scope, resource.kind.collection)
    do throws(GCPError) { try await session.insert(collection, body) } catch {
      guard error.problem?.kind == .alreadyExists else { throw error }
      // An earlier run of ours was interrupted, or another one runs: what it makes is compared like anything else.
      return try await settle(resource, adopts, error)
    }
    try await attach(resource, resource.endpoints ?? [])
  }

  /// Waits for a resource that somebody is making, and brings it to what it shall be.
  private func settle(
    _ resource: ChainResource, _ adopts: Bool, _ error: GCPError
  ) async throws(GCPError) {
    for _ in 0..<Self.maximumLooks {
      if try await session.find(session.unscopedPath(resource.label)) != nil {
        return try await bring(resource, adopts)
      }
      try await session.pause(Self.lookSeconds, "waiting for \(resource.label)")
    }
    throw error
  }

  /// Compares one resource anew, and changes it.
  private func bring(_ resource: ChainResource, _ adopts: Bool) async throws(GCPError) {
    let change = try await replan(resource, adopts)
    switch change.action {
    case .update(let fields): try await update(change, fields, adopts)
    case .replace:
      try await session.delete(session.unscopedPath(resource.label))
      try await create(resource, adopts)
    default: break
    }
  }

  private func replan(_ resource: ChainResource, _ adopts: Bool) async throws(GCPError) -> ChainChange {
    let state = try await ChainState.read(session, settings)
    let plan = ChainPlan(settings: settings, state: state, project: session.project, adopts: adopts)
    if let obstacle = plan.obstacles.first(where: { $0.label == resource.label }) {
      throw GCPError("changing \(resource.label)", .refusedHere(obstacle.description))
    }
    return plan.changes.first { $0.resource.label == resource.label } ?? ChainChange(resource, .keep)
  }

  // MARK: Changing

  private func update(
    _ change: ChainChange, _ fields: [FieldChange], _ adopts: Bool
  ) async throws(GCPError) {
    let resource = change.resource
    if resource.kind == .endpointGroup {
      // What comes before what goes: the service is never without backends.
      try await attach(resource, change.attached)
      return try await detach(resource, change.detached)
    }
    var (fields, fingerprint) = (fields, change.fingerprint)
    for attempt in 1... {
      do throws(GCPError) { return try await patch(resource, fields, fingerprint) } catch {
        guard error.problem?.kind == .stale, attempt < Self.maximumStaleTries else { throw error }
        let again = try await replan(resource, adopts)
        guard case .update(let left) = again.action else { return }
        (fields, fingerprint) = (left, again.fingerprint)
      }
    }
  }

  private func patch(
    _ resource: ChainResource, _ fields: [FieldChange], _ fingerprint: String?
  ) async throws(GCPError) {
    let path = session.unscopedPath(resource.label)
    var body: JSONValue = .object([:])
    var needsFingerprint = false
    for field in fields where body[field.member] == nil {
      if leavesCertificates, ["sslCertificates", "certificateMap"].contains(field.member) { continue }
      let value = value(of: field, resource)
      if field.member == "labels" {
        try await label(path, value)
        continue
      }
      switch resource.kind.way(of: field.member, in: resource.scope) {
      case .patch(let withFingerprint):
        body[field.member] = value
        needsFingerprint = withFingerprint
      case .verb(let verb): try await session.post(path.appending(verb), [field.member: value])
      case .anew, .never: break
      }
    }
    guard !body.members.isEmpty else { return }
    if needsFingerprint { body["fingerprint"] = fingerprint.map { .string($0) } }
    try await session.patch(path, body)
  }

  /// What a member is set to, as a whole: lists and objects are not patched in part.
  private func value(of field: FieldChange, _ resource: ChainResource) -> JSONValue {
    if field.path == "description", let text = field.new { return text }
    if field.path == "sslCertificates", let links = field.new?.strings {
      return JSONValue(links.map { session.link($0).reference })
    }
    return resource.body.members[field.member]?.asPatch ?? .null
  }

  private func label(_ path: Path, _ labels: JSONValue) async throws(GCPError) {
    let found = try await session.get(path)
    var all = found["labels"] ?? .object([:])
    for (name, value) in labels.members { all[name] = value }
    var body: JSONValue = ["labels": all]
    body["labelFingerprint"] = found["labelFingerprint"]
    try await session.post(path.appending("setLabels"), body)
  }

  private func attach(_ resource: ChainResource, _ endpoints: [JSONValue]) async throws(GCPError) {
    if endpoints.isEmpty { return }
    try await session.post(
      session.unscopedPath(resource.label).appending("attachNetworkEndpoints"),
      ["networkEndpoints": .array(endpoints)])
  }

  private func detach(_ resource: ChainResource, _ endpoints: [JSONValue]) async throws(GCPError) {
    if endpoints.isEmpty { return }
    try await session.post(
      session.unscopedPath(resource.label).appending("detachNetworkEndpoints"),
      ["networkEndpoints": .array(endpoints)])
  }
}
