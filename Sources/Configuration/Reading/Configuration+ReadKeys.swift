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
      let tokens = readTokenRules(section)
      if file == nil, tokens == nil, !section.has("issuer"), !section.has("file") {
        top.report.error(
          origin, "has neither keys nor an issuer of tokens", "name a file, or an issuer and its audience")
      }
      var group = KeyGroupSettings(
        name: member.key, file: file.map { Located($0, origin: section.origin(of: "file")) }, origin: origin)
      group.limits = limits
      group.tokens = tokens
      group.jwks = section.text("jwks") { text throws(Invalid) -> JWKSPlace in
        text.contains("://")
          ? .url(try Word.endpoint(text)) : .file(section.report.resolved(try Word.line(text)))
      }
      return group
    }
  }

  /// Whose tokens stand for keys of a group; nil when none are.
  private static func readTokenRules(_ section: Section) -> TokenRules? {
    let issuer = section.text("issuer", Word.endpoint)
    let audience = section.text("audience", Word.line)
    for (key, other) in [
      ("issuer", "audience"), ("audience", "issuer"), ("jwks", "issuer"), ("claims", "issuer"),
    ]
    where section.has(key) && !section.has(other) {
      section.report.error(section.origin, "the key \"\(other)\" is missing beside \"\(key)\"")
    }
    let claims = section.section("claims")
    var names = TokenClaimNames()
    names.name = claims.text("name", Word.line) ?? names.name
    names.models = claims.text("models", Word.line)
    names.requestsPerMinute = claims.text("requests_per_minute", Word.line)
    names.tokensPerMinute = claims.text("tokens_per_minute", Word.line)
    names.tokensPerDay = claims.text("tokens_per_day", Word.line)
    names.tokensPerMonth = claims.text("tokens_per_month", Word.line)
    names.concurrent = claims.text("concurrent", Word.line)
    names.priority = claims.text("priority", Word.line)
    guard let issuer, let audience else { return nil }
    var rules = TokenRules(issuer: issuer, audience: audience)
    rules.claims = names
    return rules
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
      for target in route.models.flatMap(\.services) {
        guard let other = self.service(named: target.value), let service,
          other.rules.apiKey != service.rules.apiKey || other.rules.passKey != service.rules.passKey
        else { continue }
        report.error(
          target.origin,
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
