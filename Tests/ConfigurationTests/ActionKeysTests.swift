import Exchange
import HTTP
import Proxy
import TestRun
import Testing
import Upstream

@testable import Configuration

@Suite("What routes do besides passing requests on", .ownThread) struct ActionKeysTests {
  private func file(_ route: String) -> String {
    PassageKeysTests.head + "routes: [{\(route)}]\nservices: {a: {backends: [h:1]}}"
  }

  @Test("redirects, answers, rewrites, limits and overrides are read")
  func reading() throws {
    let redirect = try configuration(
      file("redirect: {scheme: https, host: b.test, port: 8443, prefix: /n, status: 301}, paths: [/o/*]"))
    let rules = try #require(redirect.routes.first).rules
    #expect(
      rules.redirect?.scheme == .https && rules.redirect?.host == "b.test" && rules.redirect?.port == 8443)
    #expect(rules.stripPrefix == "/o" && rules.addPrefix == "/n" && rules.redirect?.status == 301)
    let other = try configuration(
      file(
        "service: a, paths: ['/m/{x}'], rewrite: {path: '/v1/{path.x}', host: c.test}, "
          + "limits: {body: 1MiB, requests_per_second: 5, burst: 9, header: X-U}, "
          + "timeouts: {response_head: 1s, idle: off}, retries: {attempts: 4, on: [reset, 503]}, "
          + "errors: {502: {body: x}, 503: {file: sorry.html}}, intercept_errors: true"))
    let route = try #require(other.routes.first)
    #expect(route.rules.rewritePath == "/v1/{path.x}")
    #expect(route.rules.headers.request.set.map(\.value) == ["c.test"])
    #expect(route.rules.limits.body == 1 << 20 && route.rules.limits.burst == 9)
    #expect(route.rules.overrides.responseHead == 1000 && route.rules.overrides.idle == .never)
    #expect(route.rules.overrides.attempts == 4 && route.rules.overrides.rule?.covers(503) == true)
    #expect(route.files.errors[503]?.value == "/etc/certd/sorry.html")
    #expect(route.rules.errors[502]?.body == Array("x".utf8) && route.rules.interceptErrors)
  }

  @Test(
    "what cannot be done is told with its place",
    arguments: [
      ("redirect: {status: 304, scheme: https}", "redirect.status: 304 sends nobody elsewhere"),
      ("redirect: {}", "redirect: leads to where it comes from"),
      ("redirect: {host: b}, service: a", "service: nobody has what the route answers by redirect"),
      (
        "paths: [/a, /b], redirect: {prefix: /n}",
        "redirect.prefix: takes the place of what the route's path begins with"
      ),
      (
        "redirect: {path: '/{path.x}'}",
        "redirect.path: the paths of the route have no variable {x} in one place"
      ),
      ("respond: {status: 204, body: x}", "respond.status: an answer 204 has no content"),
      ("respond: {body: x, file: y}", "respond.file: the content is said already"),
      ("service: a, rewrite: {path: '/{host}'}", "rewrite.path: \"/{host}\" has values that no path has"),
      ("service: a, limits: {burst: 3}", "limits.burst: goes with requests_per_second"),
      ("service: a, errors: {200: {body: x}}", "errors.200: \"200\" is no status of an error"),
      ("service: a, intercept_errors: true", "intercept_errors: nothing stands in their place"),
      ("paths: [/x]", "routes[0]: the key \"service\" is missing"),
    ])
  func mistakes(_ route: String, _ expected: String) {
    let told = errors(file(route))
    #expect(told.contains { $0.contains(expected) }, "\(told)")
  }

  @Test("a value that there is not is told at its column, with the nearest one")
  func unknown() {
    let told = errors(file("service: a, headers: {request: {set: {X-A: \"from {client_op}\"}}}"))
    #expect(
      told == [
        "certd.yaml:3:60: routes[0].headers.request.set.X-A: {client_op} is no value of a request; did you mean \"client_ip\"?"
      ])
  }
}
