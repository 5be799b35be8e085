import TestRun
import Testing

@testable import Configuration

@Suite("Tests in the configuration", .ownThread) struct RouteTestKeysTests {
  @Test(
    "a test that says nothing, or no request, is told with its place",
    arguments: [
      (
        "{request: GET /x, status: 200}",
        "tests[0].request: \"GET /x\" is no request; write GET https://host/path"
      ),
      ("{request: GET https://a/}", "tests[0]: expects nothing, or several things"),
      ("{request: GET https://a/, status: 200, service: a}", "tests[0]: expects nothing, or several things"),
      ("{request: GET https://a/, status: 200, client: b}", "tests[0].client: \"b\" is no address"),
      ("{status: 200}", "tests[0]: the key \"request\" is missing"),
    ])
  func mistakes(_ test: String, _ expected: String) {
    let told = errors(
      PassageKeysTests.head + "routes: [{service: a}]\nservices: {a: {backends: [h:1]}}\ntests: [\(test)]")
    #expect(told.contains { $0.contains(expected) }, "\(told)")
  }
}
