/// What resources refer to, and who refers to them.
extension World {
  /// A place in a body that holds a reference.
  struct Reference {
    /// Its path: names and, for lists, positions.
    let steps: [String]
    let url: String
    var field: String { steps.last(where: { Int($0) == nil }) ?? "" }
    var text: String { steps.joined(separator: ".") }
  }

  private static let targets: [String: Set<String>] = [
    "sslCertificates": ["sslCertificates"], "urlMap": ["urlMaps"], "service": ["backendServices"],
    "sslPolicy": ["sslPolicies"], "healthChecks": ["healthChecks"], "defaultService": ["backendServices"],
    "backendService": ["backendServices"], "group": ["instanceGroups", "networkEndpointGroups"],
    "target": ["targetHttpsProxies", "targetHttpProxies", "targetSslProxies"], "certificateMap": [],
  ]

  func references(in body: JSON, of collection: String) -> [Reference] {
    let top: Set<String> =
      switch collection {
      case "targetHttpsProxies", "targetHttpProxies", "targetSslProxies":
        ["sslCertificates", "urlMap", "service", "sslPolicy", "certificateMap"]
      case "urlMaps": ["defaultService", "defaultRouteAction", "pathMatchers"]
      case "backendServices": ["healthChecks", "backends"]
      case "forwardingRules": ["target", "backendService"]
      default: []
      }
    var found: [Reference] = []
    func walk(_ value: JSON, _ steps: [String]) {
      switch value {
      case .object(let members):
        for (name, inner) in members.sorted(by: { $0.key < $1.key })
        where steps.count > 0 || top.contains(name) {
          walk(inner, steps + [name])
        }
      case .list(let items):
        for (index, inner) in items.enumerated() { walk(inner, steps + ["\(index)"]) }
      case .string(let url):
        let reference = Reference(steps: steps, url: url)
        if Self.targets[reference.field] != nil, !url.isEmpty { found.append(reference) }
      default: break
      }
    }
    walk(body, [])
    return found
  }

  /// Checks the references of a body and writes them as Google does.
  mutating func linkReferences(
    _ body: inout JSON, _ path: String, only: Set<String>? = nil
  ) throws(Failure) {
    for reference in references(in: body, of: Self.collection(of: path)) {
      if let only, let first = reference.steps.first, !only.contains(first) { continue }
      let link = try canonical(reference.url, field: reference.field, text: reference.text, from: path)
      body.set(.string(link), at: reference.steps[...])
    }
  }

  /// The link to what a reference means, which must exist, be of the right kind and in reach.
  mutating func canonical(
    _ url: String, field: String, text: String, from path: String
  ) throws(Failure) -> String {
    if field == "certificateMap" || url.contains("certificatemanager") {
      return try canonicalInManager(url, field: field, text: text, from: path)
    }
    guard let found = self.path(of: url) else { throw .invalid(text, url, "The URL is malformed.") }
    guard let collection = Collection.of(found), Self.targets[field]?.contains(collection.name) == true else {
      throw .invalid(text, url, "Unexpected resource collection.")
    }
    let (from, to) = (Self.scope(of: path), Self.scope(of: found))
    if from == "global", to.hasPrefix("regions/") {
      throw .invalid(text, url, "Must be a global resource, not a regional one.")
    }
    if from.hasPrefix("regions/"), to != from, !to.hasPrefix("zones/"), collection.name != "healthChecks" {
      throw .invalid(text, url, "The referenced resource must be in the same region.")
    }
    try permit("compute.\(collection.permissionName(to)).\(collection.use)", on: found)
    let isChanging = pending[found].flatMap { operations[$0] }
    guard compute[found] != nil else {
      touch(found)
      throw isChanging == nil ? .notFound(found) : .notReady(found)
    }
    if isChanging?.type == "delete" {
      touch(found)
      throw .notReady(found)
    }
    return Self.link + found
  }

  private mutating func canonicalInManager(
    _ url: String, field: String, text: String, from path: String
  ) throws(Failure) -> String {
    var name = url[...]
    for prefix in [Self.managerLink, "https://certificatemanager.googleapis.com/v1/"]
    where name.hasPrefix(prefix) {
      name = name.dropFirst(prefix.count)
    }
    let parts = name.split(separator: "/").map(String.init)
    guard name != url, parts.count == 6, parts[0] == "projects", parts[2] == "locations" else {
      throw .invalid(text, url, "The URL is malformed.")
    }
    let scope = Self.scope(of: path)
    if field == "certificateMap" {
      guard scope == "global", parts[4] == "certificateMaps", parts[3] == "global" else {
        throw .invalid(text, url, "A certificate map must be global, on a global target proxy.")
      }
      try permit("certificatemanager.certmaps.use", on: String(name))
    } else {
      guard scope != "global", parts[4] == "certificates", scope == "regions/\(parts[3])" else {
        throw .invalid(text, url, "The certificate must be in the region of the target proxy.")
      }
      try permit("certificatemanager.certs.use", on: String(name))
    }
    guard manager[String(name)] != nil else { throw .notFound(String(name)) }
    return Self.managerLink + name
  }

  /// Throws when something refers to a resource, or is about to.
  func checkUnused(_ path: String) throws(Failure) {
    var users = compute
    for name in pending.values {
      if let operation = operations[name], case .put(let coming) = operation.effect {
        users[operation.target] = coming
      }
    }
    for (user, resource) in users.sorted(by: { $0.key < $1.key }) {
      let links = references(in: resource.body, of: Self.collection(of: user)).map(\.url)
      let isAddress =
        Self.collection(of: path) == "addresses" && Self.collection(of: user) == "forwardingRules"
        && resource.body["IPAddress"] == compute[path]?.body["address"]
      if isAddress || links.contains(Self.link + path) { throw .inUse(path, by: user) }
    }
  }
}

extension JSON {
  /// Replaces what stands at a path of names and positions.
  mutating func set(_ value: JSON, at steps: ArraySlice<String>) {
    guard let first = steps.first else {
      self = value
      return
    }
    if case .list(var items) = self, let index = Int(first), items.indices.contains(index) {
      items[index].set(value, at: steps.dropFirst())
      self = .list(items)
    } else {
      self[first]?.set(value, at: steps.dropFirst())
    }
  }
}
