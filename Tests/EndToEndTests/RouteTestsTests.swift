import EndToEnd
import TestRun
import TestSupport
import Testing

/// Tests that stand in the configuration.
@Suite("Tests of routes in the configuration", .ownThread) struct RouteTestsTests {
  private func file(_ tests: String) -> String {
    """
    store: store
    listeners: [{address: "127.0.0.1:0"}]
    certificates: [{cert: site.crt, key: site.key}]
    routes:
      - {hosts: [localhost], service: chat}
      - {hosts: [localhost], paths: [/canary/*], match: {headers: {X-Env: canary}}, service: other}
      - {hosts: [localhost], paths: [/old/*], redirect: {host: new.test, prefix: /new}}
      - {hosts: [localhost], paths: [/down], respond: {status: 503, body: x}}
    services:
      chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
      other: {backends: ["127.0.0.1:2"], health: {enabled: false}}
    tests:
    \(tests)
    """
  }

  private static let good = """
      - {request: GET https://localhost/, service: chat}
      - {request: GET https://localhost/canary/, headers: {X-Env: canary}, service: other}
      - {request: GET https://localhost/canary/, service: chat}
      - {request: "GET https://localhost/old/a?b=c", redirect: "https://new.test/new/a?b=c"}
      - {request: GET https://localhost/down, status: 503}
      - {request: GET https://elsewhere.test/, status: 404}
    """

  @Test("check runs them, and tells every one that fails with its line and what becomes of its request")
  func check() async throws {
    let place = try Place()
    let authority = try TestCertificates(place, "files")
    _ = try authority.issue(["localhost"], called: "site")
    try place.write("certd.yaml", file(Self.good))
    let well = try await Certd(place)("check", "--config", place("certd.yaml"))
    #expect(well.ending == .exited(0), "\(well)")
    try place.write(
      "certd.yaml",
      file(
        """
          - {request: GET https://localhost/canary/, service: other}
          - {request: GET https://localhost/down, service: chat}
          - {request: GET https://localhost/old/a, redirect: "https://new.test/a"}
        """))
    let told = try await Certd(place)("check", "--config", place("certd.yaml"))
    #expect(told.ending == .exited(2), "\(told)")
    for words in [
      ":13:5: tests[0]: GET https://localhost/canary/ goes to service chat (by routes[0] in line 5), not to service other",
      ":14:5: tests[1]: GET https://localhost/down is answered with 503 (by routes[3] in line 8), not to service chat",
      ":15:5: tests[2]: GET https://localhost/old/a is redirected to https://new.test/new/a with 308 (by routes[2] in line 7), "
        + "not redirected to https://new.test/a",
    ] { #expect(told.errors.contains(words), "\(told.errors)") }
  }

  @Test("one that fails refuses the reload, and what was served before goes on")
  func reload() async throws {
    let place = try Place()
    let authority = try TestCertificates(place, "files")
    _ = try authority.issue(["localhost"], called: "site")
    try place.write("certd.yaml", file(Self.good))
    let certd = try Certd(place)
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    try place.write(
      "certd.yaml", file(Self.good + "\n  - {request: GET https://localhost/down, status: 200}"))
    let refused = try await certd("reload", "--config", place("certd.yaml"))
    #expect(refused.ending != .exited(0) && "\(refused)".contains("tests[6]"), "\(refused)")
    let curl = try Curl(place, host: "localhost", port: daemon.httpsPort(), root: authority.rootPath)
    #expect(try await curl("/down").output.contains("x"))
    _ = try await daemon.stop()
  }
}
