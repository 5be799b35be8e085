import TestRun
import Proxy
import Testing

@testable import Configuration

@Suite(.ownThread) struct ModelsTests {
  private func read(_ models: String, _ more: String = "") throws -> Route {
    let text = """
      routes: [{service: a, models: \(models)}]
      services: {a: {backends: ["127.0.0.1:1"]}, b: {backends: ["127.0.0.1:2"]\(more)}}
      acme: {issuers: [local]}
      """
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/").configuration
      .routes[0]
  }

  @Test("a line is a service, or a service and what the model is called there")
  func lines() throws {
    let rules = try read(
      #"{llama-70b: a, "qwen3-*": b, "*": a, gpt-4o: {service: b, model: "org/llama:70b"}}"#
    ).models
    #expect(rules.map(\.pattern) == [.exact("llama-70b"), .prefix("qwen3-"), .any, .exact("gpt-4o")])
    #expect(rules.map(\.targets[0].service.value) == ["a", "b", "a", "b"])
    #expect(rules.map(\.targets[0].model) == [nil, nil, nil, "org/llama:70b"])
  }

  @Test(
    "what cannot be is told with its place",
    arguments: [
      ("{a: c}", "", #"models.a: there is no service "c""#), (#"{"a*b": a}"#, "", "has a wildcard inside"),
      (#"{"a b": a}"#, "", "is no model's name"),
      ("{a: {model: x}}", "", #"models.a: the key "service" is missing"#),
      (#"{a: {service: b, model: "x*"}}"#, "", "is not one model"),
      ("{a: b}", ", protocol: tcp", #""b" speaks tcp, and a service by model HTTP"#),
      ("[a]", "", "expected a section"), ("{a: {service: b, x: 1}}", "", "unknown key"),
    ])
  func errors(_ models: String, _ more: String, _ told: String) {
    do {
      _ = try read(models, more)
      #expect(Bool(false), "\(models)")
    } catch { #expect("\(error)".contains(told), "\(error)") }
  }
}
