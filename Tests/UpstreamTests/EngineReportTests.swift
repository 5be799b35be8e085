import TestRun
import TestSupport
import Testing
import Upstream

@Suite("What engines tell corrects own counts", .ownThread) struct EngineReportTests {
  private func figures(_ running: Int?, _ waiting: Int? = nil) -> EngineReport.Figures {
    var figures = EngineReport.Figures()
    figures.running = running
    figures.waiting = waiting
    return figures
  }

  @Test("requests of others make the wait longer, ours are not counted twice, and what is old counts no more")
  func others() {
    let state = EngineState()
    state.report.tell(figures(5, 3), own: 6, nowMilliseconds: 1000)
    #expect(state.report.others(nowMilliseconds: 1001) == 2)
    #expect(state.wait(uncached: 0, requests: 1, nowMilliseconds: 1001) == 3 * EngineState.waitOfRequest)
    let end = 1000 + EngineReport.validMilliseconds
    #expect(state.report.others(nowMilliseconds: end - 1) == 2)
    #expect(state.report.others(nowMilliseconds: end) == 0)
    #expect(state.report.figures(nowMilliseconds: end) == EngineReport.Figures())
    state.report.tell(figures(1), own: 3, nowMilliseconds: 1000)
    #expect(state.report.others(nowMilliseconds: 1001) == 0)
    state.report.tell(figures(.max, .max), own: -5, nowMilliseconds: 1000)
    #expect(
      state.wait(uncached: 0, requests: 0, nowMilliseconds: 1001) == EngineReport.largestWait)
  }

  @Test(
    "engines that lie, or told something long ago, are chosen as by own counts, or as one that is longer by a second at most",
    arguments: 0..<10 as Range<UInt64>)
  func lies(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let engines = (0..<5).map { _ in EngineState() }
    let honest = engines.map { _ in EngineState() }
    var requests = [0, 0, 0, 0, 0]
    var (now, toldAt) = (UInt64(1), [UInt64?](repeating: nil, count: 5))
    var sent = [0, 0, 0, 0, 0]
    for _ in 0..<3000 {
      now += UInt64.random(in: 0...200, using: &random)
      if Int.random(in: 0..<40, using: &random) == 0 {
        let place = Int.random(in: 0..<5, using: &random)
        let lie = [0, 3, 1000, Int.max].randomElement(using: &random) ?? 0
        engines[place].report.tell(figures(lie, lie), own: requests[place], nowMilliseconds: now)
        toldAt[place] = now
      }
      func wait(_ states: [EngineState], _ place: Int) -> UInt64 {
        states[place].wait(uncached: 640, requests: requests[place], nowMilliseconds: now)
      }
      let own = (0..<5).map { wait(honest, $0) }
      let chosen = (0..<5).min { wait(engines, $0) < wait(engines, $1) } ?? 0
      #expect(own[chosen] <= (own.min() ?? 0) + 1_000_000)
      if toldAt.allSatisfy({ ($0 ?? 0) + EngineReport.validMilliseconds <= now || $0 == nil }) {
        #expect(own[chosen] == own.min())
      }
      requests[chosen] += 1
      sent[chosen] += 1
      for states in [engines, honest] { _ = states[chosen].begin(tokens: 640, streams: true) }
      for place in 0..<5 where requests[place] > 0 && Bool.random(using: &random) {
        requests[place] -= 1
        for states in [engines, honest] { states[place].end(tokens: 640, streams: true) }
      }
    }
    #expect(sent.allSatisfy { $0 > 0 })
  }
}
