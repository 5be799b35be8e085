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
      let service: String?
      var model: String?
      if case .mapping = member.value.content {
        let section = Section(
          member.value, tablePath: "routes[].models.*", path: path, report: route.report)
        service = section.text("service", Word.name)
        model = section.text("model") { text throws(Invalid) -> String in
          guard case .exact(let name) = try Settings.ModelPattern.parse(text) else {
            throw Invalid("\(quoted(text)) is not one model", "write its whole name")
          }
          return name
        }
      } else {
        service = route.text(member.value, at: origin, Word.name)
      }
      guard let pattern, let service else { return nil }
      return ModelRule(pattern: pattern, service: Located(service, origin: origin), model: model)
    }
  }
}
