import GCP
import JSON
import TestRun
import Testing

/// The URL map is checked by what it does: a small reading of Google's rules sends requests through it.
@Suite(.ownThread) struct ChainURLMapTests {
  /// Where Google's rules send a request: a service's name, or 404.
  private func target(_ map: JSONValue, host: String, path: String) -> String {
    let rules = map["hostRules"]?.elements ?? []
    func names(_ rule: JSONValue) -> [String] { rule["hosts"]?.strings ?? [] }
    let wildcard = rules.filter { rule in
      names(rule).contains { $0.hasPrefix("*.") && host.hasSuffix($0.dropFirst()) }
    }
    let rule =
      rules.first { names($0).contains(host) } ?? wildcard.first ?? rules.first { names($0).contains("*") }
    guard let rule else { return end(map, "defaultService", "defaultRouteAction") }
    let matcher = map["pathMatchers"]?.elements.first { $0["name"] == rule["pathMatcher"] } ?? .null
    var best: (length: Int, rule: JSONValue)?
    for candidate in matcher["pathRules"]?.elements ?? [] {
      for pattern in candidate["paths"]?.strings ?? [] {
        let isPrefix = pattern.hasSuffix("/*")
        let matches = isPrefix ? path.hasPrefix(pattern.dropLast()) : path == pattern
        // An exact path is longer than the prefix of the same text.
        let length = pattern.utf8.count * 2 + (isPrefix ? -1 : 1)
        if matches, length > best?.length ?? -1 { best = (length, candidate) }
      }
    }
    if let best { return end(best.rule, "service", "routeAction") }
    return end(matcher, "defaultService", "defaultRouteAction")
  }

  private func end(_ place: JSONValue, _ service: String, _ action: String) -> String {
    if let status = place[action]?["faultInjectionPolicy"]?["abort"]?["httpStatus"]?.int {
      return "\(status)"
    }
    let weighted = place[action]?["weightedBackendServices"]?[0]?["backendService"]?.string
    let link = place[service]?.string ?? weighted ?? ""
    return link.split(separator: "/").last.map { String($0.dropFirst("edge-".count)) } ?? ""
  }

  private func map(_ routes: [ChainRoute]) throws -> JSONValue {
    let names = Set(routes.map(\.service)).sorted()
    let settings = ChainSettings.example {
      $0.routes = routes
      $0.services = names.map { name in
        var service = ChainService.site
        service.name = name
        return service
      }
    }
    return try #require(settings.desired(project: "p").first { $0.name == "edge-map" }).body
  }

  private static let routes = [
    ChainRoute(hosts: ["a.example.com"], paths: ["/v1/*", "/health"], service: "one"),
    ChainRoute(hosts: ["a.example.com"], paths: ["/v1/models"], service: "two"),
    ChainRoute(hosts: ["*.example.com"], paths: ["/v1/deep/*", "/wild/*"], service: "three"),
    ChainRoute(hosts: ["*"], paths: ["/every/*", "/wild/more/*"], service: "four"),
    ChainRoute(hosts: ["b.example.com"], paths: ["/*"], service: "five"),
  ]

  /// Host, path, and where our own proxy would send it.
  static let cases: [(String, String, String)] = [
    ("a.example.com", "/v1/chat", "one"), ("a.example.com", "/health", "one"),
    ("a.example.com", "/healthy", "404"), ("a.example.com", "/v1/models", "two"),
    ("a.example.com", "/v1/models/x", "one"), ("a.example.com", "/v1", "404"),
    ("a.example.com", "/v1/deep/x", "one"), ("a.example.com", "/wild/x", "three"),
    ("a.example.com", "/every/x", "four"), ("a.example.com", "/wild/more/x", "three"),
    ("c.example.com", "/v1/deep/x", "three"), ("c.example.com", "/every/x", "four"),
    ("c.example.com", "/", "404"), ("b.example.com", "/every/x", "five"), ("b.example.com", "/", "five"),
    ("other.net", "/every/x", "four"), ("other.net", "/v1/chat", "404"),
  ]

  @Test("a request goes where certd itself would send it", arguments: cases)
  func requests(host: String, path: String, service: String) throws {
    #expect(target(try map(Self.routes), host: host, path: path) == service)
  }

  @Test("without a route for every host, other hosts are answered 404")
  func strangers() throws {
    let map = try map([ChainRoute(hosts: ["a.example.com"], paths: ["/*"], service: "one")])
    #expect(target(map, host: "other.net", path: "/") == "404")
    #expect(target(map, host: "a.example.com", path: "/x") == "one")
  }

  @Test("hosts with the same rules share a matcher")
  func shared() throws {
    let map = try map([ChainRoute(hosts: ["a.example.com", "b.example.com"], paths: ["/*"], service: "one")])
    #expect(map["pathMatchers"]?.elements.count == 1)
    #expect(map["hostRules"]?[0]?["hosts"]?.strings == ["a.example.com", "b.example.com"])
  }

  @Test("field changes go with the service that they are for, and what is set is not removed as well")
  func headers() throws {
    var headers = ChainHeaders()
    headers.requestSet = [.init("X-Tenant", "a")]
    headers.requestRemove = ["x-tenant", "Cookie"]
    headers.responseSet = [.init("X-Served", "b")]
    let map = try map([
      ChainRoute(hosts: ["a.example.com"], paths: ["/v1/*"], service: "one", headers: headers)
    ])
    let weighted = map["pathMatchers"]?[0]?["pathRules"]?[0]?["routeAction"]?["weightedBackendServices"]?[0]
    let action = try #require(weighted?["headerAction"])
    #expect(action["requestHeadersToAdd"]?[0]?["headerName"] == "X-Tenant")
    #expect(action["requestHeadersToAdd"]?[0]?["replace"] == true)
    #expect(action["requestHeadersToRemove"]?.strings == ["Cookie"])
    #expect(action["responseHeadersToAdd"]?.elements.count == 1)
    #expect(target(map, host: "a.example.com", path: "/v1/x") == "one")
  }

  @Test("the redirect keeps path, query and method")
  func redirect() throws {
    let all = ChainSettings.example().desired(project: "p")
    let map = try #require(all.first { $0.label == "global/urlMaps/edge-redirect" }).body
    #expect(map["defaultUrlRedirect"]?["httpsRedirect"] == true)
    #expect(map["defaultUrlRedirect"]?["redirectResponseCode"] == "PERMANENT_REDIRECT")
    #expect(map["defaultUrlRedirect"]?["stripQuery"] == false)
  }
}
