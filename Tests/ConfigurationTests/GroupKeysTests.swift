import Proxy
import TestRun
import Testing
import Upstream

@testable import Configuration

@Suite("Keys of groups", .ownThread) struct GroupKeysTests {
  private func read(
    _ service: String, more: String = "", zone: String? = nil
  ) throws -> Configuration {
    let text = "routes: [{service: a}]\nservices: {a: {\(service)}}\nacme: {issuers: [local]}\n\(more)\n"
    let variables = Variables(
      named: { $0 == "CERTD_ZONE" ? zone : nil },
      contents: { _ throws(Variables.Unreadable) in throw Variables.Unreadable("none") })
    return try Configuration.read(
      Array(text.utf8), file: "certd.yaml", baseDirectory: "/", variables: variables
    ).configuration
  }

  @Test("backends stand in the groups that list them, those beside in one of their own")
  func groups() throws {
    let service = try read(
      """
      backends: ["h:1"], panic_threshold: 30, overprovisioning: 120, groups: [{priority: 1, weight: 5, zone: b, \
      backends: ["h:2", {address: "h:3", weight: 7}]}, {backends: ["h:4"]}]
      """
    ).services[0]
    #expect(service.backends.map { "\($0.address)" } == ["h:1", "h:2", "h:3", "h:4"])
    #expect(service.backends.map(\.group) == [0, 1, 1, 2] && service.backends[2].weight == 7)
    #expect(service.groups.map(\.priority) == [0, 1, 0] && service.groups.map(\.weight) == [1, 5, 1])
    #expect(service.groups.map(\.zone) == [nil, "b", nil])
    #expect(service.rules.groupRule.panicThreshold == 30 && service.rules.groupRule.overprovisioning == 120)
    #expect(try read("backends: [\"h:1\"]").services[0].groups.isEmpty)
  }

  @Test("this node's zone is what the file says, else the environment")
  func zone() throws {
    #expect(try read("backends: [\"h:1\"]", more: "zone: a", zone: "b").zone == "a")
    #expect(try read("backends: [\"h:1\"]", zone: "b").zone == "b")
    #expect(try read("backends: [\"h:1\"]", zone: "").zone == nil)
  }

  @Test(
    "what cannot be is told with its place",
    arguments: [
      ("kind: http", "services.a: the key \"backends\" is missing"),
      ("groups: []", "services.a.groups: the list is empty"),
      ("groups: [{priority: 1}]", "services.a.groups[0]: the key \"backends\" is missing"),
      ("groups: [{backends: [\"h:1\"]}, {backends: [\"h:1\"]}]", "h:1 stands twice"),
      ("groups: [{backends: [\"http://h\", \"https://h\"]}]", "is https in a service that speaks http1"),
      (
        "groups: [{priority: 101, backends: [\"h:1\"]}]", "services.a.groups[0].priority: 101 is out of range"
      ),
    ])
  func errors(_ service: String, _ told: String) {
    #expect { try read(service) } throws: { "\($0)".contains(told) }
  }
}
