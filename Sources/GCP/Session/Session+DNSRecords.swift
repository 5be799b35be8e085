internal import JSON

// Cloud DNS v1: TXT records of managed zones. Zones are changed by `changes` that name whole record sets, the old one
// exactly as it is; whoever comes second is refused, reads anew and tries again.
extension Session {
  /// How often a record set is read anew because somebody else has changed it.
  public static let recordTries = 8

  /// The managed zone for a name: the public one with the longest name that it is in. `name` without a final dot.
  public func managedZone(for name: String) async throws(GCPError) -> String {
    let step = "looking for the managed zone of \(name)"
    let zones = try await list(Path(.dns, "projects/\(project)/managedZones"))
    var best: (name: String, length: Int)?
    for zone in zones where zone["visibility"]?.string != "private" {
      guard let title = zone["name"]?.string, let suffix = zone["dnsName"]?.string?.lowercased(),
        (name.lowercased() + ".").isBelow(suffix), suffix.utf8.count > best?.length ?? 0
      else { continue }
      best = (title, suffix.utf8.count)
    }
    guard let best else {
      throw GCPError(
        step, .refusedHere("the project \(project) has no public zone that it is in"),
        remedy: "set acme.dns01.google_cloud_dns.zone, or the project that has the zone")
    }
    return best.name
  }

  /// Adds a value to the TXT records of a name, beside those that are there; returns when Google's servers have it.
  public func addText(_ value: String, at name: String, zone: String, ttl: Int) async throws(GCPError) {
    try await changeTexts(at: name, zone: zone, ttl: ttl) { values in
      values.contains(value) ? nil : values + [value]
    }
  }

  /// Removes a value from the TXT records of a name, and no other; that it is not there is a success.
  public func removeText(_ value: String, at name: String, zone: String) async throws(GCPError) {
    try await changeTexts(at: name, zone: zone, ttl: nil) { values in
      values.contains(value) ? values.filter { $0 != value } : nil
    }
  }

  private func changeTexts(
    at name: String, zone: String, ttl: Int?, _ wanted: ([String]) -> [String]?
  ) async throws(GCPError) {
    let path = Path(.dns, "projects/\(project)/managedZones/\(zone)")
    let step = "changing the TXT records of \(name) in the zone \(zone)"
    for attempt in 1...Self.recordTries {
      let old = try await list(path.appending("rrsets"), query: ["name": name + ".", "type": "TXT"]).first
      let values = (old?["rrdatas"]?.elements ?? []).compactMap(\.string)
      guard let new = wanted(values.map(Self.unquoted)) else { return }
      var change: [String: JSONValue] = [:]
      if let old { change["deletions"] = .array([Self.recordSet(name, old["ttl"] ?? .number("60"), values)]) }
      if !new.isEmpty {
        let ttl = ttl.map { JSONValue.number(String($0)) } ?? old?["ttl"] ?? .number("60")
        // Those of others stay as they are written.
        let kept = values.filter { new.contains(Self.unquoted($0)) }
        let added = new.filter { !values.map(Self.unquoted).contains($0) }.map { "\"\($0)\"" }
        change["additions"] = .array([Self.recordSet(name, ttl, kept + added)])
      }
      do throws(GCPError) {
        let answer = try await call("POST", path.appending("changes"), body: .object(change), step: step)
        return try await finish(answer, path, step)
      } catch {
        // Somebody was faster: another run, for another certificate.
        guard attempt < Self.recordTries, let status = error.problem?.status,
          [404, 409, 412].contains(status),
          try await find(path) != nil
        else { throw error }
        do { try await environment.sleep(environment.random() * limits.firstWaitSeconds) } catch {
          throw GCPError(step, .cancelled)
        }
      }
    }
  }

  private static func recordSet(_ name: String, _ ttl: JSONValue, _ values: [String]) -> JSONValue {
    .object([
      "name": .string(name + "."), "type": .string("TXT"), "ttl": ttl,
      "rrdatas": .array(values.map { .string($0) }),
    ])
  }

  /// What stands between quotes; several parts are one text.
  private static func unquoted(_ text: String) -> String {
    guard text.hasPrefix("\""), text.hasSuffix("\""), text.utf8.count >= 2 else { return text }
    return String(text.dropFirst().dropLast()).replacing("\" \"", with: "")
  }

  /// Waits until a change has been sent to all of Google's servers.
  private func finish(_ change: JSONValue, _ zone: Path, _ step: String) async throws(GCPError) {
    guard let id = change["id"]?.string, !id.isEmpty, !id.contains("/") else {
      throw GCPError(step, .unusable("a change without an id"))
    }
    var change = change
    let start = environment.uptime()
    var wait = limits.firstWaitSeconds
    while change["status"]?.string != "done" {
      let elapsed = environment.uptime() - start
      guard elapsed < limits.operationSeconds else {
        throw GCPError(
          step,
          .unfinished(
            operation: "change \(id)", status: change["status"]?.string ?? "",
            afterSeconds: Int(clamping: Int64(elapsed))))
      }
      do { try await environment.sleep(wait) } catch { throw GCPError(step, .cancelled) }
      wait = min(wait * 2, limits.longestWaitSeconds)
      change = try await call(
        "GET", Path(.dns, "\(zone.text)/changes/\(id)"), step: step, purpose: .poll)
    }
  }
}

extension String {
  /// Whether a name is another one or below it; both with their final dots.
  fileprivate func isBelow(_ zone: String) -> Bool { self == zone || hasSuffix("." + zone) || zone == "." }
}
