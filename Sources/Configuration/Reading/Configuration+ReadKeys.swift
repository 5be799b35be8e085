internal import APIKeys
internal import Proxy

extension Configuration {
  /// The groups of keys, in the order of the file.
  static func readKeys(_ top: Section) -> [KeyGroupSettings] {
    guard top.has("keys") else { return [] }
    return top.members("keys").compactMap { member in
      let path = Section.join("keys", member.key)
      let origin = Origin(position: member.position, path: path)
      do throws(Invalid) { _ = try Word.name(member.key) } catch { top.report.error(origin, error) }
      let section = Section(member.value, tablePath: "keys.*", path: path, report: top.report)
      let file = section.path("file")
      var limits = KeyLimits()
      limits.requestsPerMinute = section.text("requests_per_minute", CountText.parse)
      limits.tokensPerMinute = section.text("tokens_per_minute", CountText.parse)
      limits.tokensPerDay = section.text("tokens_per_day", CountText.parse)
      limits.tokensPerMonth = section.text("tokens_per_month", CountText.parse)
      limits.concurrent = section.text("concurrent", CountText.parse)
      guard let file else { return nil }
      return KeyGroupSettings(
        name: member.key, file: Located(file, origin: section.origin(of: "file")), limits: limits,
        origin: origin)
    }
  }

  /// Names of groups whose keys a route takes: one, or a list.
  static func readKeyGroups(_ route: Section) -> [Located<String>] {
    guard route.has("keys"), let node = route.value("keys") else { return [] }
    if case .scalar = node.content {
      let origin = route.origin(of: "keys")
      return route.text(node, at: origin, Word.name).map { [Located($0, origin: origin)] } ?? []
    }
    return route.texts("keys", nonEmpty: true, Word.name) ?? []
  }

  /// Routes name groups that there are; services that share a request's head get the same key.
  func checkKeys(_ report: Report) {
    let names = keyGroups.map(\.name)
    for route in routes {
      for group in route.keyGroups where !names.contains(group.value) {
        let hint = Nearest.hint(for: group.value, among: names)
        report.error(
          group.origin, "there is no group of keys \(quoted(group.value))",
          hint ?? (names.isEmpty ? "describe it under keys" : "known: \(alternatives(names))"))
      }
      let service = service(named: route.service.value)
      if let group = route.keyGroups.first, let service, service.protocol.isPassage {
        report.error(
          group.origin, "a route to a service that speaks \(service.protocol.rawValue) sees no keys",
          "remove keys")
      }
      for rule in route.models {
        guard let other = self.service(named: rule.service.value), let service,
          other.rules.apiKey != service.rules.apiKey || other.rules.passKey != service.rules.passKey
        else { continue }
        report.error(
          rule.service.origin,
          "\(quoted(other.name)) has another api_key or pass_key than \(quoted(service.name)), the service of its route",
          "give both the same, or give it a route of its own")
      }
    }
    for group in keyGroups where !routes.contains(where: { $0.keyGroups.contains { $0.value == group.name } })
    {
      report.warning(group.origin, "no route takes these keys")
    }
  }
}
