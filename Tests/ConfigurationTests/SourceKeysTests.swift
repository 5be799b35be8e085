import TestRun
import Testing

@testable import Configuration

@Suite("Keys of sources of backends", .ownThread) struct SourceKeysTests {
  private func read(_ backends: String, _ more: String = "") throws -> Service {
    let text = """
      routes: [{service: a}]
      services: {a: {backends: \(backends)\(more)}}
      acme: {issuers: [local]}
      """
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/etc")
      .configuration.services[0]
  }

  @Test("backends come from a file, from Kubernetes or from Docker")
  func sources() throws {
    #expect(try read("{file: b.yaml}").source == .file(path: "/etc/b.yaml"))
    var service = KubernetesService()
    (service.namespace, service.service, service.port) = ("models", "chat", "http")
    #expect(
      try read("{kubernetes: {namespace: models, service: chat, port: http}}").source == .kubernetes(service))
    var containers = DockerContainers()
    (containers.label, containers.port) = ("certd.service=chat", 8000)
    #expect(try read("{docker: {label: certd.service=chat, port: 8000}}").source == .docker(containers))
    #expect(
      try read("{srv: _http._tcp.Chat.example.com}").source == .srv(name: "_http._tcp.chat.example.com"))
    #expect(try read("[\"h:1\"]").source == nil)
  }

  @Test(
    "a file lists backends by itself, or in groups, in YAML or JSON; zones are groups where this node has one"
  )
  func files() throws {
    func found(_ text: String) throws -> FoundBackends {
      try Configuration.readBackends(Array(text.utf8), file: "b", for: try read("{file: b}"))
    }
    #expect(try found("- h:1\n- {address: h:2, weight: 3}").backends.map(\.weight) == [1, 3])
    #expect(try found(#"{"backends": ["h:1"]}"#).backends.map { "\($0.address)" } == ["h:1"])
    #expect(
      try found("groups: [{backends: [h:1]}, {priority: 1, backends: [h:2]}]").groups.map(\.priority) == [
        0, 1,
      ])
    for (text, told) in [
      ("", "is missing"), ("[]", "the list is empty"),
      ("kind: vllm\nbackends: [h:1]", "has only backends and groups"),
      ("[https://h]", "is https in a service that speaks http1"), ("- h:1\n- nowhere", "b:2:3"),
      ("a: [", "b:"), ("[\"admin:change\"]", "cannot name certd itself"),
    ] {
      do {
        _ = try found(text)
        #expect(Bool(false), "\(text)")
      } catch { #expect("\(error)".contains(told), "\(error)") }
    }
    let zones = FoundBackends([("10.0.0.1", 1, "a"), ("10.0.0.2", 1, "b"), ("10.0.0.1", 1, "a")], zone: "a")
    #expect(zones.backends.map(\.group) == [0, 1] && zones.groups.map(\.zone) == ["a", "b"])
    #expect(FoundBackends([("10.0.0.1", 1, "a")], zone: nil).groups.isEmpty)
  }

  @Test(
    "what cannot be is told with its place",
    arguments: [
      ("{}", "", "needs one of file, srv, kubernetes and docker"),
      ("{file: a, docker: {label: b}}", "", "needs one of file, srv, kubernetes and docker"),
      ("{srv: a b.c}", "", "is no name; write a name such as _http._tcp"),
      ("{kubernetes: {namespace: a}}", "", "kubernetes: the key \"service\" is missing"),
      ("{file: a}", ", groups: [{backends: [\"h:1\"]}]", "stands beside backends that are found"),
    ])
  func errors(_ backends: String, _ more: String, _ told: String) {
    do {
      _ = try read(backends, more)
      #expect(Bool(false), "\(backends)")
    } catch { #expect("\(error)".contains(told), "\(error)") }
  }

  @Test("priorities of SRV records are groups, weights are shares, and what is no host is left out")
  func servers() {
    let found = FoundBackends([
      (host: "a.example", port: 1, priority: 10, weight: 0),
      (host: "b.example", port: 2, priority: 20, weight: 5),
      (host: "no host", port: 3, priority: 10, weight: 1),
      (host: "c.example", port: 0, priority: 10, weight: 1),
    ])
    #expect(found.backends.map { "\($0.address)" } == ["a.example:1", "b.example:2"])
    #expect(found.backends.map(\.weight) == [1, 5] && found.backends.map(\.group) == [0, 1])
    #expect(found.groups.map(\.priority) == [0, 1])
    #expect(FoundBackends([(host: "a.example", port: 1, priority: 10, weight: 0)]).groups.isEmpty)
  }
}
