internal import Proxy

extension Configuration {
  /// Which service gets which model: a service's name, or a section.
  static func readModels(_ route: Section) -> [ModelRule] {
    guard route.has("models") else { return [] }
    return route.members("models").compactMap { member in
      let path = Section.join(Section.join(route.origin.path, "models"), member.key)
      let origin = Origin(position: member.position, path: path)
      var pattern: Settings.ModelPattern?
      do throws(Invalid) { pattern = try Settings.ModelPattern.parse(member.key) } catch {
        route.report.error(origin, error)
      }
      let rule = readRule(member.value, at: origin, route)
      guard let pattern, var rule else { return nil }
      rule.pattern = pattern
      checkNames(rule, origin, route.report)
      return rule
    }
  }

  private static func readRule(_ node: YAMLNode, at origin: Origin, _ route: Section) -> ModelRule? {
    guard case .mapping = node.content else {
      if case .sequence = node.content {
        route.report.error(
          origin, "expected a service, found a list", "write {service: FIRST, fallback: [NEXT]}")
        return nil
      }
      return route.text(node, at: origin, Word.name).map {
        ModelRule(pattern: .any, targets: [ModelTarget(service: Located($0, origin: origin))])
      }
    }
    let section = Section(node, tablePath: "routes[].models.*", path: origin.path, report: route.report)
    let fallback = readTargets(section, "fallback")
    if section.has("status") {
      let status: Int? = section.read("status")
      for key in ["service", "model", "split", "fallback"] where section.has(key) {
        section.report.error(section.origin(of: key), "nobody has what is refused", "remove it or status")
      }
      return status.map { _ in ModelRule(pattern: .any, targets: []) }
    }
    if section.has("split") {
      for key in ["service", "model"] where section.has(key) {
        section.report.error(section.origin(of: key), "is said in each item of split", "remove it or split")
      }
      return ModelRule(pattern: .any, targets: readTargets(section, "split"), fallback: fallback)
    }
    if !section.has("service") {
      section.report.error(
        section.origin, "the key \"service\" is missing", "name a service, several in split, or status: 404")
    }
    return readTarget(section).map { ModelRule(pattern: .any, targets: [$0], fallback: fallback) }
  }

  /// The services of a list, each a name or a section.
  private static func readTargets(_ section: Section, _ key: String) -> [ModelTarget] {
    guard section.has(key) else { return [] }
    return (section.items(key, nonEmpty: true) ?? []).compactMap { item in
      if case .mapping = item.node.content {
        return readTarget(
          Section(
            item.node, tablePath: "routes[].models.*.\(key)[]", path: item.origin.path, report: section.report
          ))
      }
      return section.text(item.node, at: item.origin, Word.name).map {
        ModelTarget(service: Located($0, origin: item.origin))
      }
    }
  }

  private static func readTarget(_ section: Section) -> ModelTarget? {
    let service = section.text("service", Word.name)
    let model = section.text("model") { text throws(Invalid) -> String in
      guard case .exact(let name) = try Settings.ModelPattern.parse(text) else {
        throw Invalid("\(quoted(text)) is not one model", "write its whole name")
      }
      return name
    }
    let weight: Int? = section.entry("weight") == nil ? nil : section.read("weight")
    guard let service else { return nil }
    return ModelTarget(
      service: Located(
        service, origin: section.has("service") ? section.origin(of: "service") : section.origin),
      model: model, weight: weight ?? 1)
  }

  /// A name that was written into the content for one service has to be another one for the next, or the client's own, which
  /// only a whole name tells.
  private static func checkNames(_ rule: ModelRule, _ origin: Origin, _ report: Report) {
    let all = rule.targets + rule.fallback
    if case .exact = rule.pattern { return }
    guard !rule.fallback.isEmpty, all.contains(where: { $0.model != nil }),
      let unnamed = all.first(where: { $0.model == nil })
    else { return }
    report.error(
      unnamed.service.origin, "has no model's name, and others of \(quoted(rule.pattern.description)) have",
      "name the model for each of them, or for none")
  }
}
