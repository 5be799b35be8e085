import EndToEnd
import TestRun
import Testing

/// `certd account` against a real CA.
@Suite(.ownThread) struct AccountTests {
  private struct Scene {
    let place: Place
    let pebble: Pebble
    let certd: Certd
    let flags: [String]

    init() async throws {
      place = try Place()
      pebble = try await Pebble(place)
      certd = try Certd(place)
      flags = ["--store", place("store")] + pebble.flags
    }

    func issue(_ name: String) async throws -> Place.Finished {
      try await certd("issue", name, with: flags)
    }
  }

  @Test("an account is shown as the CA has it, and showing registers none")
  func show() async throws {
    let scene = try await Scene()
    let before = try await scene.certd("account", "show", with: scene.flags)
    #expect(before.ending == .exited(0) && before.output.contains("none yet"), "\(before)")
    #expect(try await scene.issue("a.example.com").ending == .exited(0))
    let after = try await scene.certd("account", "show", "-o", "json", with: scene.flags)
    #expect(after.ending == .exited(0), "\(after)")
    #expect(
      after.output.contains("/my-account/") && after.output.contains("mailto:ops@example.com"), "\(after)")
  }

  @Test("a new key holds from then on, and contacts can be changed with it")
  func rollover() async throws {
    let scene = try await Scene()
    #expect(try await scene.issue("a.example.com").ending == .exited(0))
    let shown = try await scene.certd("account", "show", with: scene.flags).output
    let key = try await scene.place.run(
      ["find", scene.place("store/accounts"), "-name", "*.pem"], called: "find")
    let path = try #require(key.output.split(separator: "\n").first.map(String.init))
    let old = try await scene.place.run(["sha256sum", path], called: "sum").output
    let rolled = try await scene.certd("account", "rollover", with: scene.flags)
    #expect(rolled.ending == .exited(0), "\(rolled) \(scene.pebble.log)")
    #expect(try await scene.place.run(["sha256sum", path], called: "sum").output != old)
    #expect(try await scene.certd("account", "show", with: scene.flags).output == shown)
    #expect(try await scene.issue("b.example.com").ending == .exited(0))
    var flags = scene.flags
    let at = try #require(flags.firstIndex(of: "ops@example.com"))
    flags[at] = "new@example.com"
    let contacts = try await scene.certd("account", "contacts", with: flags)
    #expect(contacts.ending == .exited(0) && contacts.output.contains("new@example.com"), "\(contacts)")
  }

  @Test("a deactivated account is put aside, and the next order registers another")
  func deactivate() async throws {
    let scene = try await Scene()
    #expect(try await scene.issue("a.example.com").ending == .exited(0))
    let shown = try await scene.certd("account", "show", with: scene.flags).output
    let unsure = try await scene.certd("account", "deactivate", with: scene.flags)
    #expect(unsure.ending == .exited(64), "\(unsure)")
    let name = try #require(shown.split(separator: "\n").last?.split(separator: " ").first.map(String.init))
    let done = try await scene.certd("account", "deactivate", "--yes", "--ca", name, with: scene.flags)
    #expect(done.ending == .exited(0), "\(done)")
    #expect(try await scene.issue("b.example.com").ending == .exited(0))
    #expect(try await scene.certd("account", "show", with: scene.flags).output != shown)
  }

  @Test("an account at an issuer that is not configured is told with the known ones")
  func unknown() async throws {
    let scene = try await Scene()
    let refused = try await scene.certd("account", "show", "--ca", "nobody", with: scene.flags)
    #expect(refused.ending == .exited(2) && refused.errors.contains("known:"), "\(refused)")
  }
}
