import EndToEnd
import JSON
import TestRun
import Testing

@Suite("What commands print for programs", .ownThread) struct OutputFormatTests {
  static let commands = [
    "list", "show localhost", "plan", "plan --simulate --years 1 --certificates 3", "ca root", "status",
    "doctor localhost",
    "key list", "renew --no-delay",
  ]

  /// JSON as PyYAML reads the YAML.
  private static let reread =
    "import datetime, json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin), default=str))"

  @Test("YAML says what JSON says", arguments: commands)
  func same(_ command: String) async throws {
    let place = try Place()
    let certd = try Certd(place)
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: { issuers: [local] }
      listeners: [{address: "127.0.0.1:1"}]
      keys: { team: { file: keys } }
      routes: [{hosts: [localhost], service: a, keys: team}]
      services: {a: {backends: ["127.0.0.1:1"]}}
      """)
    let config = ["--config", place("certd.yaml")]
    _ = try await certd("key", with: ["create", "--group", "team", "--name", "alice"] + config)
    _ = try await certd("renew", with: ["--no-delay"] + config)
    let words = command.split(separator: " ").map(String.init)
    let json = try await certd(words[0], with: words.dropFirst() + ["-o", "json"] + config)
    let yaml = try await certd(words[0], with: words.dropFirst() + ["-o", "yaml"] + config)
    #expect(json.ending == yaml.ending)
    // A day may end between the two.
    let (saidJSON, saidYAML) = (
      json.output.replacing(/"days_left" : \d+/, with: #""days_left" : 0"#),
      yaml.output.replacing(/days_left: \d+/, with: "days_left: 0")
    )
    try place.write("said.yaml", saidYAML)
    let read = try await place.run(
      ["sh", "-c", "\(Place.package)/.build/clients/bin/python -c '\(Self.reread)' < \(place("said.yaml"))"],
      called: "python")
    let told = try #require(try? JSONValue(parsing: Array(read.output.utf8)), "\(yaml) \(read)")
    #expect(told == (try JSONValue(parsing: Array(saidJSON.utf8))), "\(json.output) \(yaml.output)")
  }
}
