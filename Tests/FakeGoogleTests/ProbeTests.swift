import FakeGoogle
import TestRun
import Testing

@Suite(.ownThread) struct ProbeTests {
  @Test(
    "the two stand-ins for Google answer every probe alike",
    .enabled(if: SharedGoogle.program != nil, "\(SharedGoogle.skipLine)"))
  func agreement() async throws {
    let story = try Story().all()
    let own = try FakeGoogle()
    let shared = try await SharedGoogle(["--op-delay", "0.01"])
    let ownTeller = try Teller(base: own.url, token: own.token())
    let sharedTeller = try Teller(base: shared.url, token: try await shared.token())
    var seen: Set<String> = []
    for (index, probe) in story.enumerated() {
      let ours = try await ownTeller.outcome(probe)
      let theirs = try await sharedTeller.outcome(probe)
      seen.insert(ours)
      #expect(ours == theirs, "probe \(index): \(probe.name)")
    }
    // Were all answers the same, agreeing would mean nothing.
    #expect(seen.count > 15, "\(seen.sorted())")
  }
}
