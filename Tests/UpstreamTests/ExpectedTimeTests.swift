import TestRun
import TestSupport
import Testing
import Upstream

@Suite("How long answers are expected to take", .ownThread) struct ExpectedTimeTests {
  @Test("nothing is expected until twenty answers are known, then what all but one of twenty have not taken")
  func known() {
    var time = ExpectedTime()
    for _ in 0..<19 { time.record(milliseconds: 100) }
    #expect(time.milliseconds == nil)
    time.record(milliseconds: 100)
    #expect((100...125).contains(time.milliseconds ?? 0))
    for _ in 0..<80 { time.record(milliseconds: 100) }
    for _ in 0..<4 { time.record(milliseconds: 60_000) }
    #expect((100...125).contains(time.milliseconds ?? 0))
    for _ in 0..<4 { time.record(milliseconds: 60_000) }
    #expect((60_000...75_000).contains(time.milliseconds ?? 0))
  }

  @Test(
    "of any answers it is within a quarter of the right one, and old ones are forgotten",
    arguments: 0..<10 as Range<UInt64>)
  func near(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var (time, all) = (ExpectedTime(), [UInt64]())
    for _ in 0..<900 {
      let taken = UInt64.random(in: 4...(1 << UInt64.random(in: 3...16, using: &random)), using: &random)
      all.append(taken)
      time.record(milliseconds: taken)
    }
    let right = all.sorted()[900 * 95 / 100]
    let told = time.milliseconds ?? 0
    #expect(told >= right * 3 / 4 && told <= right * 5 / 4 + 1, "\(told) for \(right)")
    for _ in 0..<20_000 { time.record(milliseconds: 2) }
    #expect((time.milliseconds ?? 0) <= 3)
    for taken in [0, UInt64.max] { time.record(milliseconds: taken) }
  }
}
