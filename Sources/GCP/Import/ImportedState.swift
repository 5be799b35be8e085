internal import JSON

/// What another program knows of Google's resources.
struct ImportedState: Sendable {
  /// What it has, in its order.
  var resources: [ImportedResource] = []

  /// The largest file, in bytes.
  static let maximumFileBytes = 64 << 20

  /// Reads `pulumi stack export`.
  init(pulumi json: JSONValue) throws(ImportFailure) {
    guard case .array(let all)? = json["deployment"]?["resources"] ?? json["resources"] else {
      throw ImportFailure("there are no deployment.resources in it; write it by 'pulumi stack export'")
    }
    for one in all {
      guard let type = one["type"]?.string, type.hasPrefix("gcp:") || type.hasPrefix("google-native:") else {
        continue
      }
      var members = one["inputs"]?.members ?? [:]
      members.merge(one["outputs"]?.members ?? [:]) { $1 == .null ? $0 : $1 }
      let kind = type.split(separator: ":").last.map(String.init) ?? ""
      let isCompute = type.contains(":compute/")
      let normal = ImportedMembers.normalized(.object(members))
      resources.append(
        Self.resource(
          isCompute ? kind : "", normal, id: one["id"]?.string ?? "", address: one["urn"]?.string ?? type))
    }
  }

  /// Reads a state file, or what `terraform show -json` prints of a state or a plan.
  init(terraform json: JSONValue) throws(ImportFailure) {
    if let values = json["planned_values"] ?? json["values"] {
      guard let root = values["root_module"] else { throw ImportFailure("there is no root_module in it") }
      add(module: root, depth: 0)
      link(json["configuration"]?["root_module"])
      return
    }
    guard case .array(let all)? = json["resources"] else {
      throw ImportFailure(
        "there are no resources in it; write it by 'terraform state pull', or by 'terraform show -json' of a plan"
      )
    }
    for one in all where one["mode"]?.string != "data" {
      for instance in one["instances"]?.elements ?? [] {
        add(one, instance["attributes"] ?? .object([:]))
      }
    }
  }

  private mutating func add(module: JSONValue, depth: Int) {
    for one in module["resources"]?.elements ?? [] where one["mode"]?.string != "data" {
      add(one, one["values"] ?? .object([:]))
    }
    guard depth < JSONValue.maximumDepth else { return }
    for child in module["child_modules"]?.elements ?? [] { add(module: child, depth: depth + 1) }
  }

  private mutating func add(_ one: JSONValue, _ values: JSONValue) {
    guard let type = one["type"]?.string, type.hasPrefix("google_") else { return }
    let kind = type.hasPrefix("google_compute_") ? String(type.dropFirst("google_compute_".count)) : ""
    let address = one["address"]?.string ?? "\(type).\(one["name"]?.string ?? "")"
    resources.append(
      Self.resource(
        kind, ImportedMembers.normalized(values), id: values["id"]?.string ?? "", address: address))
  }

  private static func resource(
    _ kind: String, _ members: JSONValue, id: String, address: String
  ) -> ImportedResource {
    let link = ResourceLink(members["selfLink"]?.string ?? id, project: "-")
    func last(_ member: String) -> String? {
      members[member]?.string.flatMap { $0.split(separator: "/").last.map(String.init) }
    }
    let scope: Scope =
      last("zone").map { .zone($0) } ?? last("region").map { .region($0) }
      ?? (link.path.contains("/regions/") || link.path.contains("/zones/") ? link.scope : .global)
    let name = members["name"]?.string ?? link.name
    return ImportedResource(
      collection: ImportedMembers.collection(kind), scope: scope, name: name, members: members,
      address: address)
  }

  // MARK: Plans

  /// A plan does not know yet what a link will be, but says what it refers to.
  private mutating func link(_ module: JSONValue?) {
    var targets: [String: String] = [:]
    for one in resources where one.collection != nil { targets[one.address] = one.label }
    for described in module?["resources"]?.elements ?? [] {
      guard let address = described["address"]?.string, let expressions = described["expressions"] else {
        continue
      }
      for index in resources.indices where resources[index].address == address {
        resources[index].members = Self.filled(
          resources[index].members, ImportedMembers.normalized(expressions), targets)
      }
    }
  }

  private static func filled(
    _ value: JSONValue, _ expression: JSONValue, _ targets: [String: String]
  ) -> JSONValue {
    switch (value, expression) {
    case (.object(let members), .object(let expressions)):
      var members = members
      for (name, inner) in expressions {
        if let link = target(inner, targets) {
          let isMissing = members[name] == nil || members[name] == .null
          if isMissing { members[name] = lists.contains(name) ? [.string(link)] : .string(link) }
        } else if let old = members[name] {
          members[name] = filled(old, inner, targets)
        }
      }
      return .object(members)
    case (.array(let elements), .array(let inner)) where elements.count == inner.count:
      return .array(zip(elements, inner).map { filled($0, $1, targets) })
    case (.array(let elements), .object) where elements.count == 1:
      return .array([filled(elements[0], expression, targets)])
    default: return value
    }
  }

  private static let lists: Set<String> = ["healthChecks", "sslCertificates"]

  private static func target(_ expression: JSONValue, _ targets: [String: String]) -> String? {
    for reference in expression["references"]?.strings ?? [] {
      if let exact = targets[reference] { return exact }
      let parts = reference.split(separator: ".")
      if parts.count > 2, let found = targets[parts.dropLast().joined(separator: ".")] { return found }
    }
    return nil
  }
}

/// Why a file cannot be imported.
public struct ImportFailure: Error, Sendable, CustomStringConvertible {
  /// What is wrong, and what to do.
  public let description: String
  init(_ description: String) { self.description = description }
}
