import TestRun
import HTTP
import Proxy
import Testing

@testable import Configuration

@Suite("Variables in values", .ownThread) struct VariablesTests {
  private static let variables = Variables(
    named: {
      ["NAME": "llm.example.com", "FOUR": "4", "PORT": "8000", "EMPTY": "", "ODD": "a: [b]\n- c"][$0]
    },
    contents: { path throws(Variables.Unreadable) in
      guard path == "/etc/certd/token" else { throw Variables.Unreadable("no such file") }
      return "secret\n"
    })

  private func read(_ text: String) throws(ConfigurationErrors) -> Configuration {
    try Configuration.read(
      Array(text.utf8), file: "certd.yaml", baseDirectory: "/etc/certd", variables: Self.variables
    ).configuration
  }

  private func header(_ value: String) throws -> String? {
    try read("headers:\n  request:\n    set:\n      X-Key: \(value)").headers.request.set.first?.value
  }

  @Test(
    "a variable, a default and a file stand for their values, and what a shell would call so stays",
    arguments: [
      (#""Bearer ${NAME}""#, "Bearer llm.example.com"), ("${NAME}", "llm.example.com"),
      ("${NAME:-x}", "llm.example.com"), ("${NONE:-x}", "x"), ("${EMPTY:-x}", "x"), (#""a${EMPTY}""#, "a"),
      (#""a ${NONE:-} b""#, "a  b"), ("${file:token}", "secret"),
      (#""Bearer ${file:/etc/certd/token}""#, "Bearer secret"),
      (#""$${NAME}""#, "${NAME}"), (#""${NAME}:${PORT}""#, "llm.example.com:8000"), ("$NAME", "$NAME"),
    ])
  func values(_ written: String, _ value: String) throws {
    #expect(try header(written) == value)
  }

  @Test("a number is one, and text that looks like YAML stays text")
  func types() throws {
    #expect(try read("workers: ${FOUR}\nstore: ${NAME}").store == "/etc/certd/llm.example.com")
    #expect(throws: ConfigurationErrors.self) { try read("workers: ${NAME}") }
    #expect(throws: ConfigurationErrors.self) { try header("${ODD}") }
  }

  @Test(
    "what stands for nothing is an error with its place",
    arguments: [
      ("${NONE}", "the environment has no variable NONE; set it, or give a default: ${NONE:-value}"),
      ("\"${NAME\"", "`${` without its `}`; close it, or write $${ for one that stays"),
      (
        "\"${1}\"",
        "${1} names no variable; write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stays as it is"
      ),
      ("${file:other}", "${file:other} cannot be read: no such file; make it readable, or name another"),
    ])
  func errors(_ written: String, _ message: String) {
    let error = #expect(throws: ConfigurationErrors.self) { try header(written) }
    #expect(
      error?.errors.first?.description == "certd.yaml:4:14: headers.request.set.X-Key: \(message)")
  }

  @Test("inside brackets YAML needs quotes around one, and the error says so")
  func brackets() {
    let error = #expect(throws: ConfigurationErrors.self) {
      try read("headers: {request: {set: {X: ${NAME}}}}")
    }
    #expect(error?.errors.first?.hint == "put quotes around ${…} inside brackets")
  }

  @Test("commands keep theirs: a shell reads them")
  func commands() throws {
    let configuration = try read(#"acme: {agree_tos: true, deploy_hooks: ["echo ${NONE}"]}"#)
    #expect(configuration.acme.deployHooks.map(\.description).joined().contains("${NONE}"))
  }
}
