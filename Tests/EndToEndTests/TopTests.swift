import EndToEnd
import TestRun
import TestSupport
import Testing

/// Commands that show what a running daemon does.
@Suite("Looking at a running certd", .ownThread) struct TopTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let daemon: Certd.Daemon
    let config: [String]

    init() async throws {
      place = try Place()
      certd = try Certd(place)
      _ = try TestCertificates(place, "files").issue(["localhost"], called: "site")
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0"}]
        certificates: [{cert: site.crt, key: site.key}]
        routes: [{service: a}]
        services: {a: {backends: ["127.0.0.1:1"], health: {interval: 100ms, timeout: 100ms}}}
        """)
      config = ["--config", place("certd.yaml")]
      daemon = try await certd.run(config)
    }
  }

  @Test("status shows the running daemon, health is an exit status, and drain turns it")
  func status() async throws {
    let scene = try await Scene()
    try await scene.daemon.logged("backend unhealthy")
    let told = try await scene.certd("status", with: scene.config)
    #expect(
      told.output.contains("runs since") && told.output.contains("service a (http, least-request)"), "\(told)"
    )
    #expect(told.output.contains("127.0.0.1:1 unhealthy: "), "\(told)")
    let json = try await scene.certd("status", with: scene.config + ["-o", "json"])
    #expect(json.output.contains(#""daemon" : {"#) && json.output.contains(#""certificates" : ["#), "\(json)")
    #expect(try await scene.certd("status", with: ["--health"] + scene.config).ending == .exited(0))
    #expect(try await scene.certd("drain", with: scene.config).output.contains("503"))
    let draining = try await scene.certd("status", with: ["--health"] + scene.config)
    #expect(draining.ending == .exited(1) && draining.errors.contains("not ready: draining"), "\(draining)")
    _ = try await scene.certd("drain", with: ["--undo"] + scene.config)
    #expect(try await scene.certd("status", with: ["--health"] + scene.config).ending == .exited(0))
    let frame = try await scene.certd("top", with: ["--once", "--interval", "1"] + scene.config)
    #expect(frame.ending == .exited(0) && frame.output.contains("requests/s"), "\(frame)")
    _ = try await scene.daemon.stop()
    let gone = try await scene.certd("status", with: ["--health"] + scene.config)
    #expect(gone.ending == .exited(1) && gone.errors.contains("no running certd answers at"), "\(gone)")
  }

  @Test("a watch without a terminal has a line for each change")
  func watch() async throws {
    let scene = try await Scene()
    let watch = try await scene.certd.start(["status", "--watch"] + scene.config)
    try await eventually("the first look: \(watch.errors)") { watch.output.contains("draining: no") }
    _ = try await scene.certd("drain", with: scene.config)
    try await eventually("the change: \(watch.output)") { watch.output.contains("draining: no -> yes") }
    watch.signal(15)
    _ = try await scene.daemon.stop()
  }

  @Test("reload answers whether it was taken up, and the log's level changes at once")
  func reload() async throws {
    let scene = try await Scene()
    #expect(try await scene.certd("reload", with: scene.config).ending == .exited(0))
    let good = scene.place.read("certd.yaml")
    let other = try scene.place.write("other.yaml", good)
    try scene.place.write("certd.yaml", good + "\nnonsense: 1\n")
    let refused = try await scene.certd("reload", with: ["--config", other])
    #expect(refused.ending == .exited(1) && refused.errors.contains("nonsense"), "\(refused)")
    let level = try await scene.certd("log", with: ["level", "error", "--config", other])
    #expect(level.output.contains("the level of the log is error"), "\(level)")
    let wrong = try await scene.certd("log", with: ["level", "loud", "--config", other])
    #expect(wrong.ending == .exited(1) && wrong.errors.contains("debug, info, warn, error"), "\(wrong)")
    _ = try await scene.daemon.stop()
  }
}
