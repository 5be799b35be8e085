import Bytes
import PKI

/// A call of the Compute API, its path taken apart.
struct ComputeCall: Sendable {
  var method: String
  var scope: String
  var collection: Collection?
  var collectionName: String
  var name: String?
  var action: String
  var query: [String: String]
  var body: JSON

  /// Takes `/compute/v1/projects/P/…` apart; nil for what Google does not serve.
  init?(method: String, path: [String], query: [String: String], body: JSON) {
    self.method = method
    self.query = query
    self.body = body
    var rest = path.dropFirst(4)
    scope = "global"
    switch rest.first {
    case "global": rest = rest.dropFirst()
    case "regions", "zones":
      guard rest.count >= 2 else { return nil }
      scope = rest.prefix(2).joined(separator: "/")
      rest = rest.dropFirst(2)
    case "aggregated":
      guard method == "GET", rest.count == 2, let name = rest.last, let found = Collection.all[name],
        name != "targetSslProxies"
      else { return nil }
      collection = found
      collectionName = name
      action = "aggregatedList"
      return
    default:
      guard rest.count == 3, let first = rest.first, let last = rest.last,
        Collection.withoutScope.contains("\(first) \(last)")
      else { return nil }
      collectionName = first
      collection = Collection.all[first]
      name = rest.dropFirst().first
      action = last
      if method != "POST" { return nil }
      return
    }
    guard let found = rest.popFirst() else { return nil }
    collectionName = found
    collection = Collection.all[found]
    name = rest.popFirst()
    let last = rest.popFirst()
    guard rest.isEmpty else { return nil }
    switch (method, name, last) {
    case ("GET", nil, nil): action = "list"
    case ("POST", nil, nil): action = "insert"
    case ("GET", _?, nil): action = "get"
    case ("DELETE", _?, nil): action = "delete"
    case ("PATCH", _?, nil): action = "patch"
    case ("PUT", _?, nil): action = "update"
    case ("POST", _?, let verb?): action = verb
    default: return nil
    }
    guard isServed else { return nil }
  }

  private var isServed: Bool {
    if collectionName == "operations" { return ["get", "list", "wait", "delete"].contains(action) }
    guard let collection, let place = scope.split(separator: "/").first,
      collection.scopes.contains(String(place))
    else { return false }
    if ["get", "list", "insert", "delete"].contains(action) { return true }
    let isElsewhere = scope == "global" && Collection.withoutScope.contains("\(collectionName) \(action)")
    return !isElsewhere && collection.has(action, in: scope)
  }

  /// The row of members that the body is checked against.
  var row: String? {
    switch action {
    case "insert", "patch", "update": collection?.row
    case "get", "list", "delete", "wait", "aggregatedList": nil
    default: action
    }
  }
}

extension World {
  private static let parameters: Set<String> = [
    "requestId", "maxResults", "pageToken", "filter", "orderBy", "returnPartialSuccess", "alt", "fields",
    "prettyPrint", "quotaUser", "key", "access_token", "includeAllScopes", "$alt", "$prettyPrint",
  ]

  /// Serves a call; nil is an answer without a body.
  mutating func serve(_ call: ComputeCall) throws(Failure) -> JSON? {
    for name in call.query.keys.sorted() where !Self.parameters.contains(name) {
      throw Failure(
        400, "invalid",
        "Invalid JSON payload received. Unknown name \"\(name)\": Cannot bind query parameter.",
        canonical: "INVALID_ARGUMENT")
    }
    if call.scope.hasPrefix("regions/"),
      !settings.regions.contains(String(call.scope.dropFirst("regions/".count)))
    {
      throw Failure(400, "invalid", "Invalid value for field 'region': '\(call.scope)'. Unknown region.")
    }
    if let name = call.name, !Self.isName(name), UInt64(name) == nil, call.collectionName != "operations" {
      throw Failure(
        400, "invalidParameter",
        "Invalid value for field '\(call.collection?.kind ?? "")': '\(name)'. "
          + "Must be a match of regex '\(Self.namePattern)'")
    }
    if let row = call.row {
      let violations = BodyFields.violations(row, call.body)
      guard violations.isEmpty else {
        throw Failure(
          400, "invalid", violations.joined(separator: "\n"), canonical: "INVALID_ARGUMENT")
      }
    }
    if call.collectionName == "operations" { return try serveOperation(call) }
    guard let collection = call.collection else { throw Failure.notFound(call.collectionName) }
    let permission = collection.permissionName(call.scope)
    switch call.action {
    case "aggregatedList":
      try permit("compute.\(collection.name).list", on: "projects/\(project)")
      return aggregated(collection)
    case "list":
      try permit("compute.\(permission).list", on: "projects/\(project)")
      let prefix = "projects/\(project)/\(call.scope)/\(collection.name)/"
      let items = compute.keys.filter { $0.hasPrefix(prefix) }.sorted().compactMap { view($0) }
      return try page(items, "compute#\(collection.kind)List", call.query)
    case "insert": return try insert(call, collection, permission)
    default: return try serveMember(call, collection, permission)
    }
  }

  private mutating func serveMember(
    _ call: ComputeCall, _ collection: Collection, _ permission: String
  ) throws(Failure) -> JSON? {
    let path = "projects/\(project)/\(call.scope)/\(collection.name)/\(call.name ?? "")"
    let verb =
      switch call.action {
      case "patch", "update": "update"
      case "listNetworkEndpoints": "get"
      default: call.action
      }
    try permit("compute.\(permission).\(verb)", on: path)
    if verb == "update" { try permit("compute.\(permission).get", on: path) }
    guard let resource = compute[path] else {
      let isComing = pending[path] != nil
      touch(path)
      throw isComing && call.action != "get" ? .notReady(path) : .notFound(path)
    }
    switch call.action {
    case "get": return view(path)
    case "listNetworkEndpoints":
      return [
        "kind": "compute#networkEndpointGroupsListNetworkEndpoints",
        "items": .list(resource.endpoints.map { ["networkEndpoint": $0] }),
      ]
    case "validate": return ["result": ["loadSucceeded": true, "testPassed": true]]
    default: break
    }
    if let earlier = try earlier(call, path) { return earlier }
    guard pending[path] == nil else {
      touch(path)
      throw .notReady(path)
    }
    let requestID = call.query["requestId"]
    let key = "\(call.action) \(path)"
    if call.action == "delete" {
      try checkUnused(path)
      let operation = begin(
        "delete", path, scope: call.scope, requestID: requestID, call: key, .remove)
      return operation.view(project: project)
    }
    if ["patch", "update"].contains(call.action), collection.hasFingerprint {
      try checkFingerprint("fingerprint", call.body, fingerprint(resource))
    }
    if call.action == "setLabels" {
      try checkFingerprint("labelFingerprint", call.body, fingerprint(resource, of: "labels"))
    }
    var changed = resource
    try change(&changed, call, collection, path)
    changed.version += 1
    let operation = begin(
      call.action, path, scope: call.scope, requestID: requestID, call: key, .put(changed))
    return operation.view(project: project)
  }

  /// The operation that an earlier request with the same identifier began.
  private func earlier(_ call: ComputeCall, _ path: String) throws(Failure) -> JSON? {
    guard let identifier = call.query["requestId"] else { return nil }
    let parts = identifier.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.count) == [8, 4, 4, 4, 12],
      parts.joined().allSatisfy({ $0.isHexDigit }), parts.joined().contains(where: { $0 != "0" })
    else { throw .invalid("requestId", identifier, "Must be a valid non-zero UUID.") }
    let name = requests["\(identifier) \(call.action) \(path)"]
    return name.flatMap { operations[$0] }?.view(project: project)
  }

  private mutating func serveOperation(_ call: ComputeCall) throws(Failure) -> JSON? {
    let place = call.scope.split(separator: "/").first.map(String.init) ?? "global"
    let permission = "compute.\(place == "global" ? place : String(place.dropLast()))Operations"
    let verb = ["wait": "get"][call.action] ?? call.action
    try permit("\(permission).\(verb)", on: "projects/\(project)/\(call.scope)/operations/\(call.name ?? "")")
    if call.action == "list" {
      let items = operations.values.filter { $0.scope == call.scope }.sorted { $0.name < $1.name }
        .map { $0.view(project: project) }
      return try page(items, "compute#operationList", call.query)
    }
    guard let name = call.name, operations[name]?.scope == call.scope else {
      throw .notFound("projects/\(project)/\(call.scope)/operations/\(call.name ?? "")")
    }
    if call.action == "delete" {
      operations[name] = nil
      return nil
    }
    poll(name)
    return operations[name]?.view(project: project)
  }

  // MARK: Inserting

  private mutating func insert(
    _ call: ComputeCall, _ collection: Collection, _ permission: String
  ) throws(Failure) -> JSON? {
    let name = call.body["name"]?.string ?? ""
    let path = "projects/\(project)/\(call.scope)/\(collection.name)/\(name)"
    try permit("compute.\(permission).create", on: path)
    guard !name.isEmpty else { throw .required("name") }
    guard Self.isName(name) else {
      throw .invalid("name", name, "Must be a match of regex '\(Self.namePattern)'")
    }
    if let earlier = try earlier(call, path) { return earlier }
    guard compute[path] == nil, pending[path] == nil else {
      touch(path)
      throw Failure(409, "alreadyExists", "The resource '\(path)' already exists")
    }
    if let metric = collection.quota {
      let prefix = "projects/\(project)/\(call.scope)/\(collection.name)/"
      let count = Set(compute.keys).union(pending.keys).count { $0.hasPrefix(prefix) }
      let limit = settings.quotas[metric] ?? settings.defaultQuota
      let place = call.scope == "global" ? "globally" : "in region \(call.scope.dropFirst(8))"
      if count >= limit {
        throw Failure(
          403, "quotaExceeded", "Quota '\(metric)' exceeded.  Limit: \(Double(limit)) \(place).")
      }
    }
    var resource = Resource(body: .object(BodyFields.inputs(collection.row, call.body)))
    resource.body["fingerprint"] = nil
    resource.body["labelFingerprint"] = nil
    resource.body["kind"] = .string("compute#\(collection.kind)")
    resource.body["id"] = .string(newIdentifier())
    resource.body["creationTimestamp"] = "2026-01-01T00:00:00.000-08:00"
    resource.body["selfLink"] = .string(Self.link + path)
    let place = call.scope.split(separator: "/")
    if place.count == 2 {
      resource.body[String(place[0].dropLast())] = .string(
        "\(Self.link)projects/\(project)/\(call.scope)")
    }
    try complete(&resource, collection, path)
    let operation = begin(
      "insert", path, scope: call.scope, requestID: call.query["requestId"], call: "insert \(path)",
      .put(resource))
    return operation.view(project: project)
  }
}
