import Bytes
import PKI

/// What Compute answers about its resources.
extension World {
  func view(_ path: String) -> JSON? {
    guard let resource = compute[path], let collection = Collection.of(path) else { return nil }
    var view = resource.body
    view["privateKey"] = nil
    if view["selfManaged"] != nil { view["selfManaged"]?["privateKey"] = nil }
    if collection.hasFingerprint { view["fingerprint"] = .string(fingerprint(resource)) }
    switch collection.name {
    case "addresses":
      let users = compute.filter {
        Self.collection(of: $0.key) == "forwardingRules"
          && $0.value.body["IPAddress"] == resource.body["address"]
      }
      view["status"] = users.isEmpty ? "RESERVED" : "IN_USE"
      if !users.isEmpty { view["users"] = .strings(users.keys.sorted().map { Self.link + $0 }) }
      view["labelFingerprint"] = .string(fingerprint(resource, of: "labels"))
    case "forwardingRules": view["labelFingerprint"] = .string(fingerprint(resource, of: "labels"))
    case "networkEndpointGroups": view["size"] = .number(Double(resource.endpoints.count))
    default: break
    }
    return view
  }

  func fingerprint(_ resource: Resource, of member: String? = nil) -> String {
    let text =
      member.map { (resource.body[$0] ?? [:]).text } ?? "\(resource.version) \(resource.body.text)"
    return Base64.encode(Array(((try? Digest.sha256(Array(text.utf8))) ?? []).prefix(8)))
  }

  func checkFingerprint(_ member: String, _ body: JSON, _ wanted: String) throws(Failure) {
    guard let given = body[member]?.string, !given.isEmpty else {
      throw Failure(412, "conditionNotMet", "Required field 'resource.\(member)' not specified")
    }
    guard given == wanted else { throw Failure(412, "conditionNotMet", "Invalid fingerprint.") }
  }

  func page(_ items: [JSON], _ kind: String, _ query: [String: String]) throws(Failure) -> JSON {
    guard let wanted = Int(query["maxResults"] ?? "500"), (0...500).contains(wanted) else {
      throw .invalid("maxResults", query["maxResults"] ?? "", "Must be between 0 and 500.")
    }
    var items = items
    if let filter = query["filter"] { items = try filtered(items, filter) }
    let token = query["pageToken"] ?? "p0"
    guard let start = Int(token.dropFirst()), token.hasPrefix("p"), start >= 0 else {
      throw .invalid("pageToken", token, "Invalid page token.")
    }
    let size = min(wanted == 0 ? 500 : wanted, settings.pageSize)
    var page: JSON = ["kind": .string(kind), "id": .string("projects/\(project)")]
    let shown = items.dropFirst(start).prefix(size)
    if !shown.isEmpty { page["items"] = .list(Array(shown)) }
    if start + size < items.count { page["nextPageToken"] = .string("p\(start + size)") }
    return page
  }

  /// `name=value` and `name="value"`, the value with an asterisk at its end too; all that our calls need.
  private func filtered(_ items: [JSON], _ filter: String) throws(Failure) -> [JSON] {
    let parts = filter.split(separator: "=", maxSplits: 1).map {
      String($0).trimmed(of: " \"")
    }
    guard parts.count == 2, !parts[0].contains(" ") else {
      throw .invalid("filter", filter, "Invalid list filter expression.")
    }
    return items.filter { item in
      let text = item[parts[0]]?.string ?? ""
      return parts[1].hasSuffix("*") ? text.hasPrefix(parts[1].dropLast()) : text == parts[1]
    }
  }

  func aggregated(_ collection: Collection) -> JSON {
    var scopes: [String: JSON] = [:]
    for scope in ["global"] + settings.regions.map({ "regions/\($0)" }) {
      scopes[scope] = [
        "warning": [
          "code": "NO_RESULTS_ON_PAGE", "message": .string("There are no results for scope '\(scope)' here."),
        ]
      ]
    }
    for path in compute.keys.sorted() where Self.collection(of: path) == collection.name {
      let scope = Self.scope(of: path)
      let items = scopes[scope]?[collection.name]?.items ?? []
      scopes[scope] = [collection.name: .list(items + [view(path) ?? .null])]
    }
    return [
      "kind": .string("compute#\(collection.kind)AggregatedList"), "id": .string("projects/\(project)"),
      "items": .object(scopes),
    ]
  }
}

extension String {
  func trimmed(of characters: String) -> String {
    var rest = self[...]
    while let first = rest.first, characters.contains(first) { rest = rest.dropFirst() }
    while let last = rest.last, characters.contains(last) { rest = rest.dropLast() }
    return String(rest)
  }
}
