import TestRun
import Testing

@testable import Configuration

@Suite("The Host towards backends, and edits of paths", .ownThread) struct RewriteKeysTests {
  @Test(
    "what backends are sent follows the key, else kind and protocol",
    arguments: [
      ("backends: [a.test:8000]", [nil]), ("host: client, backends: [https://a.test]", [nil]),
      ("backends: [https://a.test, https://b.test:8443]", ["a.test", "b.test:8443"]),
      ("backends: [https://10.0.0.1]", [nil]), ("protocol: h2, backends: [a.test:443]", ["a.test"]),
      ("kind: ollama, backends: [127.0.0.1:11434]", ["127.0.0.1:11434"]),
      ("kind: ollama, backends: [localhost:11434, 10.0.0.1:11434]", ["localhost:11434", "10.0.0.1:11434"]),
      ("kind: ollama, backends: [10.0.0.1:11434]", [nil]),
      ("kind: ollama, backends: ['[::1]:80']", ["[::1]"]),
      ("host: backend, backends: [a.test:80, unix:/s]", ["a.test", "localhost"]),
      ("host: 'Api.Example.com:8443', backends: [a.test:80]", ["api.example.com:8443"]),
    ] as [(String, [String?])])
  func hosts(_ service: String, _ expected: [String?]) throws {
    let made = try configuration(
      PassageKeysTests.head + "routes: [{service: a}]\nservices: {a: {\(service)}}")
    let service = try #require(made.services.first)
    #expect(service.backends.map { service.authority(of: $0) } == expected)
  }

  static let table: [(String, [String])] = [
    (
      "routes: [{service: a, strip_prefix: vllm}]",
      ["3:37: routes[0].strip_prefix: \"vllm\" does not start with /; write /v1/* for all below /v1/"]
    ),
    (
      "routes: [{service: a, add_prefix: /v1/}]",
      [
        "3:35: routes[0].add_prefix: \"/v1/\" is no path in front of others; write /v1, without / or * at its end"
      ]
    ),
    (
      "routes: [{service: a, paths: [/a/*, /ab], strip_prefix: /a}]",
      [
        "3:37: routes[0].paths[1]: \"/ab\" does not begin with the strip_prefix \"/a\"; give it a route of its own"
      ]
    ),
    ("routes: [{service: a, paths: [/a/*, /a], strip_prefix: /a, add_prefix: /b}]", []),
    ("routes: [{service: a, normalize: reject, cors: {origins: [\"*\"]}}]", []),
    (
      "routes: [{service: a, cors: {origins: [chat.example.com]}}]",
      [
        "3:40: routes[0].cors.origins[0]: \"chat.example.com\" is no origin; write scheme and host, such as "
          + "https://chat.example.com, or \"*\""
      ]
    ),
    (
      "routes: [{service: a, cors: {origins: [\"*\"], credentials: true}}]",
      [
        "3:59: routes[0].cors.credentials: browsers send no credentials where \"*\" is allowed; name the origins"
      ]
    ),
    (
      "routes: [{service: a, cors: {origins: [https://a.example/x, \"*\", https://b.example]}}]",
      [
        "3:39: routes[0].cors.origins: \"*\" is every origin already; remove the others, or \"*\"",
        "3:40: routes[0].cors.origins[0]: \"https://a.example/x\" is no origin; write scheme and host, such as "
          + "https://chat.example.com, or \"*\"",
      ]
    ),
  ]

  @Test("an edit that cannot be done is told with its place", arguments: table)
  func mistakes(_ routes: String, _ expected: [String]) {
    let text = PassageKeysTests.head + routes + "\nservices: {a: {backends: [h:1]}}"
    #expect(errors(text) == expected.map { "certd.yaml:\($0)" })
  }

  @Test("a Host is a name, with a port or without")
  func badHost() {
    let text = "services: {a: {host: 'a:b', backends: [h:1]}}"
    #expect(
      errors(PassageKeysTests.head + text).first
        == "certd.yaml:3:22: services.a.host: \"a:b\" has no port after its colon; write a name, or name:port"
    )
  }
}
