import EndToEnd
import TestRun
import Testing

/// `certd renew` of certificates that `certd issue` obtained: all that it needs is kept beside them.
@Suite(.ownThread) struct IssuedRenewTests {
  static let name = "a.example.com"

  private struct Scene {
    let place: Place
    let pebble: Pebble
    let certd: Certd
    let store: [String]

    init() async throws {
      place = try Place()
      pebble = try await Pebble(place)
      certd = try Certd(place)
      store = ["--store", place("store")]
    }

    func issue(_ more: [String] = []) async throws -> Place.Finished {
      try await certd("issue", name, with: store + pebble.flags + more)
    }

    func renew(_ more: [String] = []) async throws -> Place.Finished {
      try await certd("renew", "--no-delay", with: store + more)
    }

    func expectGeneration(_ number: Int) async throws {
      let link = try await place.run(
        ["readlink", place("store/certificates/\(name)/current")], called: "readlink")
      #expect(link.output == "gen-\(number)\n")
    }
  }

  @Test("a failing hook of issue loses neither the request nor the hook, which the next renewal runs")
  func failingHook() async throws {
    let scene = try await Scene()
    let issued = try await scene.issue(["--deploy-hook", "test -e \(scene.place("ok"))"])
    #expect(issued.ending == .exited(1) && issued.errors.contains("hook"), "\(issued)")
    #expect(scene.place.read("store/certificates/\(Self.name)/request.json").contains("test -e"))
    let still = try await scene.renew()
    #expect(still.ending == .exited(1) && still.errors.contains("hook"), "\(still)")
    try scene.place.write("ok", "")
    let mended = try await scene.renew()
    #expect(mended.ending == .exited(0), "\(mended)")
    try await scene.expectGeneration(1)
    let forced = try await scene.renew(["--force"])
    #expect(forced.ending == .exited(0), "\(forced)")
    try await scene.expectGeneration(2)
  }

  @Test("a root that was named by a relative path is found from any directory")
  func relativeRoot() async throws {
    let scene = try await Scene()
    try scene.place.write(
      "api-root.pem", try await scene.place.run(["cat", scene.pebble.apiRootPath], called: "cat").output)
    var flags = scene.pebble.flags
    let at = try #require(flags.firstIndex(of: scene.pebble.apiRootPath))
    flags[at] = "api-root.pem"
    let issued = try await scene.certd("issue", Self.name, with: scene.store + flags)
    #expect(issued.ending == .exited(0), "\(issued)")
    let renewal = try await scene.place.run(
      ["env", "-C", "/", try Place.certd(), "renew", "--no-delay", "--force"] + scene.store, called: "renew")
    #expect(renewal.ending == .exited(0), "\(renewal)")
    try await scene.expectGeneration(2)
  }

  @Test("a certificate whose files are lost is renewed as missing")
  func lostFiles() async throws {
    let scene = try await Scene()
    #expect(try await scene.issue().ending == .exited(0))
    let lost = scene.place("store/certificates/\(Self.name)")
    _ = try await scene.place.run(["sh", "-c", "rm -rf \(lost)/gen-*"], called: "rm")
    let renewal = try await scene.renew()
    #expect(renewal.ending == .exited(0), "\(renewal)")
    #expect(renewal.output.contains("\(Self.name): renewed (missing)"), "\(renewal)")
    #expect(
      scene.place.read("store/certificates/\(Self.name)/current/fullchain.pem").contains("BEGIN CERTIFICATE"))
  }

  @Test("what was issued by a configuration file is renewed by the same")
  func byConfiguration() async throws {
    let scene = try await Scene()
    let file = try scene.place.write("certd.yaml", "store: store\n\(scene.pebble.acmeSection)\n")
    let issued = try await scene.certd("issue", Self.name, "-c", file)
    #expect(issued.ending == .exited(0), "\(issued)")
    let renewal = try await scene.certd("renew", "--no-delay", "--force", "-c", file)
    #expect(renewal.ending == .exited(0) && renewal.output.contains("\(Self.name): renewed"), "\(renewal)")
    try await scene.expectGeneration(2)
  }

  @Test("a damaged request is told of by its path, and the others are renewed")
  func damaged() async throws {
    let scene = try await Scene()
    #expect(try await scene.issue().ending == .exited(0))
    let other = try await scene.certd("issue", "b.example.com", with: scene.store + scene.pebble.flags)
    #expect(other.ending == .exited(0), "\(other)")
    let path = "store/certificates/b.example.com/request.json"
    try scene.place.write(path, "{\"names\": [")
    let renewal = try await scene.renew(["--force"])
    #expect(renewal.ending == .exited(1) && renewal.errors.contains(path), "\(renewal)")
    try await scene.expectGeneration(2)
  }
}
