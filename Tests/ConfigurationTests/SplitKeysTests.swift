import Proxy
import TestRun
import Testing

@testable import Configuration

@Suite("Routes that services share", .ownThread) struct SplitKeysTests {
  private func file(_ route: String) -> String {
    PassageKeysTests.head + "routes: [{\(route)}]\nservices: {a: {backends: [h:1]}, b: {backends: [h:2]}}"
  }

  @Test("services, weights and what keeps requests together are read")
  func reading() throws {
    let made = try configuration(file("split: [a, {service: b, weight: 9}], split_by: {cookie: sid}"))
    let route = try #require(made.routes.first)
    #expect(route.split.map(\.service.value) == ["a", "b"] && route.split.map(\.weight) == [1, 9])
    #expect(route.splitKey == .cookie("sid") && route.service.value == "a")
  }

  @Test(
    "what does not go together is told with its place",
    arguments: [
      ("split: [a, c]", "routes[0].split[1]: there is no service \"c\""),
      ("split: [a, b], service: a", "routes[0].service: does not go beside split"),
      ("service: a, split_by: address", "routes[0].split_by: there is nothing to share"),
      ("split: [a], split_by: luck", "routes[0].split_by: \"luck\" is not known"),
    ])
  func mistakes(_ route: String, _ expected: String) {
    let told = errors(file(route))
    #expect(told.contains { $0.contains(expected) }, "\(told)")
  }
}
