import Bytes
import OS

/// Watches target proxies: none may lose a name that it had a valid certificate for.
struct Coverage: Sendable {
  /// The names that each proxy has covered since it was made.
  var covered: [String: Set<String>] = [:]
  var history: [FakeGoogle.Moment] = []
  var problems: [String] = []
}

extension World {
  /// Looks at every proxy after a change.
  mutating func look(_ cause: String) {
    var now: [String: [String]] = [:]
    for (path, resource) in compute where Collection.of(path)?.isSecureProxy == true {
      now[path] = resource.body["sslCertificates"]?.items.compactMap(\.string) ?? []
      let names = names(of: path, resource)
      let before = coverage.covered[path] ?? []
      for lost in before.sorted() where !CertificateFacts.cover(names, lost) {
        coverage.problems.append("\(cause): \(path) has no valid certificate for \(lost) any more")
      }
      coverage.covered[path] = before.union(names)
    }
    for path in coverage.covered.keys where compute[path] == nil { coverage.covered[path] = nil }
    if coverage.history.last?.certificates != now {
      coverage.history.append(FakeGoogle.Moment(cause: cause, certificates: now))
    }
  }

  /// The names that a proxy has valid certificates for.
  private func names(of path: String, _ proxy: Resource) -> Set<String> {
    let now = UnixTime(seconds: Clock.wallSeconds())
    var names: Set<String> = []
    func add(_ resource: Resource?) {
      if let facts = resource?.facts, facts.isValid(at: now) { names.formUnion(facts.names) }
      if let managed = resource?.body["managed"], managed["status"] == "ACTIVE" {
        names.formUnion(managed["domains"]?.items.compactMap(\.string) ?? [])
      }
    }
    if let map = proxy.body["certificateMap"]?.string {
      // With a map the list of certificates is ignored.
      let prefix = map.dropFirst(Self.managerLink.count) + "/certificateMapEntries/"
      for (name, entry) in manager where name.hasPrefix(prefix) {
        for certificate in entry.body["certificates"]?.items ?? [] {
          add(manager[certificate.string ?? ""])
        }
      }
      return names
    }
    for link in proxy.body["sslCertificates"]?.items.compactMap(\.string) ?? [] {
      if link.hasPrefix(Self.managerLink) {
        add(manager[String(link.dropFirst(Self.managerLink.count))])
      } else {
        add(self.path(of: link).flatMap { compute[$0] })
      }
    }
    return names
  }
}
