import Proxy
import TestRun
import Testing
import Upstream

@testable import Configuration

@Suite("Keys of policies and of chains", .ownThread) struct PolicyKeysTests {
  private func read(_ service: String, models: String = "{}") throws -> Configuration {
    let text = """
      routes: [{service: a, models: \(models)}]
      services: {a: {backends: ["127.0.0.1:1"]\(service)}, b: {backends: ["127.0.0.1:2"]}}
      acme: {issuers: [local]}
      """
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/").configuration
  }

  @Test(
    "a policy is chosen by its word",
    arguments: [
      ("random", Balancer.Policy.random), ("p2c", .powerOfTwoChoices), ("peak-ewma", .peakEWMA),
      ("ring-hash", .ringHash), ("maglev", .maglev),
    ])
  func policies(_ word: String, _ policy: Balancer.Policy) throws {
    #expect(try read(", policy: \(word)").services[0].rules.policy == policy)
  }

  @Test(
    "what decides under hashes is a word, a field or a cookie",
    arguments: [
      ("session", Settings.HashKey.session), ("address", .address), ("prompt", .prompt),
      ("{header: X-User}", .header("X-User")), ("{cookie: sid}", .cookie("sid")),
    ])
  func hashes(_ text: String, _ key: Settings.HashKey) throws {
    let rules = try read(", policy: maglev, hash: \(text)").services[0].rules
    #expect(rules.hash == key && rules.balanceFactor == 125 && rules.slowStart == .never)
  }

  @Test("the bound of load and the slow start are numbers, or off")
  func numbers() throws {
    let rules = try read(", balance_factor: off, slow_start: 30s").services[0].rules
    #expect(rules.balanceFactor == nil && rules.slowStart == 30_000)
  }

  @Test("a model has a service, some that share it, some that stand in, or none")
  func targets() throws {
    let rules = try read(
      "",
      models: """
        {m: {service: a, model: x, fallback: [b, {service: a, model: y}]}, n: {split: [a, {service: b, weight: 5}], \
        fallback: [b]}, "*": {status: 404}}
        """
    ).routes[0].models
    #expect(rules[0].targets.map(\.model) == ["x"] && rules[0].fallback.map(\.service.value) == ["b", "a"])
    #expect(rules[0].fallback.map(\.model) == [nil, "y"])
    #expect(rules[1].targets.map(\.weight) == [1, 5] && rules[1].fallback.count == 1)
    #expect(rules[2].targets.isEmpty && rules[2].pattern == .any)
  }

  @Test(
    "what cannot be is told with its place",
    arguments: [
      (", hash: {}", "{}", "needs either a header or a cookie"),
      (", hash: {header: A, cookie: b}", "{}", "needs either a header or a cookie"),
      (", hash: user", "{}", "write session, address, prompt"),
      (", balance_factor: 100", "{}", "balance_factor"),
      (", policy: maglev, protocol: tcp", "{}", "reads requests in a service that speaks tcp"),
      ("", "{m: [a, b]}", "write {service: FIRST, fallback: [NEXT]}"),
      ("", "{m: {status: 500}}", "models.m.status"),
      ("", "{m: {status: 404, service: a}}", "remove it or status"),
      ("", "{m: {service: a, split: [b]}}", "remove it or split"),
      ("", "{m: {split: []}}", "the list is empty"),
      ("", "{m: {service: a, fallback: [c]}}", #"there is no service "c""#),
      ("", #"{"m*": {service: a, model: x, fallback: [b]}}"#, "name the model for each of them"),
    ])
  func errors(_ service: String, _ models: String, _ told: String) {
    do {
      _ = try read(service, models: models)
      #expect(Bool(false), "\(service) \(models)")
    } catch { #expect("\(error)".contains(told), "\(error)") }
  }
}
