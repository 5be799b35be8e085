import Bytes

/// Certificate Manager v1 and Public CA v1.
extension World {
  private static let permissionNames = [
    "certificates": "certs", "certificateMaps": "certmaps", "certificateMapEntries": "certmapentries",
  ]
  private static let rows = [
    "certificates": "CM.Certificate", "certificateMaps": "CM.CertificateMap",
    "certificateMapEntries": "CM.CertificateMapEntry",
  ]
  private static let identifierParameters = [
    "certificates": "certificateId", "certificateMaps": "certificateMapId",
    "certificateMapEntries": "certificateMapEntryId",
  ]
  private static let mutable: [String: Set<String>] = [
    "certificates": ["selfManaged", "labels", "description"],
    "certificateMaps": ["labels", "description"],
    "certificateMapEntries": ["certificates", "labels", "description"],
  ]

  private static func bad(_ message: String) -> Failure {
    .canonical(400, "INVALID_ARGUMENT", message)
  }

  private static func missing(_ name: String) -> Failure {
    .canonical(404, "NOT_FOUND", "Resource '\(name)' was not found")
  }

  /// Serves `/v1/projects/P/locations/L/…`, given from `projects` on; nil for what Google does not serve.
  mutating func serveManager(
    _ method: String, _ path: [String], _ query: [String: String], _ body: JSON
  ) throws(Failure) -> JSON? {
    guard path.count >= 5, path[0] == "projects", path[2] == "locations" else { return nil }
    guard path[1] == project else {
      throw .canonical(403, "PERMISSION_DENIED", "Permission denied on resource project \(path[1]).")
    }
    guard path[3] == "global" || settings.regions.contains(path[3]) else {
      throw .canonical(404, "NOT_FOUND", "Location \(path[3]) is not found or access is unauthorized.")
    }
    let base = path.prefix(4).joined(separator: "/")
    let name = path.joined(separator: "/")
    if path[4] == "externalAccountKeys" { return try makeAccountKey(method, path, body, base) }
    if path[4] == "operations" { return try serveManagerOperation(method, path, name, base) }
    let collection = path.count.isMultiple(of: 2) ? path[path.count - 2] : path[path.count - 1]
    guard let row = Self.rows[collection], let kind = Self.permissionNames[collection],
      path.count == (collection == "certificateMapEntries" ? 7 : 5) + (path.count.isMultiple(of: 2) ? 1 : 0)
    else { return nil }
    if method == "POST" || method == "PATCH" {
      let violations = BodyFields.violations(row, body)
      guard violations.isEmpty else { throw Self.bad(violations.joined(separator: "\n")) }
    }
    switch (method, path.count.isMultiple(of: 2)) {
    case ("GET", false):
      let parent = path.dropLast().joined(separator: "/")
      try permit("certificatemanager.\(kind).list", on: parent)
      return managerPage(collection, "\(name)/", query)
    case ("POST", false): return try create(collection, name, kind, query, body, base)
    case ("GET", true):
      try permit("certificatemanager.\(kind).get", on: name)
      guard let view = managerView(name) else {
        touch(name)
        throw Self.missing(name)
      }
      return view
    case ("DELETE", true), ("PATCH", true):
      try permit("certificatemanager.\(kind).\(method == "PATCH" ? "update" : "delete")", on: name)
      return try alter(method, collection, name, query, body, base)
    default: return nil
    }
  }

  private mutating func create(
    _ collection: String, _ path: String, _ kind: String, _ query: [String: String], _ body: JSON,
    _ base: String
  ) throws(Failure) -> JSON {
    let parameter = Self.identifierParameters[collection] ?? ""
    let identifier = query[parameter] ?? ""
    let name = "\(path)/\(identifier)"
    try permit("certificatemanager.\(kind).create", on: name)
    guard Self.isName(identifier) else { throw Self.bad("Invalid value for \(parameter)") }
    let parent = path.split(separator: "/").dropLast().joined(separator: "/")
    if collection == "certificateMapEntries", manager[parent] == nil { throw Self.missing(parent) }
    guard manager[name] == nil, pending[name] == nil else {
      touch(name)
      throw .canonical(409, "ALREADY_EXISTS", "Resource '\(name)' already exists")
    }
    var resource = Resource(body: ["name": .string(name), "createTime": "2026-01-01T00:00:00Z"])
    try fill(&resource, collection, path, body, mask: nil)
    return beginInManager("create", name, base, .put(resource))
  }

  private mutating func alter(
    _ method: String, _ collection: String, _ name: String, _ query: [String: String], _ body: JSON,
    _ base: String
  ) throws(Failure) -> JSON {
    guard var resource = manager[name] else { throw Self.missing(name) }
    guard pending[name] == nil else {
      touch(name)
      throw .canonical(409, "ABORTED", "Resource '\(name)' has an operation in progress.")
    }
    if method == "DELETE" {
      try checkUnusedInManager(name)
      return beginInManager("delete", name, base, .remove)
    }
    let words = (query["updateMask"] ?? "").split(separator: ",")
    let mask = Set(
      words.map { Self.camel($0.split(separator: ".").first.map(String.init) ?? "") })
    guard !mask.isEmpty else { throw Self.bad("update_mask must be provided") }
    for member in mask.sorted() where Self.mutable[collection]?.contains(member) != true {
      throw Self.bad("Field '\(member)' cannot be updated")
    }
    let parent = name.split(separator: "/").dropLast().joined(separator: "/")
    try fill(&resource, collection, parent, body, mask: mask)
    resource.version += 1
    return beginInManager("update", name, base, .put(resource))
  }

  private mutating func beginInManager(
    _ verb: String, _ name: String, _ base: String, _ effect: Operation.Effect
  ) -> JSON {
    let operation = "\(base)/operations/operation-\(next())"
    return begin(verb, name, scope: base, name: operation, requestID: nil, call: "", effect).managerView
  }

  private static func camel(_ text: String) -> String {
    let words = text.split(separator: "_")
    return (words.first.map(String.init) ?? "")
      + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  private mutating func fill(
    _ resource: inout Resource, _ collection: String, _ parent: String, _ body: JSON, mask: Set<String>?
  ) throws(Failure) {
    func wants(_ member: String) -> Bool { mask?.contains(member) ?? true }
    for member in ["description", "labels"] where wants(member) {
      resource.body[member] = body[member].flatMap { $0.isEmpty ? nil : $0 }
    }
    if collection == "certificates", wants("selfManaged") {
      guard let certificate = body["selfManaged"]?["pemCertificate"]?.string,
        let key = body["selfManaged"]?["pemPrivateKey"]?.string
      else { throw Self.bad("selfManaged.pemCertificate and selfManaged.pemPrivateKey are both required") }
      if mask == nil, let scope = body["scope"], scope != "DEFAULT" { resource.body["scope"] = scope }
      let facts: CertificateFacts
      do throws(Failure) {
        facts = try CertificateFacts(certificate: certificate, key: key, place: .manager)
      } catch { throw Self.bad(error.message) }
      resource.facts = facts
      resource.body["pemCertificate"] = .string(certificate)
      resource.body["selfManaged"] = [:]
      resource.body["expireTime"] = .string(facts.notAfter.description)
      resource.body["sanDnsnames"] = .strings(facts.dnsNames)
    }
    guard collection == "certificateMapEntries" else { return }
    if mask == nil {
      let host = body["hostname"].flatMap { $0.isEmpty ? nil : $0 }
      let matcher = body["matcher"].flatMap { $0 == "MATCHER_UNSPECIFIED" ? nil : $0 }
      guard (host == nil) != (matcher == nil) else {
        throw Self.bad("Exactly one of hostname and matcher must be set")
      }
      for (name, entry) in manager
      where name.hasPrefix("\(parent)/") && entry.body["hostname"] == host && entry.body["matcher"] == matcher
      {
        throw .canonical(400, "FAILED_PRECONDITION", "An entry for this name already exists in the map")
      }
      resource.body["hostname"] = host
      resource.body["matcher"] = matcher
      resource.body["state"] = "ACTIVE"
    }
    guard wants("certificates") else { return }
    let certificates = body["certificates"]?.items.compactMap(\.string) ?? []
    guard (1...4).contains(certificates.count) else {
      throw Self.bad("A certificate map entry takes one to four certificates")
    }
    for certificate in certificates {
      guard manager[certificate] != nil, certificate.contains("/certificates/") else {
        throw Self.missing(certificate)
      }
      try permit("certificatemanager.certs.use", on: certificate)
    }
    resource.body["certificates"] = .strings(certificates)
  }

  func checkUnusedInManager(_ name: String) throws(Failure) {
    let link = JSON.string(Self.managerLink + name)
    let isReferred = compute.values.contains {
      $0.body["certificateMap"] == link || $0.body["sslCertificates"]?.items.contains(link) == true
    }
    let isInEntry = manager.values.contains {
      $0.body["certificates"]?.items.contains(.string(name)) == true
    }
    let hasEntries = manager.keys.contains { $0.hasPrefix("\(name)/certificateMapEntries/") }
    guard !isReferred, !isInEntry, !hasEntries else {
      throw .canonical(400, "FAILED_PRECONDITION", "can't delete '\(name)': it is referenced or has entries")
    }
  }

  // MARK: Reading

  func managerView(_ name: String) -> JSON? {
    guard let resource = manager[name] else { return nil }
    var view = resource.body
    guard name.contains("/certificates/") else { return view }
    let link = JSON.string(Self.managerLink + name)
    let entries = manager.filter { $0.value.body["certificates"]?.items.contains(.string(name)) == true }
    let proxies = compute.filter { $0.value.body["sslCertificates"]?.items.contains(link) == true }
    let users =
      entries.keys.sorted().map { Self.managerLink + $0 }
      + proxies.keys.sorted().map { "//compute.googleapis.com/\($0)" }
    if !users.isEmpty { view["usedBy"] = .list(users.map { ["name": .string($0)] }) }
    return view
  }

  private func managerPage(_ collection: String, _ prefix: String, _ query: [String: String]) -> JSON {
    let names = manager.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
    let start = max(0, Int(query["pageToken"] ?? "") ?? 0)
    let size = max(1, min(Int(query["pageSize"] ?? "") ?? 1000, settings.pageSize))
    let shown = names.sorted().dropFirst(start).prefix(size)
    var page: JSON = [:]
    if !shown.isEmpty { page[collection] = .list(shown.compactMap { managerView($0) }) }
    if start + size < names.count { page["nextPageToken"] = .string("\(start + size)") }
    return page
  }

  private mutating func serveManagerOperation(
    _ method: String, _ path: [String], _ name: String, _ base: String
  ) throws(Failure) -> JSON? {
    let verb = path.count == 5 ? "list" : method == "DELETE" ? "delete" : "get"
    try permit("certificatemanager.operations.\(verb)", on: name)
    if verb == "list" {
      let all = operations.values.filter { $0.scope == base }.sorted { $0.name < $1.name }
      return ["operations": .list(all.map(\.managerView))]
    }
    guard operations[name] != nil else { throw Self.missing(name) }
    if verb == "delete" {
      operations[name] = nil
      return [:]
    }
    poll(name)
    return operations[name]?.managerView
  }

  private mutating func makeAccountKey(
    _ method: String, _ path: [String], _ body: JSON, _ base: String
  ) throws(Failure) -> JSON? {
    guard method == "POST", path.count == 5 else { return nil }
    let violations = BodyFields.violations("ExternalAccountKey", body)
    guard violations.isEmpty else { throw Self.bad(violations.joined(separator: "\n")) }
    try permit("publicca.externalAccountKeys.create", on: base)
    guard path[3] == "global" else { throw Self.bad("Only the global location is supported.") }
    let number = next()
    // The member's bytes are themselves base64url text of the key.
    let key = Base64URL.encode((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) })
    return [
      "name": .string("\(base)/externalAccountKeys/key-\(number)"), "keyId": .string("key-\(number)"),
      "b64MacKey": .string(Base64.encode(Array(key.utf8))),
    ]
  }
}
