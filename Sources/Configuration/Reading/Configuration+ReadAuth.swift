internal import HTTP

extension Configuration {
  /// Who is let in besides those with keys; nil for everybody.
  static func readAuth(_ section: Section) -> RouteAuth? {
    if section.has("basic"), section.has("forward") {
      section.report.error(section.origin(of: "forward"), "basic decides already", "remove one of both")
    }
    if section.has("basic") {
      let own = section.section("basic")
      var basic: BasicAuthSettings = own.settings()
      if let users = own.path("users") { basic.users = Located(users, origin: own.origin(of: "users")) }
      if basic.realm.contains("\"") || basic.realm.contains("\\") {
        own.report.error(own.origin(of: "realm"), "the realm has a quote or a backslash", "write it without")
      }
      return .basic(basic)
    }
    guard section.has("forward") else { return nil }
    let own = section.section("forward")
    var forward: ForwardAuthSettings = own.settings()
    let url = own.text("url") { text throws(Invalid) -> String in
      guard URL(text) != nil else {
        throw Invalid("\(quoted(text)) is no URL", "write http://127.0.0.1:9091/verify")
      }
      return text
    }
    if let url { forward.url = Located(url, origin: own.origin(of: "url")) }
    return .forward(forward)
  }
}
