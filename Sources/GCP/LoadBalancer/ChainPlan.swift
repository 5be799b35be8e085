public import JSON

/// What is to be done about one resource.
public struct ChainChange: Sendable, Equatable {
  /// What is done.
  public enum Action: Sendable, Equatable {
    /// It is made.
    case create
    /// Some members are changed.
    case update([FieldChange])
    /// It is removed and made anew, because a member cannot be changed.
    case replace([FieldChange])
    /// It is removed: an earlier configuration of this chain made it, and nothing uses it any more.
    case delete
    /// Nothing.
    case keep
  }

  /// What it is about.
  public let resource: ChainResource
  /// What is done.
  public let action: Action
  /// Whether it belonged to somebody else until now.
  public let isAdopted: Bool

  /// Endpoints to be attached and detached; empty for everything but network endpoint groups.
  public var attached: [JSONValue] = []
  /// Endpoints to be detached.
  public var detached: [JSONValue] = []
  /// The state of the resource that the change starts from, where Google tells one.
  public var fingerprint: String?

  init(_ resource: ChainResource, _ action: Action, isAdopted: Bool = false) {
    self.resource = resource
    self.action = action
    self.isAdopted = isAdopted
  }
}

/// Something in the way of a plan.
public struct ChainObstacle: Error, Sendable, Equatable, CustomStringConvertible {
  /// What it is about: `global/urlMaps/edge-map`.
  public let label: String
  /// What is in the way, and what to do.
  public let description: String
}

/// The way from what Google has to what shall be.
public struct ChainPlan: Sendable, Equatable {
  /// One for each resource, in the order in which they are made; those removed at the end.
  public var changes: [ChainChange] = []
  /// What is in the way; a plan with obstacles is not applied.
  public var obstacles: [ChainObstacle] = []

  /// Whether everything is as it shall be.
  public var isEmpty: Bool { changes.allSatisfy { $0.action == .keep } && obstacles.isEmpty }

  /// Compares. Pure. `adopts` takes over resources of the wanted names that are not the chain's own.
  public init(settings: ChainSettings, state: ChainState, project: String, adopts: Bool) {
    let desired = settings.desired(project: project)
    let planner = Planner(settings: settings, state: state, project: project, adopts: adopts)
    for resource in desired {
      switch planner.plan(resource) {
      case .success(let change): changes.append(change)
      case .failure(let obstacle): obstacles.append(obstacle)
      }
    }
    for link in settings.certificates
    where !link.isCertificateManager && state.resources[link.description] == nil {
      changes.append(
        ChainChange(ChainResource(.certificate, link.scope, link.name, body: .object([:])), .create))
    }
    // A stable sort: what is made at once stands together.
    changes = (0...ChainKind.lastStage).flatMap { stage in changes.filter { $0.resource.kind.stage == stage }
    }
    for link in settings.externals where state.missing.contains(link.description) {
      obstacles.append(
        ChainObstacle(
          label: link.description,
          description: "\(link.description) is named by the configuration and is not there; make it first"))
    }
    let wanted = Set(desired.map(\.label))
    changes += planner.leftovers(beside: wanted)
  }
}

/// Decides about single resources.
private struct Planner {
  let settings: ChainSettings
  let state: ChainState
  let project: String
  let adopts: Bool

  private var comparison: ChainComparison { ChainComparison(project: project) }

  func plan(_ resource: ChainResource) -> Result<ChainChange, ChainObstacle> {
    guard let actual = state.resources[resource.label] else {
      var change = ChainChange(resource, .create)
      change.attached = resource.endpoints ?? []
      return .success(change)
    }
    if resource.isShared { return .success(ChainChange(resource, .keep)) }
    let isOurs = isOurs(resource, actual)
    guard isOurs || adopts else {
      return obstacle(
        resource, "is there and not this chain's own; --adopt takes it over, or choose another name")
    }
    if !isOurs, resource.kind == .endpointGroup {
      return obstacle(resource, "is somebody else's and cannot be taken over; name it as neg")
    }
    var wanted = resource.body
    // What somebody wrote into a resource that is taken over is kept beside the mark.
    wanted["description"] =
      !isOurs && resource.kind.canMark(in: resource.scope)
      ? .string(
        ChainMark.description(
          settings.name, installation: settings.installation, note: actual["description"]?.string ?? ""))
      : nil
    if isOurs || !resource.kind.hasLabels { wanted["labels"] = nil }
    wanted["sslCertificates"] = nil
    wanted["certificateMap"] = nil
    var found = comparison.differences(wanted, actual)
    found.removeAll { $0.path == "IPAddress" }
    found += addressDifference(resource, actual) + certificateDifference(resource, actual)
    var change = ChainChange(resource, .keep)
    change.fingerprint = actual["fingerprint"]?.string
    if let endpoints = resource.endpoints {
      let have = state.endpoints[resource.label] ?? []
      change.attached = endpoints.filter { wanted in !have.contains { same(wanted, $0) } }
      change.detached = have.filter { old in !endpoints.contains { same($0, old) } }
      if !change.attached.isEmpty || !change.detached.isEmpty {
        found.append(FieldChange("endpoints", old: .array(have), new: .array(endpoints)))
      }
    }
    return decide(resource, found, change, isAdopted: !isOurs)
  }

  private func decide(
    _ resource: ChainResource, _ found: [FieldChange], _ change: ChainChange, isAdopted: Bool
  ) -> Result<ChainChange, ChainObstacle> {
    var isReplaced = false
    for field in found where field.member != "endpoints" && field.member != "labels" {
      switch resource.kind.way(of: field.member, in: resource.scope) {
      case .never:
        return obstacle(
          resource,
          "has \(field.path) \(field.old?.text ?? "unset"), which Google does not change; remove it, or choose "
            + "another name")
      case .anew: isReplaced = true
      case .patch, .verb: break
      }
    }
    let action: ChainChange.Action =
      found.isEmpty ? .keep : isReplaced ? .replace(found) : .update(found)
    var made = ChainChange(resource, action, isAdopted: isAdopted)
    made.attached = change.attached
    made.detached = change.detached
    made.fingerprint = change.fingerprint
    return .success(made)
  }

  private func obstacle(
    _ resource: ChainResource, _ text: String
  ) -> Result<ChainChange, ChainObstacle> {
    .failure(ChainObstacle(label: resource.label, description: "\(resource.label) \(text)"))
  }

  private func isOurs(_ resource: ChainResource, _ actual: JSONValue) -> Bool {
    state.isOurs(resource.kind, resource.scope, actual, chain: settings.name, project: project)
  }

  /// A rule answers with the address itself, not with the resource that holds it.
  private func addressDifference(_ resource: ChainResource, _ actual: JSONValue) -> [FieldChange] {
    guard let link = resource.body["IPAddress"]?.string else { return [] }
    let label = ResourceLink(link, project: project).description
    let wanted = state.resources[label]?["address"]
    if wanted != nil, wanted == actual["IPAddress"] { return [] }
    return [FieldChange("IPAddress", old: actual["IPAddress"], new: wanted ?? .string(label))]
  }

  /// Certificates that are not of this configuration stay: only those that are missing are added. Which of ours
  /// give way to newer ones is the push's business.
  private func certificateDifference(_ resource: ChainResource, _ actual: JSONValue) -> [FieldChange] {
    if let map = resource.body["certificateMap"]?.string {
      let old = actual["certificateMap"]
      let isSame =
        old?.string.map { ResourceLink($0, project: project) } == ResourceLink(map, project: project)
      return isSame ? [] : [FieldChange("certificateMap", old: old, new: .string(map))]
    }
    guard let wanted = resource.body["sslCertificates"]?.strings else { return [] }
    let found = (actual["sslCertificates"]?.strings ?? []).map { ResourceLink($0, project: project) }
    let missing = wanted.map { ResourceLink($0, project: project) }.filter { !found.contains($0) }
    if missing.isEmpty {
      let ours = wanted.map { ResourceLink($0, project: project) }
      let present = found.filter(ours.contains)
      if present == ours { return [] }
      return [
        FieldChange(
          "sslCertificates", old: JSONValue(present.map(\.description)),
          new: JSONValue(ours.map(\.description)))
      ]
    }
    return [
      FieldChange(
        "sslCertificates", old: JSONValue(found.map(\.description)),
        new: JSONValue((found + missing).map(\.description)))
    ]
  }

  private func same(_ wanted: JSONValue, _ actual: JSONValue) -> Bool {
    let members = ["ipAddress", "port", "fqdn", "instance"]
    return members.allSatisfy { member in
      let (a, b) = (wanted[member], actual[member])
      // An instance may be answered as its link.
      if member == "instance" {
        return a?.string?.split(separator: "/").last == b?.string?.split(separator: "/").last || a == nil
      }
      return a?.string ?? a?.text == b?.string ?? b?.text
    }
  }

  /// What the chain has and does not need any more, those that refer to others first.
  func leftovers(beside wanted: Set<String>) -> [ChainChange] {
    var found: [ChainChange] = []
    for (label, actual) in state.resources where !wanted.contains(label) {
      let link = ResourceLink(label, project: project)
      guard let kind = ChainKind(rawValue: link.collection), kind.isRemovedWhenUnused,
        ChainMark.isOurs(actual, chain: settings.name)
      else { continue }
      found.append(ChainChange(ChainResource(kind, link.scope, link.name, body: .object([:])), .delete))
    }
    return found.sorted {
      ($1.resource.kind.stage, $0.resource.label) < ($0.resource.kind.stage, $1.resource.label)
    }
  }
}
