import TestRun
import Testing
import Upstream

@Suite(.ownThread) struct BackendLoadTests {
  @Test("a failure counts as load for a moment, so that a backend that fails at once draws no crowd")
  func load() {
    let status = BackendStatus(name: "b")
    let rule = OutlierDetection(consecutiveGatewayErrors: 5)
    #expect(status.load(nowMilliseconds: 10_000) == 0)
    _ = status.failed(nowMilliseconds: 10_000, rule: rule, ejected: 0, count: 4)
    #expect(status.load(nowMilliseconds: 10_001) > 0)
    #expect(status.load(nowMilliseconds: 10_000 + BackendStatus.failureMilliseconds) == 0)
    status.refused(nowMilliseconds: 15_000)
    #expect(status.load(nowMilliseconds: 15_001) > 0 && !status.isEjected(nowMilliseconds: 15_001))
    #expect(status.load(nowMilliseconds: 15_000 + BackendStatus.failureMilliseconds) == 0)
    _ = status.failed(nowMilliseconds: 20_000, rule: rule, ejected: 0, count: 4)
    status.succeeded()
    #expect(status.load(nowMilliseconds: 20_002) == 0)
  }

  @Test(
    "what an operator has taken out is not ready whatever checks say, and afterwards what they have said last"
  )
  func drained() {
    let status = BackendStatus(name: "b")
    status.health = .healthy
    status.isDrained = true
    #expect(status.health == .unhealthy && status.checkedHealth == .healthy)
    status.health = .unhealthy
    status.health = .healthy
    #expect(status.health == .unhealthy)
    status.isDrained = false
    #expect(status.health == .healthy)
  }

  @Test(
    "an ejection for failed connections ends with a check that began later and passed, another one does not")
  func checkPassed() {
    for (isConnection, isOver) in [(true, true), (false, false)] {
      let status = BackendStatus(name: "b")
      let rule = OutlierDetection(consecutiveGatewayErrors: 1)
      _ = status.failed(nowMilliseconds: 1000, rule: rule, ejected: 0, count: 4, isConnection: isConnection)
      #expect(status.isEjected(nowMilliseconds: 1001))
      status.checkPassed(beganMilliseconds: 999, nowMilliseconds: 1100)
      #expect(status.isEjected(nowMilliseconds: 1101))
      status.checkPassed(beganMilliseconds: 1200, nowMilliseconds: 1300)
      #expect(status.isEjected(nowMilliseconds: 1301) != isOver)
    }
  }
}
