import TestSupport
import TestRun
import Testing
import Upstream

/// The budget's promise told plainly: every event is kept, every decision counts them all.
private struct PlainBudget {
  let percent: Int
  let minimum: Int
  var requests: [UInt64] = []
  var retries: [UInt64] = []

  func allows(_ second: UInt64) -> Bool {
    let recent = { (at: UInt64) in at + UInt64(RetryBudget.windowSeconds) > second }
    if retries.count(where: { $0 == second }) < minimum { return true }
    return (retries.count(where: recent) + 1) * 100 <= requests.count(where: recent) * percent
  }
}

/// A budget by reference, so that an expectation can spend it.
private final class Budget {
  private var budget: RetryBudget
  init(percent: Int = 20, minimumPerSecond: Int = 3) {
    budget = RetryBudget(percent: percent, minimumPerSecond: minimumPerSecond)
  }
  func recordRequest(_ now: UInt64) { budget.recordRequest(nowMilliseconds: now) }
  func tryRetry(_ now: UInt64) -> Bool { budget.tryRetry(nowMilliseconds: now) }
}

@Suite(.ownThread) struct RetryBudgetTests {
  @Test("a quiet service has its minimum each second, and no more")
  func minimum() {
    let budget = Budget(percent: 20, minimumPerSecond: 3)
    for second in 0..<30 as Range<UInt64> {
      let allowed = (0..<10).count { _ in budget.tryRetry(second * 1000 + 500) }
      #expect(allowed == 3)
    }
  }

  @Test("a busy service has its share of the recent requests")
  func share() {
    let budget = Budget(percent: 20, minimumPerSecond: 0)
    for _ in 0..<1000 { budget.recordRequest(5000) }
    let allowed = (0..<1000).count { _ in budget.tryRetry(6000) }
    #expect(allowed == 200)
    #expect(!budget.tryRetry(14_999))
  }

  @Test("requests that have left the window count no more")
  func window() {
    let budget = Budget(percent: 100, minimumPerSecond: 0)
    for _ in 0..<100 { budget.recordRequest(5000) }
    #expect(budget.tryRetry(14_999))
    #expect(!budget.tryRetry(15_000))
  }

  @Test("no percent and no minimum is no retry; values out of range are brought into it")
  func limits() {
    let none = Budget(percent: 0, minimumPerSecond: 0)
    for _ in 0..<1000 { none.recordRequest(1) }
    #expect(!none.tryRetry(1))
    #expect(RetryBudget(percent: -5, minimumPerSecond: -1).percent == 0)
    #expect(RetryBudget(percent: 500).percent == 100)
    let late = Budget()
    #expect(late.tryRetry(.max))
    late.recordRequest(0)
  }

  @Test(
    "random requests and retries are decided as by a plain count", arguments: 1...20 as ClosedRange<UInt64>)
  func random(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let percent = Int.random(in: 0...100, using: &random)
    let minimum = Int.random(in: 0...4, using: &random)
    let budget = Budget(percent: percent, minimumPerSecond: minimum)
    var plain = PlainBudget(percent: percent, minimum: minimum)
    var now = UInt64.random(in: 0...100_000, using: &random)
    for _ in 0..<1500 {
      let pause = Int.random(in: 0..<50, using: &random) == 0 ? 15_000 : 400
      now += UInt64.random(in: 0...UInt64(pause), using: &random)
      if Int.random(in: 0..<3, using: &random) > 0 {
        budget.recordRequest(now)
        plain.requests.append(now / 1000)
      } else {
        let expected = plain.allows(now / 1000)
        #expect(budget.tryRetry(now) == expected)
        if expected { plain.retries.append(now / 1000) }
      }
    }
  }
}
