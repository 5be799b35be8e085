internal import Proxy

extension Configuration {
  /// The services that share a route's requests.
  static func readSplit(_ route: Section) -> [ModelTarget] {
    guard route.has("split") else {
      if route.has("split_by") {
        route.report.error(route.origin(of: "split_by"), "there is nothing to share", "add split")
      }
      return []
    }
    for key in ["service", "models", "cors", "redirect", "respond"] where route.has(key) {
      route.report.error(route.origin(of: key), "does not go beside split", "remove it, or split")
    }
    return (route.items("split", nonEmpty: true) ?? []).compactMap { item in
      guard case .mapping = item.node.content else {
        return route.text(item.node, at: item.origin, Word.name).map {
          ModelTarget(service: Located($0, origin: item.origin))
        }
      }
      let own = Section(
        item.node, tablePath: "routes[].split[]", path: item.origin.path, report: route.report)
      let service = own.text("service", Word.name)
      let weight: Int? = own.read("weight")
      return service.map {
        ModelTarget(service: Located($0, origin: own.origin(of: "service")), weight: weight ?? 1)
      }
    }
  }

  /// What keeps requests of one client with one service.
  static func readSplitKey(_ route: Section) -> Settings.HashKey {
    guard case .mapping? = route.written("split_by")?.content else {
      return route.text("split_by") { text throws(Invalid) -> Settings.HashKey in
        switch text {
        case "session": return .session
        case "address": return .address
        default:
          throw Invalid(
            "\(quoted(text)) is not known", "write session, address, {header: NAME} or {cookie: NAME}")
        }
      } ?? .session
    }
    let own = route.section("split_by")
    let (header, cookie) = (own.text("header", FieldText.name), own.text("cookie", FieldText.name))
    if own.has("header") == own.has("cookie") {
      own.report.error(own.origin, "needs either a header or a cookie")
    }
    return header.map { .header($0) } ?? cookie.map { .cookie($0) } ?? .session
  }
}
