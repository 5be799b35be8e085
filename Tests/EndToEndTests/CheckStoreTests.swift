import EndToEnd
import TestRun
import Testing

/// A store that a start could not open.
@Suite(.ownThread) struct CheckStoreTests {
  @Test(
    "check finds a store that is a file or below one, and makes none that is missing",
    arguments: [("taken", 2), ("taken/store", 2), ("fresh/store", 0)] as [(String, Int32)])
  func store(_ path: String, _ status: Int32) async throws {
    let place = try Place()
    try place.write("taken", "a file")
    try place.write(
      "certd.yaml",
      """
      store: \(path)
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [localhost], service: a}]
      services: {a: {backends: ["127.0.0.1:1"]}}
      """)
    let check = try await Certd(place)("check", "--config", place("certd.yaml"))
    #expect(check.ending == .exited(status), "\(check)")
    #expect(status == 0 || check.errors.contains("store: \(place("taken"))"), "\(check)")
    let made = try await place.run(["ls", place("fresh")], called: "ls")
    #expect(made.ending != .exited(0))
  }
}
