import EndToEnd
import TestRun
import Testing

/// Another program takes the place of the one that serves, and systemd keeps its sockets.
@Suite(.ownThread) struct UpgradeTests {
  @Test(
    "upgrades under load refuse no connection, cut no stream, and resume sessions; a program that does not start changes nothing"
  )
  func underLoad() async throws {
    let place = try Place()
    let finished = try await PythonClient(place)("upgrade", [try Place.certd()])
    #expect(finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)")
  }

  @Test(
    "no request, call, stream or message fails over reloads and upgrades, and nobody is refused after crashes"
  )
  func changes() async throws {
    let place = try Place()
    let script = "\(Place.package)/Tests/Soak/changes.py"
    let finished = try await place.run(
      [
        "env", "PYTHONDONTWRITEBYTECODE=1", "\(Place.package)/.build/clients/bin/python", script, "--certd",
        try Place.certd(), "--rounds", "2", "--streams", "40", "--pause", "0.2",
      ], called: "changes")
    #expect(finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)")
  }

  @Test(
    "systemd's sockets are taken, it is told of start, reload, life and stop, and after a kill nobody was refused"
  )
  func serviceManager() async throws {
    let place = try Place()
    let finished = try await PythonClient(place)("service_manager", [try Place.certd()])
    #expect(finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)")
  }
}
