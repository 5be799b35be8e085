import Synchronization

/// Cloud DNS v1: managed zones, record sets and changes.
extension World {
  /// A managed zone.
  struct Zone: Sendable {
    var dnsName: String
    var isPrivate = false
    /// TXT record sets by their names.
    var texts: [String: JSON] = [:]
    /// How often each change has still to be asked for until it is done.
    var changes: [String: Int] = [:]
  }

  /// Serves `/dns/v1/projects/P/managedZones/…`, given from `projects` on; nil for what Google does not serve.
  mutating func serveDNS(
    _ method: String, _ path: [String], _ query: [String: String], _ body: JSON
  ) throws(Failure) -> JSON? {
    guard path.count >= 3, path[0] == "projects", path[2] == "managedZones" else { return nil }
    guard path[1] == project else { throw .canonical(403, "PERMISSION_DENIED", "Forbidden") }
    if path.count == 3, method == "GET" {
      try permit("dns.managedZones.list", on: "projects/\(project)")
      let all = zones.sorted { $0.key < $1.key }.map { zoneView($0.key, $0.value) }
      // One a page: a client that reads one page only does not find the second.
      let start = query["pageToken"].flatMap { Int($0) } ?? 0
      var page: JSON = [
        "kind": "dns#managedZonesListResponse", "managedZones": .list(Array(all.dropFirst(start).prefix(1))),
      ]
      if start + 1 < all.count { page["nextPageToken"] = .string("\(start + 1)") }
      return page
    }
    guard path.count >= 4, var zone = zones[path[3]] else {
      throw Failure(
        404, "notFound",
        "The 'parameters.managedZone' resource named '\(path.dropFirst(3).first ?? "")' does not exist.")
    }
    switch (method, path.count, path.dropFirst(4).first) {
    case ("GET", 4, nil):
      try permit("dns.managedZones.get", on: "managedZones/\(path[3])")
      return zoneView(path[3], zone)
    case ("GET", 5, "rrsets"):
      try permit("dns.resourceRecordSets.list", on: "managedZones/\(path[3])")
      let found = query["name"].flatMap { zone.texts[$0] }
      return ["kind": "dns#resourceRecordSetsListResponse", "rrsets": .list(found.map { [$0] } ?? [])]
    case ("POST", 5, "changes"):
      try permit("dns.changes.create", on: "managedZones/\(path[3])")
      try apply(body, to: &zone)
      let id = "\(next())"
      zone.changes[id] = settings.pollsUntilDone
      zones[path[3]] = zone
      return [
        "kind": "dns#change", "id": .string(id),
        "status": .string(settings.pollsUntilDone > 0 ? "pending" : "done"),
      ]
    case ("GET", 6, "changes"):
      try permit("dns.changes.get", on: "managedZones/\(path[3])")
      guard let left = zone.changes[path[5]] else { throw Failure(404, "notFound", "No such change.") }
      zones[path[3]]?.changes[path[5]] = max(0, left - 1)
      return ["kind": "dns#change", "id": .string(path[5]), "status": .string(left > 1 ? "pending" : "done")]
    default: return nil
    }
  }

  private func zoneView(_ name: String, _ zone: Zone) -> JSON {
    [
      "kind": "dns#managedZone", "name": .string(name), "dnsName": .string(zone.dnsName),
      "visibility": .string(zone.isPrivate ? "private" : "public"),
    ]
  }

  /// Deletions have to match exactly, additions must not be there.
  private func apply(_ change: JSON, to zone: inout Zone) throws(Failure) {
    for set in change["deletions"]?.items ?? [] {
      let name = try check(set, zone)
      guard let old = zone.texts[name] else {
        throw Failure(
          404, "notFound", "The 'entity.change.deletions[0]' resource named '\(name) (TXT)' does not exist.")
      }
      guard old == set else {
        throw Failure(412, "conditionNotMet", "Precondition not met for 'entity.change.deletions[0]'")
      }
      zone.texts[name] = nil
    }
    for set in change["additions"]?.items ?? [] {
      let name = try check(set, zone)
      guard zone.texts[name] == nil else {
        throw Failure(
          409, "alreadyExists",
          "The resource 'entity.change.additions[0]' named '\(name) (TXT)' already exists")
      }
      zone.texts[name] = set
    }
  }

  private func check(_ set: JSON, _ zone: Zone) throws(Failure) -> String {
    guard set["type"]?.string == "TXT", let name = set["name"]?.string, name.hasSuffix(zone.dnsName),
      let values = set["rrdatas"]?.items, !values.isEmpty, set["ttl"] != nil,
      values.allSatisfy({ ($0.string ?? "").hasPrefix("\"") })
    else { throw Failure(400, "invalid", "Invalid value for 'entity.change'") }
    return name
  }
}

extension FakeGoogle {
  /// Adds a managed zone; `dnsName` ends in a dot.
  public func addZone(_ name: String, _ dnsName: String, isPrivate: Bool = false) {
    state.withLock { $0.world.zones[name] = World.Zone(dnsName: dnsName, isPrivate: isPrivate) }
  }

  /// The values of the TXT records of a name in a zone, as they are written; sets them when given.
  @discardableResult
  public func texts(_ zone: String, _ name: String, set: [String]? = nil) -> [String] {
    state.withLock { state in
      if let set {
        state.world.zones[zone]?.texts[name] = [
          "name": .string(name), "type": "TXT", "ttl": 300, "rrdatas": .strings(set),
        ]
      }
      return state.world.zones[zone]?.texts[name]?["rrdatas"]?.items.compactMap(\.string) ?? []
    }
  }
}
