import TestRun
import Testing

@testable import Configuration

@Suite("Keys of health checks", .ownThread) struct HealthKeysTests {
  private func read(_ health: String, _ more: String = "") throws -> HealthCheck? {
    let text = """
      routes: [{service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: \(health)\(more)}}
      acme: {issuers: [local]}
      """
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/")
      .configuration.services[0].health
  }

  @Test("a program, a handshake, and what an answer must say")
  func words() throws {
    #expect(try read(#"{command: [/bin/probe, "a b"]}"#)?.probe == .command(["/bin/probe", "a b"]))
    #expect(try read("{tls: true}", ", protocol: https")?.probe == .handshake)
    let check = try read("{path: /up, expected: {status: [200-299, 401], body: ready}}")
    #expect(check?.statuses == [StatusRange(200...299), StatusRange(401...401)] && check?.text == "ready")
    #expect(try read("{path: /up}")?.statuses == [])
  }

  @Test(
    "what cannot be is told with its place",
    arguments: [
      ("{command: [probe]}", "is no absolute path"), ("{command: []}", "health.command: the list is empty"),
      ("{command: [/bin/a], path: /up}", "a check is made in one way, and command is written"),
      ("{tls: true}", "health.tls: the backends are spoken to without TLS"),
      ("{expected: {body: a}}", "no page whose answer could be expected"),
      ("{path: /up, expect: 200, expected: {status: [200]}}", "stands beside expected.status"),
      ("{path: /up, expected: {status: [99]}}", "is no range of status codes"),
    ])
  func errors(_ health: String, _ told: String) {
    do {
      _ = try read(health)
      #expect(Bool(false), "\(health)")
    } catch { #expect("\(error)".contains(told), "\(error)") }
  }
}
