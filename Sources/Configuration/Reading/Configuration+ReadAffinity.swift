internal import Proxy

// What keeps clients at backends.
extension Configuration {
  static func readAffinity(_ service: Section) -> Settings.Affinity? {
    guard service.has("affinity") else { return nil }
    guard case .mapping? = service.written("affinity")?.content else {
      return service.text("affinity") { text throws(Invalid) -> Settings.Affinity in
        switch text {
        case "address": return .init(.address)
        case "key": return .init(.key)
        default:
          throw Invalid(
            "\(quoted(text)) is not known", "write address, key, {cookie: NAME} or {header: NAME}")
        }
      }
    }
    let own = service.section("affinity")
    let (cookie, header) = (own.text("cookie", FieldText.name), own.text("header", FieldText.name))
    if own.has("cookie") == own.has("header") {
      own.report.error(own.origin, "needs either a cookie or a header")
    }
    for key in ["ttl", "path"] where own.has(key) && !own.has("cookie") {
      own.report.error(own.origin(of: key), "goes with a cookie", "remove it, or name a cookie")
    }
    let ttl: Duration? = own.has("ttl") ? own.read("ttl") : nil
    let path = own.has("path") ? own.text("path", cookiePath) : nil
    guard
      let source = cookie.map({ Settings.Affinity.Source.cookie(name: $0) }) ?? header.map({ .header($0) })
    else { return nil }
    var affinity = Settings.Affinity(source)
    affinity.seconds = ttl.map { Int($0.components.seconds) }
    affinity.path = path ?? "/"
    return affinity
  }

  private static func cookiePath(_ text: String) throws(Invalid) -> String {
    guard case .exact(let path) = try Settings.PathMatch.parse(text), !path.contains(";"), !path.contains(",")
    else { throw Invalid("\(quoted(text)) is no path of a cookie", "write one path, such as /chat") }
    return path
  }
}
