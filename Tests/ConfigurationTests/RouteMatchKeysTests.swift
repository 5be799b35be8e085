import Proxy
import TestRun
import Testing

@testable import Configuration

@Suite("Conditions of routes", .ownThread) struct RouteMatchKeysTests {
  private func file(_ routes: String) -> String {
    PassageKeysTests.head + "routes:\n\(routes)\nservices: {a: {backends: [h:1]}}"
  }

  @Test("every condition is read")
  func reading() throws {
    let made = try configuration(
      file(
        """
          - paths: ["/v1/models/{model}", "/t/{tenant}/*"]
            service: a
            match:
              methods: [GET, HEAD]
              headers: {X-Env: canary, X-A: {prefix: b}, X-B: {present: true}, X-C: {present: false}}
              query: {alt: sse}
              client_addresses: [10.0.0.0/8]
              client_certificates: [CN=billing]
              ports: [443, 8443]
        """))
    let match = try #require(made.routes.first).match
    #expect(
      made.routes[0].paths.map(\.value) == [.template("/v1/models/{model}"), .template("/t/{tenant}/*")])
    #expect(match.methods == ["GET", "HEAD"] && match.ports == [443, 8443])
    #expect(
      match.headers == [
        .init("X-Env", .exact("canary")), .init("X-A", .prefix("b")), .init("X-B", .present),
        .init("X-C", .absent),
      ])
    #expect(match.query == [.init("alt", .exact("sse"))])
    #expect(match.clientAddresses.map(\.description) == ["10.0.0.0/8"])
    #expect(match.clientCertificates == ["CN=billing"])
  }

  @Test("two routes that can take the same request, neither narrower, are an error with both lines")
  func same() {
    let text = file(
      """
        - {service: a, match: {methods: [GET, PUT]}}
        - {service: a, match: {headers: {X-A: {present: true}}}}
        - {service: a, match: {methods: [POST]}}
      """)
    #expect(
      errors(text) == [
        "certd.yaml:5:5: routes[1]: * /* is already routed by routes[0] in line 4, and neither match is narrower",
        "certd.yaml:6:5: routes[2]: * /* is already routed by routes[1] in line 5, and neither match is narrower",
      ])
    let templates = file(
      """
        - {service: a, paths: ["/v1/{a}"]}
        - {service: a, paths: ["/v1/{b}"]}
      """)
    #expect(
      errors(templates) == [
        "certd.yaml:5:5: routes[1]: * /v1/{b} is already routed by routes[0] in line 4"
      ])
  }

  @Test(
    "a condition that says nothing is told with its place",
    arguments: [
      (
        "{headers: {X-A: {prefix: a, present: true}}}",
        "match.headers.X-A: asks for nothing, or for two things; write prefix: TEXT, or present: true"
      ),
      ("{headers: {\"X A\": b}}", "match.headers.\"X A\": "),
      ("{ports: [0]}", "match.ports[0]: 0 is out of range"),
      ("{methods: [\"G T\"]}", "match.methods[0]: "),
      ("{client_addresses: [10.0.0.1/8]}", "match.client_addresses[0]: "),
      ("{method: [GET]}", "match.method: unknown key"),
    ])
  func mistakes(_ match: String, _ expected: String) {
    let told = errors(file("  - {service: a, match: \(match)}"))
    #expect(told.contains { $0.contains(expected) }, "\(told)")
  }

  @Test(
    "a variable is one whole segment with a name of its own",
    arguments: ["/{", "/a{b}", "/{A}", "/{a}/{a}", "/{}"])
  func variables(_ path: String) {
    #expect(
      errors(file("  - {service: a, paths: [\"\(path)\"]}")).contains { $0.contains("routes[0].paths[0]") })
  }
}
