import Renewal
import TestRun
import Testing

@Suite(.ownThread) struct SimulationTests {
  @Test(
    "a year of outages, kills, lost accounts, clock jumps and limits lets nothing expire and breaks no limit",
    arguments: Tier.points(3, each: 3).map { UInt64($0 + 1) })
  func year(seed: UInt64) async throws {
    let outcome = try await Simulation(.init(days: 365, certificates: 60, seed: seed)).run()
    #expect(outcome.expiries == 0)
    #expect(outcome.violations == [])
    // Everything that makes it hard has happened.
    #expect(outcome.issued > 1000 && outcome.failedValidations > 0 && outcome.refusals > 0)
    #expect(outcome.outageDays > 0 && outcome.clockJumps > 0 && outcome.accounts > 4)
  }

  @Test("a thousand certificates for a season: orders are spread, the peak stays under three times the mean")
  func pace() async throws {
    let outcome = try await Simulation(.init(days: 45, certificates: 1000, seed: 7)).run()
    #expect(outcome.isGood)
    #expect(outcome.peakToMean < 3, "\(outcome.peakOrdersPerHour) of \(outcome.meanOrdersPerHour)")
    #expect(outcome.kills > 0)
  }

  @Test("the same seed gives the same story, another seed another one")
  func repeatable() async throws {
    func run(_ seed: UInt64) async throws -> Simulation.Outcome {
      try await Simulation(.init(days: 60, certificates: 30, seed: seed)).run()
    }
    let first = try await run(5)
    #expect(try await run(5) == first)
    #expect(try await run(6) != first)
  }
}
