import Testing
import Upstream

struct RetryRuleTests {
  private static func modelServer() -> RetryRule {
    var rule = RetryRule()
    rule.repeatsAll = true
    for status in [429, 500, 502, 503, 504] { rule.insert(status: status) }
    return rule
  }

  private static let quiet: RetryRule = {
    var rule = RetryRule()
    (rule.onConnectFailure, rule.onReset, rule.onResponseTimeout) = (false, false, false)
    return rule
  }()

  @Test(
    "what is repeated depends on the failure, the method and what the backends are",
    arguments: [
      // The failure; GET and POST to any server; GET and POST to a model server.
      (.connect, true, true, true, true), (.reset(untouched: true), true, true, true, true),
      (.reset(untouched: false), true, false, true, true), (.responseTimeout, true, false, true, true),
      (.status(503), false, false, true, true), (.status(500), false, false, true, true),
      (.status(404), false, false, false, false), (.status(200), false, false, false, false),
    ] as [(RetryRule.Failure, Bool, Bool, Bool, Bool)])
  func table(_ failure: RetryRule.Failure, _ get: Bool, _ post: Bool, _ modelGet: Bool, _ modelPost: Bool) {
    #expect(RetryRule().mayRepeat(after: failure, isIdempotent: true) == get)
    #expect(RetryRule().mayRepeat(after: failure, isIdempotent: false) == post)
    #expect(Self.modelServer().mayRepeat(after: failure, isIdempotent: true) == modelGet)
    #expect(Self.modelServer().mayRepeat(after: failure, isIdempotent: false) == modelPost)
    #expect(!Self.quiet.mayRepeat(after: failure, isIdempotent: true))
  }

  @Test("so many statuses have room, each once")
  func statuses() {
    var rule = RetryRule()
    for status in 400..<(400 + RetryRule.maximumStatuses) {
      let (first, again) = (rule.insert(status: status), rule.insert(status: status))
      #expect(first && again)
    }
    let more = rule.insert(status: 599)
    #expect(!more && !rule.covers(599) && rule.covers(400))
  }

  @Test("a failure counts as load for a moment, so that a backend that fails at once draws no crowd")
  func load() {
    let status = BackendStatus(name: "b")
    let rule = OutlierDetection(consecutiveFailures: 5)
    #expect(status.load(nowMilliseconds: 10_000) == 0)
    _ = status.failed(nowMilliseconds: 10_000, rule: rule, ejected: 0, count: 4)
    #expect(status.load(nowMilliseconds: 10_001) > 0)
    #expect(status.load(nowMilliseconds: 10_000 + BackendStatus.failureMilliseconds) == 0)
    status.refused(nowMilliseconds: 15_000)
    #expect(status.load(nowMilliseconds: 15_001) > 0 && !status.isEjected(nowMilliseconds: 15_001))
    #expect(status.load(nowMilliseconds: 15_000 + BackendStatus.failureMilliseconds) == 0)
    _ = status.failed(nowMilliseconds: 20_000, rule: rule, ejected: 0, count: 4)
    status.succeeded(nowMilliseconds: 20_001)
    #expect(status.load(nowMilliseconds: 20_002) == 0)
  }

  @Test(
    "an ejection for failed connections ends with a check that began later and passed, another one does not")
  func checkPassed() {
    for (isConnection, isOver) in [(true, true), (false, false)] {
      let status = BackendStatus(name: "b")
      let rule = OutlierDetection(consecutiveFailures: 1)
      _ = status.failed(nowMilliseconds: 1000, rule: rule, ejected: 0, count: 4, isConnection: isConnection)
      #expect(status.isEjected(nowMilliseconds: 1001))
      status.checkPassed(beganMilliseconds: 999, nowMilliseconds: 1100)
      #expect(status.isEjected(nowMilliseconds: 1101))
      status.checkPassed(beganMilliseconds: 1200, nowMilliseconds: 1300)
      #expect(status.isEjected(nowMilliseconds: 1301) != isOver)
    }
  }
}
