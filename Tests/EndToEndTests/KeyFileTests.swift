import Configuration
import EndToEnd
import TestRun
import Testing

@testable import certd

@Suite("Files of API keys", .ownThread) struct KeyFileTests {
  @Test(
    "keys are read one a line, and a mistake is told by its line and without what stands there",
    arguments: [
      (
        "# ours\n\n sk-0123456789abcdef \r\nsk-second-9876543210\n",
        "sk-0123456789abcdef sk-second-9876543210"
      ),
      ("sk-short\n", "keys:1: a key has from 16 to 512 characters, not 8"),
      ("sk-0123456789abcdef\nsk 0123456789abcdef\n", "keys:2: a key has only visible ASCII characters"),
      ("# none\n", "there is no key in it; write one a line"),
      ("", "there is no key in it; write one a line"),
    ])
  func reading(_ text: String, _ expected: String) throws {
    let place = try Place()
    let path = try place.write("keys", text)
    let reading = try Configuration.read(
      Array("routes: [{service: a}]\nservices: {a: {backends: [h:1]}}".utf8), file: "certd.yaml",
      baseDirectory: "/")
    do throws(SetupError) {
      let keys = try KeyFile.read(Located(path), reading.configuration)
      #expect(keys.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ") == expected)
    } catch {
      #expect(error.description.contains(expected))
      #expect(!error.description.contains("sk"))
    }
  }

  @Test("a changed file of keys counts without a word")
  func changed() async throws {
    let place = try Place()
    let model = try await ModelServer(place)
    try place.write("keys", "sk-first-0123456789abcdef\n")
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0", tls: off}]
      routes: [{service: a, auth: {api_keys: keys}}]
      services: {a: {backends: ["\(model.url)"]}}
      """)
    let daemon = try await Certd(place).run(["--config", file])
    let port = try daemon.port("http")
    func status(_ key: String) async throws -> String {
      try await place.run(
        [
          "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer \(key)",
          "http://127.0.0.1:\(port)/v1/models",
        ], called: "curl"
      ).output
    }
    #expect(try await status("sk-first-0123456789abcdef") == "200")
    #expect(try await status("sk-later-0123456789abcdef") == "401")
    try place.write("keys", "sk-later-0123456789abcdef\n")
    try await eventually("the new key") { try await status("sk-later-0123456789abcdef") == "200" }
    #expect(try await status("sk-first-0123456789abcdef") == "401")
    #expect(try await daemon.stop() == .exited(0))
  }
}
