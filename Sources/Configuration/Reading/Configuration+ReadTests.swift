extension Configuration {
  static func readTests(_ top: Section) -> [RouteTest] {
    guard top.has("tests") else { return [] }
    return (top.sections("tests") ?? []).compactMap { section in
      let request = section.text("request", requestParts)
      let service = section.text("service", Word.name)
      let status: Int? = section.has("status") ? section.read("status") : nil
      let redirect = section.text("redirect", Word.line)
      let client = section.text("client") { text throws(Invalid) -> String in
        guard let address = IPAddress(text) else { throw Invalid("\(quoted(text)) is no address") }
        return address.description
      }
      var headers: [(name: String, value: String)] = []
      for member in section.has("headers") ? section.members("headers") : [] {
        let path = Section.join(section.origin(of: "headers").path, member.key)
        let origin = Origin(position: member.position, path: path)
        do throws(Invalid) { _ = try FieldText.name(member.key) } catch {
          section.report.error(origin, error)
        }
        if let value = section.text(member.value, at: origin, FieldText.value) {
          headers.append((member.key, value))
        }
      }
      guard ["service", "status", "redirect"].count(where: { section.has($0) }) == 1 else {
        section.report.error(
          section.origin, "expects nothing, or several things", "write one of service, status and redirect")
        return nil
      }
      let expectation =
        service.map { RouteTest.Expectation.service($0) } ?? status.map { .status($0) }
        ?? redirect.map { .redirect($0) }
      guard let (method, isSecure, host, target) = request, let client, let expectation else { return nil }
      return RouteTest(
        method: method, isSecure: isSecure, host: host, target: target, headers: headers, client: client,
        expectation: expectation, origin: section.origin)
    }
  }

  /// `GET https://host/path`
  private static func requestParts(
    _ text: String
  ) throws(Invalid) -> (method: String, isSecure: Bool, host: String, target: String) {
    let words = text.split(separator: " ")
    guard words.count == 2, let scheme = ["https://", "http://"].first(where: { words[1].hasPrefix($0) })
    else {
      throw Invalid("\(quoted(text)) is no request", "write GET https://host/path")
    }
    let rest = words[1].dropFirst(scheme.count)
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    guard !host.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
      throw Invalid("\(quoted(text)) has no host", "write GET https://host/path")
    }
    let path = rest.dropFirst(host.count)
    let hasPort = host.contains(":") && !host.hasSuffix("]")
    // Which port it comes by may decide.
    let authority = scheme == "http://" && !hasPort ? "\(host):80" : String(host)
    return (
      String(words[0]), scheme == "https://", authority, path.hasPrefix("/") ? String(path) : "/\(path)"
    )
  }
}
