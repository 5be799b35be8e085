import FakeGoogle
import GCP
import TestSupport
import TestRun
import Testing

/// Whatever earlier runs left behind, the next one brings the same end.
@Suite("Convergence", .ownThread)
struct ConvergenceTests {
  @Test(
    "From any state that killed pushes of any generations leave, one push brings the same end",
    arguments: CutTests.Way.allCases, Tier.points(6, each: 3))
  func anyState(way: CutTests.Way, seed: Int) async throws {
    let scene = try await CutTests.Scene(way, renewal: seed % 2 == 0, pollsUntilDone: 1)
    let google = scene.bench.google
    let (_, end) = await scene.undisturbed()
    var generator = SeededGenerator(seed: UInt64(seed) * 31 + 7)
    let generations = try (0..<3).map { _ in try scene.bench.maker.deployment("llm.example.com") }
    for _ in 0..<5 {
      let other = generations[Int.random(in: 0..<generations.count, using: &generator)]
      google.cut(
        after: Int.random(in: 0..<14, using: &generator), lastIsAnswered: Bool.random(using: &generator))
      _ = await Pusher(session: scene.bench.session(Bench.impatient)).push(
        .init(targets: [scene.target], deployments: [other]))
      google.recover(settled: true)
    }
    let report = await scene.push()
    #expect(!report.hasFailed, "\(report.targets.compactMap(\.failure))")
    let isSame = scene.state() == end
    #expect(isSame, "\(scene.bench.google.paths())")
    google.clearJournal()
    #expect(!(await scene.push()).hasFailed)
    #expect(google.writes.isEmpty)
    #expect(google.problems.isEmpty)
  }

  @Test("Two pushes at once come to the same end as one", arguments: CutTests.Way.allCases)
  func atOnce(way: CutTests.Way) async throws {
    let scene = try await CutTests.Scene(way, renewal: true, pollsUntilDone: 2)
    let (_, end) = await scene.undisturbed()
    async let one = scene.push()
    async let two = scene.push()
    _ = await (one, two)
    #expect(!(await scene.push()).hasFailed)
    let isSame = scene.state() == end
    #expect(isSame, "\(scene.bench.google.paths())")
    #expect(scene.bench.google.problems.isEmpty)
  }
}
